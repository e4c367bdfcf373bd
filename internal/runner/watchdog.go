package runner

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wait"
	"github.com/vllm-sweep/sweep/launcher"
)

const (
	// watchEvery is the time between two looks at the server's health and log.
	// A question of a hundred bytes disturbs no measurement.
	watchEvery = time.Second
	// healthWait bounds one question; an event loop may be held up for seconds.
	healthWait = 5 * time.Second
	// exitNotice bounds the wait for the exit of a server whose engine died.
	// vLLM's API process answers 500 for up to five seconds and exits then
	// (vllm/entrypoints/launcher.py, watchdog).
	exitNotice = 10 * time.Second
)

// death is why a server that was ready is not measured any longer. It is an
// errServerDied.
type death struct {
	class launcher.Class
	what  notice.Notice // what was seen, with a place for why
	// diagnosis is what the records of the trial and of the start both say;
	// nil: not asked for yet.
	diagnosis *launcher.Diagnosis
}

func (d *death) Error() string        { return d.what.Text() }
func (d *death) Is(target error) bool { return target == errServerDied }

func died(what notice.Notice) *death { return &death{class: launcher.ClassEngineDead, what: what} }

// watchdog ends a load when its server ends, its engine dies behind a server
// that lives on, or nothing comes out of it any more.
type watchdog struct {
	server *launcher.Server
	stall  time.Duration
	cancel context.CancelCauseFunc

	running sync.WaitGroup
	client  *http.Client

	// Of the generator's progress goroutine.
	alive time.Time // when a token came last, or nothing was in flight
	token time.Duration
}

// guard returns a context that ends with a *death when the server is no longer
// fit to be measured. stop must be called; it returns that death, or nil.
func (l *lane) guard(ctx context.Context, s *launcher.Server) (loadCtx context.Context, w *watchdog) {
	loadCtx, cancel := context.WithCancelCause(ctx)
	w = &watchdog{
		server: s, stall: l.Experiment.Server.StallTimeout, cancel: cancel, alive: time.Now(),
		// No proxy may answer for a server that is gone.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: l.Server.TLS},
			Timeout: healthWait},
	}
	w.running.Go(func() { w.watchExit(loadCtx) })
	w.running.Go(func() { w.watchHealth(loadCtx) })
	return loadCtx, w
}

// stop ends the watch.
func (w *watchdog) stop(loadCtx context.Context) *death {
	w.cancel(nil)
	w.running.Wait()
	var d *death
	errors.As(context.Cause(loadCtx), &d)
	return d
}

func (w *watchdog) watchExit(ctx context.Context) {
	select {
	case <-w.server.Exited():
		w.cancel(died(notice.New("server-gone", nil)))
	case <-ctx.Done():
	}
}

func (w *watchdog) watchHealth(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for refused := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if line := w.server.Fatal(); line != "" {
			w.cancel(died(notice.New("engine-died", nil)))
			return
		}
		switch answer, err := w.health(ctx); {
		case answer == http.StatusServiceUnavailable:
			w.cancel(died(notice.New("engine-unhealthy", nil)))
			return
		case errors.Is(err, syscall.ECONNREFUSED):
			// Once may be a full queue; twice is nobody there.
			if refused++; refused > 1 {
				w.cancel(died(notice.New("connections-refused", nil)))
				return
			}
		default:
			refused = 0
		}
	}
}

// health is the status of /health.
func (w *watchdog) health(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.BaseURL()+"/health", nil)
	if err != nil {
		return 0, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// beside lets the watch see each progress report too.
func (w *watchdog) beside(shown func(loadgen.Progress)) func(loadgen.Progress) {
	return func(p loadgen.Progress) {
		w.progress(p)
		shown(p)
	}
}

// progress looks at the tokens of all streams. A server is wedged when
// requests are in flight and no stream gets any for too long.
func (w *watchdog) progress(p loadgen.Progress) {
	if p.InFlight == 0 || p.LastToken != w.token {
		w.token, w.alive = p.LastToken, time.Now()
		return
	}
	if quiet := time.Since(w.alive); w.stall > 0 && quiet > w.stall {
		w.cancel(&death{class: launcher.ClassWedge, what: notice.New("no-token", notice.Args{
			"quiet": notice.Span(quiet), "n": notice.Count(p.InFlight),
		})})
	}
}

// afterFailures looks once more at a server under which requests failed: it
// may be about to end, before the watch could see it.
func (w *watchdog) afterFailures(ctx context.Context) *death {
	ctx, cancel := context.WithTimeout(ctx, exitNotice)
	defer cancel()
	if w.server.Fatal() != "" {
		return died(notice.New("engine-died", nil))
	}
	for {
		answer, err := w.health(ctx)
		switch {
		case answer == http.StatusServiceUnavailable:
			return died(notice.New("engine-unhealthy", nil))
		case err == nil:
			return nil // whatever failed, the server is well
		case errors.Is(err, syscall.ECONNREFUSED):
			return died(notice.New("connections-refused", nil))
		case ctx.Err() != nil:
			return &death{class: launcher.ClassWedge, what: notice.New("health-silent", notice.Args{"waited": notice.Span(exitNotice)})}
		}
		_ = wait.For(ctx, watchEvery/4) // its end is told by the next answer
	}
}

// exit waits for a server whose engine is dead to end by itself, so that its
// exit code and last words are known.
func (w *watchdog) exit(ctx context.Context, d *death) {
	if d.class != launcher.ClassEngineDead {
		return
	}
	timeout := time.NewTimer(exitNotice)
	defer timeout.Stop()
	select {
	case <-w.server.Exited():
	case <-timeout.C:
	case <-ctx.Done():
	}
}

// diagnose explains a death by the server's exit and log, once: what is read
// later, of a server that is being stopped, would be another story.
func diagnose(s *launcher.Server, d *death) launcher.Diagnosis {
	if d.diagnosis == nil {
		d.diagnosis = s.Died()
		if d.diagnosis == nil || d.class != launcher.ClassEngineDead {
			d.diagnosis = new(s.Diagnose(d.class, d.what))
		}
	}
	return *d.diagnosis
}
