package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Repeats on a start are averaged, and their spread is told from that of the
// starts: 3% between starts and 1% inside are found within what 200 starts
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
			r.in.Starts = append(r.in.Starts, rundir.Start{
				ID: id, Configuration: tr(c), Outcome: rundir.StartReady, Ready: 2 * time.Minute, StopTook: time.Minute,
			})
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
