package analysis

import (
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/analysis/stats"
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
	trend  *stats.Trend
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
		if t, ok := f.trend(); ok {
			tests++
			found = append(found, drift{f.metric, point.Load, point.Label, math.Expm1(t.Change), t.P, t})
		}
	}
	worst := map[[2]string]drift{}
	for _, d := range found {
		d.p = math.Min(1, d.p*float64(tests))
		size, key := math.Abs(math.Log1p(d.change)), [2]string{d.load, d.metric}
		leads := size > a.margin && finite(d.change) && size > math.Abs(math.Log1p(worst[key].change))
		if d.p < driftLevel && leads && d.trend.Randomization() < driftLevel {
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

// trend is that of the family's logs over the order of the trials, false where
// there is none to test. Blocks differ by their seeds, so that only the order inside
// them tells time from prompts and arrivals.
func (f *family) trend() (*stats.Trend, bool) {
	if f.fit == nil {
		return nil, false
	}
	return stats.FitTrend(f.obs, f.orders, len(f.fit.N), len(f.fit.Effects))
}

// notice is what is to be said of the drift.
func (d drift) notice() notice.Notice {
	return notice.New("drift", notice.Args{
		"metric": notice.Text(metric.Short(d.metric)), "point": notice.Text(d.point), "change": notice.Ratio(1 + d.change),
		"p": notice.PValue(d.p),
	})
}
