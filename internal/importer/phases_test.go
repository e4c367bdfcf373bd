package importer

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// The inputs of this file are typed from what AIPerf 0.13.0 wrote about a run with
// two warm-ups and three measured phases, shortened.

// spokenPhase is one phase of such a run.
type spokenPhase struct {
	name, warmup string // warmup: "warmup", "profiling"
	config       string // of its load
	starts       []float64
	ttft         float64 // ms
}

var fivePhases = []spokenPhase{
	{"warmup", "warmup", `"type":"concurrency","exclude_from_results":true,"requests":2,"concurrency":2`, every(2, 0.1), 900},
	{"baseline_traffic", "profiling", `"type":"concurrency","requests":20,"concurrency":2`, every(20, 0.1), 50},
	{"settle", "warmup", `"type":"concurrency","exclude_from_results":true,"requests":2,"concurrency":2`, every(2, 0.1), 900},
	{"stress", "profiling", `"type":"concurrency","requests":30,"concurrency":2,"cancellation":{"rate":5.0}`, every(30, 0.05), 80},
	{"recovery", "profiling", `"type":"constant","requests":40,"rate":4.0,"seamless":true`, every(40, 0.25), 40},
}

// records are the lines of a phase that begins so many seconds into the run.
func (p spokenPhase) records(index int, from float64, named bool) string {
	var out strings.Builder
	for i, at := range p.starts {
		ns := int64(1796096018000000000) + int64((from+at)*1e9)
		who := ""
		if named {
			who = fmt.Sprintf(`"phase_index":%d,"phase_name":%q,"phase_kind":%q,`, index, p.name, p.warmup)
		}
		fmt.Fprintf(&out, `{"metadata":{"session_num":%d,"credit_issued_ns":%d,"request_start_ns":%d,"request_end_ns":%d,"benchmark_phase":%q,%s"was_cancelled":false},"metrics":{"time_to_first_token":{"value":%g,"unit":"ms"},"request_latency":{"value":%g,"unit":"ms"},"usage_completion_tokens":{"value":12,"unit":"tokens"},"usage_prompt_tokens":{"value":64,"unit":"tokens"}}}`+"\n",
			i, ns-10e6, ns, ns+int64((p.ttft+44)*1e6), p.warmup, who, p.ttft, p.ttft+44)
	}
	return out.String()
}

// summary is that of a phase, or of a run, with the configuration of all phases.
func (p spokenPhase) summary(more string) string {
	var configs []string
	for _, c := range fivePhases {
		configs = append(configs, fmt.Sprintf(`{"name":%q,"kind":%q,%s}`, c.name, c.warmup, c.config))
	}
	return fmt.Sprintf(`{"schema_version":"1.4","aiperf_version":"0.13.0","request_throughput":{"unit":"requests/sec","avg":9.2},"request_latency":{"unit":"ms","avg":%g},"request_count":{"unit":"requests","avg":%d.0},
"time_to_first_token":{"unit":"ms","avg":%g},"inter_token_latency":{"unit":"ms","avg":4.0},"usage_completion_tokens":{"unit":"tokens","avg":12.0},"usage_prompt_tokens":{"unit":"tokens","avg":64.0},
"input_config":{"models":{"items":[{"name":"tiny"}]},"endpoint":{"urls":["http://127.0.0.1:8000"]},"datasets":[{"name":"default","type":"synthetic","prompts":{"isl":{"value":64.0},"osl":{"value":12.0}}}],"phases":[%s]},
%s"was_cancelled":false,"is_complete":true,"error_summary":[],"start_time":"2026-12-01T03:33:39.237098","end_time":"2026-12-01T03:33:41.237098"}`,
		p.ttft+44, len(p.starts), p.ttft, strings.Join(configs, ","), more)
}

// phasesFolder writes the artifacts of such a run that begins so many seconds
// after the first.
func phasesFolder(t *testing.T, dir string, from float64, named bool, more string) {
	t.Helper()
	var records strings.Builder
	pooled := spokenPhase{ttft: 55}
	for i, p := range fivePhases {
		records.WriteString(p.records(i, from, named))
		from += p.starts[len(p.starts)-1] + 2
		folder := filepath.Join(dir, "phases", p.name)
		write(t, filepath.Join(folder, "profile_export_aiperf.json"), p.summary(more))
		write(t, filepath.Join(folder, "profile_export_aiperf.csv"), "Metric,avg,min,max,sum,p1\nTime to First Token (ms),92.67,18.08,646.27,,18.38\n")
		write(t, filepath.Join(folder, "server_metrics.json"), `{"data":{"benchmark_id":"a"},"phase":{"phase_index":0},"schema_version":1,"warnings":[]}`)
		if p.warmup == "profiling" {
			pooled.starts = append(pooled.starts, p.starts...)
		}
	}
	write(t, filepath.Join(dir, "profile_export.jsonl"), records.String())
	write(t, filepath.Join(dir, "profile_export_aiperf.json"), pooled.summary(more))
	write(t, filepath.Join(dir, "phase_manifest.json"), `{"phases":[{"phase_name":"warmup","phase_kind":"warmup"}],"schema_version":1}`)
}

// points counts the trials of each load point.
func points(t *testing.T, path string) (map[string]int, []notice.Notice) {
	t.Helper()
	got, skipped := imported(t, path)
	out := map[string]int{}
	for _, trial := range got.Trials {
		point, _ := got.Plan.LoadPoint(trial.LoadPoint)
		out[point.Label]++
	}
	return out, skipped
}

// Each measured phase of a run is a result of its own: they have other loads, and
// what pools them is none of them.
func TestAIPerfPhases(t *testing.T) {
	dir := t.TempDir()
	phasesFolder(t, dir, 0, true, "")
	want := map[string]int{"in64-out12 c=2 (phase baseline_traffic)": 1, "in64-out12 c=2 (phase stress, cancels 5%)": 1, "in64-out12 constant 4/s (phase recovery)": 1}
	for _, from := range []string{"requests", "summaries"} {
		t.Run(from, func(t *testing.T) {
			if from == "summaries" { // records: false
				if err := os.Remove(filepath.Join(dir, "profile_export.jsonl")); err != nil {
					t.Fatal(err)
				}
			}
			got, skipped := points(t, dir)
			if !maps.Equal(got, want) {
				t.Fatalf("trials %v, passed over %v", got, skipped)
			}
			results, _, err := Read(dir, Options{})
			if err != nil || len(results) != 3 {
				t.Fatalf("%d results, %v", len(results), err)
			}
			for i, p := range []spokenPhase{fivePhases[1], fivePhases[3], fivePhases[4]} {
				r := results[slices.IndexFunc(results, func(r Result) bool { return r.phase == p.name })]
				if r.Requests["ok"] != len(p.starts) || r.Model != "tiny" || r.Recomputed() != (from == "requests") || len(r.Invalid) > 0 {
					t.Errorf("%+v", r)
				}
				figures{"ttft_sent_mean": p.ttft / 1e3, "e2e_sent_mean": (p.ttft + 44) / 1e3, "tpot_mean": 0.004}.check(t, r)
				if from == "summaries" {
					continue
				}
				// Due when the credit is issued, as in a run of one phase.
				if open := i == 2; (r.Clock == ClockIntended) != open {
					t.Errorf("%s counts from %s", p.name, r.Clock)
				}
				if seamless := notice.Has(r.Warnings, "phases-overlap"); seamless != (i > 0) {
					t.Errorf("%s: %q", p.name, r.Warnings)
				}
			}
		})
	}
}

// What cannot be told apart is refused, with the way out.
func TestAIPerfPhasesRefused(t *testing.T) {
	dir := t.TempDir()
	phasesFolder(t, dir, 0, true, "")
	for file, want := range map[string]string{
		"profile_export_aiperf.json":               "sums up 3 phases with loads of their own (baseline_traffic, stress, recovery): import the whole folder of the run",
		"phases/settle/profile_export_aiperf.json": "a warm-up of an AIPerf run, in which nothing was measured",
	} {
		if _, _, err := Read(filepath.Join(dir, filepath.FromSlash(file)), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
	if results, _, err := Read(filepath.Join(dir, "phases", "stress", "profile_export_aiperf.json"), Options{}); err != nil || len(results) != 1 || results[0].Load.Value != 2 || results[0].Requests["ok"] != 30 {
		t.Errorf("one phase alone: %+v, %v", results, err)
	}
	if results, skipped, err := Read(filepath.Join(dir, "phases"), Options{}); err != nil || len(results) != 3 {
		t.Errorf("the phases without their run: %d results, passed over %v, %v", len(results), skipped, err)
	}
	old := t.TempDir()
	phasesFolder(t, old, 0, false, "")
	if _, _, err := Read(old, Options{}); err == nil || !strings.Contains(err.Error(), "with AIPerf 0.13 or later, or with one phase per run") {
		t.Errorf("records that name no phase: %v", err)
	}
}

// Repeats and sweeps of a run with several phases: what is varied about one phase
// sets that phase apart, and no other.
func TestAIPerfPhasesSwept(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		trial, prefill := i/2, 4+4*(i%2)
		folder := filepath.Join(dir, "profile_runs", fmt.Sprintf("trial_%04d", trial+1), fmt.Sprintf("prefill_concurrency_%d", prefill))
		phasesFolder(t, folder, 100*float64(i), true, fmt.Sprintf(`"run_info":{"trial":%d,"variation_values":{"phases.stress.prefill_concurrency":%d,"phases.3.cancellation.rate":5.0}},`, trial, prefill))
	}
	got, skipped := points(t, dir)
	if want := (map[string]int{
		"in64-out12 c=2 (phase baseline_traffic)":                          4,
		"in64-out12 c=2 (phase stress, cancels 5%, prefill_concurrency 4)": 2,
		"in64-out12 c=2 (phase stress, cancels 5%, prefill_concurrency 8)": 2,
		"in64-out12 constant 4/s (phase recovery)":                         4,
	}); !maps.Equal(got, want) {
		t.Errorf("trials %v, want %v, passed over %v", got, want, skipped)
	}
}

// A run that AIPerf itself calls incomplete does not count.
func TestAIPerfIncomplete(t *testing.T) {
	text := strings.Replace(aiSummaryOf(40, `"type":"concurrency","requests":40,"concurrency":2`), `"was_cancelled":false`, `"was_cancelled":false,"is_complete":false,"incomplete_reason":"no record for 60 s"`, 1)
	if r := read(t, "profile_export_aiperf.json", text)[0]; len(r.Invalid) != 1 || r.Invalid[0].Text() != "AIPerf calls the run incomplete: no record for 60 s." {
		t.Errorf("%v", r.Invalid)
	}
}
