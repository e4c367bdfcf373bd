package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// R: power.t.test(power = .8, delta = 1, sd = 1) gives n = 16.71477: 17 trials of
// each side find a difference of one standard deviation.
func TestDetectableAgainstPowerTTest(t *testing.T) {
	got := math.Log1p(Detectable(1, 17, 32, 1))
	if got < .96 || got > 1.03 {
		t.Errorf("17 trials find %.3f sd, power.t.test says about 1", got)
	}
	if n := Trials(1, 1); n != 16 {
		t.Errorf("Trials(1, 1) = %v, want 16 (15.7)", n)
	}
	for _, bad := range []float64{Detectable(.02, 1, 0, 1), Detectable(.02, 0, 4, 1)} {
		if !math.IsInf(bad, 1) {
			t.Errorf("without degrees of freedom %v is detectable", bad)
		}
	}
}

// The difference that is said to be detectable is found in 80% of simulated
// experiments.
func TestDetectableBySimulation(t *testing.T) {
	const sd, blocks, runs = .03, 3, 4000
	for _, comparisons := range []int{1, 7} {
		df := 14.0 // 8 cells x 3 blocks
		delta := math.Log1p(Detectable(sd, blocks, df, comparisons))
		rng := rand.New(rand.NewPCG(3, 4))
		dist := distuv.StudentsT{Sigma: 1, Nu: df}
		critical := dist.Quantile(1 - Level/float64(comparisons)/2)
		found := 0
		for range runs {
			mse := sd * sd * distuv.ChiSquared{K: df, Src: rng}.Rand() / df
			d := delta + rng.NormFloat64()*sd*math.Sqrt(2.0/blocks)
			if math.Abs(d)/math.Sqrt(mse*2/blocks) > critical {
				found++
			}
		}
		if p := float64(found) / runs; math.Abs(p-Power) > .04 {
			t.Errorf("%d comparisons: found in %.3f of the runs, want %.1f", comparisons, p, Power)
		}
	}
}
