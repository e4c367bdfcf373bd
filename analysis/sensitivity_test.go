package analysis

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Three configurations on a line: more throughput costs more latency.
func ladder() *run {
	r := table([][]map[string]float64{{cellValues(100, .3)}, {cellValues(120, .5)}, {cellValues(150, .9)}})
	r.in.UseCases = []experiment.UseCase{maximise(atMost("ttft_p95", .6))}
	return r
}

func TestSensitivityOfALimit(t *testing.T) {
	rec := analyse(t, ladder()).Recommendations[0]
	if rec.Configuration != "c1" || len(rec.Sensitivity) != 1 {
		t.Fatalf("%s %+v", rec.Configuration, rec.Sensitivity)
	}
	s := rec.Sensitivity[0]
	near(t, "tightest", s.Tightest, .5, .001)
	if s.Loosest == nil || math.Abs(*s.Loosest-.9) > .001 {
		t.Fatalf("loosest %v, want 0.9", s.Loosest)
	}
	if !strings.HasPrefix(s.Looser, "max-num-seqs=2 at ") || s.Tighter == "" {
		t.Errorf("%+v", s)
	}
	r := ladder()
	r.in.UseCases[0].SubjectTo[0].Value = 2 // every cell qualifies: no limit above changes anything
	if s := analyse(t, r).Recommendations[0].Sensitivity[0]; s.Loosest != nil || math.Abs(s.Tightest-.9) > .001 {
		t.Errorf("%+v", s)
	}
}

// Three trials of 0.5 s with ±0.4 % in the pooled model: a limit of 0.6 s is
// kept for certain, one of 0.5 s as likely as not.
func TestProbabilityThatAConstraintHolds(t *testing.T) {
	rec := analyse(t, ladder()).Recommendations[0]
	if p := rec.Constraints[0].Probability; p == nil || *p < .999 || rec.Feasible == nil || *rec.Feasible != *p {
		t.Errorf("%+v", rec.Constraints)
	}
	r := ladder()
	r.in.UseCases[0].SubjectTo[0].Value = .5
	r.in.Margin = 0.03
	for i := range r.in.Trials { // the mean on the limit from below
		if r.in.Trials[i].Configuration == "c1" {
			r.in.Trials[i].Metrics["ttft_p95"] *= .99999
		}
	}
	rec = analyse(t, r).Recommendations[0]
	if p := rec.Constraints[0].Probability; rec.Configuration != "c1" || p == nil || math.Abs(*p-.5) > .02 {
		t.Errorf("%s %+v", rec.Configuration, rec.Constraints)
	}
	single := newRun(2, 1)
	single.add(0, 0, 1, cellValues(100, .1))
	single.add(1, 0, 1, cellValues(120, .1))
	single.in.UseCases = []experiment.UseCase{maximise(atMost("ttft_p95", .6))}
	if rec := analyse(t, single).Recommendations[0]; rec.Constraints[0].Probability != nil || rec.Feasible != nil {
		t.Error("a single trial has a probability")
	}
}

func TestWhatWouldOverturnIt(t *testing.T) {
	r := ladder()
	r.in.UseCases[0].SubjectTo = nil
	rec := analyse(t, r).Recommendations[0]
	if len(rec.Overturn) != 2 || rec.Overturn[0].Label != "max-num-seqs=1" {
		t.Fatalf("%+v", rec.Overturn)
	}
	near(t, "ratio", rec.Overturn[0].Ratio, .8, .001)
	if p := rec.Overturn[0].Probability; p <= 0 || p > .001 {
		t.Errorf("%+v", rec.Overturn[0])
	}
}

func TestNearestMissIsData(t *testing.T) {
	r := ladder()
	r.in.UseCases = []experiment.UseCase{maximise(atMost("ttft_p95", .2), experiment.Constraint{Metric: throughput, Op: experiment.AtLeast, Value: 140})}
	rec := analyse(t, r).Recommendations[0]
	m := rec.NearestMiss
	// c0 misses ttft by 50 % and throughput by 29 %, c1 150 and 14, c2 350 and 0.
	if m == nil || m.Cell != cellID(0, 0) || m.Binding != "ttft_p95" || m.Fails != 3 || m.Cells != 3 {
		t.Fatalf("%+v", m)
	}
	near(t, "off", m.Off, .5, .001)
}

func TestContainerCommandIsTheOneThatRan(t *testing.T) {
	r := ladder()
	r.in.Starts = []rundir.Start{
		{ID: "s1", Configuration: "c1", Backend: "podman", Outcome: rundir.StartReady, Command: []string{"podman", "run", "--rm", "--device", "nvidia.com/gpu=0", "image", "--model", "a b"}},
	}
	rec := analyse(t, r).Recommendations[0]
	if rec.Container != "podman run --rm --device nvidia.com/gpu=0 image --model 'a b'" {
		t.Errorf("%q", rec.Container)
	}
}

// factorial is a 2 x 2 grid of log effects a, b and their interaction.
func factorial(a, b, both float64) *run {
	r := newRun(4, 1)
	levels := [][2]string{{"16", "512"}, {"64", "512"}, {"16", "2048"}, {"64", "2048"}}
	effect := []float64{0, a, b, a + b + both}
	for i := range r.in.Plan.Configurations {
		c := &r.in.Plan.Configurations[i]
		c.Flags = experiment.Flags{{Name: "max-num-seqs", Value: levels[i][0]}, {Name: "max-num-batched-tokens", Value: levels[i][1]}}
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
	f := analyse(t, factorial(-.2, -.05, .3)) // the first change costs 18 % alone and gains 11 % with the second
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
	if x := analyse(t, factorial(.2, .1, 0)).Interactions[0]; x.Flips || x.Ratio.Verdict == Better || x.Ratio.Verdict == Worse {
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

// Interactions and main effects of a latency bow to the noise floor too.
func TestEffectsBelowTheNoiseFloor(t *testing.T) {
	r := factorial(-.2, -.05, .3)
	for i := range r.in.Trials {
		r.in.Trials[i].Metrics = one("ttft_p50", r.in.Trials[i].Metrics[throughput]/1000) // 0.1 s and so
	}
	verdicts := func(floor float64) (interaction, mainEffect Ratio) {
		r.in.Floor = &rundir.Floor{Points: []rundir.PointFloor{{LoadPoint: "p0", Errors: map[string]float64{"ttft_p50": floor}}}}
		f := analyse(t, r)
		return f.Interactions[0].Ratio, f.MainEffects[1].Ratio
	}
	// The interaction is 0.027 s of 0.105, the effect of max-num-batched-tokens 10 %.
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

// Repeats on a start are averaged, and their spread is told from that of the
// starts: 3 % between starts and 1 % inside are found within what 200 starts
// leave to chance. With starts of 180 s and trials of 60 s one trial a start is
// best: sqrt(3) × 1/3 is less than one.
func TestVarianceSplit(t *testing.T) {
	r := newRun(4, 1)
	rng := rand.New(rand.NewPCG(4, 2))
	began := time.Unix(0, 0)
	for b := range 50 {
		for c := range 4 {
			start := .03 * rng.NormFloat64()
			id := ""
			for range 3 {
				tr := r.add(c, 0, b+1, one(throughput, 100*math.Exp(start+.01*rng.NormFloat64())))
				tr.Began, tr.Ended = began, began.Add(time.Minute)
				id = tr.Start
			}
			r.in.Starts = append(r.in.Starts, rundir.Start{ID: id, Configuration: tr(c), Outcome: rundir.StartReady, Ready: 2 * time.Minute, StopTook: time.Minute})
		}
	}
	f := analyse(t, r)
	if n := f.Cells[0].Estimates[throughput].N; n != 50 || f.Cells[0].Trials != 150 {
		t.Errorf("n=%d of %d trials; want 50 starts of 150 trials", n, f.Cells[0].Trials)
	}
	if len(f.VarianceSplits) != 1 {
		t.Fatalf("%+v", f.VarianceSplits)
	}
	s := f.VarianceSplits[0]
	near(t, "between starts", s.Start, .03, .004)
	near(t, "inside a start", s.Within, .01, .001)
	if s.PerStart != 1 || s.LaunchTime != 180 || s.TrialTime != 60 || s.Starts != 200 || s.Trials != 600 {
		t.Errorf("%+v", s)
	}
	s.Start, s.Within = .01, .03 // n* = sqrt(180/60 × 9) = 5.2
	if s.advise(180, 60); s.PerStart != 5 {
		t.Errorf("advice %d, want 5", s.PerStart)
	}
}

func tr(c int) string { return "c" + string(rune('0'+c)) }

func TestPrecisionIsWhatCouldHaveBeenFound(t *testing.T) {
	f := analyse(t, ladder())
	for _, p := range f.Precision {
		if p.Metric != throughput {
			continue
		}
		if p.Blocks != 3 || p.SD <= 0 || p.Corrected <= p.Alone || p.DF != 4 {
			t.Errorf("%+v", p)
		}
		return
	}
	t.Error("no precision for throughput")
}
