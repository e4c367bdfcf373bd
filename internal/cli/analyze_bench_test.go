package cli

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

const big = `
version: 1
name: big
server:
  model: meta-llama/Llama-3.1-8B-Instruct
  flags: {max-num-seqs: 256, max-num-batched-tokens: 2048, gpu-memory-utilization: 0.9}
  simulated: {}
matrix:
  strategy: grid
  parameters:
    max-num-seqs: [64, 128, 256, 512]
    max-num-batched-tokens: [2048, 4096, 8192, 16384, 32768]
    gpu-memory-utilization: [0.8, 0.9]
loads:
  chat: {prompt_tokens: 100, output_tokens: 100, arrivals: {concurrency: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]}, requests: 5000}
trials: {repeat: 5}
slo: {ttft_p95: 500ms}
use_cases:
  throughput: {maximize: output_throughput, load: chat, subject_to: {e2e_p95: 10s}}
  latency: {minimize: ttft_p95, load: chat, subject_to: {request_throughput: ">= 4"}}
`

// BenchmarkAnalyze reads and analyses a run of 2,000 trials (40 configurations
// at 10 load points in 5 blocks, every metric recorded) of 5,000 requests each:
// ten million. The requests themselves are summarised when a trial ends; the
// analysis reads the records of the trials. heap-MB is the largest heap seen.
func BenchmarkAnalyze(b *testing.B) {
	path := bigRun(b)
	b.ResetTimer()
	var most uint64
	for b.Loop() {
		runtime.GC()
		r, err := readResults(path)
		if err != nil {
			b.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapSys)
		if n := len(r.findings.Cells); n != 400 || len(r.run.Trials) != 2000 {
			b.Fatalf("%d cells, %d trials", n, len(r.run.Trials))
		}
	}
	b.ReportMetric(float64(most)/1e6, "heap-MB")
}

func bigRun(b *testing.B) string {
	e, ds := experiment.Parse("big.yaml", []byte(big))
	if ds.HasErrors() {
		b.Fatal(ds)
	}
	p, err := matrix.New(e)
	if err != nil {
		b.Fatal(err)
	}
	d, err := rundir.Create(b.TempDir(), "big", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if err := d.Init(e.Raw, p, rundir.Provenance{RunID: d.RunID()}); err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	order := 0
	for _, s := range p.Starts {
		for _, t := range s.Trials {
			order++
			cell, _ := p.Cell(t.Cell)
			rec := rundir.Trial{
				ID: t.ID, Cell: t.Cell, Configuration: cell.Configuration, LoadPoint: cell.LoadPoint, Start: s.ID, Block: t.Block,
				Order: order, Seed: t.Seed, Outcome: rundir.OutcomeOK, Requests: map[string]int{"ok": 5000}, Metrics: map[string]float64{},
			}
			for i, m := range metric.Names() {
				rec.Metrics[m] = .1 * (1 + .02*float64(i)) * (1 + .02*rng.NormFloat64())
			}
			if err := d.WriteTrial(rec); err != nil {
				b.Fatal(fmt.Errorf("%s: %w", filepath.Base(d.Path), err))
			}
		}
	}
	return d.Path
}
