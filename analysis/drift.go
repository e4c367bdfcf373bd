package analysis

import (
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/matrix"
)

// driftLevel is the chance of a false warning of drift in a run.
const driftLevel = 0.05

// driftMetrics are looked at for a trend: tails are too noisy for it.
func driftMetrics() []string {
	return []string{throughput, "ttft_p50", "tpot_p50", "e2e_p50"}
}

// drift is a linear trend of a log metric over the order of the trials.
type drift struct {
	metric string
	load   string
	point  string  // label of the load point
	change float64 // last trial / first trial - 1, by the trend inside blocks
	p      float64 // times the number of trends tested
	order  *orderTest
}

// drifts looks for a trend inside blocks at each load point and keeps the
// largest of each load and metric that is beyond the margin. Throughput at an offered
// rate is not looked at: it is the rate. All tests of the run share driftLevel.
func (a *analyser) drifts() []drift {
	var found []drift
	tests := 0
	for _, f := range a.families {
		point, _ := a.in.Plan.LoadPoint(f.point)
		if !slices.Contains(driftMetrics(), f.metric) || f.metric == throughput && offersRate(point) {
			continue
		}
		if change, p, order := f.trend(); order != nil {
			tests++
			found = append(found, drift{metric: f.metric, load: point.Load, point: point.Label, change: math.Expm1(change), p: p, order: order})
		}
	}
	worst := map[[2]string]drift{}
	for _, d := range found {
		d.p = math.Min(1, d.p*float64(tests))
		size, key := math.Abs(math.Log1p(d.change)), [2]string{d.load, d.metric}
		if d.p < driftLevel && size > a.margin && finite(d.change) && size > math.Abs(math.Log1p(worst[key].change)) && d.order.p() < driftLevel {
			worst[key] = d
		}
	}
	var out []drift
	for _, d := range found {
		key := [2]string{d.load, d.metric}
		if w, ok := worst[key]; ok && w.point == d.point {
			out = append(out, w)
		}
	}
	return out
}

// offersRate reports whether the load point sends at a rate of its own,
// whatever the server does. The ends of a sweep do not.
func offersRate(p matrix.LoadPoint) bool {
	return p.Kind.OpenLoop() || p.Kind == experiment.Sweep && p.Value > 0 && p.Value < 1
}

// trend returns the change of the log metric from the first to the last trial
// by the slope in y = cell + block + slope × order, with the p-value of its
// t-test and a test that does not need the t-test's assumptions, nil where there
// is no trend to test. Blocks differ by their seeds, so that only the order inside
// them tells time from prompts and arrivals. Cells that stand apart or are noisy
// are left out: a single one would make the trend.
func (f *family) trend() (change, p float64, order *orderTest) {
	if f.fit == nil {
		return 0, 0, nil
	}
	fit, apart := poolCells(f.obs, len(f.fit.n), len(f.fit.beta), true)
	var orders []observation
	var logs []float64 // residuals
	first, last := math.Inf(1), math.Inf(-1)
	i := 0
	for _, s := range f.cells {
		if s.arithmetic {
			continue
		}
		for _, v := range s.reps {
			o := f.obs[i]
			i++
			if apart[o.cell] {
				continue
			}
			logs = append(logs, fit.residual(o))
			orders = append(orders, observation{o.cell, o.block, v.order})
			first, last = math.Min(first, v.order), math.Max(last, v.order)
		}
	}
	order = newOrderTest(orders, logs, len(f.fit.n), len(f.fit.beta))
	sxx, sxy := order.moments(order.orders)
	df := fit.df - 1
	if df < 2 || sxx < 0.5 { // orders are whole: less is rounding, and order is confounded with cells
		return 0, 0, nil
	}
	slope := sxy / sxx
	change = slope * (last - first)
	variance := (order.syy - slope*sxy) / df
	switch {
	case variance >= tinyVariance:
		return change, twoSided(slope/math.Sqrt(variance/sxx), df), order
	case math.Abs(change) > 1e-9:
		return change, smallestP, order
	}
	return 0, 0, nil
}

// notice is what is to be said of the drift.
func (d drift) notice() notice.Notice {
	return notice.New("drift", notice.Args{
		"metric": notice.Text(metric.Short(d.metric)), "point": notice.Text(d.point), "change": notice.Ratio(1 + d.change),
		"p": notice.PValue(d.p),
	})
}
