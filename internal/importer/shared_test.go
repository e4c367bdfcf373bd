package importer

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// shared is the folder of real files that this project keeps outside of its
// repository.
func shared(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SWEEP_SHARED_DATA")
	if dir == "" {
		t.Skip("SWEEP_SHARED_DATA is not set")
	}
	return dir
}

// notResults are files that stand beside results and hold none.
func notResults(path string) bool {
	base := filepath.Base(path)
	return base == "manifests.yaml" || base == "config.yaml" || strings.HasSuffix(base, "legend.json") || strings.HasSuffix(base, "prometheus_metrics.json")
}

func TestEveryRealFileIsImported(t *testing.T) {
	dir := shared(t)
	files := 0
	for _, sub := range []string{"guidellm", "bench-serve", "sweeps"} {
		err := filepath.WalkDir(filepath.Join(dir, sub), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			results, _, err := Read(path, Options{})
			if notResults(path) {
				if err == nil {
					t.Errorf("%s: %d results where there are none", path, len(results))
				}
				return nil
			}
			files++
			if err != nil {
				t.Errorf("%v", err)
				return nil
			}
			for _, r := range results {
				if len(r.Metrics) == 0 && len(r.Invalid) == 0 {
					t.Errorf("%s %s: no metric", path, r.Place)
				}
				for name, v := range r.Metrics {
					if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
						t.Errorf("%s %s: %s = %v", path, r.Place, name, v)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 60 {
		t.Errorf("only %d files with results were found", files)
	}
}

// The flaws that data/README.md names, and more, are told.
func TestKnownFlawsAreTold(t *testing.T) {
	dir := shared(t)
	for path, want := range map[string]map[notice.Code]string{ // with words of the text
		"sweeps/inference-perf-kubecon2025/vllm/stage_1_lifecycle_metrics.json": {
			"tpot-contradicts": "a time per output token of 4 ms", "tpot-client-server": "4 ms by the client and 8.5 ms by the server",
		},
		"sweeps/inference-perf-kubecon2025/vllm/stage_4_lifecycle_metrics.json": {"rate-not-sent": "sent 106 req/s instead of 123 req/s"},
		"sweeps/dstack-8xh100-llama405b/throughput_output.csv": {
			"impossibly-fast": "per output token", "tokens-contradict": "563,200 tokens, but its requests and their lengths give 417,920",
		},
		"sweeps/dstack-8xh100-llama405b/output.csv":                             {"column-unnamed": "Column 13", "rate-not-served": "the queue grew"},
		"sweeps/dstack-8xh100-llama405b/latency_output.csv":                     {"rows-ragged": "line 7"},
		"bench-serve/dstack_llama405b_16qps_save-detailed.json.gz":              {"too-many-failures": "379 of 1,000 requests", "start-times-missing": ""},
		"guidellm/d4_constant5_complete.json":                                   {"requests-lost": "1 of 20 requests"},
		"guidellm/rsevilla87_benchmarks.json":                                   {"requests-cut-off": "23 of 609 requests"},
		"guidellm/guidellm_benchmarks_stripped.json":                            {"requests-stripped": "1 of 46 requests"},
		"sweeps/inference-perf-kubecon2025/vllm/summary_lifecycle_metrics.json": {"tpot-contradicts": ""},
	} {
		results, _, err := Read(filepath.Join(dir, path), Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		var all []notice.Notice
		for _, r := range results {
			all = slices.Concat(all, r.Invalid, r.Warnings)
		}
		for code, words := range want {
			if !slices.ContainsFunc(all, func(n notice.Notice) bool { return n.Code == code && strings.Contains(n.Text(), words) }) {
				t.Errorf("%s: no %s with %q; said:\n%s", path, code, words, strings.Join(notice.Texts(all), "\n"))
			}
		}
	}
}

func TestTheSameMeasurementInTwoTablesIsTakenOnce(t *testing.T) {
	dir := filepath.Join(shared(t), "sweeps/dstack-8xh100-llama405b")
	im, err := Begin(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	for _, f := range []string{"qps_output.csv", "output.csv"} {
		if err := im.Add(filepath.Join(dir, f), "", Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(im.Results()); n != 39 {
		t.Errorf("%d results, want 39", n)
	}
	path, err := im.Write("dstack", "test", time.Now(), Declared{Baseline: "num-scheduler-step=1 enable-chunked-prefill=true max-num-batched-tokens=512 max-num-seqs=512 max-seq-len-to-capture=8192", GPUs: 8})
	if err != nil {
		t.Fatal(err)
	}
	text := "max-num-batched-tokens=1024 max-num-seqs=1024 changes several flags at once: max-num-batched-tokens and max-num-seqs."
	if !slices.ContainsFunc(im.Warnings, func(w notice.Notice) bool { return w.Code == "several-changes" && strings.HasSuffix(w.Text(), text) }) {
		t.Errorf("the row that changes two flags is not told: %v", im.Warnings)
	}
	conflicts := 0
	for _, r := range im.Results() {
		if slices.ContainsFunc(r.Warnings, func(w notice.Notice) bool {
			return w.Code == "files-contradict" && strings.Contains(w.Text(), "num-scheduler-step=0 instead of num-scheduler-step=1")
		}) {
			conflicts++
		}
	}
	if conflicts != 21 {
		t.Errorf("%d rows are told to contradict the other table, want 21", conflicts)
	}
	run, err := rundir.Read(path)
	if err != nil || len(run.Trials) != 39 || len(run.Plan.Configurations) != 13 || !run.Finished() {
		t.Errorf("%d trials, %d configurations, finished %v, %v", len(run.Trials), len(run.Plan.Configurations), run.Finished(), err)
	}
}

func TestOneFolderOfManyFilesIsOneRun(t *testing.T) {
	dir := filepath.Join(shared(t), "sweeps/inference-perf-kubecon2025")
	results, skipped, err := Read(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]int{}
	for _, r := range results {
		labels[r.Label]++
		if r.Image == "" || r.GPUs != 1 || r.GPU != "nvidia-h100-80gb" || r.Model != "meta-llama/Llama-3.1-8B-Instruct" || r.Load.Kind != "constant" {
			t.Errorf("%s: what its manifest and configuration say was not taken: %+v", r.File, r.Load)
		}
	}
	if len(results) != 42 || len(labels) != 6 {
		t.Errorf("%d results of %v, want 42 of 6 configurations; skipped %v", len(results), labels, skipped)
	}
}

// The rules of reading GuideLLM, each on a real file.
func TestRulesOnRealReports(t *testing.T) {
	dir := filepath.Join(shared(t), "guidellm")
	one := func(file string) Result {
		t.Helper()
		out, _, err := Read(filepath.Join(dir, file), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	near := func(what string, got, want, tolerance float64) {
		t.Helper()
		if math.Abs(got-want) > tolerance*want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	// Stripped lists: the summary is taken; p50 is missing and the median stands in.
	// JSON and YAML are the same report.
	a, b := one("guidellm_benchmarks_stripped.json"), one("guidellm_benchmarks_stripped.yaml")
	near("median of a report without p50", a.Metrics["e2e_p50"], 0.6424565, 1e-6)
	near("throughput by count and window, not the mean of rates", a.Metrics["request_throughput"], 46/29.9972014, 1e-6)
	if a.Recomputed() || len(a.Metrics) != len(b.Metrics) {
		t.Errorf("JSON has %d metrics, YAML %d", len(a.Metrics), len(b.Metrics))
	}
	for name, v := range a.Metrics {
		near(name+" in YAML", b.Metrics[name], v, 1e-9)
	}
	// Complete reports: what is computed from the requests is what the tool says
	// of the successful ones, in our units: latency in seconds, the rest in
	// milliseconds; its inter-token latency is our tpot.
	near("latency", one("rsevilla87_benchmarks.json").Metrics["e2e_sent_mean"], 2.3300955913986363, 1e-3)
	near("tpot", one("rsevilla87_benchmarks.json").Metrics["tpot_mean"], 0.010423929083, 1e-3)
	near("latency", one("vllm-playground_benchmarks.json").Metrics["e2e_sent_mean"], 16.43162515163422, 1e-3)
	near("tpot", one("vllm-playground_benchmarks.json").Metrics["tpot_mean"], 0.12726828714, 1e-3)
	// A peak of 18157 req/s at 5 req/s stands in that file as the maximum of its rate.
	near("throughput", one("vllm-playground_benchmarks.json").Metrics["request_throughput"], 10/16.776387691497803, 1e-3)
	// 589 tokens are counted as samples of the inter-token latency of 19 requests.
	d4 := one("d4_constant5_complete.json")
	near("tpot", d4.Metrics["tpot_mean"], 0.0035629543667, 1e-2)
	absent(t, d4, "tpot_p75", "19 requests, 24 needed")
	if d4.Clock != ClockIntended || d4.Metrics["ttft_mean"] <= d4.Metrics["ttft_sent_mean"] {
		t.Errorf("intended sends of a report that has them were not used: %v, %v", d4.Metrics["ttft_mean"], d4.Metrics["ttft_sent_mean"])
	}
	// Lists are empty while counts are not.
	if r := one("llm-d_guidellm_report_v2.json"); r.Recomputed() || r.Metrics["ttft_mean"] <= 0 || r.Format != "D4" {
		t.Errorf("%+v", r)
	}
}
