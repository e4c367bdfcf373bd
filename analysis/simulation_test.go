package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
)

// simulate analyses many runs of 24 equal cells in three blocks and reports
// how often intervals cover the truth (100, and a ratio of 1), and how many
// runs call any cell better or worse.
type simulated struct {
	estimate, ratio float64 // coverage
	called          float64 // runs with a false verdict
	own             float64 // share of runs that fell back to own variances
}

func simulate(t *testing.T, runs int, sd func(run, cell int) float64, shift func(rng *rand.Rand, block, order int) float64) simulated {
	t.Helper()
	const cells, blocks = 24, 3
	rng := rand.New(rand.NewPCG(7, 11))
	var out simulated
	var intervals, ratios float64
	for i := range runs {
		r := newRun(cells, 1)
		effects := map[int]float64{}
		r.blocks(rng, blocks, func(c, _, b, order int) map[string]float64 {
			if _, ok := effects[b]; !ok {
				effects[b] = shift(rng, b, order)
			}
			e := shift(nil, b, order)
			if e == 0 {
				e = effects[b]
			}
			return map[string]float64{throughput: 100 * math.Exp(e+sd(i, c)*rng.NormFloat64())}
		})
		f, err := Analyze(r.in)
		if err != nil {
			t.Fatal(err)
		}
		called, own := false, false
		for _, c := range f.Cells {
			e := c.Estimates[throughput]
			own = own || e.Method == MethodOwn
			intervals++
			if e.Lo <= 100 && 100 <= e.Hi {
				out.estimate++
			}
			q, ok := c.Ratios[throughput]
			if !ok {
				continue
			}
			ratios++
			if q.Lo <= 1 && 1 <= q.Hi {
				out.ratio++
			}
			called = called || q.Verdict == Better || q.Verdict == Worse
		}
		if called {
			out.called++
		}
		if own {
			out.own++
		}
	}
	out.estimate /= intervals
	out.ratio /= ratios
	out.called /= float64(runs)
	out.own /= float64(runs)
	t.Logf("coverage of estimates %.3f, of ratios %.3f; false verdicts in %.3f of runs; own variances in %.3f",
		out.estimate, out.ratio, out.called, out.own)
	return out
}

func between(t *testing.T, what string, x, lo, hi float64) {
	t.Helper()
	if x < lo || x > hi {
		t.Errorf("%s %.3f is not in [%g, %g]", what, x, lo, hi)
	}
}

func even(int, int) float64 { return 0.03 }

// Seeds are fixed; the bounds are nominal plus or minus what this many runs
// leave to chance.
func TestSimulationEqualCells(t *testing.T) {
	s := simulate(t, 600, even, func(*rand.Rand, int, int) float64 { return 0 })
	between(t, "coverage of estimates", s.estimate, .93, .97)
	between(t, "coverage of ratios", s.ratio, .93, .97)
	between(t, "runs with a false verdict", s.called, 0, .06)
}

// Blocks differ (other prompts, another hour): intervals of estimates must
// widen, those of ratios must not care.
func TestSimulationBlockEffects(t *testing.T) {
	s := simulate(t, 600, even, func(rng *rand.Rand, _, _ int) float64 {
		if rng == nil {
			return 0
		}
		return 0.03 * rng.NormFloat64()
	})
	between(t, "coverage of estimates", s.estimate, .92, .98)
	between(t, "coverage of ratios", s.ratio, .93, .97)
	between(t, "runs with a false verdict", s.called, 0, .06)
}

// A drift of 6% over the run must not turn into verdicts.
func TestSimulationDrift(t *testing.T) {
	s := simulate(t, 600, even, func(_ *rand.Rand, _, order int) float64 { return 0.06 * (float64(order)/72 - 0.5) })
	between(t, "coverage of ratios", s.ratio, .93, .97)
	between(t, "runs with a false verdict", s.called, 0, .06)
}

// Standard deviations that differ by a lognormal factor e^0.6 cost some
// coverage and let more false verdicts through.
func TestSimulationUnequalVariances(t *testing.T) {
	uneven := func(run, cell int) float64 {
		return 0.03 * math.Exp(0.6*rand.New(rand.NewPCG(uint64(run), uint64(cell))).NormFloat64())
	}
	s := simulate(t, 600, uneven, func(*rand.Rand, int, int) float64 { return 0 })
	between(t, "coverage of estimates", s.estimate, .90, .97)
	between(t, "runs with a false verdict", s.called, 0, .08)
}

// Arrivals offer rates that differ by 6% between blocks. Cells that follow
// within 0.1% must come out equivalent to the baseline although others, 1 or 3
// of 8, are saturated and vary by 1% on their own.
func TestSimulationSaturatedCells(t *testing.T) {
	for _, saturated := range []int{1, 3} {
		rng := rand.New(rand.NewPCG(7, 11))
		var equivalent, cover, all float64
		for range 200 {
			r := newRun(8, 1)
			offered := [3]float64{.06 * rng.NormFloat64(), .06 * rng.NormFloat64(), .06 * rng.NormFloat64()}
			r.blocks(rng, 3, func(c, _, b, _ int) map[string]float64 {
				if c > 0 && c <= saturated {
					return one(throughput, 70*math.Exp(.01*rng.NormFloat64()))
				}
				return one(throughput, 100*math.Exp(offered[b-1]+.001*rng.NormFloat64()))
			})
			for _, c := range analyse(t, r).Cells[1+saturated:] {
				q := c.Ratios[throughput]
				all++
				if q.Verdict == Equivalent {
					equivalent++
				}
				if q.Lo <= 1 && 1 <= q.Hi {
					cover++
				}
			}
		}
		t.Logf("%d saturated: equivalent %.3f, coverage %.3f", saturated, equivalent/all, cover/all)
		between(t, "equivalent", equivalent/all, .98, 1)
		between(t, "coverage of ratios", cover/all, .92, .98)
	}
}
