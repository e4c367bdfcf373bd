package stats

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
	for i, got := range Holm(p) {
		near(t, "holm of a sorted p", got, want[i], 1e-12)
	}
	// Order of the input is kept.
	got := Holm([]float64{.03, .01, .04, .05, .02})
	for i, w := range []float64{.09, .05, .09, .09, .08} {
		near(t, "holm of an unsorted p", got[i], w, 1e-12)
	}
	if got := Holm(nil); len(got) != 0 {
		t.Errorf("Holm(nil) = %v", got)
	}
}

// Distances from the medians {1,0,1} and {2,0,8}: F = (32/3) / (106/3 / 4).
// p is the two-sided t with 4 df of sqrt(F), by its closed form.
func TestBrownForsythe(t *testing.T) {
	f, p, ok := BrownForsythe([][]float64{{1, 2, 3}, {2, 4, 12}})
	if !ok {
		t.Fatal("no result")
	}
	near(t, "F", f, 32.0/3/(106.0/3/4), 1e-12)
	s := f / (1 + f/4)
	near(t, "p", p, 2*(0.5-0.375*math.Sqrt(s)*(1-s/12)), 1e-9)

	for name, groups := range map[string][][]float64{
		"one group": {{1, 2, 3}}, "no spread": {{1, 1, 1}, {2, 2, 2}}, "singles": {{1}, {2}}, "empty": {{}, {1, 2}}, "none": nil,
	} {
		if _, _, ok := BrownForsythe(groups); ok {
			t.Errorf("%s: a result", name)
		}
	}
}

// t(0.975, 2) = 4.302653 and t(0.95, 10) = 1.812461 are from tables.
func TestStudent(t *testing.T) {
	near(t, "quantile", TQuantile(0.95, 2), 4.302653, 1e-6)
	near(t, "p at the quantile", Estimate{-4.302653, 1, 2}.P(), 0.05, 1e-7)
	if p := (Estimate{1e12, 1, 50}).P(); p != SmallestP {
		t.Errorf("p of a huge t = %g, want %g", p, SmallestP)
	}
	margin := math.Log1p(0.03)
	near(t, "TOST at its limit", Estimate{0.01, (margin - 0.01) / 1.812461, 10}.Equivalence(margin), 0.05, 1e-6)
	near(t, "TOST is symmetric", Estimate{-0.01, (margin - 0.01) / 1.812461, 10}.Equivalence(margin), 0.05, 1e-6)
	if p := (Estimate{margin, 0.001, 10}).Equivalence(margin); p != 0.5 {
		t.Errorf("TOST at the margin = %g, want 0.5", p)
	}
}

// Differences 1, 2, 6: a mean of 3, a standard error of sqrt(7/3) with 2 df. The
// distribution function of t with 2 df is 1/2 + t / (2 sqrt(2 + t²)).
func TestEstimate(t *testing.T) {
	e, ok := MeanOf([]float64{1, 2, 6})
	if !ok {
		t.Fatal("no estimate")
	}
	near(t, "mean", e.Value, 3, 1e-12)
	near(t, "standard error", e.SE, math.Sqrt(7.0/3), 1e-12)
	near(t, "df", e.DF, 2, 0)
	lo, hi := e.Interval(0.95)
	near(t, "half width", hi-lo, 2*4.302653*math.Sqrt(7.0/3), 1e-5)
	x := 1 / math.Sqrt(7.0/3)
	below := 0.5 + x/2/math.Sqrt(2+x*x)
	near(t, "below 4", e.Below(4), below, 1e-12)
	near(t, "above 4", e.Above(4), 1-below, 1e-12)
	for _, x := range [][]float64{nil, {1}, {2, 2, 2}} {
		if _, ok := MeanOf(x); ok {
			t.Errorf("a standard error of %v", x)
		}
	}
}

// Equal variances and sizes add their degrees of freedom; otherwise the
// smaller is the floor.
func TestWelchDF(t *testing.T) {
	near(t, "equal", WelchDF(2, 4, 2, 4), 8, 1e-12)
	near(t, "one side only", WelchDF(2, 4, 0, 9), 4, 1e-12)
}
