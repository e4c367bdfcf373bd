// Package facts makes what a trial's record tells of its telemetry out of what
// was recorded beside it: energy a token, time throttled, cache use, and the
// server's own latencies. It judges nothing.
package facts

import (
	"math"
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// Trial is what the facts are about.
type Trial struct {
	// From and To bound the measured window.
	From, To time.Time
	// OutputTokens and Requests were received and completed inside it.
	OutputTokens, Requests float64
	// Load is all that the client sent; nil: not known.
	Load *Load
	// Owns tells the server's processes from others; nil: not known.
	Owns func(pid int) Ownership
	// Resident are processes that were on the GPUs before the server started.
	Resident []int
}

// Load is what the client sent after Began and until the recording ended, in
// whichever phase.
type Load struct {
	Began     time.Time
	Sent      int     // requests
	Completed int     // requests of those, successful
	Tokens    float64 // output tokens of the successful ones
}

// Ownership of a process by the server.
type Ownership int

// The answers.
const (
	Unknown Ownership = iota // the process cannot be looked up
	Ours
	Foreign
)

// Derive computes the facts of a recording.
func Derive(rec telemetry.Recorded, t Trial) *rundir.Telemetry {
	s := index(rec.Readings)
	out := &rundir.Telemetry{Sources: sources(rec), GPU: gpu(rec, s, t), Host: host(s, t)}
	if out.ServerAbsent = uncovered(rec.Scrapes, t.Load); out.ServerAbsent == "" {
		out.Server = server(rec, t)
	}
	return out
}

func sources(rec telemetry.Recorded) []rundir.TelemetrySource {
	var out []rundir.TelemetrySource
	for _, name := range []string{telemetry.SourceGPU, telemetry.SourceEngine, telemetry.SourceHost, telemetry.SourceClient} {
		c, ok := rec.Counts[name]
		if !ok {
			continue
		}
		s := rundir.TelemetrySource{Source: name, Reads: c.Reads, Failures: c.Failures, Gap: c.Gap.Seconds(), Error: c.LastError, Absent: c.Unusable}
		switch {
		case name == telemetry.SourceGPU:
			s.By = rec.GPUSource
		case name == telemetry.SourceEngine && len(rec.Scrapes) > 0:
			s.By = rec.Scrapes[0].Dialect
		}
		out = append(out, s)
	}
	return out
}

// key names one series of readings.
type key struct {
	source, metric string
	device         int
}

// point is one reading of a series.
type point struct {
	at time.Time
	v  float64
}

// series holds the readings by what they are of, each in order of time.
type series map[key][]point

func index(readings []telemetry.Reading) series {
	s := series{}
	for _, r := range readings {
		if r.Label == "" {
			k := key{r.Source, r.Metric, r.Device}
			s[k] = append(s[k], point{r.At, r.Value})
		}
	}
	return s
}

// inside cuts a series to a stretch of time.
func inside(ps []point, from, to time.Time) []point {
	i, _ := slices.BinarySearchFunc(ps, from, func(p point, t time.Time) int { return p.at.Compare(t) })
	j, exact := slices.BinarySearchFunc(ps, to, func(p point, t time.Time) int { return p.at.Compare(t) })
	if exact {
		j++
	}
	return ps[i:j]
}

// at interpolates a series linearly; false outside of it.
func at(ps []point, t time.Time) (float64, bool) {
	i, exact := slices.BinarySearchFunc(ps, t, func(p point, t time.Time) int { return p.at.Compare(t) })
	switch {
	case exact:
		return ps[i].v, true
	case i == 0 || i == len(ps):
		return 0, false
	}
	a, b := ps[i-1], ps[i]
	return a.v + (b.v-a.v)*t.Sub(a.at).Seconds()/b.at.Sub(a.at).Seconds(), true
}

// covered is the least part of a window that readings must span for a total
// over it; what they leave out at its ends is scaled up. A minute read five
// times a second leaves out less than a hundredth.
const covered = 0.75

// clamp cuts a window to where a series has readings. It returns by what a
// total over the rest is to be multiplied; false when too little is left.
func clamp(ps []point, from, to time.Time) (a, b time.Time, scale float64, ok bool) {
	if len(ps) < 2 {
		return from, to, 0, false
	}
	a, b = from, to
	if ps[0].at.After(a) {
		a = ps[0].at
	}
	if last := ps[len(ps)-1].at; last.Before(b) {
		b = last
	}
	all, part := to.Sub(from), b.Sub(a)
	if all <= 0 || part < time.Duration(covered*float64(all)) {
		return from, to, 0, false
	}
	return a, b, all.Seconds() / part.Seconds(), true
}

// growth is how much a counter grew between two times; false when it is not
// known there, or fell.
func growth(ps []point, from, to time.Time) (float64, bool) {
	from, to, scale, ok := clamp(ps, from, to)
	if !ok {
		return 0, false
	}
	a, _ := at(ps, from)
	b, _ := at(ps, to)
	return (b - a) * scale, b >= a
}

// whole is how much a counter grew over all of a series.
func whole(ps []point) (float64, bool) {
	if len(ps) < 2 {
		return 0, false
	}
	d := ps[len(ps)-1].v - ps[0].v
	return d, d >= 0
}

func values(ps []point) []float64 {
	out := make([]float64, len(ps))
	for i, p := range ps {
		out[i] = p.v
	}
	return out
}

// mean is the arithmetic mean; nil without values.
func mean(v []float64) *float64 {
	if len(v) == 0 {
		return nil
	}
	return new(stats.Mean(v))
}

func highest(v []float64) *float64 {
	if len(v) == 0 {
		return nil
	}
	return new(slices.Max(v))
}

func lowest(v []float64) *float64 {
	if len(v) == 0 {
		return nil
	}
	return new(slices.Min(v))
}

// ratio is a / b; nil where either is not known or b is zero.
func ratio(a *float64, b float64) *float64 {
	if a == nil || b <= 0 {
		return nil
	}
	return finite(*a / b)
}

// finite is a quotient, nil where it does not fit.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// spread is (p95 − p5) / median; nil for fewer than the 11 values that a
// median needs here as elsewhere.
func spread(v []float64) *float64 {
	if len(v) < stats.QuantileFloor(0.5) {
		return nil
	}
	v = slices.Sorted(slices.Values(v))
	median := stats.Quantile(v, 0.5)
	if median == 0 {
		return nil
	}
	return finite((stats.Quantile(v, 0.95) - stats.Quantile(v, 0.05)) / median)
}
