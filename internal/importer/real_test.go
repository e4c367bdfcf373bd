package importer

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// The inputs of this file are typed from what GuideLLM 0.8.1, AIPerf 0.13.0 and
// vllm bench 0.32.0 wrote about a small model on real servers, shortened.

// guidePoisson is a report of a Poisson load of 4 requests a second, with the
// members that GuideLLM 0.8.1 writes. The first broken intended sends are those
// of its race: numbers near 0 in place of times of the day.
func guidePoisson(sends []float64, broken int, warnings string) string {
	var list []string
	for i, at := range sends {
		start := 1796073882.0 + at
		due := start - 0.01
		if i < broken {
			due = 13.667999826301397 + float64(i)
		}
		list = append(list, fmt.Sprintf(`{"info":{"status":"completed","timings":{"targeted_start":%.6f,"request_start":%.6f,"first_token_iteration":%.6f,"last_token_iteration":%.6f,"request_end":%.6f}},"prompt_tokens":109,"output_tokens":20}`,
			due, start, start+0.05, start+0.15, start+0.16))
	}
	return fmt.Sprintf(`{"metadata":{"version":2,"guidellm_version":"0.8.1"},"config":{"spec":{"backend":{"target":"http://127.0.0.1:8000","model":"tiny"},"data":[{"kind":"synthetic_text","prompt_tokens":100,"output_tokens":20}]}},
"benchmarks":[{"type_":"generative_benchmark","config":{"strategy":{"type_":"poisson","rate":4.0,"max_concurrency":10240}},
"scheduler_state":{"created_requests":%[1]d,"successful_requests":%[1]d,"end_queuing_constraints":{"max_duration":{"request_queuing":"stop"}}},
"scheduler_metrics":{"measure_start_time":1796073882.0,"measure_end_time":1796073894.0},
"metrics":{"request_totals":{"successful":%[1]d,"errored":0,"incomplete":0,"total":%[1]d}},
"warnings":[%s],"requests":{"successful":[%s],"errored":[],"incomplete":[]}}]}`, len(sends), warnings, strings.Join(list, ",\n"))
}

// every is n sends at the gaps that turn by turn follow each other.
func every(n int, gaps ...float64) []float64 {
	at, out := 0.0, []float64{}
	for i := range n {
		out = append(out, at)
		at += gaps[i%len(gaps)]
	}
	return out
}

// uneven are gaps with the mean and the spread of Poisson arrivals at 4/s.
var uneven = []float64{0.031, 0.62, 0.17, 0.09, 0.44, 0.012, 0.33, 0.21, 0.71, 0.06, 0.13, 0.28, 0.05, 0.37, 0.25}

func TestOnlyTheLoadThatWasAskedForCounts(t *testing.T) {
	late := `{"code":"root_late","message":"p95 root dispatch delay was 1796073876.740s over 875 samples (threshold 0.200s).","observed":1796073876.74,"threshold":0.2,"unit":"seconds","sample_count":875}`
	for name, c := range map[string]struct {
		report string
		want   []string // of the reasons; none: it counts
	}{
		"as asked":        {guidePoisson(every(48, uneven...), 0, late), nil},
		"18 times faster": {guidePoisson(every(876, 0.0137), 0, late), []string{"sent 876 requests in 12 s, but poisson 4/s asks for about 48.", "guidellm warns: root_late: p95 root dispatch delay"}},
		"too few":         {guidePoisson(every(16, 0.6), 0, late), []string{"sent 16 requests in 12 s"}},
		"broken targets":  {guidePoisson(every(48, uneven...), 10, late), []string{"10 of 48 intended sends cannot be right", "guidellm warns: root_late: "}},
		"equal gaps":      {guidePoisson(every(48, 0.25), 0, ""), []string{"46 of 46 gaps"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, "r.json", c.report)[0]
			var rec rundir.Trial
			r.Fill(&rec)
			reasons := notice.Join(rec.Reasons)
			if c.want == nil {
				if rec.Outcome != rundir.OutcomeOK || !strings.Contains(notice.Join(rec.Warnings), "guidellm warns: root_late: p95") {
					t.Errorf("%s, %v, %v", rec.Outcome, rec.Reasons, rec.Warnings)
				}
				return
			}
			if rec.Outcome != rundir.OutcomeInvalid {
				t.Errorf("%s with %v", rec.Outcome, rec.Reasons)
			}
			for _, want := range c.want {
				if !strings.Contains(reasons, want) {
					t.Errorf("%q lacks %q", reasons, want)
				}
			}
		})
	}
}

// A summary tells no times, but it cannot have sent more than there was time for.
func TestASummaryThatSentTooMuch(t *testing.T) {
	one := func(n int) Result {
		return read(t, "s.json", fmt.Sprintf(`{"model_id":"m","num_prompts":%[1]d,"request_rate":4.0,"burstiness":1.0,"duration":12.0,"completed":%[1]d,"failed":0,"total_output_tokens":1000,"total_input_tokens":1000,"request_throughput":%g,"mean_ttft_ms":51,"median_ttft_ms":40}`, n, float64(n)/12))[0]
	}
	if r := one(876); len(r.Invalid) != 1 || !strings.Contains(r.Invalid[0].Text(), "876 requests in 12 s, but poisson 4/s") {
		t.Errorf("%v", r.Invalid)
	}
	if r := one(50); len(r.Invalid) > 0 {
		t.Errorf("%v", r.Invalid)
	}
}

// benchRunFile is a result of vllm bench serve 0.32 with --save-detailed.
func benchRunFile(in, out int, rate, burstiness string, starts []float64, more string) string {
	list := func(v string) string { return strings.TrimSuffix(strings.Repeat(v+",", len(starts)), ",") }
	var at []string
	for _, s := range starts {
		at = append(at, fmt.Sprint(1292.6+s))
	}
	n := len(starts)
	return fmt.Sprintf(`{"date":"20261130-212621","endpoint_type":"openai","backend":"openai","label":null,"model_id":"tiny","tokenizer_id":"/models/tiny","num_prompts":%d,%s"request_rate":%s,"burstiness":%s,"max_concurrency":null,
"duration":%g,"completed":%d,"failed":0,"total_input_tokens":%d,"total_output_tokens":%d,"request_throughput":4,"output_throughput":98,"input_lens":[%s],"output_lens":[%s],"ttfts":[%s],"itls":[%s],"start_times":[%s],"queue_times":[%s],"errors":[%s]}`,
		n, more, rate, burstiness, starts[n-1]+0.3, n, n*in, n*out, list(fmt.Sprint(in)), list(fmt.Sprint(out)), list("0.07"), list("[0.01,0.01]"), strings.Join(at, ","), list("0.02"), list(`""`))
}

// Infinity as a burstiness is a constant rate, and the queue times tell when a
// request was due.
func TestBurstinessInfinity(t *testing.T) {
	for _, inf := range []string{"Infinity", `"inf"`} {
		r := read(t, "b.json", benchRunFile(100, 20, "5.0", inf, every(20, 0.2), ""))[0]
		if r.Load.Kind != "constant" || r.Load.Value != 5 || len(r.Invalid) > 0 || r.Clock != ClockIntended {
			t.Errorf("%s: %+v %v %s", inf, r.Load, r.Invalid, r.Clock)
		}
		figures{"ttft_mean": 0.09, "ttft_sent_mean": 0.07}.check(t, r)
	}
	// The same sends are not Poisson arrivals.
	if r := read(t, "b.json", benchRunFile(100, 20, "5.0", "1.0", every(20, 0.2), ""))[0]; len(r.Invalid) == 0 {
		t.Errorf("%+v counts", r.Load)
	}
	// Infinity elsewhere is no number.
	if r := read(t, "b.json", strings.Replace(benchRunFile(100, 20, "5.0", "Infinity", every(20, 0.2), ""), "[0.01,0.01]", "[Infinity, 0.01]", 1))[0]; r.Load.Kind != "constant" {
		t.Errorf("%+v", r.Load)
	}
}

// imported writes the files into a run directory and reads it.
func imported(t *testing.T, paths ...string) (*rundir.Run, []notice.Notice) {
	t.Helper()
	im, err := Begin(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	for _, p := range paths {
		if err := im.Add(p, "", Options{}); err != nil {
			t.Fatal(err)
		}
	}
	path, err := im.Write("real", "test", time.Now(), Declared{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := rundir.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return got, im.Skipped
}

// Lengths that only the totals tell make load points of their own; those of one
// draw and another, a few tokens apart, do not.
func TestLengthsAreLoads(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json": benchRunFile(100, 20, "4.0", "1.0", every(30, uneven...), ""),
		"b.json": benchRunFile(2040, 8, "4.0", "1.0", every(30, uneven...), ""),
		"c.json": benchRunFile(102, 20, "4.0", "1.0", every(31, uneven...), ""),
	} {
		write(t, filepath.Join(dir, name), text)
	}
	got, _ := imported(t, dir)
	var labels []string
	for _, p := range got.Plan.LoadPoints {
		labels = append(labels, p.Label)
	}
	if strings.Join(labels, ", ") != "in102-out20 poisson 4/s, in2040-out8 poisson 4/s" || len(got.Trials) != 3 {
		t.Errorf("%v, %d trials", labels, len(got.Trials))
	}
}

// What --metadata noted is not a flag of the server, even where its name is part
// of one that was varied; the warm-up of a combination is not a run.
func TestBenchSweepMetadata(t *testing.T) {
	root := filepath.Join(t.TempDir(), "sweep")
	const file = `{"date":"20261130-2207%d0","model_id":"tiny","num_prompts":30,"gpu":"H100","tp":"1","request_rate":"inf","burstiness":1.0,"max_concurrency":2,"duration":1.%d,"completed":30,"failed":0,"total_input_tokens":1737,"total_output_tokens":480,"request_throughput":25.4,"latencies":[0.084,0.089],"queue_times":[0.0002,0.0004],"max_output_tokens_per_s":400.0,"rtfx":0.0,"mean_ttft_ms":2%d,"median_ttft_ms":2%d,"run_number":%d,"max_num_seqs":%s,"random_input_len":64}`
	for i, c := range []struct{ folder, flags string }{
		{"max_num_seqs=16-enable_prefix_caching=False", `16,"enable_prefix_caching":false`},
		{"max_num_seqs=4-gpu_memory_utilization=0.8", `4,"gpu_memory_utilization":0.8`},
	} {
		for n, name := range map[int]string{-1: "warmup", 0: "run=0", 1: "run=1"} {
			write(t, filepath.Join(root, "SERVE--"+c.folder+"-BENCH--max_concurrency=2-random_input_len=64", name+".json"), fmt.Sprintf(file, i*3+n+1, i*3+n+1, i*3+n+1, i*3+n+1, n, c.flags))
		}
	}
	got, skipped := imported(t, root)
	var labels []string
	for _, c := range got.Plan.Configurations {
		labels = append(labels, c.Label)
	}
	if strings.Join(labels, "; ") != "max-num-seqs=16 enable-prefix-caching=false; max-num-seqs=4 gpu-memory-utilization=0.8" || len(got.Trials) != 4 || len(got.Plan.LoadPoints) != 1 {
		t.Errorf("%q, %d trials, %d load points", labels, len(got.Trials), len(got.Plan.LoadPoints))
	}
	if m := got.Trials[0].Source.Metadata; m["gpu"] != "H100" || m["tp"] != "1" || len(m) != 2 {
		t.Errorf("metadata %v", m)
	}
	if len(skipped) != 2 || !strings.Contains(skipped[0].Text(), "warm-up") {
		t.Errorf("%v", skipped)
	}
}

// GuideLLM's default outputs are one report in three formats.
func TestGuideLLMDefaultOutputs(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "benchmarks.json"), guidePoisson(every(48, uneven...), 0, ""))
	write(t, filepath.Join(dir, "benchmarks.csv"), "Run Info,Run Info,Benchmark,Timings\nModel,Target,Strategy,Start\n,,,Seconds\ntiny,http://127.0.0.1:8000,poisson,1796073882.0\n")
	write(t, filepath.Join(dir, "benchmarks.html"), "<!DOCTYPE html>\n<html lang=\"en\">\n<title>GuideLLM, a report, of a benchmark</title>\n</html>\n")
	results, skipped, err := Read(dir, Options{})
	if err != nil || len(results) != 1 || len(skipped) != 2 {
		t.Fatalf("%d results, %v, %v", len(results), skipped, err)
	}
	for i, want := range []string{"a page", "GuideLLM's table"} {
		if !strings.Contains(skipped[i].Text(), want) {
			t.Errorf("%v: want %q", skipped[i], want)
		}
	}
	if _, _, err := Read(filepath.Join(dir, "benchmarks.csv"), Options{}); err == nil || !strings.Contains(err.Error(), "its JSON report") || len(err.Error()) > 300 {
		t.Errorf("%v", err)
	}
}

// aiRecords are lines of AIPerf 0.13: the client counts tokens of the text once
// more, the server's count is right.
func aiRecords(starts []float64, warmups int) string {
	var out strings.Builder
	for i, at := range starts {
		phase, ns := "profiling", int64(1796075222000000000)+int64(at*1e9)
		if i < warmups {
			phase = "warmup"
		}
		fmt.Fprintf(&out, `{"metadata":{"session_num":%d,"credit_issued_ns":%d,"request_start_ns":%d,"request_ack_ns":%d,"request_end_ns":%d,"benchmark_phase":%q,"phase_name":%q,"was_cancelled":false},"metrics":{"time_to_first_token":{"value":50.0,"unit":"ms"},"request_latency":{"value":145.0,"unit":"ms"},"output_sequence_length":{"value":23,"unit":"tokens"},"input_sequence_length":{"value":100,"unit":"tokens"},"usage_completion_tokens":{"value":20,"unit":"tokens"},"usage_prompt_tokens":{"value":100,"unit":"tokens"},"inter_token_latency":{"value":4.3,"unit":"ms"}}}`+"\n",
			i, ns-10e6, ns, ns+5e6, ns+145e6, phase, phase)
	}
	return out.String()
}

const aiConfig = `"input_config":{"models":{"items":[{"name":"tiny"}]},"endpoint":{"urls":["http://127.0.0.1:8000"],"type":"completions","streaming":true},
"datasets":[{"name":"main","type":"synthetic","entries":40,"prompts":{"isl":{"mean":100.0},"osl":{"mean":20.0}}}],
"phases":[{"name":"warmup","kind":"warmup","type":"concurrency","exclude_from_results":true,"requests":4,"concurrency":2},{"name":"profiling","kind":"profiling",%s}]}`

func aiSummaryOf(n int, phase string) string {
	return fmt.Sprintf(`{"schema_version":"1.4","aiperf_version":"0.13.0","benchmark_id":"a","request_throughput":{"unit":"requests/sec","avg":9.2},"request_latency":{"unit":"ms","avg":145.0},"request_count":{"unit":"requests","avg":%d.0},
"time_to_first_token":{"unit":"ms","avg":50.0},"output_sequence_length":{"unit":"tokens","avg":23.0},`+aiConfig+`,"was_cancelled":false,"error_summary":[],"start_time":"2026-11-30T21:47:02.394722","end_time":"2026-11-30T21:47:06.720445"}`, n, phase)
}

// The artifact folder of AIPerf 0.13 is one run.
func TestAIPerfFolder(t *testing.T) {
	dir := t.TempDir()
	closed := `"type":"concurrency","requests":40,"concurrency":2`
	write(t, filepath.Join(dir, "profile_export.jsonl"), aiRecords(every(44, 0.1), 4))
	write(t, filepath.Join(dir, "profile_export_aiperf.json"), aiSummaryOf(40, closed))
	table := "Metric,avg,min,max,sum,p1\nTime to First Token (ms),92.67,18.08,646.27,,18.38\n\nMetric,Value\nRequest Count,40.00\n"
	server := "# AIPerf Server Metrics Export (CSV)\n# aiperf_version: 0.13.0\n\nEndpoint,Type,Metric,Unit,avg\nhttp://127.0.0.1:8000/metrics,gauge,vllm:num_requests_running,,1.5\n"
	manifest := `{"phases":[{"phase_name":"warmup","phase_kind":"warmup"},{"phase_name":"profiling","phase_kind":"profiling"}],"schema_version":1}`
	for name, text := range map[string]string{
		"profile_export_aiperf.csv": table, "server_metrics_export.csv": server, "phase_manifest.json": manifest, "inputs.json": `{"data":[{"session_id":"a","payloads":[{"prompt":"x"}]}]}`,
		"profile_export_console.txt":                  "Statistic avg min max\n",
		"server_metrics_export.json":                  `{"schema_version":"1.0","aiperf_version":"0.13.0","benchmark_id":"a","summary":{},"metrics_phase":"profiling","metrics":{}}`,
		"phases/warmup/profile_export_aiperf.json":    aiSummaryOf(4, closed),
		"phases/profiling/profile_export_aiperf.json": aiSummaryOf(40, closed),
		"phases/profiling/profile_export_aiperf.csv":  table,
		"phases/profiling/server_metrics.json":        `{"data":{"benchmark_id":"a"},"phase":"profiling","schema_version":1,"warnings":[]}`,
	} {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), text)
	}
	got, skipped := imported(t, dir)
	if len(got.Trials) != 1 || got.Plan.LoadPoints[0].Label != "in100-out20 c=2" || len(skipped) != 11 {
		t.Fatalf("%d trials, %v, %d passed over: %v", len(got.Trials), got.Plan.LoadPoints, len(skipped), skipped)
	}
	results, _, err := Read(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	if r.Model != "tiny" || r.Target != "http://127.0.0.1:8000" || r.ToolVersion != "0.13.0" || r.Requests["ok"] != 40 || len(r.Invalid) > 0 {
		t.Errorf("%+v", r)
	}
	// 20 tokens by the server's count, not 23; and no wait for a slot counts.
	figures{"ttft_mean": 0.05, "tpot_mean": 0.005, "e2e_mean": 0.145}.check(t, r)
}

// In open loop a request is due when its credit is issued, and the arrivals are
// judged like those of any tool.
func TestAIPerfOpenLoop(t *testing.T) {
	one := func(phase string, starts []float64) Result {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "profile_export.jsonl"), aiRecords(starts, 0))
		write(t, filepath.Join(dir, "profile_export_aiperf.json"), aiSummaryOf(len(starts), phase))
		results, _, err := Read(dir, Options{})
		if err != nil || len(results) != 1 {
			t.Fatalf("%v, %v", results, err)
		}
		return results[0]
	}
	r := one(`"type":"constant","requests":40,"rate":4.0`, every(40, 0.25))
	if r.Load.Kind != "constant" || r.Load.Value != 4 || r.Clock != ClockIntended || len(r.Invalid) > 0 {
		t.Errorf("%+v", r)
	}
	figures{"ttft_mean": 0.06, "ttft_sent_mean": 0.05}.check(t, r)
	if r := one(`"type":"poisson","duration":12.0,"rate":4.0`, every(16, 0.5)); len(r.Invalid) == 0 || !strings.Contains(r.Invalid[0].Text(), "sent 16 requests") {
		t.Errorf("%v", r.Invalid)
	}
	if r := one(`"type":"gamma","requests":40,"rate":4.0,"smoothness":0.5`, every(40, 0.25)); r.Load.Kind != "gamma" || len(r.Invalid) == 0 {
		t.Errorf("%+v %v", r.Load, r.Invalid)
	}
	// A cap holds credits back, so their gaps are no fault of the tool's.
	r = one(`"type":"constant","requests":40,"rate":4.0,"concurrency":2`, every(40, 0.1, 0.1, 2))
	if r.Load.Kind != "constant" || r.Load.Cap != 2 || r.Clock != ClockSent || len(r.Invalid) > 0 || !notice.Has(r.Warnings, "clock-from-send") {
		t.Errorf("%+v, clock %s, %v, %v", r.Load, r.Clock, r.Invalid, r.Warnings)
	}
}

// The tree of a sweep of AIPerf with repeats: one trial per run, one load point
// per concurrency, and none of its accounts of several runs.
func TestAIPerfSweepWithRepeats(t *testing.T) {
	summary := func(concurrency, trial int, more string) string {
		text := aiSummaryOf(40, fmt.Sprintf(`"type":"concurrency","requests":40,"concurrency":%d`, concurrency))
		return strings.Replace(text, `"was_cancelled":false`, fmt.Sprintf(`"run_info":{"trial":%d,"run_label":"run_%04d","variation_label":"phases.profiling.concurrency=%d","variation_values":{"phases.profiling.concurrency":%d%s}},"was_cancelled":false`, trial, trial+1, concurrency, concurrency, more), 1)
	}
	aggregate := `{"schema_version":"1.0","aiperf_version":"0.13.0","metadata":{"aggregation_type":"confidence","num_profile_runs":2,"run_labels":["run_0001","run_0002"]},"metrics":{"request_latency_avg":{"mean":145.0,"std":1.0,"unit":"ms"}}}`
	collated := `{"schema_version":"1.0.0","aiperf_version":"0.13.0","description":"Collated per-request metrics across all runs.","metadata":{"aggregation_type":"detailed"},"metrics":{"request_latency":{"combined":{"mean":145.0,"count":80}}}}`
	wide := "concurrency,request_latency_avg_mean,request_latency_avg_std,request_throughput_avg_mean,request_throughput_avg_std\n1,145.00,1.00,9.20,0.10\n2,145.00,1.00,9.20,0.10\n\nBest Configurations\n"
	long := "metric,mean,std,min,max,cv,se,ci_low,ci_high,t_critical,unit\nrequest_latency_avg,145.00,1.00,144.00,146.00,0.0074,0.5000,143.00,147.00,12.7062,ms\n"
	for name, layout := range map[string]struct{ run, aggregate, sweep string }{
		"trials outside":         {"profile_runs/trial_%04[2]d/concurrency_%[1]d", "aggregate/concurrency_%d", "aggregate/sweep_aggregate"},
		"concurrencies outside":  {"concurrency_%[1]d/profile_runs/trial_%04[2]d", "concurrency_%d/aggregate", "sweep_aggregate"},
		"with a prefix and more": {"concurrency_%[1]d/profile_runs/trial_%04[2]d", "concurrency_%d/aggregate", "sweep_aggregate"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put := func(folder, file, text string) { write(t, filepath.Join(dir, filepath.FromSlash(folder), file), text) }
			records, sum := "profile_export.jsonl", "profile_export_aiperf.json"
			if strings.Contains(name, "prefix") {
				records, sum = "foo.jsonl", "foo.json"
			}
			for c := 1; c <= 2; c++ {
				for trial := range 2 {
					folder := fmt.Sprintf(layout.run, c, trial+1)
					put(folder, records, aiRecords(every(40, 0.1, 0.11+float64(10*c+trial)/1e3), 0))
					put(folder, sum, summary(c, trial, ""))
					put(folder, "run_config.json", `{"benchmark_id":"a","sweep_id":"b","cfg":{"models":{"items":[{"name":"tiny"}]}},"trial":0}`)
					put(folder, "profile_export_aiperf_timeslices.csv", "Timeslice,Start_NS,End_NS,Metric,Unit,Stat,Value\n0,1,2,Request Latency,ms,avg,145.0\n")
					put(folder, "profile_export_aiperf_timeslices.json", `{"timeslices":[{"start_ns":1,"end_ns":2}],"input_config":{}}`)
				}
				folder := fmt.Sprintf(layout.aggregate, c)
				put(folder, "profile_export_aiperf_aggregate.json", aggregate)
				put(folder, "profile_export_aiperf_collated.json", collated)
				put(folder, "profile_export_aiperf_aggregate.csv", long)
			}
			put(layout.sweep, "profile_export_aiperf_sweep.json", `{"aggregation_type":"sweep","num_profile_runs":4,"metadata":{"num_combinations":2},"per_combination_metrics":[]}`)
			put(layout.sweep, "profile_export_aiperf_sweep.csv", wide)
			got, skipped := imported(t, dir)
			per := map[string]int{}
			for _, trial := range got.Trials {
				point, _ := got.Plan.LoadPoint(trial.LoadPoint)
				per[point.Label]++
			}
			if len(got.Plan.Configurations) != 1 || len(per) != 2 || per["in100-out20 c=1"] != 2 || per["in100-out20 c=2"] != 2 {
				t.Errorf("%d configurations, trials %v\n%v", len(got.Plan.Configurations), per, skipped)
			}
		})
	}
	_, _, err := Read(writeFile(t, "profile_export_aiperf_aggregate.json", aggregate), Options{})
	if err == nil || !strings.Contains(err.Error(), "sweep reads each run separately") {
		t.Errorf("an aggregate alone: %v", err)
	}
	// What else was varied tells load points apart; a run that was cancelled does not count.
	r := read(t, "profile_export_aiperf.json", summary(2, 0, `,"phases.profiling.prefill_concurrency":4`))[0]
	if r.Load.Note != "prefill_concurrency 4" || len(r.Invalid) > 0 {
		t.Errorf("%+v %v", r.Load, r.Invalid)
	}
	cut := strings.Replace(summary(2, 0, ""), `"was_cancelled":false`, `"was_cancelled":true`, 1)
	if r := read(t, "profile_export_aiperf.json", cut)[0]; len(r.Invalid) != 1 || r.Invalid[0].Code != "run-canceled" {
		t.Errorf("%v", r.Invalid)
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	write(t, path, text)
	return path
}

// Other files of a folder do not end the import of its results; a broken result does.
func TestFolderWithOtherFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "results.csv"), "config,concurrency,output_throughput,ttft_p50_ms\na,8,100,30\n")
	write(t, filepath.Join(dir, "README.md"), "[![build](https://example.com/badge.svg)](https://example.com)\n# Results\n")
	write(t, filepath.Join(dir, "hosts.csv"), "host,rack,serial\na,1,x\n")
	results, skipped, err := Read(dir, Options{})
	if err != nil || len(results) != 1 || len(skipped) != 2 {
		t.Fatalf("%d results, %v, %v", len(results), skipped, err)
	}
	write(t, filepath.Join(dir, "broken.json"), `{"request_throughput":7,"completed":`)
	if _, _, err := Read(dir, Options{}); err == nil {
		t.Error("a result that is cut short was passed over")
	}
}

// Tools end their end-to-end latencies at different moments.
func TestWhereLatenciesEnd(t *testing.T) {
	for want, r := range map[string]Result{
		rundir.EndsToken:    read(t, "r.json", guidePoisson(every(48, uneven...), 0, ""))[0],
		rundir.EndsResponse: read(t, "r.json", strippedD1)[0],
		rundir.EndsText:     read(t, "profile_export.jsonl", aiRecords(every(40, 0.1), 0))[0],
	} {
		var rec rundir.Trial
		if r.Fill(&rec); rec.Source.Ends != want {
			t.Errorf("%s: %q, want %q", r.Tool, rec.Source.Ends, want)
		}
	}
}
