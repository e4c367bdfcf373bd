package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/wording"
	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
)

// phasePoll is how often the log is read for phases while the server starts;
// also the resolution of Phase.At.
const phasePoll = 100 * time.Millisecond

// logLag is how long a log may lag behind the server it is of.
const logLag = time.Second

// exitGrace is how long a server whose port answers as another's is given to
// end by itself: its own words ("address already in use") are then the cause.
const exitGrace = time.Second

// Start launches one server, waits until it is ready, and proves that the
// server that answers is the one it launched. observe, which may be nil, is
// called from this goroutine with each phase as it is seen.
//
// The error of a start that did not become ready is a *Failure; the server has
// been stopped by then. When ctx ends first the server is stopped too and
// ctx's error is returned.
func Start(ctx context.Context, b Backend, spec Spec, observe func(Phase)) (*Server, error) {
	begun := time.Now()
	h, err := b.Launch(ctx, spec)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, launchFailure(err, spec)
	}
	if _, err := os.Stat(spec.LogPath); errors.Is(err, os.ErrNotExist) {
		spec.LogPath = "" // a backend that keeps no log: nothing is waited for in it
	}
	s := &Server{Handle: h, spec: spec}
	w := watch{log: serverlog.NewTail(spec.LogPath), logs: spec.LogPath != "", begun: begun, observe: observe,
		reader: spec.Engine.reader(), silence: spec.SilenceTimeout, heard: begun}
	w.enter(PhaseLaunched)
	identity, failure := w.untilReady(ctx, h, spec)
	s.Phases, s.Logged, s.Identity = w.phases, w.reader.Logged(), identity
	var told Told
	if failure == nil {
		s.Effective, told = effective(ctx, h, spec, identity, w.reader)
		s.complete(told)
		w.readLog() // what our questions made the server say is not the load's
		s.logAtReady = w.log.Offset()
		failure = s.Effective.differs()
	}
	s.Compute = computeOf(spec, s.Logged, told, s.Identity)
	if failure == nil {
		s.ReadyAfter = w.phases[len(w.phases)-1].At
		return s, nil
	}
	decided := max(1, w.log.Offset()) // what follows is the end that is made of the server
	// A server that is not ready has nothing to lose, and vLLM does not end on
	// TERM before it is.
	var grace time.Duration
	if len(failure.differs) > 0 {
		grace = spec.StopTimeout
	}
	release, stopErr := s.stop(ctx, grace)
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), stopErr)
	}
	return nil, s.describe(failure, release, decided)
}

// launchFailure makes a Failure of any error of a Launch.
func launchFailure(err error, spec Spec) *Failure {
	var f *Failure
	if !errors.As(err, &f) {
		f = &Failure{Diagnosis: Diagnosis{Class: ClassBackend, Cause: Quoted(wording.Plain(err.Error()))}, Err: err}
	}
	for _, secret := range spec.AllSecrets() {
		f.Diagnosis.Cause = f.Diagnosis.Cause.Redacted(secret)
	}
	return f
}

// notReady says why the wait for readiness ended without it.
type notReady struct {
	exited   bool          // the server is gone; otherwise something else answers, or time is up
	identity error         // something else answers
	lastTry  error         // what the last probe said
	silent   time.Duration // the log said nothing for so long
	differs  []Difference  // the configuration in effect is not what was asked for
}

// watch follows one start.
type watch struct {
	log     *serverlog.Tail
	logs    bool // there is a log to read
	begun   time.Time
	observe func(Phase)
	reader  Reader
	phases  []Phase
	silence time.Duration // limit; 0: none
	heard   time.Time     // of the last line
}

// untilReady watches probe, log, exit and clock until one of them decides.
func (w *watch) untilReady(ctx context.Context, h Handle, spec Spec) (Identity, *notReady) {
	ctx, cancel := context.WithTimeout(ctx, spec.ReadyTimeout)
	defer cancel()
	probed := make(chan probeResult, 1)
	go func() {
		var r probeResult
		if err := boundary.Guard("the server's answers", func() error { r = probe(ctx, h, spec); return nil }); err != nil {
			r = probeResult{identityErr: err}
		}
		probed <- r
	}()
	tick := time.NewTicker(phasePoll)
	defer tick.Stop()
	for {
		select {
		case r := <-probed:
			return w.decide(r, h)
		case <-h.Exited():
			cancel()
			r := <-probed
			w.readLog()
			return Identity{}, &notReady{exited: true, lastTry: r.lastTry}
		case <-tick.C:
			w.readLog()
			if quiet := time.Since(w.heard); w.logs && w.silence > 0 && quiet > w.silence {
				cancel()
				r := <-probed
				if r.ready || r.identityErr != nil {
					return w.decide(r, h)
				}
				return Identity{}, &notReady{silent: quiet, lastTry: r.lastTry}
			}
		}
	}
}

// decide judges the end of probing.
func (w *watch) decide(r probeResult, h Handle) (Identity, *notReady) {
	var grace time.Duration
	if r.identityErr != nil {
		grace = exitGrace
	}
	select {
	case <-h.Exited():
		w.readLog()
		return Identity{}, &notReady{exited: true, identity: r.identityErr, lastTry: r.lastTry}
	case <-time.After(grace):
		w.readLog()
	}
	switch {
	case r.identityErr != nil:
		return Identity{}, &notReady{identity: r.identityErr}
	case r.ready:
		at := time.Since(w.begun)
		w.catchUp(h)
		w.enterAt(PhaseReady, at)
		return r.identity, nil
	default:
		return Identity{}, &notReady{lastTry: r.lastTry}
	}
}

// readLog takes phases and sizes from what was logged since the last call. A
// log that cannot be read costs phases, nothing else.
func (w *watch) readLog() {
	_ = w.log.Lines(func(line string) {
		w.heard = time.Now()
		if phase := w.reader.Read(line); phase != "" {
			w.enter(phase)
		}
	})
}

// catchUp waits a little for a log that lags behind the server, so that its
// sizes are not missed: vLLM says that it begins to serve before it does.
func (w *watch) catchUp(h Handle) {
	for since := time.Now(); w.logs && w.last() < phaseOrder[PhaseServing] && time.Since(since) < logLag; {
		select {
		case <-h.Exited():
			return
		case <-time.After(phasePoll / 4):
			w.readLog()
		}
	}
}

// last is the order of the last phase seen.
func (w *watch) last() int {
	if len(w.phases) == 0 {
		return -1
	}
	return phaseOrder[w.phases[len(w.phases)-1].Name]
}

// enter records a phase once, and only forwards: several workers log the same
// line.
func (w *watch) enter(name string) { w.enterAt(name, time.Since(w.begun)) }

func (w *watch) enterAt(name string, at time.Duration) {
	if w.last() >= phaseOrder[name] {
		return
	}
	p := Phase{Name: name, At: at}
	w.phases = append(w.phases, p)
	if w.observe != nil {
		w.observe(p)
	}
}

// describe turns the end of an unsuccessful start into a Failure, after the
// server was stopped and its log is complete.
func (s *Server) describe(why *notReady, release Release, decided int64) *Failure {
	f := &Failure{
		ID: s.Handle.ID(), Command: s.Handle.Command(), Facts: s.Handle.Facts(),
		Phases: s.Phases, Logged: s.Logged, Effective: s.Effective, Compute: s.Compute, Release: &release,
	}
	switch {
	case why.exited:
		f.Err = errors.New("the server ended before it was ready")
		f.Diagnosis = Diagnose(s.spec, s.Handle.Exit())
		if why.identity != nil {
			f.Diagnosis.Evidence = append(f.Diagnosis.Evidence, why.identity.Error())
		}
	case why.identity != nil:
		f.Err = why.identity
		f.Diagnosis = diagnoseIdentity(why.identity, s.Handle.BaseURL())
	case errors.Is(why.lastTry, ErrServiceAway):
		f.Err = why.lastTry
		f.Diagnosis = Diagnosis{Class: ClassBackend, Cause: Quoted(why.lastTry.Error())}
	case len(why.differs) > 0:
		f.Err = errors.New("the configuration in effect is not the requested one")
		f.Diagnosis = diagnoseDifference(why.differs, s.Effective.Source)
	case why.silent > 0:
		f.Err = fmt.Errorf("the server was silent for %s: %w", say.Duration(why.silent), why.lastTry)
		f.Diagnosis = diagnoseSilence(s.spec, s.Phases, why.silent, decided)
	default:
		f.Err = fmt.Errorf("the server was not ready after %s: %w", say.Duration(s.spec.ReadyTimeout), why.lastTry)
		f.Diagnosis = diagnoseTimeout(s.spec, s.Phases, why.lastTry, decided)
	}
	return f
}
