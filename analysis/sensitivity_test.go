package analysis

import (
	"math"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
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

// Three trials of 0.5 s with ±0.4% in the pooled model: a limit of 0.6 s is
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
	// c0 misses ttft by 50% and throughput by 29%, c1 150 and 14, c2 350 and 0.
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
