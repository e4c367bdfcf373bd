package analysis

import (
	"maps"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// FailedNotice says how many trials failed, by cause (see rundir.FailureCauses);
// false without failures.
func FailedNotice(by map[string]int) (notice.Notice, bool) {
	args := causeArgs(by)
	if len(args) == 0 {
		return notice.Notice{}, false
	}
	return notice.New("trials-failed", args), true
}

// causeArgs are numbers of trials under the names of their causes.
func causeArgs(by map[string]int) notice.Args {
	args := notice.Args{}
	for _, cause := range rundir.FailureCauses() {
		if n := by[cause]; n > 0 {
			args[cause] = notice.Count(n)
		}
	}
	return args
}

// Reliability is how often the server of a configuration failed, in the blocks
// and the confirm stage together. A configuration that is best when it lives is
// not the best to run.
type Reliability struct {
	Starts     int           `json:"starts"`                // launches that became ready or were to
	NotStarted int           `json:"not_started,omitempty"` // of these
	Died       int           `json:"died,omitempty"`        // became ready and died under load
	Cause      notice.Notice `json:"cause,omitzero"`        // of the first death, else of the first failure to start
	Trials     int           `json:"trials"`                // recorded and not skipped
	// Failed trials by cause, see rundir.FailureCauses. A trial that was measured a
	// second time after a death is none of them.
	Failed map[string]int `json:"failed,omitempty"`
}

// reliabilities count by configuration.
func reliabilities(in Input) map[string]*Reliability {
	out := map[string]*Reliability{}
	at := func(configuration string) *Reliability {
		if out[configuration] == nil {
			out[configuration] = &Reliability{}
		}
		return out[configuration]
	}
	death := map[string]bool{}
	for _, s := range in.Starts {
		r := at(s.Configuration)
		died := s.Outcome == rundir.StartReady && s.Diagnosis != nil
		switch {
		case s.Purpose == matrix.PurposeFindRates || s.Outcome == rundir.StartSkipped:
			continue
		case died:
			r.Died++
		case s.Outcome == rundir.StartFailed:
			r.NotStarted++
		}
		r.Starts++
		if s.Diagnosis != nil && (r.Cause.Code == "" || died && !death[s.Configuration]) {
			r.Cause = s.Diagnosis.Cause
			death[s.Configuration] = died
		}
	}
	for _, t := range in.Trials {
		r := at(t.Configuration)
		if t.Outcome == rundir.OutcomeSkipped {
			continue
		}
		r.Trials++
		if t.Outcome == rundir.OutcomeFailed {
			if r.Failed == nil {
				r.Failed = map[string]int{}
			}
			r.Failed[t.FailureCause()]++
		}
	}
	return out
}

// doubts say what failed, for a recommendation.
func (r *Reliability) doubts() []notice.Notice {
	if r == nil {
		return nil
	}
	var out []notice.Notice
	rest := maps.Clone(r.Failed)
	launches := func(n int, why bool) notice.Args {
		args := notice.Args{"n": notice.Count(n), "launches": notice.Count(r.Starts)}
		if why && r.Cause.Code != "" {
			args["cause"] = notice.Said(r.Cause)
		}
		return args
	}
	switch {
	case r.Died > 0:
		out = append(out, notice.New("launches-died", launches(r.Died, true)))
	case rest[rundir.FailedDied] > 0:
		out = append(out, notice.New("trials-died", notice.Args{
			"n": notice.Count(rest[rundir.FailedDied]), "trials": notice.Count(r.Trials),
		}))
	}
	if r.NotStarted > 0 {
		out = append(out, notice.New("launches-failed", launches(r.NotStarted, r.Died == 0)))
		delete(rest, rundir.FailedStart)
	}
	delete(rest, rundir.FailedDied)
	n := 0
	for _, k := range rest {
		n += k
	}
	if n > 0 {
		args := causeArgs(rest)
		args["n"], args["trials"] = notice.Count(n), notice.Count(r.Trials)
		out = append(out, notice.New("its-trials-failed", args))
	}
	return out
}
