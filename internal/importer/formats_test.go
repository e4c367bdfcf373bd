package importer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

// The example of AIPerf's documentation (docs/tutorials/working-with-profile-exports.md,
// Apache-2.0): one record that succeeded and one that was cancelled, with one
// more failure; figures typed anew.
const aiperfRecords = `{"metadata":{"session_num":45,"request_start_ns":1759813207532900363,"request_ack_ns":1759813207650730976,"request_end_ns":1759813207838764604,"benchmark_phase":"profiling","was_cancelled":false},"metrics":{"input_sequence_length":{"value":550,"unit":"tokens"},"time_to_first_token":{"value":255.886568,"unit":"ms"},"request_latency":{"value":297.525228,"unit":"ms"},"inter_chunk_latency":{"value":[4.898437,5.316006,4.801489,5.674918,4.811467,5.097998,5.504797,5.533548],"unit":"ms"},"output_sequence_length":{"value":9,"unit":"tokens"},"inter_token_latency":{"value":5.2048325,"unit":"ms"}},"error":null}
{"metadata":{"request_start_ns":1759813208000000000,"request_end_ns":1759813208100000000,"benchmark_phase":"profiling","was_cancelled":true},"metrics":{"error_isl":{"value":550,"unit":"tokens"}},"error":{"code":499,"type":"RequestCancellationError","message":"Request was cancelled after 0.000 seconds"}}
{"metadata":{"request_start_ns":1759813208200000000,"request_end_ns":1759813208300000000,"benchmark_phase":"profiling","was_cancelled":false},"metrics":null,"error":{"code":500,"type":"InternalServerError","message":"Server encountered an internal error"}}
`

const aiperfSummary = `{"request_throughput":{"unit":"requests/sec","avg":13.16084556379392},
"request_latency":{"unit":"ms","avg":6550.356151749999,"p50":5799.897624499999,"p95":8980.84214965,"p99":9381.628943169999},
"time_to_first_token":{"unit":"ms","avg":1588.797775365,"p50":787.5439584999999,"p95":4051.42644575},
"inter_token_latency":{"unit":"ms","avg":51.76,"p99":55.87},
"output_sequence_length":{"unit":"tokens","avg":96.85},"benchmark_duration":{"unit":"sec","avg":15.196591969000002},
"request_count":{"unit":"requests","avg":200.0},"was_cancelled":true,"start_time":"2025-10-17T20:22:08.939332","end_time":"2025-10-17T20:22:24.967633",
"error_summary":[{"error_details":{"code":500,"type":"x","message":"y"},"count":3}],
"input_config":{"endpoint":{"model_names":["openai/gpt-oss-20b"],"streaming":true,"url":"localhost:9000"},"loadgen":{"concurrency":100,"request_rate_mode":"concurrency_burst"}}}`

func TestAIPerf(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "profile_export.jsonl"), aiperfRecords)
	write(t, filepath.Join(dir, "profile_export_aiperf.json"), aiperfSummary)
	results, skipped, err := Read(dir, Options{})
	if err != nil || len(results) != 1 || len(skipped) != 1 {
		t.Fatalf("%d results, skipped %v, %v", len(results), skipped, err)
	}
	r := results[0]
	figures{"ttft_mean": 0.255886568, "e2e_mean": 0.2975252, "tpot_mean": 0.0052048325, "itl_mean": 0.0052048, "error_rate": 0.5}.check(t, r)
	if r.Tool != AIPerf || r.Load.Kind != "concurrency" || r.Load.Value != 100 || r.Model != "openai/gpt-oss-20b" {
		t.Errorf("%+v", r)
	}
	s := read(t, "s.json", aiperfSummary)[0]
	figures{"ttft_p50": 0.78754396, "ttft_p95": 4.05142645, "tpot_mean": 0.05176, "e2e_mean": 6.55035615, "request_throughput": 13.1608456, "error_rate": 3.0 / 203}.check(t, s)
	absent(t, s, "e2e_p99", "200 requests, 662 needed")
}

// A summary in the form that AIPerf took over from genai-perf is not called AIPerf's.
func TestSummaryOfGenAIPerfIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "profile_export_genai_perf.json")
	text := `{"request_throughput":{"unit":"requests/sec","avg":2.5},"request_latency":{"unit":"ms","avg":900},"input_config":{"model_names":["m"]}}`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var fault *FaultError
	if r, _, err := Read(path, Options{}); !errors.As(err, &fault) {
		t.Errorf("%d results, %v", len(r), err)
	}
}

func TestInferencePerfRequests(t *testing.T) {
	r := read(t, "per_request_lifecycle_metrics.json", `[
	{"start_time":100.0,"end_time":101.5,"request":"{}","response":"x","info":{"input_tokens":591,"output_tokens":3,"output_token_times":[100.5,100.75,101.25]},"error":null},
	{"start_time":100.2,"end_time":102.0,"request":"{}","info":{"input_tokens":320,"output_tokens":0,"output_token_times":[]},"error":{"error_type":"TimeoutError","error_msg":"timed out"}}]`)[0]
	figures{"ttft_mean": 0.5, "tpot_mean": 0.375, "itl_mean": 0.375, "e2e_mean": 1.25, "request_throughput": 0.5}.check(t, r)
	if r.Requests["timeout"] != 1 {
		t.Errorf("classes %v", r.Requests)
	}
}

func TestInferenceMAX(t *testing.T) {
	out := read(t, "agg.json", `[{"hw":"h200","tp":8,"conc":64,"isl":1024,"osl":1024,"model":"m","framework":"vllm","precision":"fp8","tput_per_gpu":500.0,"output_tput_per_gpu":250.0,
	"mean_ttft":0.4,"median_ttft":0.35,"p99_ttft":1.2,"mean_tpot":0.02,"mean_intvty":50.0},{"hw":"h200","tp":4,"conc":64,"isl":1024,"osl":1024,"model":"m","tput_per_gpu":600.0}]`)
	figures{"ttft_mean": 0.4, "ttft_p50": 0.35, "ttft_p99": 1.2, "total_throughput_per_gpu": 500, "output_throughput": 2000}.check(t, out[0])
	if len(out) != 2 || out[0].GPUs != 8 || out[0].GPU != "h200" || out[0].Load.Name != "in1024-out1024" || out[0].Label == out[1].Label {
		t.Errorf("%+v", out)
	}
}

func TestBenchSweepTree(t *testing.T) {
	root := filepath.Join(t.TempDir(), "20261120_101500")
	run := func(serve, bench, n, extra string) {
		write(t, filepath.Join(root, "SERVE--"+serve+"-BENCH--"+bench, "run="+n+".json"),
			`{"date":"20261120-1015`+n+`0","model_id":"m","num_prompts":100,"request_rate":"inf","max_concurrency":16,"duration":10.`+n+`,"completed":100,"failed":0,"total_output_tokens":1000,"total_input_tokens":1000,"request_throughput":9.9,"output_throughput":99,"mean_ttft_ms":5`+n+`,"median_ttft_ms":40,"median_tpot_ms":10,"run_number":`+n+extra+`}`)
	}
	run("max_num_seqs=32", "random_input_len=128-random_output_len=10", "0", `,"max_num_seqs":32,"random_input_len":128,"random_output_len":10`)
	run("max_num_seqs=32", "random_input_len=128-random_output_len=10", "1", `,"max_num_seqs":32,"random_input_len":128,"random_output_len":10`)
	run("max_num_seqs=64", "random_input_len=128-random_output_len=10", "0", `,"max_num_seqs":64,"random_input_len":128,"random_output_len":10`)
	write(t, filepath.Join(root, "SERVE--max_num_seqs=32-BENCH--random_input_len=128-random_output_len=10", "summary.json"), `[{"request_throughput":1,"model_id":"m"}]`)
	im, err := Begin(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := im.Add(root, "", Options{}); err != nil {
		t.Fatal(err)
	}
	path, err := im.Write("tree", "test", time.Now(), Declared{Baseline: "max-num-seqs=32", GPUs: 1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := rundir.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	p := got.Plan
	if len(got.Trials) != 3 || len(p.Configurations) != 2 || len(p.LoadPoints) != 1 || p.LoadPoints[0].Label != "in128-out10 c=16" || p.Blocks != 2 ||
		p.Configurations[1].Label != "max-num-seqs=64" || p.Configurations[1].Changed[0].Value != "64" || !p.Configurations[0].Baseline || len(im.Skipped) != 1 {
		t.Errorf("%+v\n%v", p, im.Skipped)
	}
	starts := map[string]string{}
	for _, tr := range got.Trials {
		if s := starts[tr.Configuration]; s != "" && s != tr.Start {
			t.Errorf("%s is on start %s, another of its configuration on %s: nobody said that there were two", tr.ID, tr.Start, s)
		}
		starts[tr.Configuration] = tr.Start
	}
	if got.Trials[0].Metrics["output_throughput_per_gpu"] == 0 || got.Trials[0].Source.Tool != VLLMBench {
		t.Errorf("%+v", got.Trials[0])
	}
}

func TestCSVWithAColumnMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.csv")
	write(t, path, "seqs;users;latency;n;tok\n64;8;120.5;1000;900\n128;8;99;1000;1100\n")
	m, err := ParseColumns([]string{"ttft_p50=latency:ms", "concurrency=users", "flag:max-num-seqs=seqs", "completed=n", "output_throughput=tok"})
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := Read(path, Options{Map: m})
	if err != nil || len(out) != 2 {
		t.Fatal(out, err)
	}
	figures{"ttft_p50": 0.1205, "output_throughput": 900}.check(t, out[0])
	if f, _ := out[1].Flags.Get("max-num-seqs"); f.Value != "128" || out[1].Load.Value != 8 {
		t.Errorf("%+v", out[1])
	}
	for pair, want := range map[string]string{"ttft_p50": "TARGET=COLUMN", "nonsense=x": "unknown target"} {
		if _, err := ParseColumns([]string{pair}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", pair, err)
		}
	}
	if _, _, err := Read(path, Options{Map: Columns{"ttft_p50": {Name: "latency"}}}); err == nil || !strings.Contains(err.Error(), "unit of column") {
		t.Errorf("a latency without a unit was taken: %v", err)
	}
}

func TestFaultsNameFileAndPlace(t *testing.T) {
	cut := completeD4[:strings.Index(completeD4, `"info":{"timings":{"targeted_start":12.5`)]
	for name, c := range map[string]struct {
		file, text string
		want       []string
	}{
		"cut short":         {"r.json", cut, []string{"r.json:8:", "benchmarks[0].requests.successful[1]", "cut short"}},
		"wrong kind":        {"r.json", strings.Replace(detailedBench, `"ttfts": [`, `"ttfts": ["x", `, 1), []string{"r.json:", "ttfts[0]", "string where a number is due"}},
		"not closed":        {"r.jsonl", "{\"request_throughput\":1,\"completed\":1}\n{\"request_", []string{"r.jsonl:2:", "cut short"}},
		"syntax":            {"r.json", "{\"benchmarks\":[{]}", []string{"r.json:1:"}},
		"empty":             {"r.json", "  \n", []string{"r.json: the file is empty"}},
		"something else":    {"r.json", `{"a":1}`, []string{"none of the known formats"}},
		"no benchmark":      {"r.json", `{"metadata":{"version":2},"benchmarks":[]}`, []string{"without a benchmark"}},
		"table, no metric":  {"r.csv", "a,b,c\n1,2,3\n", []string{"r.csv:1:1", "no column is a metric"}},
		"table, bad number": {"r.csv", "ttft_p50_ms,n_ok,x\nfast,3,4\n", []string{"r.csv:2:1", `"fast" is no number`}},
		"record":            {"r.jsonl", aiperfRecords + `{"metadata":{},"metrics":{}}`, []string{"r.jsonl:4:", "record 4", "request_start_ns"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.file)
			write(t, path, c.text)
			out, _, err := Read(path, Options{})
			if err == nil {
				t.Fatalf("%d results and no error", len(out))
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v: does not say %q", err, w)
				}
			}
			var fault *FaultError
			if !errors.As(err, &fault) {
				t.Errorf("%T", err)
			}
		})
	}
}

func TestAFailedImportLeavesNothing(t *testing.T) {
	root := t.TempDir()
	good, bad := filepath.Join(t.TempDir(), "a.json"), filepath.Join(t.TempDir(), "b.json")
	write(t, good, completeD4)
	write(t, bad, completeD4[:len(completeD4)-40])
	im, err := Begin(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := im.Add(good, "", Options{}); err != nil {
		t.Fatal(err)
	}
	if err := im.Add(bad, "", Options{}); err == nil {
		t.Fatal("half a file was taken")
	}
	if _, err := im.Write("x", "test", time.Now(), Declared{Model: "another"}); err == nil {
		t.Fatal("a model that contradicts the file was taken")
	}
	if err := im.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
