package runner

import (
	"fmt"
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
)

import ()

func (r *session) counts() (done, total int) {
	trials := r.Plan.MeasuredTrials()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range trials {
		if _, ok := r.done[t.ID]; ok {
			done++
		}
	}
	return done, len(trials)
}

func (r *session) result() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	var res Result
	for _, s := range r.Plan.Starts {
		for _, t := range s.Trials {
			res.Planned++
			switch r.done[t.ID].Outcome {
			case "":
			case rundir.OutcomeOK:
				res.OK++
			case rundir.OutcomeInvalid:
				res.Invalid++
			case rundir.OutcomeSkipped:
				res.Skipped++
			default:
				res.Failed++
			}
		}
	}
	return res
}

// complete is a state with the counts and the time left of the whole run.
func (r *session) complete(s Status) Status {
	s.Done, s.Total = r.counts()
	s.At = time.Now()
	var spent time.Duration
	if !s.StageBegan.IsZero() {
		spent = s.At.Sub(s.StageBegan)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Left = r.clock.left(r.done, func(id string) bool { return r.repeats.due(id, r.done) },
		func(id string) bool { _, hopeless := r.prune.hopeless[id]; return hopeless }, spent)
	s.More = r.Plan.ConfirmStage != nil && r.Plan.Confirmation == nil
	worked := r.worked + s.At.Sub(r.opened)
	if all := worked + (s.Left.Least+s.Left.Most)/2; all > 0 {
		s.Share = worked.Seconds() / all.Seconds()
	}
	return s
}

// tellProgress shows how far the run is, whatever its lanes do.
func (r *session) tellProgress() { r.Observer.Status(r.complete(Status{})) }

func (r *session) message(format string, args ...any) {
	r.Observer.Message(fmt.Sprintf(format, args...))
}

// announce shows a notice about the run.
func (r *session) announce(n notice.Notice) {
	text := n.String()
	if n.Severity == notice.Caveat {
		text = "warning: " + text
	}
	r.Observer.Message(text, n)
}

// tell shows notices about a launch or a trial, and returns them for its record.
func (r *session) tell(kind notice.Kind, id string, list ...notice.Notice) []notice.Notice {
	for _, n := range list {
		text := fmt.Sprintf("%s (%s %s)", n, kind, id)
		if n.Severity != notice.Note {
			text = "warning: " + text
		}
		r.Observer.Message(text, n.On(kind, id))
	}
	return list
}

// tellTrial shows a finished trial.
func (r *session) tellTrial(t rundir.Trial) {
	about := slices.Clone(t.Reasons)
	for i := range about {
		about[i] = about[i].On(notice.Trial, t.ID)
	}
	r.Observer.Message(r.describe(t), about...)
}

// tellRefused says once in a run that the server could not answer for its own
// configuration.
func (r *session) tellRefused(e *launcher.Effective) {
	if e == nil || e.Refused == "" {
		return
	}
	r.told.refused.Do(func() {
		n := notice.New("configuration-unread", notice.Args{"error": notice.Text(e.Refused)})
		r.Observer.Message("warning: "+n.String(), n)
	})
}
