package matrix

import (
	"math"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// tooFewRequests names the questions that no night of this plan can answer:
// a use case that needs a percentile for which the trials of its load are
// certain to have too few requests. Such a percentile is absent from every
// trial, so the use case would be refused in the morning.
func tooFewRequests(p *Plan, e *experiment.Experiment) []notice.Notice {
	var out []notice.Notice
	for _, u := range e.UseCases {
		most := mostRequests(p, e, u.Load)
		seen := map[string]bool{}
		for _, name := range asked(u, e.SLO) {
			m, err := metric.Parse(name)
			if err != nil || seen[name] || m.Base == "itl" { // itl has a sample per gap, not per request
				continue
			}
			seen[name] = true
			q, ok := metric.Quantile(m.Stat)
			if need := stats.QuantileFloor(q); ok && most < float64(need) {
				out = append(out, notice.New("use-case-unanswerable", notice.Args{
					"use_case": notice.Text(u.Name), "metric": notice.Text(name), "need": notice.Count(need),
					"load": notice.Text(u.Load), "most": notice.Count(int(math.Round(most))),
				}))
			}
		}
	}
	return out
}

// asked lists the metrics that decide a use case: its objective, its
// constraints, and those of slo that it does not limit itself.
func asked(u experiment.UseCase, slo []experiment.Constraint) []string {
	names := []string{u.Objective}
	own := map[string]bool{}
	for _, c := range u.SubjectTo {
		names = append(names, c.Metric)
		own[c.Metric] = true
	}
	for _, c := range slo {
		if !own[c.Metric] {
			names = append(names, c.Metric)
		}
	}
	return names
}

// mostRequests bounds the requests of one trial at any point of the load.
// Infinity where the server's speed decides.
func mostRequests(p *Plan, e *experiment.Experiment, load string) float64 {
	most := 0.0
	for _, l := range e.Loads {
		if l.Name != load {
			continue
		}
		for _, pt := range p.LoadPoints {
			if pt.Load == load {
				most = max(most, pointRequests(l, pt))
			}
		}
	}
	return most
}

func pointRequests(l experiment.Load, pt LoadPoint) float64 {
	n := math.Inf(1)
	if l.Requests > 0 {
		n = float64(l.Requests)
	}
	if l.Sessions != nil {
		return n // the answers decide how many turns there are
	}
	switch rate := meanRate(l, pt); {
	case pt.Kind == experiment.TraceReplay && l.Arrivals.Trace != nil:
		limit := l.Duration
		if limit == 0 {
			limit = math.MaxInt64
		}
		n = min(n, float64(l.Arrivals.Trace.Within(limit, pt.Value)))
	case l.Duration > 0 && pt.Kind.OpenLoop():
		expected := rate * l.Duration.Seconds()
		if pt.Kind != experiment.Constant {
			// The arrivals scatter; three standard deviations above the mean
			// hardly ever come. Those of a gamma process scatter by its burstiness.
			variance := expected
			if pt.Kind == experiment.Gamma && l.Arrivals.Burstiness > 0 {
				variance /= l.Arrivals.Burstiness
			}
			expected += 3 * math.Sqrt(variance)
		}
		n = min(n, expected)
	}
	return n
}

// meanRate is the mean rate of an open loop over its window, in req/s.
func meanRate(l experiment.Load, pt LoadPoint) float64 {
	if pt.Kind == experiment.Ramp {
		return (l.Arrivals.From + pt.Value) / 2
	}
	return pt.Value
}
