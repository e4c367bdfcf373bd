package analysis

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// difference of two series on the log scale.
type difference struct {
	// Estimate is of the log of the ratio of the centers, 0 when !valid. Without an
	// SE there is no test, and reasons say why.
	stats.Estimate
	valid   bool    // Value means something
	sd      float64 // of one trial, for planning
	n       int     // trials of the smaller series
	oneSeat bool    // repeats within a start on either side
	unlike  bool    // the lengths differ: it is the ratio of two different loads, and reasons say so
	reasons []notice.Notice
}

// compare returns the log ratio of a to b. At one load point the block model
// pairs the blocks that both have, with the variance of all cells, or of the
// pair alone where one of them stands apart. Without it each side brings its
// own variance (Welch).
func compare(a, b *series) difference {
	c := difference{n: min(len(a.reps), len(b.reps)), oneSeat: a.withinStart || b.withinStart}
	c.reasons = unlikeSeries(a, b)
	c.unlike = len(c.reasons) > 0
	if c.unlike || a.arithmetic || b.arithmetic {
		if ca, cb := a.estimate(DefaultConfidence).Center, b.estimate(DefaultConfidence).Center; ca > 0 && cb > 0 {
			c.Value, c.valid = math.Log(ca/cb), true
		}
		if !c.unlike {
			c.because(notice.New("zero-values", nil))
		}
		return c
	}
	c.Value, c.valid = stat.Mean(a.logs, nil)-stat.Mean(b.logs, nil), true
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
		c.SE, c.DF = math.Sqrt(va+vb), stats.WelchDF(va, sa.df, vb, sb.df)
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
		one, other := stats.Term{Group: a.place, Weight: 1}, stats.Term{Group: b.place, Weight: -1}
		if d, factor, ok := f.Contrast(one, other); ok {
			variance := f.PairVariance(a.place, b.place)
			c.Estimate, c.sd = stats.Estimate{Value: d, SE: math.Sqrt(variance * factor), DF: f.DF}, math.Sqrt(variance)
			return true
		}
	}
	ds := pairedDifferences(a, b)
	own, ok := stats.MeanOf(ds)
	if ok = ok && len(ds) >= 3 && f.BlocksDiffer(); ok {
		c.Estimate, c.sd, c.n = own, math.Sqrt(stat.Variance(ds, nil)/2), len(ds)
	}
	return ok
}

// pairedDifferences are those of the logs in the blocks that both series have.
func pairedDifferences(a, b *series) []float64 {
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
	return ds
}

// ratio turns a difference into a ratio without a verdict; false when the
// ratio does not exist.
func (c difference) ratio(confidence float64) (Ratio, bool) {
	r := Ratio{Center: math.Exp(c.Value), Verdict: Undecided, Reasons: c.reasons}
	if c.unlike {
		r.Verdict = NotComparable
	}
	if !c.valid || !finite(r.Center) || r.Center == 0 {
		return Ratio{}, false
	}
	if c.SE > 0 {
		lo, hi := c.Interval(confidence)
		if lo, hi = math.Exp(lo), math.Exp(hi); finite(hi) && hi > lo {
			r.Lo, r.Hi = lo, hi
		}
		r.P = c.P()
	}
	return r, true
}

func (r *Ratio) because(n notice.Notice) { r.Reasons = append(slices.Clip(r.Reasons), n) }

// term is a series with its weight in a contrast.
type term struct {
	series *series
	weight float64
}

// contrastOf is a weighted sum of log means, the weights adding up to zero:
// inside the block model where all cells share it, else with the blocks that
// all of them have as the samples, else from the plain means.
func contrastOf(terms []term) difference {
	c := difference{n: math.MaxInt, valid: true}
	var family *family
	pooled, same := true, true
	var places []stats.Term
	for _, t := range terms {
		s := t.series
		c.n = min(c.n, len(s.reps))
		c.oneSeat = c.oneSeat || s.withinStart
		for _, other := range terms {
			if len(unlikeSeries(s, other.series)) > 0 { // which of the cells differ, their own notes say
				c.unlike, c.reasons = true, []notice.Notice{notice.New("lengths-differ", nil)}
			}
		}
		if s.arithmetic {
			return difference{reasons: []notice.Notice{notice.New("zero-values", nil)}}
		}
		if family == nil {
			family = s.family
		}
		same = same && s.family == family
		pooled = pooled && s.family.pooled && !s.apart
		places = append(places, stats.Term{Group: s.place, Weight: t.weight})
		c.Value += t.weight * stat.Mean(s.logs, nil)
	}
	if family == nil {
		return difference{}
	}
	if c.unlike {
		return c
	}
	if same && pooled {
		if d, factor, ok := family.fit.Contrast(places...); ok {
			mse := family.fit.MSE
			c.Estimate, c.sd = stats.Estimate{Value: d, SE: math.Sqrt(mse * factor), DF: family.fit.DF}, math.Sqrt(mse)
			return c
		}
	}
	if same && blockContrast(&c, terms) {
		return c
	}
	var variance, spread float64
	for _, t := range terms {
		sp, ok := t.series.spread()
		if !ok {
			c.because(notice.New("no-spread", nil))
			return c
		}
		v := t.weight * t.weight * sp.variance / float64(len(t.series.logs))
		variance += v
		spread += v * v / sp.df
	}
	if variance > 0 {
		c.SE, c.DF = math.Sqrt(variance), variance*variance/spread
	}
	return c
}

// blockContrast forms the contrast in every block that all cells have and
// takes these as a sample. It is false with fewer than three.
func blockContrast(c *difference, terms []term) bool {
	sums, counts := map[int]float64{}, map[int]int{}
	for _, t := range terms {
		for _, r := range t.series.reps {
			sums[r.block] += t.weight * r.log
			counts[r.block]++
		}
	}
	var ds []float64
	for _, b := range slices.Sorted(maps.Keys(counts)) {
		if counts[b] == len(terms) {
			ds = append(ds, sums[b])
		}
	}
	mean, ok := stats.MeanOf(ds)
	if ok = ok && len(ds) >= 3; ok {
		c.Estimate, c.n = mean, len(ds)
	}
	return ok
}
