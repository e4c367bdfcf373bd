package analysis

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// Limits of the randomisation test.
const (
	mostOrders  = 1_999  // random orders tried; all of them where there are no more
	enoughCases = 50     // as extreme as the one seen: the p-value is large and known well enough
	orderSeed   = 0xd21f // of the draw of orders, so that the same run gives the same p-value
)

// orderTest asks whether a metric follows the order of the trials inside
// blocks. The order was drawn at random, and any other order of the cells in a
// block was as likely; without drift the metric does not care which was drawn.
// So the p-value is the share of orders under which the metric follows the
// order as closely as it does under the one that was run. It holds whatever the
// distribution of the metric and however much the cells differ in spread,
// which a t-test of the slope does not.
type orderTest struct {
	orders  []float64
	cell    []int
	block   []int
	members [][]int // observations of each block
	logs    []float64
	syy     float64 // of the residuals logs
	n       []float64
	pinv    *mat.Dense
	profile [][]float64
}

// newOrderTest takes the orders of the observations as their values, and the
// residuals of the metric in the same sequence.
func newOrderTest(obs []observation, logs []float64, cells, blocks int) *orderTest {
	f := fitBlocks(obs, cells, blocks)
	t := &orderTest{logs: logs, members: make([][]int, blocks), n: f.n, pinv: f.pinv, profile: f.profile}
	for i, o := range obs {
		t.orders = append(t.orders, o.y)
		t.cell = append(t.cell, o.cell)
		t.block = append(t.block, o.block)
		t.members[o.block] = append(t.members[o.block], i)
		t.syy += logs[i] * logs[i]
	}
	return t
}

// moments are the sums of squares and products of the orders, cells and blocks
// taken out, with the residual logs, which are orthogonal to both already.
func (t *orderTest) moments(orders []float64) (sxx, sxy float64) {
	mean := make([]float64, len(t.n))
	for i, x := range orders {
		mean[t.cell[i]] += x / t.n[t.cell[i]]
	}
	q := make([]float64, len(t.members))
	for i, x := range orders {
		d := x - mean[t.cell[i]]
		sxx += d * d
		sxy += x * t.logs[i]
		q[t.block[i]] += d
	}
	for i := range q {
		for j := range q {
			sxx -= q[i] * t.pinv.At(i, j) * q[j]
		}
	}
	return sxx, sxy
}

// closeness is the squared correlation of metric and order.
func (t *orderTest) closeness(orders []float64) float64 {
	sxx, sxy := t.moments(orders)
	if sxx < 0.5 {
		return 0
	}
	return sxy * sxy / sxx
}

// p is exact where all orders can be tried, and else estimated from random
// ones, the one that was run counted among them (Phipson and Smyth 2010).
func (t *orderTest) p() float64 {
	seen := t.closeness(t.orders) * (1 - 1e-9)
	orders := append([]float64{}, t.orders...)
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
func (t *orderTest) count() int {
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
func (t *orderTest) each(block int, orders []float64, do func()) {
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
