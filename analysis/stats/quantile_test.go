package stats

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The table of minimum sample counts of mlcommons/endpoints,
// docs/early_stopping.md.
func TestQuantileFloorMLPerfTable(t *testing.T) {
	for p, want := range map[float64]int{
		0.5: 11, 0.75: 24, 0.8: 31, 0.9: 64, 0.95: 130, 0.97: 219, 0.99: 662, 0.999: 6636,
	} {
		if got := QuantileFloor(p); got != want {
			t.Errorf("QuantileFloor(%v) = %d, want %d", p, got, want)
		}
	}
	for _, p := range []float64{0, 1, -1, 2, math.NaN()} {
		if got := QuantileFloor(p); got != 0 {
			t.Errorf("QuantileFloor(%v) = %d, want 0", p, got)
		}
	}
}

// Values of numpy.percentile with its default (linear) method.
func TestQuantile(t *testing.T) {
	x := []float64{1, 2, 4, 8, 16}
	for p, want := range map[float64]float64{0: 1, 0.25: 2, 0.5: 4, 0.9: 12.8, 0.95: 14.4, 0.99: 15.68, 1: 16, 1.5: 16, -1: 1} {
		if got := Quantile(x, p); math.Abs(got-want) > 1e-12 {
			t.Errorf("Quantile(%v) = %v, want %v", p, got, want)
		}
	}
	if !math.IsNaN(Quantile(nil, 0.5)) || !math.IsNaN(Quantile(x, math.NaN())) {
		t.Error("empty sample or NaN quantile must give NaN")
	}
	if got := Quantile([]float64{3}, 0.99); got != 3 {
		t.Errorf("single value: got %v", got)
	}
}

func TestQuantileLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 50).Draw(t, "x")
		slices.Sort(x)
		p := rapid.Float64Range(0, 1).Draw(t, "p")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		a, b := Quantile(x, min(p, q)), Quantile(x, max(p, q))
		if a > b+1e-6 || a < x[0] || b > x[len(x)-1] {
			t.Fatalf("not monotone or out of range: %v %v of %v", a, b, x)
		}
	})
}
