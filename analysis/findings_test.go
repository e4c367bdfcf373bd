package analysis

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

func TestCounts(t *testing.T) {
	r := newRun(2, 1)
	r.in.Plan.Starts = []matrix.Start{
		{ID: "s00", Configuration: "c0", Purpose: matrix.PurposeFindRates, Trials: []matrix.Trial{{ID: "k1", Cell: cellID(0, 0)}}},
		{ID: "s01", Block: 1, Configuration: "c0", Purpose: matrix.PurposeMeasure, Trials: []matrix.Trial{{ID: "t001", Cell: cellID(0, 0)}}},
		{ID: "s02", Block: 1, Configuration: "c1", Purpose: matrix.PurposeMeasure, Trials: []matrix.Trial{{ID: "t002", Cell: cellID(1, 0)}, {ID: "t009", Cell: cellID(1, 0)}}},
	}
	r.add(0, 0, 1, one(throughput, 100))
	r.add(1, 0, 1, one(throughput, 500)).Outcome = rundir.OutcomeInvalid
	r.add(1, 0, 1, nil).Outcome = rundir.OutcomeFailed
	r.add(0, 0, 0, one(throughput, 9999)).Start = "s00"
	r.add(0, 0, 1, one(throughput, 9999)).Cell = "x-gone"
	f := analyse(t, r)
	got := []Cell{}
	for _, c := range f.Cells {
		got = append(got, Cell{ID: c.ID, Trials: c.Trials, Invalid: c.Invalid, Failed: c.Failed, Missing: c.Missing})
	}
	want := []Cell{{ID: cellID(0, 0), Trials: 1}, {ID: cellID(1, 0), Invalid: 1, Failed: 1, Missing: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if e := f.Cells[0].Estimates[throughput]; e.Center != 100 || e.N != 1 {
		t.Errorf("a calibration trial counts: %+v", e)
	}
	if f.Cells[1].Estimates != nil {
		t.Errorf("an invalid trial counts: %+v", f.Cells[1].Estimates)
	}
	for _, w := range []string{"1 of 4 planned trials is missing", "1 trial was discarded", "1 trial failed because the server did not start", "unplanned-trials", "1 result rests on a single trial"} {
		if !contains(f.Warnings, w) {
			t.Errorf("no warning %q in %q", w, f.Warnings)
		}
	}
}

func TestFailures(t *testing.T) {
	r := newRun(3, 1)
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
	kv := &rundir.Diagnosis{Class: string(launcher.ClassKVCache), Cause: launcher.Quoted("no room"),
		Remedy: notice.Recorded("lower max-model-len")}
	r.in.Starts = []rundir.Start{
		{ID: "s4", Configuration: "c2", Outcome: rundir.StartFailed, Diagnosis: kv, Began: at(4)},
		{ID: "s1", Configuration: "c2", Outcome: rundir.StartFailed, Diagnosis: kv, Began: at(1)},
		{ID: "s2", Configuration: "c1", Outcome: rundir.StartReady,
			Diagnosis: &rundir.Diagnosis{Class: string(launcher.ClassEngineDead),
				Cause: launcher.Quoted("engine died")}, Began: at(2)},
		{ID: "s3", Configuration: "c0", Outcome: rundir.StartReady, Began: at(3)},
		{ID: "s5", Configuration: "c2", Outcome: rundir.StartFailed, Began: at(5)},
	}
	want := []Failure{
		{Configuration: "c1", Label: "max-num-seqs=1", Class: "engine-dead", Why: said("engine died"), Starts: []string{"s2"}, AfterReady: true},
		{Configuration: "c2", Label: "max-num-seqs=2", Class: "kv-cache", Why: said("no room"), Remedy: kv.Remedy, Starts: []string{"s1", "s4"}},
		{Configuration: "c2", Label: "max-num-seqs=2", Class: "unclassified", Why: []notice.Notice{notice.New("no-diagnosis", nil)}, Starts: []string{"s5"}},
	}
	if diff := cmp.Diff(want, analyse(t, r).Failures); diff != "" {
		t.Error(diff)
	}
}

func TestEffects(t *testing.T) {
	r := table([][]map[string]float64{{cellValues(100, .1)}, {cellValues(110, .1)}, {cellValues(120, .1)}, {cellValues(130, .1)}})
	two := &r.in.Plan.Configurations[2]
	two.Changed = append(two.Changed, experiment.Flag{Name: "dtype", Value: "half"})
	r.in.Plan.Configurations[3].Changed = experiment.Flags{{Name: "kv-cache-dtype", Kind: experiment.FlagUnset}}
	f := analyse(t, r)
	want := []Effect{
		{Parameter: "max-num-seqs", Level: "1", Configuration: "c1", LoadPoint: "p0"},
		{Parameter: "kv-cache-dtype", Level: "default", Configuration: "c3", LoadPoint: "p0"},
	}
	if diff := cmp.Diff(want, f.Effects, cmpopts.IgnoreFields(Effect{}, "Ratios")); diff != "" {
		t.Error(diff)
	}
	near(t, "ratio", f.Effects[0].Ratios[throughput].Center, 1.1, 1e-3)
}

// No baseline at all, and none that counts at a load point.
func TestWithoutBaseline(t *testing.T) {
	r := table([][]map[string]float64{{cellValues(100, .1)}, {cellValues(110, .1)}})
	for i := range r.in.Trials {
		if r.in.Trials[i].Configuration == "c0" {
			r.in.Trials[i].Outcome = rundir.OutcomeInvalid
		}
	}
	r.in.UseCases = []experiment.UseCase{maximise()}
	f := analyse(t, r)
	if f.Cells[1].Ratios != nil || !contains(f.Warnings, "The baseline has no valid trial at chat poisson 1/s") {
		t.Errorf("ratios %v, warnings %q", f.Cells[1].Ratios, f.Warnings)
	}
	if !contains(f.Recommendations[0].Doubts, "baseline-not-estimated") {
		t.Errorf("doubts %q", f.Recommendations[0].Doubts)
	}
	r.in.Plan.Configurations[0].Baseline = false
	if f := analyse(t, r); !contains(f.Warnings, "no-baseline") || !contains(f.Recommendations[0].Doubts, "no-baseline") {
		t.Errorf("warnings %q", f.Warnings)
	}
}

// driftRun is a closed loop of 12 configurations in 3 blocks whose throughput
// and arrivals, at will, change over the run.
func driftRun(rng *rand.Rand, kind experiment.ArrivalKind, change, sd, seeds float64) *run {
	r := newRun(12, 1)
	r.in.Plan.LoadPoints[0].Kind = kind
	r.in.UseCases = []experiment.UseCase{maximise()}
	block := map[int]float64{}
	r.blocks(rng, 3, func(_, _, b, order int) map[string]float64 {
		if _, ok := block[b]; !ok {
			block[b] = seeds * rng.NormFloat64()
		}
		return one(throughput, 100*math.Exp(block[b]+change*float64(order-1)/35+sd*rng.NormFloat64()))
	})
	return r
}

// 10% over the run is found among 1% noise and 5% between blocks; blocks
// alone are no drift, 1% is not worth a warning, and an offered rate is not
// looked at.
func TestDrift(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 9))
	f := analyse(t, driftRun(rng, experiment.Concurrency, -.10, .01, .05))
	if !contains(f.Warnings, "output throughput at chat poisson 1/s drifted by -") || !contains(f.Recommendations[0].Doubts, "drift") {
		t.Errorf("drift of -10 %%: %q", f.Warnings)
	}
	for _, r := range []*run{
		driftRun(rng, experiment.Concurrency, .01, .001, .05),
		driftRun(rng, experiment.Poisson, -.10, .01, .05),
	} {
		if f := analyse(t, r); contains(f.Warnings, "drift") {
			t.Errorf("warnings %q", f.Warnings)
		}
	}
	alarms := 0
	for range 100 {
		if contains(analyse(t, driftRun(rng, experiment.Concurrency, 0, .03, .1)).Warnings, "drift") {
			alarms++
		}
	}
	if alarms > 11 { // 5 expected
		t.Errorf("%d false alarms of drift in 100 runs", alarms)
	}
}

// The trials' own warnings of percentiles become one line for each load.
func TestFloors(t *testing.T) {
	r := newRun(2, 1)
	for b := range 3 {
		for c := range 2 {
			tr := r.add(c, 0, b+1, one("ttft_p50", .1+.001*float64(b*c)))
			tr.Window = 2.01
			tr.Absent = map[string]string{"ttft_p95": "70 requests, 130 needed", "ttft_p99": "70 requests, 662 needed"}
			tr.TooFew = map[string]int{"p95": 130, "p99": 662}
			tr.Warnings = []notice.Notice{notice.Recorded("late")}
			if b == 1 {
				tr.Absent["ttft_p90"], tr.TooFew["p90"] = "60 requests, 64 needed", 64
			}
		}
	}
	f := analyse(t, r)
	if !contains(f.Warnings, "On load chat, p90 and higher percentiles need more requests than the trials sent in 2 s.") {
		t.Errorf("warnings %q", f.Warnings)
	}
	for _, c := range f.Cells {
		if len(c.Warnings) != 1 || c.Warnings[0].Text() != "late" {
			t.Errorf("%s: %q", c.Label, c.Warnings)
		}
	}
}

func TestOffersRate(t *testing.T) {
	for _, c := range []struct {
		point matrix.LoadPoint
		want  bool
	}{
		{matrix.LoadPoint{Kind: experiment.Constant, Value: 4}, true},
		{matrix.LoadPoint{Kind: experiment.Poisson, Value: 4}, true},
		{matrix.LoadPoint{Kind: experiment.Concurrency, Value: 4}, false},
		{matrix.LoadPoint{Kind: experiment.Throughput}, false},
		{matrix.LoadPoint{Kind: experiment.Sweep, Value: 0}, false},
		{matrix.LoadPoint{Kind: experiment.Sweep, Value: 0.5}, true},
		{matrix.LoadPoint{Kind: experiment.Sweep, Value: 1}, false},
	} {
		if got := offersRate(c.point); got != c.want {
			t.Errorf("%s %g: %v", c.point.Kind, c.point.Value, got)
		}
	}
}

// said is what a server said.
func said(words string) []notice.Notice { return []notice.Notice{launcher.Quoted(words)} }
