package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
)

// The figures of docs/statistics.md. `make coverage-stats` simulates them with
// enough runs to print; the tests repeat them with fewer, and wider bounds.
// Seeds are fixed.

// simulations is how many runs a case takes: few in the tests.
func simulations(few, many int) int {
	if os.Getenv("SWEEP_COVERAGE") != "" {
		return many
	}
	return few
}

// nightOf is a simulated run of cells in blocks.
type nightOf struct {
	cells, blocks int
	spread        func(rng *rand.Rand, cell int) float64 // of a trial's logarithm; drawn once a run
	effect        func(cell int) float64                 // true log ratio to the baseline
	block         float64                                // standard deviation between blocks
	drift         float64                                // over the whole run, log
}

func evenly(sd float64) func(*rand.Rand, int) float64 {
	return func(*rand.Rand, int) float64 { return sd }
}

// unevenly are spreads that differ by a lognormal factor e^0.6.
func unevenly(sd float64) func(*rand.Rand, int) float64 {
	return func(rng *rand.Rand, _ int) float64 { return sd * math.Exp(.6*rng.NormFloat64()) }
}

func none(int) float64 { return 0 }

// draw makes the run.
func (n nightOf) draw(rng *rand.Rand) *run {
	r := newRun(n.cells, 1)
	sds, shifts := make([]float64, n.cells), make([]float64, n.blocks+1)
	for i := range sds {
		sds[i] = n.spread(rng, i)
	}
	for i := range shifts {
		shifts[i] = n.block * rng.NormFloat64()
	}
	all := float64(n.cells * n.blocks)
	r.blocks(rng, n.blocks, func(c, _, b, order int) map[string]float64 {
		y := n.effect(c) + shifts[b] + n.drift*(float64(order)/all-.5) + sds[c]*rng.NormFloat64()
		return one(throughput, 100*math.Exp(y))
	})
	return r
}

// tally is what a number of runs came to.
type tally struct {
	estimates, ratios float64 // coverage
	falsely           float64 // runs in which a cell without effect is called better or worse
	found             float64 // cells with a gain that are called better
	equivalent        float64 // cells called equivalent, the baseline apart
}

func (n nightOf) simulate(t *testing.T, runs int) tally {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 11))
	var out tally
	var estimates, ratios, gains float64
	for range runs {
		f := analyse(t, n.draw(rng))
		wrong := false
		for i, c := range f.Cells {
			truth := n.effect(i)
			e := c.Estimates[throughput]
			estimates++
			out.estimates += hit(e.Lo <= 100*math.Exp(truth) && 100*math.Exp(truth) <= e.Hi)
			q, ok := c.Ratios[throughput]
			if !ok {
				continue
			}
			ratios++
			out.ratios += hit(q.Lo <= math.Exp(truth) && math.Exp(truth) <= q.Hi)
			out.equivalent += hit(q.Verdict == Equivalent)
			if truth > 0 {
				gains++
				out.found += hit(q.Verdict == Better)
			} else {
				wrong = wrong || q.Verdict == Better || q.Verdict == Worse
			}
		}
		out.falsely += hit(wrong)
	}
	out.estimates /= estimates
	out.ratios /= ratios
	out.equivalent /= ratios
	out.falsely /= float64(runs)
	out.found /= math.Max(1, gains)
	return out
}

func hit(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// atMostBy allows what so many runs leave to chance: three standard errors.
func atMostBy(t *testing.T, what string, share, limit float64, runs int) {
	t.Helper()
	if slack := 3 * math.Sqrt(limit*(1-limit)/float64(runs)); share > limit+slack {
		t.Errorf("%s: %.3f, want at most %.3f (+ %.3f for %d runs)", what, share, limit, slack, runs)
	}
}

func TestCoverageCoverageAndFalseVerdicts(t *testing.T) {
	runs := simulations(150, 4000)
	t.Log("| cells | blocks | case | coverage of estimates | coverage of ratios | runs with any false better or worse |")
	for _, c := range []struct {
		what  string
		n     nightOf
		limit float64
	}{
		{"equal cells", nightOf{cells: 24, blocks: 3, spread: evenly(.03)}, .05},
		{"equal cells", nightOf{cells: 24, blocks: 5, spread: evenly(.03)}, .05},
		{"blocks differ by 3%", nightOf{cells: 24, blocks: 3, spread: evenly(.03), block: .03}, .05},
		{"blocks differ by 3%", nightOf{cells: 8, blocks: 3, spread: evenly(.03), block: .03}, .05},
		{"blocks differ by 3%", nightOf{cells: 4, blocks: 3, spread: evenly(.03), block: .03}, .05},
		{"6% drift", nightOf{cells: 24, blocks: 3, spread: evenly(.03), drift: .06}, .06},
		{"6% drift", nightOf{cells: 12, blocks: 3, spread: evenly(.03), drift: .06}, .06},
		{"uneven spreads", nightOf{cells: 24, blocks: 3, spread: unevenly(.03), block: .03}, .065},
		{"uneven spreads", nightOf{cells: 24, blocks: 5, spread: unevenly(.03), block: .03}, .065},
		{"uneven spreads", nightOf{cells: 8, blocks: 3, spread: unevenly(.03), block: .03}, .065},
		{"uneven spreads", nightOf{cells: 8, blocks: 5, spread: unevenly(.03), block: .03}, .065},
	} {
		c.n.effect = none
		got := c.n.simulate(t, runs)
		t.Logf("| %d | %d | %s | %.1f %% | %.1f %% | %.1f %% |", c.n.cells, c.n.blocks, c.what, 100*got.estimates, 100*got.ratios, 100*got.falsely)
		atMostBy(t, c.what, got.falsely, c.limit, runs)
		// Cells of a run share its variance and its baseline: coverage varies
		// more between runs than independent intervals would.
		slack := 3 * math.Sqrt(.95*.05/float64(runs))
		between(t, c.what+": coverage of ratios", got.ratios, .94-slack, .965+slack)
	}
}

// A cell that is better by exactly the margin must not be called equivalent in
// more than 5% of cases.
func TestCoverageEquivalence(t *testing.T) {
	runs := simulations(200, 4000)
	t.Log("| cells | blocks | spread | wrongly equivalent at the margin | rightly equivalent at no difference |")
	for _, sd := range []float64{.005, .01, .02} {
		n := nightOf{cells: 8, blocks: 3, spread: evenly(sd), block: .03, effect: func(c int) float64 { return float64(min(c, 1)) * math.Log1p(DefaultMargin) }}
		wrong := n.simulate(t, runs).equivalent
		n.effect = none
		right := n.simulate(t, runs).equivalent
		t.Logf("| 8 | 3 | %.1f %% | %.1f %% | %.0f %% |", 100*sd, 100*wrong, 100*right)
		atMostBy(t, fmt.Sprintf("spread %g: wrongly equivalent", sd), wrong, .05, runs)
	}
}

// How often a real gain of one cell is called better.
func TestCoveragePower(t *testing.T) {
	runs := simulations(60, 2000)
	t.Log("| cells | trials | spread | gain 5% | gain 10% |")
	for _, c := range []struct {
		cells, blocks int
		sd, least     float64 // least: of the gain of 10%
	}{{4, 3, .02, .8}, {8, 3, .02, .9}, {8, 3, .03, .5}, {8, 5, .03, .85}, {24, 3, .02, .8}, {24, 3, .03, .4}, {24, 5, .03, .75}} {
		var found [2]float64
		for i, gain := range []float64{.05, .1} {
			n := nightOf{cells: c.cells, blocks: c.blocks, spread: evenly(c.sd), effect: func(cell int) float64 { return hit(cell == 1) * math.Log1p(gain) }}
			found[i] = n.simulate(t, runs).found
		}
		t.Logf("| %d | %d | %.0f %% | %.0f %% | %.0f %% |", c.cells, c.blocks, 100*c.sd, 100*found[0], 100*found[1])
		between(t, fmt.Sprintf("%d cells, %d trials, %g: power", c.cells, c.blocks, c.sd), found[1], c.least-.15, 1)
	}
}

// How often drift is reported: falsely without any, and truly with 6 and 15%.
// Four metrics at two load points, cells that wait in a queue and vary ten times
// as much among them.
func TestCoverageDrift(t *testing.T) {
	runs := simulations(60, 1000)
	t.Log("| cells | blocks | spread | queueing cells | no drift | drift 6% | drift 15% |")
	for _, c := range []struct {
		cells, blocks, queueing int
		sd                      float64
	}{{12, 3, 0, .01}, {12, 3, 0, .03}, {12, 3, 2, .01}, {4, 3, 0, .01}, {4, 3, 1, .01}, {4, 3, 2, .03}, {12, 5, 0, .02}} {
		var reported [3]float64
		for i, drift := range []float64{0, math.Log1p(.06), math.Log1p(.15)} {
			rng := rand.New(rand.NewPCG(5, 9))
			for range runs {
				r := newRun(c.cells, 2)
				for p := range r.in.Plan.LoadPoints { // throughput in closed loop is looked at too
					r.in.Plan.LoadPoints[p].Kind = experiment.Concurrency
				}
				shift := map[int]float64{}
				all := float64(c.cells * c.blocks * 2)
				r.blocks(rng, c.blocks, func(cell, _, b, order int) map[string]float64 {
					if _, ok := shift[b]; !ok {
						shift[b] = .05 * rng.NormFloat64()
					}
					sd := c.sd
					if cell > 0 && cell <= c.queueing {
						sd *= 10
					}
					out := map[string]float64{}
					for _, m := range driftMetrics() {
						out[m] = math.Exp(shift[b] + drift*float64(order)/all + sd*rng.NormFloat64())
					}
					return out
				})
				a, err := newAnalyser(r.in)
				if err != nil {
					t.Fatal(err)
				}
				a.estimate()
				reported[i] += hit(len(a.drifts()) > 0) / float64(runs)
			}
		}
		t.Logf("| %d | %d | %.0f %% | %d | %.1f %% | %.0f %% | %.0f %% |", c.cells, c.blocks, 100*c.sd, c.queueing, 100*reported[0], 100*reported[1], 100*reported[2])
		atMostBy(t, fmt.Sprintf("%+v: false alarms", c), reported[0], driftLevel, runs)
	}
}

// Cells that are said to be on the frontier with some probability must be on it
// that often. The true frontier is that of the means the trials were drawn from.
func TestCoverageMembership(t *testing.T) {
	runs := simulations(60, 1500)
	var said, were, count [5]float64
	rng := rand.New(rand.NewPCG(2, 3))
	for range runs {
		r := newRun(12, 1)
		var x, y [12]float64
		for c := range 12 { // a bent front with noise around it, so that many cells are near it
			u := rng.Float64()
			x[c], y[c] = u+.03*rng.NormFloat64(), math.Sqrt(u)+.03*rng.NormFloat64()
		}
		r.blocks(rng, 3, func(c, _, _, _ int) map[string]float64 {
			return map[string]float64{"e2e_p50": math.Exp(x[c] + .03*rng.NormFloat64()), throughput: math.Exp(y[c] + .03*rng.NormFloat64())}
		})
		front := analyse(t, r).Frontiers[0]
		for _, m := range front.Membership {
			if m.Probability == nil {
				continue
			}
			var c int
			if _, err := fmt.Sscanf(m.Cell, "x%d.0", &c); err != nil {
				t.Fatal(err)
			}
			on := true
			for o := range 12 {
				on = on && (o == c || x[o] > x[c] || y[o] < y[c])
			}
			bin := min(4, int(*m.Probability*5))
			said[bin] += *m.Probability
			were[bin] += hit(on)
			count[bin]++
		}
	}
	t.Log("| said | were on it | cells |")
	for i := range count {
		if count[i] == 0 {
			continue
		}
		s, w := said[i]/count[i], were[i]/count[i]
		t.Logf("| %.0f %% | %.0f %% | %.0f |", 100*s, 100*w, count[i])
		if slack := 3 * math.Sqrt(.25/count[i]); math.Abs(s-w) > .12+slack {
			t.Errorf("cells said to be on the frontier with %.2f were on it in %.2f of %.0f cases", s, w, count[i])
		}
	}
}
