package analysis

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.10g, want %.10g", what, got, want)
	}
}

// The p-values are those of Benjamini and Hochberg (1995), table 1; the
// adjusted ones follow p.adjust(p, "holm") of R by hand: p[i]*(15-i) made
// monotone and capped at 1.
func TestHolm(t *testing.T) {
	p := []float64{.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1}
	want := []float64{.0015, .0056, .0247, .1140, .2211, .2780, .2780, .2780, .3213, 1, 1, 1, 1, 1, 1}
	for i, got := range holm(p) {
		near(t, "holm of a sorted p", got, want[i], 1e-12)
	}
	// Order of the input is kept.
	got := holm([]float64{.03, .01, .04, .05, .02})
	for i, w := range []float64{.09, .05, .09, .09, .08} {
		near(t, "holm of an unsorted p", got[i], w, 1e-12)
	}
	if got := holm(nil); len(got) != 0 {
		t.Errorf("holm(nil) = %v", got)
	}
}

// Distances from the medians {1,0,1} and {2,0,8}: F = (32/3) / (106/3 / 4).
// p is the two-sided t with 4 df of sqrt(F), by its closed form.
func TestBrownForsythe(t *testing.T) {
	f, p, ok := brownForsythe([][]float64{{1, 2, 3}, {2, 4, 12}})
	if !ok {
		t.Fatal("no result")
	}
	near(t, "F", f, 32.0/3/(106.0/3/4), 1e-12)
	s := f / (1 + f/4)
	near(t, "p", p, 2*(0.5-0.375*math.Sqrt(s)*(1-s/12)), 1e-9)

	for name, groups := range map[string][][]float64{
		"one group": {{1, 2, 3}}, "no spread": {{1, 1, 1}, {2, 2, 2}}, "singles": {{1}, {2}}, "empty": {{}, {1, 2}}, "none": nil,
	} {
		if _, _, ok := brownForsythe(groups); ok {
			t.Errorf("%s: a result", name)
		}
	}
}

// t(0.975, 2) = 4.302653 and t(0.95, 10) = 1.812461 are from tables.
func TestStudent(t *testing.T) {
	near(t, "quantile", tQuantile(0.95, 2), 4.302653, 1e-6)
	near(t, "p at the quantile", twoSided(-4.302653, 2), 0.05, 1e-7)
	if p := twoSided(1e12, 50); p != smallestP {
		t.Errorf("p of a huge t = %g, want %g", p, smallestP)
	}
	margin := math.Log1p(0.03)
	near(t, "TOST at its limit", tost(0.01, (margin-0.01)/1.812461, 10, margin), 0.05, 1e-6)
	near(t, "TOST is symmetric", tost(-0.01, (margin-0.01)/1.812461, 10, margin), 0.05, 1e-6)
	if p := tost(margin, 0.001, 10, margin); p != 0.5 {
		t.Errorf("TOST at the margin = %g, want 0.5", p)
	}
}

// Equal variances and sizes add their degrees of freedom; otherwise the
// smaller is the floor.
func TestWelchDF(t *testing.T) {
	near(t, "equal", welchDF(2, 4, 2, 4), 8, 1e-12)
	near(t, "one side only", welchDF(2, 4, 0, 9), 4, 1e-12)
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
		if got := a.moreTrials(difference{sd: c.sd, d: c.d, n: c.n}); got != c.want {
			t.Errorf("sd %g d %g n %d: %d more, want %d", c.sd, c.d, c.n, got, c.want)
		}
	}
}
