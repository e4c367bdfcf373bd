package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/wait"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// retryWaits are the pauses before a launch is tried again, by the class of
// its failure: only what can pass by itself is tried again, and not for ever.
func retryWaits(c launcher.Class) []time.Duration {
	const s = time.Second
	switch c {
	case launcher.ClassPort: // another port is taken at once
		return []time.Duration{s, 3 * s}
	case launcher.ClassGPUNotFree: // memory of a server that has just ended
		return []time.Duration{5 * s, 15 * s, 45 * s}
	case launcher.ClassDistributed: // a port or a neighbor that was not there yet
		return []time.Duration{5 * s}
	case launcher.ClassNetwork: // of the model's hub
		return []time.Duration{5 * s, 20 * s, 60 * s}
	case launcher.ClassBackend, launcher.ClassImage: // a service being restarted, a registry
		return []time.Duration{5 * s, 15 * s, 45 * s}
	default:
		return nil
	}
}

// shared reports whether a failure of that class has its cause outside the
// configuration: it would meet every other one too, so it ends the run, which
// can be resumed, instead of failing what is left of the plan.
func shared(c launcher.Class) bool {
	return c == launcher.ClassBackend || c == launcher.ClassImage || c == launcher.ClassDisk
}

// persist launches until the server is up, or fails for a reason that does not
// pass. Each try that failed is in the record and the journal, and its log is
// kept.
func (r *run) persist(ctx context.Context, rec *rundir.Start, spec launcher.Spec) (*launcher.Server, *launcher.Failure, error) {
	for try := 0; ; try++ {
		began := time.Now()
		var s *launcher.Server
		var err error
		r.blocking(func() {
			err = boundary.Guard("what the server said while it started", func() (err error) {
				s, err = launcher.Start(ctx, r.Backend, spec, func(p launcher.Phase) {
					r.locked(func() { r.updateStatus(func(st *Status) { st.Phase, st.PhaseBegan = p.Name, time.Now() }) })
				})
				return err
			})
		})
		if err == nil {
			return s, nil, nil
		}
		var fault *boundary.PanicError
		if errors.As(err, &fault) {
			return nil, misread(fault), nil
		}
		var failure *launcher.Failure
		if ctx.Err() != nil || !errors.As(err, &failure) {
			return nil, nil, err
		}
		r.nameHolders(failure)
		waits := r.waits(failure.Diagnosis.Class)
		if failure.Diagnosis.Certain {
			waits = nil // of a class that may pass, but not this time
		}
		switch {
		case try < len(waits):
		case shared(failure.Diagnosis.Class):
			return nil, nil, fmt.Errorf("%w: %w", ErrEnvironment, failure)
		default:
			return nil, failure, nil
		}
		if err := r.noteTry(rec, spec.LogPath, began, failure); err != nil {
			return nil, nil, err
		}
		r.message("%s: %s; trying again in %s", rec.ID, failure.Diagnosis.Cause.Text(), waits[try])
		r.blocking(func() { err = wait.For(ctx, waits[try]) })
		if err != nil {
			return nil, nil, err
		}
	}
}

// misread is the failure of a start whose output sweep could not take. What it
// launched may be there still: its release is not proved.
func misread(fault *boundary.PanicError) *launcher.Failure {
	return &launcher.Failure{
		Diagnosis: launcher.Diagnosis{
			Class: launcher.ClassUnclassified, Cause: launcher.Quoted(fault.Error()), Evidence: firstLines(string(fault.Stack), 20),
			Remedy: notice.New("report-misread-log", nil),
		},
		Err: fault, Release: &launcher.Release{Problem: "sweep failed before it could stop the server"},
	}
}

func firstLines(text string, n int) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[:min(n, len(lines))]
}

// noteTry records a launch that failed and is tried again.
func (r *run) noteTry(rec *rundir.Start, log string, began time.Time, f *launcher.Failure) error {
	t := rundir.Try{Began: began, Ended: time.Now(), Class: f.Diagnosis.Class, Cause: f.Diagnosis.Cause}
	kept := fmt.Sprintf("server.try%d.log", len(rec.Tries)+1)
	switch err := os.Rename(log, filepath.Join(filepath.Dir(log), kept)); {
	case err == nil:
		t.Log = kept
	case !errors.Is(err, os.ErrNotExist): // the server never ran
		return fmt.Errorf("keep the log of a try: %w", err)
	}
	rec.Tries = append(rec.Tries, t)
	return errors.Join(
		r.dir.WriteStart(*rec),
		r.dir.Journal.Append(rundir.Event{Event: rundir.EventStartRetried, Start: rec.ID, Detail: string(t.Class) + ": " + t.Cause.Text()}))
}

func (r *run) waits(c launcher.Class) []time.Duration {
	if r.RetryWaits != nil {
		return r.RetryWaits(c)
	}
	return retryWaits(c)
}

// onceMore are the trials of a start under which its server died, each of
// which is measured once more: a death may have had a cause that has passed.
// They come last, so that one that kills every server costs the others
// nothing.
func (r *run) onceMore(p matrix.Start) []matrix.Trial {
	var out []matrix.Trial
	for _, t := range p.Trials {
		if _, fatal := r.fatal[t.ID]; fatal && r.done[t.ID].Outcome == rundir.OutcomeFailed {
			out = append(out, t)
		}
	}
	return out
}

// fatality is the end of a server under a trial.
type fatality struct {
	start   string // its ID
	reasons []notice.Notice
}

// noteDeath remembers a trial under which a server died for one more attempt,
// and tells of the first attempt in the record of the second.
func (r *run) noteDeath(rec *rundir.Trial, dead *death) {
	id := planned(rec.ID)
	first, again := r.fatal[id]
	switch {
	case again:
		delete(r.fatal, id)
		rec.Warnings = append(rec.Warnings, notice.New("measured-again", nil))
		for _, n := range first.reasons {
			rec.Warnings = append(rec.Warnings, n.As(notice.Caveat).On(notice.Launch, first.start))
		}
	case dead != nil:
		r.fatal[id] = fatality{rec.Start, rec.Reasons}
	}
}
