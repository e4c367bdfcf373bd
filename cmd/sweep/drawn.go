package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/plots"
)

// warmup is the warm-up of each trial, 0 when the experiment cannot be read.
func (r *results) warmup() time.Duration {
	if e := r.experiment(); e != nil {
		return e.Trials.Warmup
	}
	return 0
}

// latencies reads the histograms of one trial.
func (r *results) latencies(trial string) (map[string]*hdrhistogram.Histogram, error) {
	f, err := os.Open(filepath.Join(r.run.Path, "trials", trial, "latency.hlog"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return loadgen.ReadHistograms(f)
}

// traces is the telemetry of the run.
func (r *results) traces() []plots.Trace { return nil }
