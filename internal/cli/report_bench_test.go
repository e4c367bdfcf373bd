package cli

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

const largeExperiment = `version: 1
name: large
server:
  model: Qwen/Qwen2.5-3B-Instruct
  flags: {max-num-seqs: 256, gpu-memory-utilization: 0.90, max-num-batched-tokens: 8192}
  simulated: {gpu: H100}
matrix:
  strategy: grid
  parameters:
    max-num-seqs: [256, 32, 64, 128, 512]
    gpu-memory-utilization: [0.90, 0.80, 0.95]
    max-num-batched-tokens: [8192, 2048, 4096, 16384, 32768]
loads:
  chat: {prompt_tokens: 100, output_tokens: 100, arrivals: {concurrency: [4, 16, 64, 256]}, duration: 60s}
trials: {repeat: 5, warmup: 15s, seed: 1}
slo: {ttft_p95: 2s}
use_cases:
  throughput: {maximize: output_throughput, load: chat}
  latency: {minimize: ttft_p95, load: chat, subject_to: {request_throughput: 10}}
`

// largeRun is a run of 300 cells with 5 trials each, of invented numbers, with
// a histogram file for every trial.
func largeRun(tb testing.TB) *results {
	tb.Helper()
	e, diags := experiment.Parse("large.yaml", []byte(largeExperiment))
	if e == nil {
		tb.Fatal(diags)
	}
	plan, err := matrix.New(e)
	if err != nil {
		tb.Fatal(err)
	}
	run := &rundir.Run{Path: tb.TempDir(), Plan: plan, Experiment: []byte(largeExperiment)}
	run.Provenance = rundir.Provenance{RunID: "large-1", Began: time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC), Simulated: true, ExperimentFile: "large.yaml"}
	rng := rand.New(rand.NewPCG(1, 2))
	now := run.Provenance.Began
	for _, s := range plan.Starts {
		c, _ := plan.Configuration(s.Configuration)
		stop := now.Add(6 * time.Minute)
		run.Starts = append(run.Starts, rundir.Start{
			Format: 1, ID: s.ID, Block: s.Block, Configuration: c.ID, Label: c.Label, Purpose: s.Purpose, Flags: c.Flags, Outcome: rundir.StartReady,
			Began: now, Ready: time.Minute, Stopped: &stop, StopTook: 5 * time.Second, Released: true, Cooldown: 20 * time.Second,
		})
		for i, t := range s.Trials {
			cell, _ := plan.Cell(t.Cell)
			lp, _ := plan.LoadPoint(cell.LoadPoint)
			trial := rundir.Trial{
				Format: 1, ID: t.ID, Cell: t.Cell, Configuration: c.ID, LoadPoint: lp.ID, Start: s.ID, Block: t.Block, Seed: t.Seed, Order: len(run.Trials) + 1,
				Began: now.Add(time.Minute + time.Duration(i)*75*time.Second), Outcome: rundir.OutcomeOK, Window: 60, Metrics: inventedMetrics(rng, c, lp),
			}
			trial.Ended = trial.Began.Add(75 * time.Second)
			run.Trials = append(run.Trials, trial)
			writeHistograms(tb, filepath.Join(run.Path, "trials", t.ID), trial.Metrics["ttft_p50"], rng)
		}
		now = stop.Add(25 * time.Second)
	}
	f, err := analysis.Analyze(analysisInput(run))
	if err != nil {
		tb.Fatal(err)
	}
	return &results{run: run, findings: f}
}

// inventedMetrics has a value for every latency and rate: as many columns as a
// run with long windows yields.
func inventedMetrics(rng *rand.Rand, c matrix.Configuration, lp matrix.LoadPoint) map[string]float64 {
	capacity := 1000.0
	for _, f := range c.Flags {
		capacity += float64(len(f.Value)*37%11) * 60
	}
	busy := lp.Value * 20 / capacity
	out := map[string]float64{}
	for i, name := range metric.Names() {
		m, _ := metric.Parse(name)
		v := 0.02 * (1 + busy) * (1 + float64(i%8)/8)
		if m.Better == metric.Higher {
			v = capacity * busy / (1 + busy)
		}
		out[name] = v * math.Exp(0.02*rng.NormFloat64())
	}
	out["error_rate"] = 0
	return out
}

func writeHistograms(tb testing.TB, dir string, median float64, rng *rand.Rand) {
	tb.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	r := &loadgen.Result{WindowEnd: time.Minute, End: time.Minute}
	for i := range 300 {
		first := time.Duration(1e9 * median * math.Exp(0.3*rng.NormFloat64()))
		r.Requests = append(r.Requests, loadgen.Request{
			ID: i, Phase: loadgen.PhaseWindow, Class: loadgen.ClassOK, First: first, Last: 2 * first, End: 2 * first, Chunks: 2, OutputTokens: 2, Gaps: []uint32{uint32(first / time.Microsecond)},
		})
	}
	// Not atomicfile: 1500 files, of which none has to outlive a power failure.
	f, err := os.Create(filepath.Join(dir, "latency.hlog"))
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(loadgen.WriteHistograms(f, r), f.Close()); err != nil {
		tb.Fatal(err)
	}
}

// The page of 300 cells stays under 3 MB.
func TestLargeReport(t *testing.T) {
	if testing.Short() {
		t.Skip("draws all figures of 300 cells")
	}
	r := largeRun(t)
	if err := r.writeReport(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(rundir.ReportPage(r.run.Path))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("index.html of 300 cells with 5 trials: %.2f MB", float64(info.Size())/1e6)
	if info.Size() > 3e6 {
		t.Errorf("index.html has %d bytes, want at most 3,000,000", info.Size())
	}
}

// BenchmarkReport300Cells draws all figures, light and dark, and writes the
// report of 300 cells with 5 trials each.
func BenchmarkReport300Cells(b *testing.B) {
	r := largeRun(b)
	for b.Loop() {
		if err := r.writeReport(b.Context(), true); err != nil {
			b.Fatal(err)
		}
	}
}
