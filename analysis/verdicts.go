package analysis

import (
	"math"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// settle gives a ratio with an adjusted p-value its verdict. Equivalence comes
// first: a difference that is real but surely within the margin is of no
// practical use. Better and worse need the corrected p-value.
func (a *analyser) settle(r *Ratio, c difference, better metric.Direction, family int) {
	alpha := 1 - a.confidence
	if c.SE == 0 {
		return
	}
	switch {
	case c.Equivalence(a.margin) < alpha:
		r.Verdict = Equivalent
	case r.PAdjusted < alpha && (c.Value > 0) == (better == metric.Higher):
		r.Verdict = Better
	case r.PAdjusted < alpha:
		r.Verdict = Worse
	default:
		r.Reasons = a.undecided(*r, family)
	}
	if c.oneSeat {
		r.because(notice.New("launch-shared", nil))
	} else if r.Verdict == Undecided {
		r.MoreTrials = a.moreTrials(c)
	}
}

// undecided says why one test of a family decides nothing.
func (a *analyser) undecided(r Ratio, family int) []notice.Notice {
	if r.P < 1-a.confidence {
		return []notice.Notice{notice.New("significant-alone", notice.Args{"n": notice.Count(family)})}
	}
	return []notice.Notice{notice.New("interval-spans-one", nil)}
}

// moreTrials is how many further trials of each side a difference of the size
// seen, or of the margin when that is larger, needs to be found with a power of
// 80% before correction, see stats.Trials.
func (a *analyser) moreTrials(c difference) int {
	delta := math.Max(math.Abs(c.Value), a.margin)
	return max(1, int(math.Min(stats.Trials(c.sd, delta), 1e6))-c.n)
}

// compareWithBaseline fills the ratios of all cells to the baseline at the
// same load point. The comparisons of one metric in the whole run are one
// family for Holm's correction.
func (a *analyser) compareWithBaseline() {
	base := map[string]int{} // load point → baseline cell
	for i, c := range a.findings.Cells {
		if c.Baseline {
			base[c.LoadPoint] = i
		}
	}
	for _, m := range a.metrics {
		a.compareMetric(m, base)
	}
}

// claim is one ratio among those that are corrected together.
type claim struct {
	cell   int
	metric string
	r      Ratio
	d      difference
}

func (a *analyser) compareMetric(name string, base map[string]int) {
	var claims []claim
	for i, c := range a.findings.Cells {
		b, ok := base[c.LoadPoint]
		if !ok || c.Baseline {
			continue
		}
		sc, sb := a.series[seriesKey{i, name}], a.series[seriesKey{b, name}]
		if sc == nil || sb == nil {
			continue
		}
		d := compare(sc, sb)
		if r, ok := d.ratio(a.confidence); ok {
			claims = append(claims, claim{i, name, r, d})
		}
	}
	a.settleAll(claims)
	for _, cl := range claims {
		c := &a.findings.Cells[cl.cell]
		if c.Ratios == nil {
			c.Ratios = map[string]Ratio{}
		}
		c.Ratios[name] = cl.r
	}
}

// settleAll corrects the p-values of one family of claims, gives the verdicts
// and returns the number of tests.
func (a *analyser) settleAll(claims []claim) int {
	var tested []int
	var ps []float64
	for i, c := range claims {
		if c.r.P > 0 {
			tested, ps = append(tested, i), append(ps, c.r.P)
		}
	}
	named, exploring := stats.Holm(ps), stats.BenjaminiHochberg(ps)
	for i, at := range tested {
		c := &claims[at]
		c.r.PAdjusted, c.r.Q = named[i], exploring[i]
		dir, err := metric.Parse(c.metric)
		if err == nil {
			a.settle(&c.r, c.d, dir.Better, len(ps))
			a.respectFloor(&c.r, c.cell, c.metric)
		}
	}
	return len(ps)
}
