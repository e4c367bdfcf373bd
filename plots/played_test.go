package plots

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// played gives an input the records of a run that could have led to its
// findings: blocks of starts with their trials, histograms and telemetry. Like
// the findings of the fixtures they are invented.
func played(in Input) Input {
	began := time.Date(2026, 11, 23, 22, 10, 4, 0, time.UTC)
	now, order := began, 0
	failed := map[string]string{}
	for _, f := range in.Findings.Failures {
		failed[f.Label] = f.Class
	}
	for block := 1; block <= in.Plan.Blocks; block++ {
		for i := range in.Plan.Configurations {
			c := in.Plan.Configurations[(i*7+block)%len(in.Plan.Configurations)]
			s := rundir.Start{
				ID: fmt.Sprintf("s%02d-%s", len(in.Starts)+1, c.ID), Block: block, Configuration: c.ID, Label: c.Label, Purpose: matrix.PurposeMeasure,
				Began: now, Outcome: rundir.StartReady, Ready: time.Duration(80+len(c.Changed)*5+block) * time.Second, StopTook: 5 * time.Second, Cooldown: 20 * time.Second,
			}
			if class, ok := failed[c.Label]; ok {
				at := now.Add(41 * time.Second)
				s.Outcome, s.Ready = rundir.StartFailed, 0
				s.Diagnosis = &rundir.Diagnosis{Class: class, Cause: launcher.Quoted("CUDA out of memory"),
					Exit: &rundir.Exit{Code: 1, At: at}}
				now = at
			} else {
				for p, name := range []string{"launched", "loading", "compiling", "profiling", "graphs", "ready"} {
					s.Phases = append(s.Phases, rundir.Phase{Name: name, At: s.Ready * time.Duration(p*p) / 25})
				}
				now = now.Add(s.Ready)
				for _, cell := range in.Findings.Cells {
					if cell.Configuration != c.ID || len(cell.Estimates) == 0 {
						continue
					}
					order++
					t := rundir.Trial{
						ID: fmt.Sprintf("t%03d-%s", order, cell.ID), Cell: cell.ID, Configuration: c.ID, LoadPoint: cell.LoadPoint, Start: s.ID, Block: block, Order: order,
						Began: now, Ended: now.Add(75 * time.Second), Outcome: rundir.OutcomeOK, Window: 60, Metrics: map[string]float64{},
					}
					if order%37 == 0 {
						t.Outcome = rundir.OutcomeInvalid
					}
					for m, e := range cell.Estimates {
						t.Metrics[m] = rounded(e.Center * (1 + 0.011*math.Sin(float64(order)*1.7)))
					}
					in.Trials = append(in.Trials, t)
					now = t.Ended
				}
			}
			stopped := now.Add(s.StopTook)
			s.Stopped, s.Released = &stopped, true
			now = stopped.Add(s.Cooldown)
			in.Starts = append(in.Starts, s)
		}
	}
	in.Facts.Warmup = 10 * time.Second
	in.Latencies = func(trial string) (map[string]*hdrhistogram.Histogram, error) { return inventedLatencies(in, trial) }
	in.Traces = inventedTraces(began, now)
	return in
}

// inventedLatencies draws log-normal latencies about the trial's medians.
func inventedLatencies(in Input, trial string) (map[string]*hdrhistogram.Histogram, error) {
	h := fnv.New64()
	fmt.Fprint(h, trial)
	rng := rand.New(rand.NewPCG(h.Sum64(), 7))
	for _, t := range in.Trials {
		if t.ID != trial {
			continue
		}
		out := map[string]*hdrhistogram.Histogram{}
		for _, base := range []string{"ttft", "e2e", "itl"} {
			median := t.Metrics[map[string]string{"ttft": "ttft_p50", "e2e": "e2e_p50", "itl": "tpot_p50"}[base]]
			out[base] = hdrhistogram.New(1, 3600e6, 3)
			for range 400 {
				if err := out[base].RecordValue(int64(1e6*median*math.Exp(0.3*rng.NormFloat64())) + 1); err != nil {
					return nil, err
				}
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("no trial %s", trial)
}

func inventedTraces(began, ended time.Time) []Trace {
	series := func(name string, f func(s float64) float64) TraceSeries {
		out := TraceSeries{Name: name}
		for at := began; at.Before(ended); at = at.Add(5 * time.Second) {
			out.Times = append(out.Times, at)
			out.Values = append(out.Values, rounded(f(at.Sub(began).Seconds())))
		}
		out.Values[len(out.Values)/2] = math.NaN() // a sample that was lost
		return out
	}
	return []Trace{
		{Title: "GPU temperature", Unit: "°C", Series: []TraceSeries{
			series("GPU 0", func(s float64) float64 { return 52 + 12*math.Sin(s/230) }),
			series("GPU 1", func(s float64) float64 { return 50 + 12*math.Sin(s/230) }),
		}},
		{Title: "GPU power", Unit: "W", Series: []TraceSeries{series("", func(s float64) float64 { return 400 + 260*math.Sin(s/230) })}},
		{Title: "KV cache usage", Unit: "%", Series: []TraceSeries{series("", func(s float64) float64 { return 50 + 50*math.Sin(s/100) })}},
	}
}
