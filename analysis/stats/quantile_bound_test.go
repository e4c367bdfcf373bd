package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// With 10,000 samples MLPerf's estimate of p99 leaves 77 above (method of
// loadgen/early_stopping.cc); at the floor it leaves one.
func TestQuantileUpperOrderStatistic(t *testing.T) {
	count := func(n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = float64(i)
		}
		return out
	}
	for _, c := range []struct {
		n     int
		p     float64
		above int
	}{{10_000, .99, 77}, {662, .99, 1}, {64, .9, 1}, {6636, .999, 1}} {
		got, ok := QuantileUpper(count(c.n), c.p)
		if !ok || int(got) != c.n-1-c.above {
			t.Errorf("n=%d p=%g: %v, %v; want %d samples above", c.n, c.p, got, ok, c.above)
		}
	}
	for _, n := range []int{0, 1, 661} {
		if _, ok := QuantileUpper(count(n), .99); ok {
			t.Errorf("an upper bound of p99 from %d samples", n)
		}
	}
}

// Of independent samples the bound holds in at least 99% of cases.
func TestQuantileUpperCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	const runs, n, p = 3000, 300, .95
	missed := 0
	for range runs {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.ExpFloat64()
		}
		slices.Sort(x)
		if u, ok := QuantileUpper(x, p); !ok || u < -math.Log(1-p) {
			missed++
		}
	}
	if share := float64(missed) / runs; share > .015 {
		t.Errorf("the quantile is above the bound in %.3f of the cases, want at most 0.01", share)
	}
}
