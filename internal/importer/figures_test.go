package importer

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// read imports one document from memory.
func read(t testing.TB, name, text string) []Result {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _, err := Read(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// figures are expected metrics.
type figures map[string]float64

func (f figures) check(t *testing.T, r Result) {
	t.Helper()
	for name, want := range f {
		got, ok := r.Metrics[name]
		if !ok || math.Abs(got-want) > 1e-4*math.Abs(want) {
			t.Errorf("%s = %v (%s), want %v", name, got, r.Absent[name], want)
		}
	}
}

func absent(t *testing.T, r Result, name, why string) {
	t.Helper()
	if v, ok := r.Metrics[name]; ok || !strings.Contains(r.Absent[name], why) {
		t.Errorf("%s = %v, absent because %q: want absent because %q", name, v, r.Absent[name], why)
	}
}

// A summary of GuideLLM 0.2, whose request lists were stripped: figures of
// tests/…/guidellm_benchmarks_stripped.json of vllm-project/guidellm
// (Apache-2.0), typed anew. p50 is missing; latency is in seconds, the rest in
// milliseconds; the time per output token includes the time to the first.
const strippedD1 = `{"benchmarks":[{"type_":"generative_benchmark",
 "args":{"strategy":{"type_":"synchronous"},"max_duration":30.0},
 "worker":{"backend_target":"example_target","backend_model":"example_model"},
 "request_loader":{"data":"prompt_tokens=256,output_tokens=128"},
 "request_totals":{"successful":46,"errored":0,"incomplete":1,"total":47},
 "start_time":1749157168.1827004,"end_time":1749157198.1799018,
 "requests":{"successful":[{"prompt_tokens":257,"output_tokens":128,"start_time":1749157168.1827004,"end_time":1749157168.871885,
   "first_token_time":1749157168.2039824,"last_token_time":1749157168.8717923}]},
 "metrics":{
  "request_latency":{"successful":{"mean":0.6444743664368339,"median":0.6424565315246582,"count":46,"percentiles":{"p75":0.644390344619751,"p90":0.6488735675811768,"p99":0.6891846656799316}},
    "errored":{"mean":0.0,"percentiles":{"p90":0.0}}, "total":{"mean":0.6367980571503334}},
  "time_to_first_token_ms":{"successful":{"mean":16.8,"median":null,"percentiles":{"p90":-1.0}}},
  "inter_token_latency_ms":{"successful":{"mean":4.941609043733832,"median":4.9241227427805505,"count":46,"percentiles":{"p75":4.9428301533376136}}},
  "time_per_output_token_ms":{"successful":{"mean":99}},
  "output_token_count":{"successful":{"total_sum":5888}},"prompt_token_count":{"successful":{"total_sum":11822}},
  "requests_per_second":{"successful":{"mean":1.5481806532737452,"median":1.5530116578512305,"percentiles":{"p50":18157.16}}}}}]}`

func TestAStrippedGuideLLMReportGivesItsSummary(t *testing.T) {
	for _, name := range []string{"r.json", "r.yaml"} { // JSON is YAML too
		text := strippedD1
		if name == "r.yaml" {
			text = "benchmarks:\n- " + strings.TrimSuffix(strings.TrimPrefix(text, `{"benchmarks":[`), "]}")
		}
		r := read(t, name, text)[0]
		if r.Recomputed() || r.Format != "D1" || r.Model != "example_model" || r.Load.Name != "in256-out128" || r.Load.Kind != "concurrency" || r.Load.Value != 1 {
			t.Errorf("%s: %+v", name, r.Load)
		}
		figures{
			"e2e_mean": 0.644474, "e2e_p50": 0.642457, "e2e_p75": 0.644390, // p50 is the median
			"tpot_mean": 0.004941609, "tpot_p50": 0.004924123, // their inter-token latency
			"ttft_mean":          0.0168,
			"request_throughput": 46 / 29.9972014, "output_throughput": 5888 / 29.9972014,
			"error_rate": 0,
		}.check(t, r)
		absent(t, r, "e2e_p90", "46 requests, 64 needed")
		absent(t, r, "ttft_p50", "not in the file") // null
		absent(t, r, "ttft_p90", "no measurement")  // -1.0
		absent(t, r, "itl_p50", "no single gaps")
	}
}

// A summary of GuideLLM 0.7 with per-request data: the figures of two of the
// requests of a run of GuideLLM main with a stub tokenizer, typed anew.
const completeD4 = `{"metadata":{"version":2,"guidellm_version":"0.7.3"},
"config":{"spec":{"backend":{"target":"http://127.0.0.1:18765","model":""},"data":[{"kind":"synthetic_text","prompt_tokens":64,"output_tokens":32}]}},
"benchmarks":[{"config":{"strategy":{"type_":"constant","rate":5.0,"max_concurrency":10240},"backend":{"model":"mock"}},
"scheduler_state":{"created_requests":4,"successful_requests":2,"errored_requests":1,"cancelled_requests":0},
"scheduler_metrics":{"measure_start_time":1795421563.2704563,"measure_end_time":1795421567.2704563,"queued_time_avg":-1.0},
"metrics":{"request_totals":{"successful":2,"errored":1,"incomplete":0,"total":3},"inter_token_latency_ms":{"successful":{"count":589,"mean":3.5}}},
"requests":{"successful":[
 {"prompt_tokens":64,"output_tokens":32,"info":{"error":null,"timings":{"targeted_start":1795421563.2678733,"request_start":1795421563.2704563,"first_token_iteration":1795421563.3042219,"last_token_iteration":1795421563.3914766,"request_end":1795421563.392433}}},
 {"prompt_tokens":64,"output_tokens":32,"info":{"timings":{"targeted_start":12.5,"request_start":1795421564.0,"first_token_iteration":1795421564.05,"last_token_iteration":1795421564.36,"request_end":1795421564.37}}}],
 "errored":[{"prompt_tokens":64,"output_tokens":null,"info":{"error":"ReadTimeout: x","timings":{"request_start":1795421565.0,"request_end":1795421566.0}}}],
 "incomplete":[],"total":null}}]}`

func TestAGuideLLMReportWithRequestsIsComputedAnew(t *testing.T) {
	r := read(t, "r.json", completeD4)[0]
	if !r.Recomputed() || r.Format != "D4" || r.ToolVersion != "0.7.3" || r.Load.Kind != "constant" || r.Load.Value != 5 || r.Load.Cap != 0 {
		t.Fatalf("%+v", r)
	}
	figures{
		// From the intended send; the second request has none that can be used.
		"ttft_mean":      (0.0363486 + 0.05) / 2,
		"ttft_sent_mean": (0.0337656 + 0.05) / 2,
		"tpot_mean":      (0.0872547/31 + 0.31/31) / 2,
		"error_rate":     1.0 / 3, "request_throughput": 0.5, "output_throughput": 16,
	}.check(t, r)
	absent(t, r, "itl_mean", "no single gaps")
	absent(t, r, "tpot_p50", "2 requests, 11 needed") // 589 tokens are no samples
	for _, w := range []notice.Notice{
		notice.New("requests-lost", notice.Args{"n": notice.Count(1), "all": notice.Count(4)}),
		notice.New("clock-partly-from-send", notice.Args{"n": notice.Count(2)}),
		notice.New("too-many-failures", notice.Args{"n": notice.Count(1), "all": notice.Count(3)}),
	} {
		if all := slices.Concat(r.Warnings, r.Invalid); !slices.ContainsFunc(all, w.Equal) {
			t.Errorf("not told: %q in %q", w, all)
		}
	}
	if r.Requests["timeout"] != 1 || r.Requests["ok"] != 2 {
		t.Errorf("classes %v", r.Requests)
	}
}

// dstack's 16 req/s run of Llama-3.1-405B (dstackai/benchmarks 06c957ab,
// Apache-2.0): the totals and the first requests, typed anew. 379 of its 1000
// "completed" requests have no token; here one of three.
const detailedBench = `{"date": "20241109-150547", "backend": "vllm", "model_id": "meta-llama/Llama-3.1-405B-FP8", "best_of": 1, "num_prompts": 3,
"request_rate": 16.0, "duration": 2.0, "completed": 3, "total_input_tokens": 65, "total_output_tokens": 5, "request_throughput": 1.5,
"output_throughput": 2.5, "input_lens": [13, 25, 27], "output_lens": [4, 1, 0], "ttfts": [0.1538572160006879, 0.16731153300042934, 0.0],
"itls": [[0.06354788, 0.06281649, 0.10248184], [], []], "generated_texts": ["a","b",""], "errors": ["", "", ""],
"mean_ttft_ms": 107.05, "mean_tpot_ms": NaN}`

func TestBenchServeIsComputedFromItsRequests(t *testing.T) {
	r := read(t, "r.json", detailedBench)[0]
	if !r.Recomputed() || r.Timed || r.Load.Kind != "poisson" || r.Load.Value != 16 || r.Model != "meta-llama/Llama-3.1-405B-FP8" {
		t.Fatalf("%+v", r)
	}
	itl := (0.06354788 + 0.06281649 + 0.10248184) / 3
	figures{
		"ttft_mean": (0.1538572 + 0.1673115) / 2, // without the zero of the request that failed
		"tpot_mean": itl, "itl_mean": itl,
		"e2e_mean":           (0.1538572 + 3*itl + 0.1673115) / 2,
		"request_throughput": 1, "output_throughput": 2.5, "total_throughput": (5.0 + 38) / 2,
		"error_rate": 1.0 / 3,
	}.check(t, r)
	if r.Requests["empty"] != 1 {
		t.Errorf("classes %v", r.Requests)
	}
}

// A row of dstack's table of runs (as above) in the words of the tool.
func TestBenchServeSummaryKeepsToTheSampleFloors(t *testing.T) {
	text := `{"model_id":"m","num_prompts":1000,"request_rate":"inf","max_concurrency":64,"burstiness":1.0,"duration":258.2430993,"completed":500,"failed":2,
	"total_input_tokens":215196,"total_output_tokens":117108,"request_throughput":1.93616,"output_throughput":453.4797,
	"mean_ttft_ms":51664.51674,"median_ttft_ms":16362.83523,"p99_ttft_ms":177611.7093,"p99_itl_ms":127.1130283,"mean_itl_ms":37.96,"p99.9_itl_ms":130,"mean_tpot_ms":38.210691}`
	r := read(t, "r.json", text)[0]
	figures{
		"ttft_p50": 16.36283523, "ttft_mean": 51.66451674, "tpot_mean": 0.038210691, "itl_p99": 0.1271130283, "itl_p99.9": 0.13,
		"request_throughput": 500 / 258.2430993, "output_throughput": 117108 / 258.2430993,
	}.check(t, r)
	absent(t, r, "ttft_p99", "500 requests, 662 needed")
	absent(t, r, "ttft_p95", "not in the file")
	if r.Load.Kind != "concurrency" || r.Load.Value != 64 {
		t.Errorf("load %+v", r.Load)
	}
	if w := notice.New("requests-unaccounted", notice.Args{"n": notice.Count(498), "all": notice.Count(1000)}); !slices.ContainsFunc(r.Warnings, w.Equal) {
		t.Errorf("warnings %q", r.Warnings)
	}
}

// All requests failed: the tool writes means of 0 and exits with 0.
func TestZerosOfNothingAreNoMeasurement(t *testing.T) {
	r := read(t, "r.json", `{"model_id":"m","num_prompts":20,"request_rate":5,"duration":4.0,"completed":0,"failed":20,"request_throughput":0.0,"output_throughput":0.0,"mean_ttft_ms":0.0,"median_ttft_ms":0.0}`)[0]
	absent(t, r, "ttft_mean", "")
	absent(t, r, "ttft_p50", "")
	if r.Metrics["error_rate"] != 1 {
		t.Errorf("error rate %v", r.Metrics["error_rate"])
	}
}

func TestAppendedResultsAreSeveral(t *testing.T) {
	one := strings.ReplaceAll(detailedBench, "\n", " ")
	if out := read(t, "r.jsonl", one+"\n"+one+"\n"); len(out) != 2 || out[1].Place != "result 2" {
		t.Errorf("%d results", len(out))
	}
	if out := read(t, "r.json", "["+one+","+one+"]"); len(out) != 2 || out[1].Place != "[1]" {
		t.Errorf("%d results of a list", len(out))
	}
}
