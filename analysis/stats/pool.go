package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Limits of the test for groups that do not belong into the pooled model, which
// takes logarithms of measurements.
const (
	apartLevel   = 0.01 // of the test at each step, corrected for the groups in it
	unequalP     = 0.01 // of the Brown-Forsythe test, and of the test for blocks
	unequalRatio = 4.0  // largest variance of a group over the pooled one
	unequalLevel = 0.2  // and beyond this quantile for the largest of so many cells
	// A group beyond this F and this variance (10%) is in another regime, such
	// as the queue of a saturated server, and not just noisier.
	wildRatio    = 100.0
	wildVariance = 0.01
	minPooledDF  = 2 // fewer and the pooled variance is not used
	// leastVariance is that of 0.1%: a pool that agrees better is not thereby
	// a reason to leave out a group. Counts in a window agree exactly at times.
	leastVariance = 1e-6
)

// Pool fits the block model to the groups that share its block effects and its
// variance, and marks those that stand apart: the throughput of a saturated
// server, say, does not follow the rate that a block offers to all, and would
// widen the intervals of every other. The fit holds only the groups that are not
// apart.
//
// The test of one group is exact: leaving it out takes SS_g off the residual sum
// of squares, and SS_g/(n_g-1) over the residual mean square of the others is
// F-distributed when the group is one of them. Several strangers hide each other
// in it, so up to half of the groups are taken out, always the one that strays
// most, and the last step that was significant counts (the generalised ESD
// procedure of Rosner, Technometrics 25, 1983). Unless noisy is set, a group that
// is merely noisy stays, for UnequalVariances to judge: a step counts only where
// the blocks do differ and the group does not follow them, or where its spread is
// of another order than theirs.
func Pool(obs []Observation, groups, blocks int, noisy bool) (fit *BlockFit, apart []bool) {
	fit = FitBlocks(obs, groups, blocks)
	apart = make([]bool, groups)
	all, best, kept := obs, fit, 0
	var removed []int
	for left := groups; left >= 3 && len(removed) < groups/2; left-- {
		g := fit.farthest()
		if g < 0 {
			break
		}
		obs = without(obs, g)
		next := FitBlocks(obs, groups, blocks)
		extra := fit.DF - next.DF
		if next.DF < minPooledDF || extra <= 0 {
			break
		}
		removed = append(removed, g)
		strays := math.Max(0, fit.MSE*fit.DF-next.MSE*next.DF) / extra
		f := strays / math.Max(next.MSE, leastVariance)
		stray := (1-(distuv.F{D1: extra, D2: next.DF}).CDF(f))*float64(left) < apartLevel
		wild := f > wildRatio && strays > wildVariance
		if stray && (noisy || wild || next.BlocksDiffer() && !next.follows(all, g)) {
			best, kept = next, len(removed)
		}
		fit = next
	}
	for _, g := range removed[:kept] {
		apart[g] = true
	}
	return best, apart
}

// HasVariance reports whether the fit's variance can stand for all of its groups:
// enough degrees of freedom, and more than rounding.
func (f *BlockFit) HasVariance() bool { return f.DF >= minPooledDF && f.MSE >= TinyVariance }

// follows reports whether a group that the fit does not hold moves with its block
// effects: the slope of its values on them is 1 when it shares them and 0
// when it does not care.
func (f *BlockFit) follows(obs []Observation, group int) bool {
	var x, y []float64
	for _, o := range obs {
		if o.Group == group {
			x, y = append(x, f.Effects[o.Block]), append(y, o.Y)
		}
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	return slope >= 0.5
}

// UnequalVariances tests the variances of the groups in the fit with the block
// effects taken out. With many groups the largest of equal variances is easily
// four times the pooled one (k=3: one group in 55), so the ratio must also be
// beyond the F quantile for the largest of that many. The level of that
// quantile trades needless fallbacks against false verdicts where variances do
// differ; docs/statistics.md has the simulation that it was chosen by.
func (f *BlockFit) UnequalVariances() bool {
	groups := make([][]float64, len(f.N))
	for _, o := range f.obs {
		groups[o.Group] = append(groups[o.Group], o.Y-f.Effects[o.Block])
	}
	groups = slices.DeleteFunc(groups, func(g []float64) bool { return len(g) < 3 })
	for _, g := range groups {
		limit := distuv.F{D1: float64(len(g) - 1), D2: f.DF}.Quantile(1 - unequalLevel/float64(len(groups)))
		if stat.Variance(g, nil) > math.Max(unequalRatio, limit)*f.MSE {
			return true
		}
	}
	_, p, ok := BrownForsythe(groups)
	return ok && p < unequalP
}

// farthest is the group with the largest mean square of residuals, -1 when no
// group has two values.
func (f *BlockFit) farthest() int {
	squares := make([]float64, len(f.N))
	for _, o := range f.obs {
		r := f.residual(o)
		squares[o.Group] += r * r
	}
	at, most := -1, -1.0
	for c, n := range f.N {
		if n >= 2 && squares[c]/(n-1) > most {
			at, most = c, squares[c]/(n-1)
		}
	}
	return at
}

func without(obs []Observation, group int) []Observation {
	out := make([]Observation, 0, len(obs))
	for _, o := range obs {
		if o.Group != group {
			out = append(out, o)
		}
	}
	return out
}
