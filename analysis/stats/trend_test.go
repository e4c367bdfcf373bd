package stats

import (
	"math"
	"testing"
)

// Four cells visited in the orders 1 2 3 4 and 8 7 6 5. Without cells and
// blocks the orders are ±(-1.5, -0.5, 0.5, 1.5), Σx² = 10. The logs are 0.1 ×
// order, a block effect and ±(0.1, -0.1, -0.1, 0.1), which is orthogonal to the
// orders and leaves a variance of 0.08/2: t = 0.1/sqrt(0.04/10) with 2 df. Of the
// 24² ways to order the cells in the two blocks, 116 have a correlation as strong
// (counted by brute force in another program).
func TestTrend(t *testing.T) {
	u := []float64{.1, -.1, -.1, .1}
	var obs []Observation
	var orders, sequential []float64
	for c := range 4 {
		for b, v := range []struct{ order, u float64 }{{float64(1 + c), u[c]}, {float64(8 - c), -u[c]}} {
			obs = append(obs, Observation{c, b, .1*v.order + v.u + 5*float64(b) + 3*float64(c)})
			orders, sequential = append(orders, v.order), append(sequential, float64(2*c+b))
		}
	}
	got, ok := FitTrend(obs, orders, 4, 2)
	if !ok {
		t.Fatal("no trend")
	}
	tt := 0.1 / math.Sqrt(0.004)
	near(t, "change", got.Change, .7, 1e-9)
	near(t, "p of the t-test", got.P, 1-tt/math.Sqrt(2+tt*tt), 1e-9)
	near(t, "p of the order", got.Randomization(), 116.0/576, 1e-9)
	if _, ok := FitTrend(obs, sequential, 4, 2); ok { // one group after the other: time is confounded with them
		t.Error("trend in a sequential run")
	}
}
