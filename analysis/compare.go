package analysis

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/power"
)

// difference of two series on the log scale.
type difference struct {
	d       float64 // log of the ratio of the centers; 0 when !valid
	valid   bool    // d means something
	se, df  float64 // 0: no test, and reasons say why
	sd      float64 // of one trial, for planning
	n       int     // trials of the smaller series
	oneSeat bool    // repeats within a start on either side
	unlike  bool    // the lengths differ: d is the ratio of two different loads, and reasons say so
	reasons []notice.Notice
}

// compare returns the log ratio of a to b. At one load point the block model
// pairs the blocks that both have, with the variance of all cells, or of the
// pair alone where one of them stands apart. Without it each side brings its
// own variance (Welch).
func compare(a, b *series) difference {
	c := difference{n: min(len(a.reps), len(b.reps)), oneSeat: a.withinStart || b.withinStart}
	if why := unlikeSeries(a, b); len(why) > 0 {
		if ca, cb := a.estimate(DefaultConfidence).Center, b.estimate(DefaultConfidence).Center; ca > 0 && cb > 0 {
			c.d, c.valid = math.Log(ca/cb), true
		}
		c.unlike, c.reasons = true, why
		return c
	}
	if a.arithmetic || b.arithmetic {
		ca, cb := a.estimate(DefaultConfidence).Center, b.estimate(DefaultConfidence).Center
		if ca > 0 && cb > 0 {
			c.d, c.valid = math.Log(ca/cb), true
		}
		c.because(notice.New("zero-values", nil))
		return c
	}
	c.d, c.valid = stat.Mean(a.logs, nil)-stat.Mean(b.logs, nil), true
	if c.n == 1 {
		c.because(tooFew(1))
		return c
	}
	if a.family == b.family && pairUp(&c, a, b) {
		return c
	}
	sa, oka := a.spread()
	sb, okb := b.spread()
	switch {
	case !oka || !okb:
		if c.n == 2 {
			c.because(tooFew(2))
		} else {
			c.because(notice.New("no-variation", nil))
		}
	default:
		va, vb := sa.variance/float64(len(a.logs)), sb.variance/float64(len(b.logs))
		c.se, c.df = math.Sqrt(va+vb), welchDF(va, sa.df, vb, sb.df)
		c.sd = math.Sqrt((sa.variance + sb.variance) / 2)
	}
	return c
}

func (c *difference) because(n notice.Notice) { c.reasons = append(c.reasons, n) }

func tooFew(n int) notice.Notice {
	return notice.New("too-few-to-compare", notice.Args{"n": notice.Count(n)})
}

// pairUp fills in the comparison inside the block model, or, where a side is
// not in the pool and blocks do differ, the paired t-test over common blocks.
// It is false where neither can be.
func pairUp(c *difference, a, b *series) bool {
	f := a.family.fit
	if a.family.pooled && !a.apart && !b.apart {
		if d, factor, ok := f.contrast(a.place, b.place); ok {
			variance := a.family.pairVariance(a.place, b.place)
			c.d, c.se, c.df, c.sd = d, math.Sqrt(variance*factor), f.df, math.Sqrt(variance)
			return true
		}
	}
	own, ok := paired(a, b)
	if ok = ok && f.blocksDiffer(); ok {
		c.d, c.se, c.df, c.sd, c.n = own.d, own.se, own.df, own.sd, own.n
	}
	return ok
}

// pairVariance is the variance to compare two pooled cells by: that of the pool,
// or that of their own residuals where it is larger. Noisy cells would else be
// the ones that are called better or worse by accident: where spreads differ by
// a lognormal factor e^0.6, the larger of the two brings runs with a false
// verdict from 6 to 10 % down to 4 to 6 %, for a tenth of the power (simulations
// in docs/statistics.md).
func (f *family) pairVariance(a, b int) float64 {
	var squares, n float64
	for _, o := range f.obs {
		if o.cell == a || o.cell == b {
			r := f.fit.residual(o)
			squares, n = squares+r*r, n+1
		}
	}
	if n < 4 {
		return f.fit.mse
	}
	return math.Max(f.fit.mse, squares/n/f.fit.keeps)
}

// paired is the paired t-test over the blocks that both series have, false
// with fewer than three of them or without variation.
func paired(a, b *series) (difference, bool) {
	in := map[int]float64{}
	for _, v := range a.reps {
		in[v.block] = v.log
	}
	var ds []float64
	for _, v := range b.reps {
		if y, ok := in[v.block]; ok {
			ds = append(ds, y-v.log)
		}
	}
	if len(ds) < 3 {
		return difference{}, false
	}
	mean, variance := stat.MeanVariance(ds, nil)
	n := float64(len(ds))
	return difference{d: mean, df: n - 1, n: len(ds), se: math.Sqrt(variance / n), sd: math.Sqrt(variance / 2)}, variance >= tinyVariance
}

// ratio turns a difference into a ratio without a verdict; false when the
// ratio does not exist.
func (c difference) ratio(confidence float64) (Ratio, bool) {
	r := Ratio{Center: math.Exp(c.d), Verdict: Undecided, Reasons: c.reasons}
	if c.unlike {
		r.Verdict = NotComparable
	}
	if !c.valid || !finite(r.Center) || r.Center == 0 {
		return Ratio{}, false
	}
	if c.se > 0 {
		h := tQuantile(confidence, c.df) * c.se
		if lo, hi := math.Exp(c.d-h), math.Exp(c.d+h); finite(hi) && hi > lo {
			r.Lo, r.Hi = lo, hi
		}
		r.P = twoSided(c.d/c.se, c.df)
	}
	return r, true
}

// settle gives a ratio with an adjusted p-value its verdict. Equivalence comes
// first: a difference that is real but surely within the margin is of no
// practical use. Better and worse need the corrected p-value.
func (a *analyser) settle(r *Ratio, c difference, better metric.Direction, family int) {
	alpha := 1 - a.confidence
	if c.se == 0 {
		return
	}
	switch {
	case tost(c.d, c.se, c.df, a.margin) < alpha:
		r.Verdict = Equivalent
	case r.PAdjusted < alpha && (c.d > 0) == (better == metric.Higher):
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

func (r *Ratio) because(n notice.Notice) { r.Reasons = append(slices.Clip(r.Reasons), n) }

// tost is the p-value of equivalence within ±margin (two one-sided tests,
// Schuirmann 1987), all on the log scale.
func tost(d, se, df, margin float64) float64 {
	dist := distuv.StudentsT{Sigma: 1, Nu: df}
	return math.Max(dist.CDF(-(d+margin)/se), dist.CDF((d-margin)/se))
}

// moreTrials is how many further trials of each side a difference of the size
// seen, or of the margin when that is larger, needs to be found with a power of
// 80 % before correction, see power.Trials.
func (a *analyser) moreTrials(c difference) int {
	delta := math.Max(math.Abs(c.d), a.margin)
	return max(1, int(math.Min(power.Trials(c.sd, delta), 1e6))-c.n)
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
	named, exploring := holm(ps), benjaminiHochberg(ps)
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
