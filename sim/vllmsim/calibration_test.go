package vllmsim

import (
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
)

// sharedData is the folder of public measurements, which is not part of the
// repository; without it the comparisons are skipped.
func sharedData(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SWEEP_SHARED_DATA")
	if dir == "" {
		t.Skip("SWEEP_SHARED_DATA is not set")
	}
	return dir
}

// readCSV returns the rows of a file as maps by column name.
func readCSV(t *testing.T, path string) []map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = r[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// quiet are the flags of a start without noise.
func quiet(args ...string) []string {
	return append(args, "--sim-start-noise", "0", "--sim-step-noise", "0", "--sim-gpus", "8")
}

// means returns the mean TTFT and TPOT of a run, in seconds.
func means(r *Result) (ttft, tpot float64) {
	n := float64(len(r.Timings))
	for _, t := range r.Timings {
		ttft += t.TTFT() / n
		tpot += t.TPOT() / n
	}
	return ttft, tpot
}

// deviations collects relative errors.
type deviations []float64

func (d *deviations) add(simulated, measured float64) float64 {
	e := simulated/measured - 1
	*d = append(*d, math.Abs(e))
	return 100 * e
}

func (d deviations) quantile(p float64) float64 {
	sorted := slices.Sorted(slices.Values(d))
	return 100 * sorted[int(p*float64(len(sorted)-1))]
}

// TestInferenceRuns compares closed-loop runs with those of vLLM on H100 and
// H200 that the aiconfigurator project published.
func TestInferenceRuns(t *testing.T) {
	path := filepath.Join(sharedData(t), "calibration", "inferencex_vllm_runs.csv")
	models := map[string][]string{
		"Qwen/Qwen3-32B":           {"Qwen/Qwen3-32B", "--sim-version", "0.12.0"},
		"meta-llama/Llama-3.1-70B": {"RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "--sim-version", "0.16.0"},
	}
	gpus := map[string]string{"h100_sxm": "H100", "h200_sxm": "H200"}
	all := map[string]*[2]deviations{}
	for _, row := range readCSV(t, path) {
		base, gpu := models[row["model_path"]], gpus[row["system"]]
		if base == nil || gpu == "" {
			continue
		}
		prompt, output, conc := int(number(t, row["isl"])), int(number(t, row["osl"])), int(number(t, row["conc"]))
		args := quiet(append(slices.Clone(base), "--sim-gpu", gpu, "--tensor-parallel-size", row["tp_size"], "--max-model-len", strconv.Itoa(prompt+output+64))...)
		load := make([]Arrival, 10*conc)
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range load {
			load[i] = Arrival{Prompt: prompt, Output: output}
			if row["precision"] != "" { // InferenceX draws lengths with --random-range-ratio 0.8
				load[i] = Arrival{Prompt: prompt - rng.IntN(prompt/5), Output: output - rng.IntN(output/5)}
			}
		}
		r, err := Simulate(args, load, conc)
		if err != nil {
			t.Errorf("%s: %v", strings.Join(args, " "), err)
			continue
		}
		ttft, tpot := means(r)
		wantTTFT, wantTPOT := number(t, row["silicon_ttft_ms"])/1e3, number(t, row["silicon_tpot_ms"])/1e3
		key := row["model_path"] + " " + gpu
		if all[key] == nil {
			all[key] = &[2]deviations{}
		}
		t.Logf("%s tp %s %d/%d c %3d: TTFT %6.0f ms of %6.0f (%+4.0f %%), TPOT %5.1f ms of %5.1f (%+4.0f %%)", key, row["tp_size"], prompt, output, conc,
			ttft*1e3, wantTTFT*1e3, all[key][0].add(ttft, wantTTFT), tpot*1e3, wantTPOT*1e3, all[key][1].add(tpot, wantTPOT))
	}
	for key, d := range all {
		t.Logf("%s, %d runs: median error TTFT %.0f %%, TPOT %.0f %% (90th percentile %.0f %%, %.0f %%)", key, len(d[0]), d[0].quantile(0.5), d[1].quantile(0.5), d[0].quantile(0.9), d[1].quantile(0.9))
		if d[1].quantile(0.5) > 10 {
			t.Errorf("%s: median TPOT error above 10 %%", key)
		}
		// How the lengths of the Qwen runs were drawn is not known, and in closed
		// loop the TTFT hangs on it: equal lengths keep the clients in step.
		if strings.Contains(key, "Llama") && d[0].quantile(0.5) > 25 {
			t.Errorf("%s: median TTFT error above 25 %%", key)
		}
	}
}

// TestOpenLoopRuns compares open-loop runs of Llama-8B on an H100 with three
// sets of flags (inference-perf, KubeCon 2025; vLLM 0.11).
func TestOpenLoopRuns(t *testing.T) {
	path := filepath.Join(sharedData(t), "sweeps", "inference-perf-kubecon2025", "flat.csv")
	base := []string{"meta-llama/Llama-3.1-8B-Instruct", "--sim-version", "0.11.0", "--max-model-len", "512", "--max-num-batched-tokens", "8192"}
	flags := map[string][]string{
		"vllm":                             {"--max-num-seqs", "128", "--no-enable-prefix-caching"},
		"vllm+batch_size":                  {"--max-num-seqs", "192", "--no-enable-prefix-caching"},
		"vllm+chunking_and_prefix_caching": {"--max-num-seqs", "128"},
	}
	var d deviations
	for _, row := range readCSV(t, path) {
		extra := flags[row["config"]]
		if extra == nil {
			continue
		}
		rate := number(t, row["achieved_rate"])
		var load []Arrival
		for at := 0.0; at < 60; at += 1 / rate {
			who := uint64(len(load) % 100)
			load = append(load, Arrival{At: at, Prompt: 204, Output: 63, Group: who, Shared: 204})
		}
		r, err := Simulate(quiet(append(slices.Clone(base), extra...)...), load, 0)
		if err != nil {
			t.Fatal(err)
		}
		ttft, tpot := means(r)
		want := number(t, row["tpot_corrected_s"])
		t.Logf("%-33s %5.1f req/s: TTFT %5.0f ms of %5.0f, TPOT %4.1f ms of %4.1f (%+4.0f %%)", row["config"], rate, ttft*1e3, number(t, row["ttft_mean_s"])*1e3, tpot*1e3, want*1e3, d.add(tpot, want))
	}
	t.Logf("%d runs: median error of TPOT %.0f %%, 90th percentile %.0f %%", len(d), d.quantile(0.5), d.quantile(0.9))
	if d.quantile(0.5) > 10 {
		t.Error("median TPOT error above 10 %")
	}
}

// TestMemoryPlan compares the memory plan with llm-d-planner's measurements
// on an H100 (vLLM 0.11, block size 128, utilisation 0.9, length 16000).
func TestMemoryPlan(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(sharedData(t), "calibration", "llm-d-planner-memory", "empirical-vllm-memory-results.md"))
	if err != nil {
		t.Fatal(err)
	}
	models := map[string]string{
		"Llama-3.3-70B-FP8": "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "Llama-3.1-8B": "meta-llama/Llama-3.1-8B-Instruct",
		"Qwen3-0.6B": "Qwen/Qwen3-0.6B", "Qwen3-32B": "Qwen/Qwen3-32B",
	}
	compared := 0
	for _, line := range strings.Split(string(text), "\n") {
		var cells []string
		for _, cell := range strings.Split(line, "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		if len(cells) < 10 || models[cells[1]] == "" {
			continue
		}
		compared++
		args := quiet(models[cells[1]], "--sim-version", "0.11.0", "--block-size", "128", "--max-model-len", cells[9],
			"--gpu-memory-utilization", cells[8], "--tensor-parallel-size", cells[7])
		r, err := Simulate(args, nil, 0)
		if err != nil {
			t.Errorf("%s: %v", cells[1], err)
			continue
		}
		for _, x := range []struct {
			name      string
			simulated float64
			measured  string
		}{
			{"weights", r.Memory.Weights, cells[2]}, {"activation", r.Memory.Activation, cells[3]},
			{"KV cache", r.Memory.Available, cells[6]},
		} {
			got, want := x.simulated/catalog.GiB, number(t, x.measured)
			t.Logf("%s TP %s: %s %.2f GiB of %.2f", cells[1], cells[7], x.name, got, want)
			if math.Abs(got-want) > 0.05*want {
				t.Errorf("%s TP %s: %s %.2f GiB, measured %.2f: more than 5 %% apart", cells[1], cells[7], x.name, got, want)
			}
		}
	}
	if compared != 5 {
		t.Errorf("compared %d rows, want 5", compared)
	}
}
