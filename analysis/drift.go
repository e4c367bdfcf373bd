package analysis

import (
	"math"

	"github.com/vllm-sweep/sweep/internal/metric"
)

// driftP is the p-value below which a trend over the run order is reported.
const driftP = 0.01

// driftMetrics are looked at for a trend: tails are too noisy for it.
func driftMetrics() []string {
	return []string{throughput, "ttft_p50", "tpot_p50", "e2e_p50"}
}

// drift is a linear trend of a log metric over the order of the trials.
type drift struct {
	metric string
	point  string  // label of the load point
	change float64 // last trial / first trial - 1
	p      float64
}

// drifts looks for a linear trend in all cells of a load point together, the
// baseline in every block among them: y = cell + slope × order. It keeps the
// largest trend of each metric that is beyond the margin.
func (a *analyser) drifts() []drift {
	var out []drift
	for _, m := range driftMetrics() {
		var worst drift
		for _, f := range a.families {
			if f.metric != m {
				continue
			}
			change, p, ok := trend(f.cells)
			if ok && p < driftP && math.Abs(change) > a.margin && math.Abs(change) > math.Abs(math.Log1p(worst.change)) {
				point, _ := a.in.Plan.LoadPoint(f.point)
				worst = drift{metric: m, point: point.Label, change: math.Expm1(change), p: p}
			}
		}
		if worst.metric != "" && finite(worst.change) {
			out = append(out, worst)
		}
	}
	return out
}

// trend returns the change of the log metric from the first to the last order
// number by the common slope of the cells, with the p-value of its t-test.
func trend(cells []*series) (change, p float64, ok bool) {
	var sxx, sxy, syy float64
	n, groups := 0, 0
	first, last := math.Inf(1), math.Inf(-1)
	for _, s := range cells {
		if s.arithmetic || len(s.logs) < 2 {
			continue
		}
		var mx, my float64
		for i, v := range s.values {
			mx += float64(v.Order) / float64(len(s.values))
			my += s.logs[i] / float64(len(s.values))
		}
		for i, v := range s.values {
			dx, dy := float64(v.Order)-mx, s.logs[i]-my
			sxx, sxy, syy = sxx+dx*dx, sxy+dx*dy, syy+dy*dy
			first, last = math.Min(first, float64(v.Order)), math.Max(last, float64(v.Order))
		}
		n, groups = n+len(s.values), groups+1
	}
	df := float64(n - groups - 1)
	if df < 2 || sxx == 0 {
		return 0, 0, false
	}
	slope := sxy / sxx
	variance := (syy - slope*sxy) / df
	change = slope * (last - first)
	if variance < tinyVariance {
		return change, smallestP, change != 0
	}
	return change, twoSided(slope/math.Sqrt(variance/sxx), df), true
}

// String is the drift in one sentence.
func (d drift) String() string {
	return metric.Title(d.metric) + " at " + d.point + " changed by " + percent(d.change) +
		" from the first to the last trial (linear trend over the run order, " + formatP(d.p) + ")"
}
