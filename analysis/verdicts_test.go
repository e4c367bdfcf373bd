package analysis

import (
	"math"
	"testing"

	"github.com/vllm-sweep/sweep/analysis/stats"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.10g, want %.10g", what, got, want)
	}
}

// k = 15.7 (sd/δ)²: the planning table of docs/statistics.md.
func TestMoreTrials(t *testing.T) {
	a := &analyser{confidence: 0.95, margin: math.Log1p(0.03)}
	for _, c := range []struct {
		sd, d   float64
		n, want int
	}{
		{.02, .05, 2, 1},  // 2.5, so 3 in all
		{.03, .05, 3, 3},  // 5.7
		{.05, .05, 3, 13}, // 15.7
		{.17, .20, 3, 9},  // 11.3
		{.02, .001, 3, 5}, // δ is the margin, ln 1.03: 7.2
		{.01, .05, 5, 1},  // enough by the formula, yet undecided
	} {
		if got := a.moreTrials(difference{sd: c.sd, Estimate: stats.Estimate{Value: c.d}, n: c.n}); got != c.want {
			t.Errorf("sd %g d %g n %d: %d more, want %d", c.sd, c.d, c.n, got, c.want)
		}
	}
}
