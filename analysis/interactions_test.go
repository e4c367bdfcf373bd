package analysis

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// factorial is a 2 x 2 grid of log effects a, b and their interaction.
func factorial(a, b, both float64) *run {
	r := newRun(4, 1)
	levels := [][2]string{{"16", "512"}, {"64", "512"}, {"16", "2048"}, {"64", "2048"}}
	effect := []float64{0, a, b, a + b + both}
	for i := range r.in.Plan.Configurations {
		c := &r.in.Plan.Configurations[i]
		c.Flags = experiment.Flags{
			{Name: "max-num-seqs", Value: levels[i][0]}, {Name: "max-num-batched-tokens", Value: levels[i][1]},
		}
		c.Changed = nil
	}
	r.in.Plan.Parameters = []string{"max-num-seqs", "max-num-batched-tokens", "block-size"}
	rng := rand.New(rand.NewPCG(1, 1))
	r.blocks(rng, 4, func(c, _, b, _ int) map[string]float64 {
		return one(throughput, 100*math.Exp(effect[c]+.02*float64(b)+.005*rng.NormFloat64()))
	})
	return r
}

func TestInteractionsWhereTheDesignMeasuredThem(t *testing.T) {
	f := analyse(t, factorial(-.2, -.05, .3)) // the first change costs 18% alone and gains 11% with the second
	if len(f.Interactions) != 1 {
		t.Fatalf("%+v", f.Interactions)
	}
	x := f.Interactions[0]
	near(t, "interaction", math.Log(x.Ratio.Center), .3, .02)
	near(t, "alone", math.Log(x.Alone), -.2, .02)
	near(t, "together", math.Log(x.Together), .1, .02)
	if !x.Flips || x.Ratio.Verdict != Better {
		t.Errorf("%+v", x)
	}
	if len(f.NotTested) != 2 { // block-size with either
		t.Errorf("not tested: %v", f.NotTested)
	}
	x = analyse(t, factorial(.2, .1, 0)).Interactions[0]
	if x.Flips || x.Ratio.Verdict == Better || x.Ratio.Verdict == Worse {
		t.Errorf("additive effects interact: %+v", x)
	}
	// Main effects average over the other parameter: with an interaction of .3
	// each level's is .15 more than beside the baseline.
	for _, e := range f.MainEffects {
		want := map[string]float64{"max-num-seqs": -.2 + .15, "max-num-batched-tokens": -.05 + .15}[e.Parameter]
		near(t, "main effect of "+e.Parameter, math.Log(e.Ratio.Center), want, .02)
		if e.Settings != 2 || e.Load != "chat" {
			t.Errorf("%+v", e)
		}
	}
	if len(f.MainEffects) != 2 {
		t.Errorf("%d main effects", len(f.MainEffects))
	}
}

// The same records give the same findings to the last digit, whatever order maps are
// walked in.
func TestFindingsAreReproducible(t *testing.T) {
	text := func() string {
		b, err := json.Marshal(analyse(t, factorial(-.2, -.05, .3)))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := text()
	for range 30 {
		if got := text(); got != first {
			t.Fatalf("%s\n%s", first, got)
		}
	}
}

// Interactions and main effects of a latency bow to the noise floor too.
func TestEffectsBelowTheNoiseFloor(t *testing.T) {
	r := factorial(-.2, -.05, .3)
	for i := range r.in.Trials {
		r.in.Trials[i].Metrics = one("ttft_p50", r.in.Trials[i].Metrics[throughput]/1000) // 0.1 s and so
	}
	verdicts := func(floor float64) (interaction, mainEffect Ratio) {
		errors := map[string]float64{"ttft_p50": floor}
		r.in.Floor = &rundir.Floor{Points: []rundir.PointFloor{{LoadPoint: "p0", Errors: errors}}}
		f := analyse(t, r)
		return f.Interactions[0].Ratio, f.MainEffects[1].Ratio
	}
	// The interaction is 0.027 s of 0.105, the effect of max-num-batched-tokens 10%.
	if x, e := verdicts(0.005); x.Verdict != Worse || e.Verdict != Worse {
		t.Errorf("above the floor: %+v, %+v", x, e)
	}
	x, e := verdicts(0.040)
	for _, got := range []Ratio{x, e} {
		if got.Verdict != Undecided || !notice.Has(got.Reasons, "within-noise-floor") {
			t.Errorf("below the floor: %+v", got)
		}
	}
}
