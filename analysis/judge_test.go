package analysis

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// Whether a trial counts is decided by the gates when it is recorded: with
// gates.failures at 60% one with 40% counts in every command, and says so.
func TestTheGatesDecideHowManyRequestsMayFail(t *testing.T) {
	r := newRun(2, 1)
	for b := range 3 {
		for c := range 2 {
			r.add(c, 0, b+1, one(throughput, 100+float64(10*c+b))).Requests = map[string]int{"ok": 60, "timeout": 40}
		}
	}
	f := analyse(t, r)
	if f.Cells[0].Trials != 3 || f.Cells[1].Trials != 3 || f.Cells[1].Invalid != 0 {
		t.Errorf("cells %+v", f.Cells)
	}
	if len(f.Checks) == 0 || f.Checks[0].Notice.Code != "failed-requests" || f.Checks[0].Notice.Severity != notice.Caveat {
		t.Errorf("checks %+v", f.Checks)
	}
	r.in.Trials[1].Outcome = rundir.OutcomeInvalid // as the gates of another experiment have it
	if c := analyse(t, r).Cells[1]; c.Trials != 2 || c.Invalid != 1 {
		t.Errorf("cell %+v", c)
	}
}

func TestTrialsThatCannotBeTrueAreJudgedOnce(t *testing.T) {
	r := newRun(2, 1)
	r.in.Plan.Model, r.in.GPU = "acme/model-8B", "H100"
	for b := range 3 {
		for c := range 2 {
			r.add(c, 0, b+1, map[string]float64{throughput: 100 + float64(b), "total_throughput": 1000})
		}
	}
	r.in.Trials[3].Metrics["total_throughput"] = 1e9
	r.in.Trials[3].Metrics["tpot_p50"] = 1e-9 // a second fault, of the same cause
	judged := Judge(r.in)
	if x := judged[3]; x.Outcome != rundir.OutcomeInvalid || !impossible(x) || len(x.Reasons) != 2 || len(x.Causes) != 1 {
		t.Errorf("judged %+v", x)
	}
	if r.in.Trials[3].Outcome != rundir.OutcomeOK {
		t.Error("the record itself was changed")
	}
	before := analyse(t, r)
	r.in.Trials = judged
	after := analyse(t, r)
	if len(before.Checks) == 0 || len(before.Checks) != len(after.Checks) || before.Cells[1].Trials != 2 || after.Cells[1].Trials != 2 {
		t.Errorf("%d and %d checks, %+v and %+v", len(before.Checks), len(after.Checks), before.Cells[1], after.Cells[1])
	}
}

func TestFailuresAreToldByTheirOwnCauses(t *testing.T) {
	r := newRun(2, 1)
	add := func(outcome, cause, reason string) {
		tr := r.add(1, 0, 1, nil)
		tr.Outcome, tr.Reasons = outcome, []notice.Notice{notice.Recorded(reason)}
		if cause != "" {
			tr.Causes = []string{cause}
		}
	}
	add(rundir.OutcomeFailed, rundir.FailedRefused, "no request succeeded (http 40); first: 400")
	add(rundir.OutcomeFailed, rundir.FailedDied, "the server died under load: engine-dead: killed by signal 9")
	add(rundir.OutcomeFailed, "", "no request succeeded (http 40); first: 400") // of an earlier version
	add(rundir.OutcomeFailed, "", "the server died under load: engine-dead: killed by signal 9")
	add(rundir.OutcomeFailed, "", "no request succeeded (http 20, timeout 20); first: 400")
	add(rundir.OutcomeFailed, "", "kv-cache: the KV cache is too small")
	f := analyse(t, r)
	want := "1 trial failed because the server did not start. 2 trials failed because the server died under load. " +
		"2 trials failed because the server refused every request. 1 trial failed because no request succeeded."
	if !contains(f.Warnings, want) {
		t.Errorf("warnings %q, want %q", f.Warnings, want)
	}
	for _, x := range f.Failures {
		if x.Starts == nil { // null in the file, where its readers want a list
			t.Errorf("%s: no list of starts", x.Class)
		}
	}
}

// A winner that died under load says how often, wherever it is shown.
func TestARecommendationTellsOfItsDeaths(t *testing.T) {
	r := twoChanges(1.2, .95, .9)
	for b := range 4 {
		s := rundir.Start{ID: string(rune('a' + b)), Configuration: "c1", Outcome: rundir.StartReady}
		if b < 2 {
			s.Diagnosis = &rundir.Diagnosis{Class: string(launcher.ClassEngineDead),
				Cause: launcher.Quoted("killed by signal 9")}
		}
		r.in.Starts = append(r.in.Starts, s)
	}
	rec := analyse(t, r).Recommendations[0]
	if rec.Configuration != "c1" || !contains(rec.Doubts, "Its server died under load in 2 of 4 launches: killed by signal 9") {
		t.Errorf("%s: %q", rec.Configuration, rec.Doubts)
	}
	r.in.Starts = nil // and from the trials alone
	tr := r.add(1, 0, 4, nil)
	tr.Outcome, tr.Causes = rundir.OutcomeFailed, []string{rundir.FailedDied}
	tr = r.add(1, 0, 5, nil)
	tr.Outcome, tr.Causes = rundir.OutcomeFailed, []string{rundir.FailedRefused}
	rec = analyse(t, r).Recommendations[0]
	if !contains(rec.Doubts, "Its server died under load in 1 of 5 trials.") ||
		!contains(rec.Doubts, "Of 5 trials of this configuration, 1 failed. In 1, the server refused every request.") {
		t.Errorf("%q", rec.Doubts)
	}
	// The confirm stage counts too, and its recommendation tells the same.
	r.in.Starts = []rundir.Start{{ID: "k", Configuration: "c1", Outcome: rundir.StartReady,
		Diagnosis: &rundir.Diagnosis{Cause: launcher.Quoted("out of memory")}}}
	r.stage(analyse(t, r).Finalists, map[string]float64{"c0": 100, "c1": 112, "c2": 95}, 5)
	if rec = analyse(t, r).Recommendations[0]; !rec.Confirmed || !contains(rec.Doubts, "Its server died under load in 1 of 1 launch: out of memory") {
		t.Errorf("confirmed %v: %q", rec.Confirmed, rec.Doubts)
	}
}

func TestStandings(t *testing.T) {
	r := twoChanges(1.2, .95, .9)
	finalists := analyse(t, r).Finalists
	standing := func(what, want string) {
		t.Helper()
		f := analyse(t, r)
		if got := f.Recommendations[0].Standing(); got != want {
			t.Errorf("%s: %q, want %q (%q)", what, got, want, f.Recommendations[0].Doubts)
		}
		if r := f.Recommendations[0]; r.ConfirmedBetter() != (want == StandingBetter) || r.Confirmed && contains(r.Doubts, "confirmation-pending") {
			t.Errorf("%s: %+v", what, r)
		}
	}
	standing("before the stage", StandingPending)
	off := r.in.Plan.ConfirmStage
	r.in.Plan.ConfirmStage = nil
	standing("switched off", StandingOff)
	if d := analyse(t, r).Recommendations[0].Doubts; !contains(d, "confirmation-off") {
		t.Errorf("doubts %q", d)
	}
	r.in.Plan.Backend = matrix.BackendImported
	standing("imported", StandingImported)
	r.in.Plan.ConfirmStage, r.in.Plan.Backend = off, ""
	for _, c := range []struct {
		winner float64
		want   string
	}{{112, StandingBetter}, {100.2, StandingBaseline}} {
		r = twoChanges(1.2, .95, .9)
		r.stage(finalists, map[string]float64{"c0": 100, "c1": c.winner, "c2": 95}, 5)
		standing(c.want, c.want)
	}
	r = twoChanges(1.2, .95, .9)
	r.stage(finalists, map[string]float64{"c0": 100, "c1": 112, "c2": 95}, 5)
	for i := range r.in.Trials { // noise that no difference stands out of
		if tr := &r.in.Trials[i]; strings.HasPrefix(tr.ID, "k") {
			tr.Metrics[throughput] *= 1 + .4*float64((tr.Block+len(tr.Configuration)*i)%3)
		}
	}
	standing("noise", StandingUndecided)
	// The baseline is kept and had no rival: its stage is finished and empty.
	r = twoChanges(.8, .7, .6)
	r.in.Plan = r.in.Plan.With(&matrix.Confirmation{})
	standing("no rival", StandingNotNeeded)
}

// A failed trial's record and its class of requests decide the cause.
func TestFailureCauseOfTools(t *testing.T) {
	for reason, want := range map[string]string{
		"none of 40 requests succeeded": rundir.FailedRequests,
		"unclassified: the rates of load chat could not be found on the baseline: no answer": rundir.FailedRates,
		"engine-dead: the server died under load 2 times on this start":                      rundir.FailedDied,
		"config: not started again: max_num_seqs must be greater than 0 (s01-c1)":            rundir.FailedStart,
	} {
		if got := (rundir.Trial{Outcome: rundir.OutcomeFailed, Reasons: []notice.Notice{notice.Recorded(reason)}}).FailureCause(); got != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
	}
}

// A server that lives and refuses every request is a failure of its own, and no
// text says that every configuration started and completed its load.
func TestRefusalsAreListedAmongTheFailures(t *testing.T) {
	r := newRun(2, 1)
	for b := range 2 {
		r.add(0, 0, b+1, one(throughput, 100))
		tr := r.add(1, 0, b+1, nil)
		tr.Outcome, tr.Causes = rundir.OutcomeFailed, []string{rundir.FailedRefused}
		tr.Reasons = []notice.Notice{notice.New("no-success", notice.Args{
			"n": notice.Count(40), "classes": notice.Text("http 40"), "error": notice.Text("400 Token id 9992 is out of vocabulary"),
		})}
	}
	f := analyse(t, r)
	if len(f.Failures) != 1 || f.Failures[0].Class != rundir.FailedRefused || len(f.Failures[0].Trials) != 2 || f.Failures[0].Configuration != "c1" {
		t.Fatalf("%+v", f.Failures)
	}
}
