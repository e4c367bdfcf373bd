package analysis

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Limits of the test for cells that do not belong into the pooled model.
const (
	apartLevel   = 0.01 // of the test at each step, corrected for the cells in it
	unequalP     = 0.01 // of the Brown-Forsythe test, and of the test for blocks
	unequalRatio = 4.0  // largest variance of a cell over the pooled one
	unequalLevel = 0.2  // and beyond this quantile for the largest of so many cells
	// A cell beyond this F and this variance (10 %) is in another regime, such
	// as the queue of a saturated server, and not just noisier.
	wildRatio    = 100.0
	wildVariance = 0.01
	minPooledDF  = 2 // fewer and the pooled variance is not used
	// leastVariance is that of 0.1 %: a pool that agrees better is not thereby
	// a reason to leave out a cell. Counts in a window agree exactly at times.
	leastVariance = 1e-6
)

// poolCells fits the block model to the cells that share its block effects, and
// marks those that do not: a saturated configuration does not follow the rate
// that a block's arrivals offer, which would widen the intervals of all others.
//
// The test of one cell is exact: leaving it out takes SS_c off the residual sum
// of squares, and SS_c/(n_c-1) over the residual mean square of the others is
// F-distributed when the cell is one of them. Several strangers hide each other
// in it, so up to half of the cells are taken out, always the one that strays
// most, and the last step that was significant counts (the generalised ESD
// procedure of Rosner, Technometrics 25, 1983). Unless noisy is set, a cell that
// is merely noisy stays, for unequalVariances to judge: a step counts only where
// the blocks do differ and the cell does not follow them, or where its spread is
// of another order than theirs.
func poolCells(obs []observation, cells, blocks int, noisy bool) (*blockFit, []bool) {
	fit, all := fitBlocks(obs, cells, blocks), obs
	apart := make([]bool, cells)
	best, kept := fit, 0
	var removed []int
	for left := cells; left >= 3 && len(removed) < cells/2; left-- {
		c := fit.farthest(obs)
		if c < 0 {
			break
		}
		obs = without(obs, c)
		next := fitBlocks(obs, cells, blocks)
		extra := fit.df - next.df
		if next.df < minPooledDF || extra <= 0 {
			break
		}
		removed = append(removed, c)
		strays := math.Max(0, fit.mse*fit.df-next.mse*next.df) / extra
		f := strays / math.Max(next.mse, leastVariance)
		if p := 1 - (distuv.F{D1: extra, D2: next.df}).CDF(f); p*float64(left) < apartLevel && (noisy || f > wildRatio && strays > wildVariance || next.blocksDiffer() && !next.follows(all, c)) {
			best, kept = next, len(removed)
		}
		fit = next
	}
	for _, c := range removed[:kept] {
		apart[c] = true
	}
	return best, apart
}

// follows reports whether a cell that the fit does not hold moves with its block
// effects: the slope of its values on them is 1 when it shares them and 0
// when it does not care.
func (f *blockFit) follows(obs []observation, cell int) bool {
	var x, y []float64
	for _, o := range obs {
		if o.cell == cell {
			x, y = append(x, f.beta[o.block]), append(y, o.y)
		}
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	return slope >= 0.5
}

// blocksDiffer reports whether the block effects stand out of the residuals.
func (f *blockFit) blocksDiffer() bool {
	if f.df <= 0 || f.rank == 0 {
		return false
	}
	ratio := f.ssb / f.rank / math.Max(f.mse, leastVariance)
	return 1-(distuv.F{D1: f.rank, D2: f.df}).CDF(ratio) < unequalP
}

// unequalVariances tests the variances of the cells in the fit with the block
// effects taken out. With many cells the largest of equal variances is easily
// four times the pooled one (k=3: one cell in 55), so the ratio must also be
// beyond the F quantile for the largest of that many. The level of that
// quantile trades needless fallbacks against false verdicts where variances do
// differ; docs/statistics.md has the simulation that it was chosen by.
func (f *blockFit) unequalVariances(obs []observation, apart []bool) bool {
	groups := make([][]float64, len(apart))
	for _, o := range obs {
		if !apart[o.cell] {
			groups[o.cell] = append(groups[o.cell], o.y-f.beta[o.block])
		}
	}
	groups = slices.DeleteFunc(groups, func(g []float64) bool { return len(g) < 3 })
	for _, g := range groups {
		limit := distuv.F{D1: float64(len(g) - 1), D2: f.df}.Quantile(1 - unequalLevel/float64(len(groups)))
		if stat.Variance(g, nil) > math.Max(unequalRatio, limit)*f.mse {
			return true
		}
	}
	_, p, ok := brownForsythe(groups)
	return ok && p < unequalP
}

// farthest is the cell with the largest mean square of residuals, -1 when no
// cell has two values.
func (f *blockFit) farthest(obs []observation) int {
	squares := make([]float64, len(f.n))
	for _, o := range obs {
		r := f.residual(o)
		squares[o.cell] += r * r
	}
	at, most := -1, -1.0
	for c, n := range f.n {
		if n >= 2 && squares[c]/(n-1) > most {
			at, most = c, squares[c]/(n-1)
		}
	}
	return at
}

func without(obs []observation, cell int) []observation {
	out := make([]observation, 0, len(obs))
	for _, o := range obs {
		if o.cell != cell {
			out = append(out, o)
		}
	}
	return out
}
