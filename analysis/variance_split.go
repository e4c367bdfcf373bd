package analysis

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// VarianceSplit parts the spread of one metric into what differs between server
// starts and what differs between repeats on one start. It needs per_start > 1.
type VarianceSplit struct {
	Load   string  `json:"load"`
	Metric string  `json:"metric"`
	Start  float64 `json:"between_starts"` // standard deviations as shares
	Within float64 `json:"within_start"`
	Starts int     `json:"starts"`
	Trials int     `json:"trials"`
	// PerStart is the number of repeats on a start that gives the narrowest
	// intervals for the time: sqrt(time of a launch / time of a trial ×
	// within² / between²), at least 1. 0: the times are not known, or launches are not
	// seen to differ.
	PerStart int `json:"per_start,omitempty"`
	// LaunchTime is of a launch with its stop and cool-down. Times are means in
	// seconds; 0: not known.
	LaunchTime float64 `json:"launch_s,omitempty"`
	TrialTime  float64 `json:"trial_s,omitempty"`
}

// splits estimates the two components for the usual metrics of every load, over
// all its points: by the analysis of variance of repeats nested in starts.
func (a *analyser) splits() []VarianceSplit {
	var out []VarianceSplit
	for _, load := range a.loads() {
		for _, m := range driftMetrics() {
			if s, ok := a.split(load, m); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

func (a *analyser) split(load, name string) (VarianceSplit, bool) {
	out := VarianceSplit{Load: load, Metric: name}
	var inside, df, between, betweenDF, repeats, groups float64
	for _, f := range a.families {
		point, _ := a.in.Plan.LoadPoint(f.point)
		if f.metric != name || point.Load != load || f.fit == nil || f.fit.DF < 1 {
			continue
		}
		between, betweenDF = between+f.fit.MSE*f.fit.DF, betweenDF+f.fit.DF
		for _, s := range f.cells {
			if s.arithmetic || s.apart {
				continue
			}
			for _, r := range s.reps {
				n := float64(len(r.raw))
				repeats, groups = repeats+1/n, groups+1
				out.Starts++
				out.Trials += len(r.raw)
				for _, v := range r.raw {
					d := math.Log(v) - r.log
					inside += d * d
				}
				df += n - 1
			}
		}
	}
	if df < 2 || betweenDF < 2 || groups == 0 {
		return out, false
	}
	within := inside / df
	// The residual mean square of the starts' means is that of the starts plus
	// a share of the repeats'.
	start := math.Max(0, between/betweenDF-within*repeats/groups)
	out.Start, out.Within = math.Sqrt(start), math.Sqrt(within)
	out.advise(a.costs(load))
	return out, true
}

// costs are the mean times of a server start with its stop and cool-down, and of
// a trial of the load, in seconds; zero where unknown.
func (a *analyser) costs(load string) (start, trial float64) {
	var starts, trials []float64
	for _, s := range a.in.Starts {
		if s.Outcome == rundir.StartReady && s.Ready > 0 {
			starts = append(starts, (s.Ready + s.StopTook + s.Cooldown).Seconds())
		}
	}
	for i, c := range a.findings.Cells {
		for _, t := range a.trials[i] {
			if d := t.Ended.Sub(t.Began).Seconds(); c.Load == load && d > 0 {
				trials = append(trials, d)
			}
		}
	}
	if len(starts) == 0 || len(trials) == 0 {
		return 0, 0
	}
	return stat.Mean(starts, nil), stat.Mean(trials, nil)
}

// advise fills in where further trials are spent best.
func (s *VarianceSplit) advise(launch, trial float64) {
	if launch <= 0 || trial <= 0 {
		return
	}
	s.LaunchTime, s.TrialTime, s.PerStart = launch, trial, 0
	if s.Start >= 1e-9 {
		n := stats.Repeats(launch, trial, s.Start, s.Within)
		s.PerStart = int(math.Max(1, math.Min(100, math.Round(n))))
	}
}

// hasRepeats reports whether a start measured some cell more than once.
func (a *analyser) hasRepeats() bool {
	return slices.ContainsFunc(a.families, func(f *family) bool {
		return slices.ContainsFunc(f.cells, func(s *series) bool {
			return slices.ContainsFunc(s.reps, func(r replicate) bool { return len(r.raw) > 1 })
		})
	})
}
