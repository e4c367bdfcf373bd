package stats

import (
	"math"
	"math/rand/v2"
)

// Limits of the randomization test.
const (
	mostOrders  = 1_999  // random orders tried; all of them where there are no more
	enoughCases = 50     // as extreme as the one seen: the p-value is large and known well enough
	orderSeed   = 0xd21f // of the draw of orders, so that the same run gives the same p-value
)

// Trend is what a variable does with the order in which its values were taken,
// groups and blocks taken out: the model y = group + block + slope × order.
//
// The order inside a block is taken to be drawn at random. Any other order of the
// groups there was as likely, and without a trend y does not care which was drawn.
type Trend struct {
	Change float64 // of y from the first order to the last one
	P      float64 // of the t-test of the slope

	fit     *BlockFit // of the orders
	members [][]int   // its observations by block
	y       []float64 // residuals of the variable
}

// FitTrend looks for a trend over the orders of the observations, which are whole
// numbers. Blocks may differ, so only the order inside them tells the trend. Groups
// that stand apart or are noisy (see Pool) are left out: a single one would make
// the trend. It is false where there is none to test, as in groups that were
// measured one after the other.
func FitTrend(obs []Observation, orders []float64, groups, blocks int) (*Trend, bool) {
	fit, apart := Pool(obs, groups, blocks, true)
	t := &Trend{members: make([][]int, blocks)}
	var ordered []Observation
	first, last, syy := math.Inf(1), math.Inf(-1), 0.0
	for i, o := range obs {
		if apart[o.Group] {
			continue
		}
		r := fit.residual(o)
		t.members[o.Block] = append(t.members[o.Block], len(t.y))
		t.y, syy = append(t.y, r), syy+r*r
		ordered = append(ordered, Observation{o.Group, o.Block, orders[i]})
		first, last = math.Min(first, orders[i]), math.Max(last, orders[i])
	}
	t.fit = FitBlocks(ordered, groups, blocks)
	sxx, sxy := t.moments(t.orders())
	df := fit.DF - 1
	if df < 2 || sxx < 0.5 { // orders are whole: less is rounding, and order is confounded with groups
		return nil, false
	}
	slope := sxy / sxx
	t.Change = slope * (last - first)
	variance := (syy - slope*sxy) / df
	switch {
	case variance >= TinyVariance:
		t.P = Estimate{slope, math.Sqrt(variance / sxx), df}.P()
	case math.Abs(t.Change) > 1e-9:
		t.P = SmallestP
	default:
		return nil, false
	}
	return t, true
}

// orders are those that were run.
func (t *Trend) orders() []float64 {
	out := make([]float64, len(t.fit.obs))
	for i, o := range t.fit.obs {
		out[i] = o.Y
	}
	return out
}

// moments are the sums of squares and products of the orders, groups and blocks
// taken out, with the residuals, which are orthogonal to both already.
func (t *Trend) moments(orders []float64) (sxx, sxy float64) {
	mean := make([]float64, len(t.fit.N))
	for i, o := range t.fit.obs {
		mean[o.Group] += orders[i] / t.fit.N[o.Group]
	}
	q := make([]float64, len(t.members))
	for i, o := range t.fit.obs {
		d := orders[i] - mean[o.Group]
		sxx += d * d
		sxy += orders[i] * t.y[i]
		q[o.Block] += d
	}
	for i := range q {
		for j := range q {
			sxx -= q[i] * t.fit.pinv.At(i, j) * q[j]
		}
	}
	return sxx, sxy
}

// closeness is the squared correlation of y and the order.
func (t *Trend) closeness(orders []float64) float64 {
	sxx, sxy := t.moments(orders)
	if sxx < 0.5 {
		return 0
	}
	return sxy * sxy / sxx
}

// Randomization is the p-value of the randomization test: the share of orders
// under which y follows the order as closely as under the one that was run. It
// holds whatever the distribution of y and however much the groups differ in
// spread, which the t-test does not. It is exact where all orders can be tried (up
// to 1,999), and else estimated from random ones, the one that was run counted
// among them (Phipson and Smyth 2010), with a fixed seed.
func (t *Trend) Randomization() float64 {
	seen := t.closeness(t.orders()) * (1 - 1e-9)
	orders := t.orders()
	if t.count() <= mostOrders {
		extreme, all := 0, 0
		t.each(0, orders, func() {
			all++
			if t.closeness(orders) >= seen {
				extreme++
			}
		})
		return float64(extreme) / float64(all)
	}
	rng := rand.New(rand.NewPCG(orderSeed, uint64(len(orders))))
	extreme, tried := 0, 0
	for tried < mostOrders && extreme < enoughCases {
		for _, m := range t.members {
			rng.Shuffle(len(m), func(i, j int) { orders[m[i]], orders[m[j]] = orders[m[j]], orders[m[i]] })
		}
		tried++
		if t.closeness(orders) >= seen {
			extreme++
		}
	}
	return float64(extreme+1) / float64(tried+1)
}

// count is the number of orders, at most mostOrders + 1.
func (t *Trend) count() int {
	n := 1
	for _, m := range t.members {
		for k := 2; k <= len(m); k++ {
			if n *= k; n > mostOrders {
				return mostOrders + 1
			}
		}
	}
	return n
}

// each calls do with every order of the blocks from the given one on.
func (t *Trend) each(block int, orders []float64, do func()) {
	if block == len(t.members) {
		do()
		return
	}
	m := t.members[block]
	var permute func(k int)
	permute = func(k int) {
		if k >= len(m)-1 {
			t.each(block+1, orders, do)
			return
		}
		for i := k; i < len(m); i++ {
			orders[m[k]], orders[m[i]] = orders[m[i]], orders[m[k]]
			permute(k + 1)
			orders[m[k]], orders[m[i]] = orders[m[i]], orders[m[k]]
		}
	}
	permute(0)
}
