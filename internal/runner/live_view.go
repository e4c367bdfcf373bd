package runner

import (
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// Live is a glimpse of the load in progress and of what it runs on, for those
// who watch. It is no result.
type Live struct {
	Rate float64 // requests completed a second, over the last seconds
	// TTFT are the server's mean times to first token between its latest
	// readings, oldest first, in seconds; empty where the engine tells none.
	TTFT    []float64
	KVUsage float64 // 0..1
	Waiting float64 // requests in the server's queue
	// Temperature is the warmest GPU's in degrees Celsius, Power the sum in W; 0:
	// not known.
	Temperature, Power float64
}

// Sizes of what the live view remembers.
const (
	sparks   = 24              // readings of the TTFT
	rateOver = 5 * time.Second // the rate's window
)

// watch gathers the live view of one load.
type watch struct {
	completed []mark // ends of requests, for the rate
	last      telemetry.Engine
	ttft      []float64
}

type mark struct {
	at time.Duration
	n  int
}

// look updates the view.
func (w *watch) look(p loadgen.Progress, m *telemetry.Monitor) Live {
	if n := len(w.completed); n > 0 && p.Elapsed < w.completed[n-1].at {
		*w = watch{} // another load
	}
	w.completed = append(w.completed, mark{p.Elapsed, p.Completed})
	for len(w.completed) > 2 && p.Elapsed-w.completed[0].at > rateOver {
		w.completed = w.completed[1:]
	}
	l := Live{}
	if first := w.completed[0]; p.Elapsed > first.at {
		l.Rate = float64(p.Completed-first.n) / (p.Elapsed - first.at).Seconds()
	}
	e := m.LatestEngine()
	if e.At.After(w.last.At) {
		if d, ok := e.Histograms[telemetry.ServerTTFT].Since(w.last.Histograms[telemetry.ServerTTFT]); ok && !w.last.At.IsZero() {
			if mean, some := d.Mean(); some {
				w.ttft = append(w.ttft, mean)
				w.ttft = w.ttft[max(0, len(w.ttft)-sparks):]
			}
		}
		w.last = e
	}
	l.TTFT, l.KVUsage, l.Waiting = slices.Clone(w.ttft), e.Values[telemetry.KVCacheUsage], e.Values[telemetry.Waiting]
	l.Temperature, l.Power = hottest(m)
	return l
}

// hottest is the warmest GPU and the power of all; zero where they are not
// known or not read of late.
func hottest(m *telemetry.Monitor) (celsius, watts float64) {
	samples, at, err := m.LatestGPUs()
	if err != nil || time.Since(at) > staleSample {
		return 0, 0
	}
	for _, s := range samples {
		celsius = max(celsius, s.Values[telemetry.Temperature])
		watts += s.Values[telemetry.Power]
	}
	return celsius, watts
}
