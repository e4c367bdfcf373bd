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
func (l *lane) persist(ctx context.Context, rec *rundir.Start, spec launcher.Spec) (*launcher.Server, *launcher.Failure, error) {
	for try := 0; ; try++ {
		began := time.Now()
		var s *launcher.Server
		err := boundary.Guard("what the server said while it started", func() (err error) {
			s, err = launcher.Start(ctx, l.Server.Backend, spec, func(p launcher.Phase) {
				l.update(func(st *Status) { st.Phase, st.PhaseBegan = p.Name, time.Now() })
			})
			return err
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
		l.nameHolders(failure)
		waits := l.waits(failure.Diagnosis.Class)
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
		if err := l.noteTry(rec, spec.LogPath, began, failure); err != nil {
			return nil, nil, err
		}
		l.tell(notice.Launch, rec.ID, notice.New("launch-retried", notice.Args{
			"cause": notice.Said(failure.Diagnosis.Cause), "wait": notice.Span(waits[try]),
		}))
		if err := wait.For(ctx, waits[try]); err != nil {
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
func (l *lane) noteTry(rec *rundir.Start, log string, began time.Time, f *launcher.Failure) error {
	t := rundir.Try{Began: began, Ended: time.Now(), Class: string(f.Diagnosis.Class), Cause: f.Diagnosis.Cause}
	kept := rundir.TriedLogFile(len(rec.Tries) + 1)
	switch err := os.Rename(log, filepath.Join(filepath.Dir(log), kept)); {
	case err == nil:
		t.Log = kept
	case !errors.Is(err, os.ErrNotExist): // the server never ran
		return fmt.Errorf("keep the log of a try: %w", err)
	}
	rec.Tries = append(rec.Tries, t)
	return l.stepStart(rundir.EventStartRetried, rec, "", notice.New("did-not-start", diagnosed(f.Diagnosis)).On(notice.Launch, rec.ID))
}

func (r *session) waits(c launcher.Class) []time.Duration {
	if r.RetryWaits != nil {
		return r.RetryWaits(c)
	}
	return retryWaits(c)
}

// deaths are the trials under which a server died, by planned trial ID, until
// they were measured once more.
type deaths map[string]fatality

// fatality is the end of a server under a trial.
type fatality struct {
	start   string // its ID
	reasons []notice.Notice
}

// noteDeath remembers a trial under which a server died for one more attempt,
// and tells of the first attempt in the record of the second.
func (r *session) noteDeath(rec *rundir.Trial, dead *death) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := planned(rec.ID)
	first, again := r.deaths[id]
	switch {
	case again:
		delete(r.deaths, id)
		rec.Warnings = append(rec.Warnings, notice.New("measured-again", nil))
		for _, n := range first.reasons {
			rec.Warnings = append(rec.Warnings, n.As(notice.Caveat).On(notice.Launch, first.start))
		}
	case dead != nil:
		r.deaths[id] = fatality{rec.Start, rec.Reasons}
	}
}
