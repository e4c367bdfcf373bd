package stats

import (
	"testing"
)

// Certified values of the NIST Statistical Reference Datasets, analysis of
// variance (itl.nist.gov/div898/strd/anova). SmLs07 to SmLs09 have thirteen
// constant leading digits, which test arithmetic that logarithms of latencies
// never need; they are left out.
func TestNISTAnalysisOfVariance(t *testing.T) {
	for _, c := range []struct {
		name      string
		groups    [][]float64
		f, mse    float64
		tolerance float64 // relative
	}{
		{"SiRstv", siliconResistivity(), 1.18046237440255, 1.0831828e-2, 1e-9},
		{"SmLs01", simonLesage(21, 1), 21, .01, 1e-10},
		{"SmLs02", simonLesage(201, 1), 201, .01, 1e-10},
		{"SmLs03", simonLesage(2001, 1), 2001, .01, 1e-9},
		{"AtmWtAg", silverWeight(), 15.9467335677930, 2.28155932971014e-10, 1e-6},
		{"SmLs04", simonLesage(21, 1e6), 21, .01, 1e-6},
		{"SmLs05", simonLesage(201, 1e6), 201, .01, 1e-6},
		{"SmLs06", simonLesage(2001, 1e6), 2001, .01, 1e-5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var obs []Observation
			grand, n := 0.0, 0.0
			for i, g := range c.groups {
				for _, y := range g {
					obs = append(obs, Observation{Group: i, Y: y})
					grand, n = grand+y-c.groups[0][0], n+1
				}
			}
			grand = grand/n + c.groups[0][0]
			f := FitBlocks(obs, len(c.groups), 1)
			between := 0.0
			for i, g := range c.groups {
				between += float64(len(g)) * (f.Mean[i] - grand) * (f.Mean[i] - grand)
			}
			near(t, "residual mean square", f.MSE, c.mse, c.tolerance*c.mse)
			near(t, "F", between/float64(len(c.groups)-1)/f.MSE, c.f, c.tolerance*c.f)
		})
	}
}

// simonLesage makes the sets of Simon and Lesage: nine treatments, an offset and
// 0.2 for the first treatment and the first replicate, 0.1 and 0.3 in turn for
// the others.
func simonLesage(replicates int, offset float64) [][]float64 {
	part := func(i int) float64 {
		switch {
		case i == 1:
			return .2
		case i%2 == 0:
			return .1
		}
		return .3
	}
	out := make([][]float64, 9)
	for i := range out {
		for j := range replicates {
			out[i] = append(out[i], offset+part(i+1)+part(j+1))
		}
	}
	return out
}

func siliconResistivity() [][]float64 {
	return [][]float64{
		{196.3052, 196.1240, 196.1890, 196.2569, 196.3403},
		{196.3042, 196.3825, 196.1669, 196.3257, 196.0422},
		{196.1303, 196.2005, 196.2889, 196.0343, 196.1811},
		{196.2795, 196.1748, 196.1494, 196.1485, 195.9885},
		{196.2119, 196.1051, 196.1850, 196.0052, 196.2090},
	}
}

func silverWeight() [][]float64 {
	last := [][]int{ // the digits after 107.8681
		{568, 465, 572, 785, 446, 903, 526, 494, 616, 587, 519, 486, 419, 569, 508, 672, 385, 518, 662, 424, 360, 333, 610, 477},
		{79, 344, 513, 197, 604, 385, 642, 365, 151, 82, 517, 448, 198, 482, 334, 609, 101, 512, 469, 360, 254, 261, 450, 368},
	}
	out := make([][]float64, 2)
	for i, g := range last {
		for _, d := range g {
			out[i] = append(out[i], float64(1078681000+d)/1e7)
		}
	}
	return out
}

// p.adjust(p, "BH") of R on the p-values of Benjamini and Hochberg (1995), table
// 1, worked out by hand: p[i] × 15/i, made monotone from the largest down.
func TestBenjaminiHochberg(t *testing.T) {
	p := []float64{.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1}
	want := []float64{.0015, .003, .0095, .035625, .0603, .447 / 7, .447 / 7, .0645, .0765, .486, 6.393 / 11, .714875, 9.792 / 13, 11.385 / 14, 1}
	for i, got := range BenjaminiHochberg(p) {
		near(t, "BH of a sorted p", got, want[i], 1e-12)
	}
	got := BenjaminiHochberg([]float64{.03, .01, .04, .05, .02})
	for i, w := range []float64{.05, .05, .05, .05, .05} {
		near(t, "BH of an unsorted p", got[i], w, 1e-12)
	}
}

func TestMannWhitney(t *testing.T) {
	for _, c := range []struct {
		source string
		x, y   []float64
		u, p   float64
	}{
		// ?wilcox.test of R, Hollander and Wolfe (1973), p. 69: W = 35, one-sided
		// p = 0.1272; C(15,5) = 3003 ways, 382 of them as extreme.
		{
			"Hollander and Wolfe", []float64{.80, .83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, .73, 1.46}, []float64{1.15, .88, .90, .74, 1.21},
			35, 2 * .12720612720612723,
		},
		// SciPy, TestMannWhitneyU, exact two-sided value of R.
		{"SciPy", []float64{210.052110, 110.190630, 307.918612}, []float64{
			436.08811482466416, 416.37397329768191, 179.96975939463582, 197.8118754228619, 34.038757281225756, 138.54220550921517, 128.7769351470246,
			265.92721427951852, 275.6617533155341, 592.34083395416258, 448.73177590617018, 300.61495185038905, 187.97508449019588,
		}, 16, .7035714285714},
		// Smallest p-values of small samples: 2/C(6,3) and 2/C(8,4).
		{"three a side", []float64{1, 2, 3}, []float64{4, 5, 6}, 0, .1},
		{"four a side", []float64{5, 6, 7, 8}, []float64{1, 2, 3, 4}, 16, 2.0 / 70},
		{"ties: 1 2 2 2 dealt in twos, the sums 3.5 or 5.5", []float64{1, 2}, []float64{2, 2}, 1, 1},
	} {
		u, p, ok := MannWhitney(c.x, c.y)
		if !ok {
			t.Fatalf("%s: no result", c.source)
		}
		near(t, c.source+": U", u, c.u, 0)
		near(t, c.source+": p", p, c.p, 1e-12)
	}
	if _, _, ok := MannWhitney(nil, []float64{1}); ok {
		t.Error("a test of nothing")
	}
}
