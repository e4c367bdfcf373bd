package containers

import (
	"context"
	"errors"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/launcher"
)

const (
	// lastWords is how long the log may still flow after the end of the
	// container before that is reported; Stop fetches what comes later.
	lastWords = 300 * time.Millisecond
	// retryGap is the first pause before a service that is away is asked
	// again; the pauses grow to longestGap.
	retryGap   = 250 * time.Millisecond
	longestGap = 5 * time.Second
	// settle is how long a service may take from the end of a container to its
	// exit code: podman's state reads "stopped" for a moment.
	settle     = 2 * time.Second
	settlePoll = 50 * time.Millisecond
)

// follow starts the goroutines that read the log and watch for the end.
func (h *handle) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	logEnded := make(chan struct{})
	h.running.Go(func() {
		defer close(logEnded)
		h.readLog(ctx)
	})
	waiting, stopped := context.WithCancel(ctx)
	h.stopped = stopped
	h.running.Go(func() { h.watch(ctx, waiting, logEnded) })
}

// readLog copies the output while the container runs. When the stream breaks
// off, it is opened again and goes on where it was.
func (h *handle) readLog(ctx context.Context) {
	for wait := retryGap; ctx.Err() == nil; wait = min(wait*2, longestGap) {
		ended, progress := h.copyLog(ctx, true)
		if ended {
			return
		}
		if progress {
			wait = retryGap
		}
		pause(ctx, wait)
	}
}

// copyLog copies output from where the log stands: to the end of the container
// when it follows, otherwise what there is now.
func (h *handle) copyLog(ctx context.Context, follow bool) (ended, progress bool) {
	frames, err := h.engine.Logs(ctx, h.id, follow)
	if err != nil {
		return errors.Is(err, ErrNotFound), false
	}
	defer frames.Close()
	n := h.logged
	err = boundary.Guard("the container's output", func() (err error) {
		n, err = demultiplex(h.log, frames, h.logged)
		return err
	})
	if panicked := new(boundary.PanicError); errors.As(err, &panicked) {
		return true, false // the same bytes would do it again
	}
	progress = n > h.logged
	h.logged = max(h.logged, n)
	if err != nil || !follow {
		return err == nil, progress
	}
	// The stream also ends cleanly when the service is shut down.
	state, err := h.engine.Inspect(ctx, h.id)
	return errors.Is(err, ErrNotFound) || err == nil && !state.Running, progress
}

// endLog ends the goroutines and completes the log with one more reading:
// streams that follow have been seen to lose the last lines (podman issue
// 10675).
func (h *handle) endLog(ctx context.Context) error {
	h.cancel()
	h.running.Wait()
	h.copyLog(ctx, false)
	return h.log.Close()
}

// watch waits for the end of the container and reports it. A service that is
// away says nothing about the container, which goes on without it: it is asked
// again until it answers or the server is stopped. waiting ends when Stop has
// stopped the container: there is nothing to wait for then, and the rest of
// the log is Stop's to fetch.
func (h *handle) watch(ctx, waiting context.Context, logEnded <-chan struct{}) {
	defer close(h.exited)
	for wait := retryGap; ; {
		asked := time.Now()
		err := h.engine.Wait(waiting, h.id)
		if err == nil || errors.Is(err, ErrNotFound) || waiting.Err() != nil && ctx.Err() == nil {
			break
		}
		if ctx.Err() != nil {
			h.exit = launcher.Exit{Code: -1, Detail: "it was removed before sweep saw its end", At: time.Now()}
			return
		}
		if time.Since(asked) > longestGap { // a question that was heard
			wait = retryGap
		}
		pause(waiting, wait)
		wait = min(wait*2, longestGap)
	}
	h.exit = h.readExit(ctx)
	select {
	case <-logEnded:
	case <-waiting.Done():
	case <-time.After(lastWords):
	}
}

// readExit asks for the exit code until the service has it.
func (h *handle) readExit(ctx context.Context) launcher.Exit {
	exit := launcher.Exit{Code: -1, Detail: "exit code unknown", At: time.Now()}
	for since := time.Now(); time.Since(since) < settle && ctx.Err() == nil; pause(ctx, settlePoll) {
		state, err := h.engine.Inspect(ctx, h.id)
		switch {
		case errors.Is(err, ErrNotFound):
			exit.Detail = "another program removed the container"
			return exit
		case errors.Is(err, launcher.ErrServiceAway):
			since = time.Now()
		case err == nil && state.Ended:
			exit.Code, exit.Detail = state.Code, state.Detail
			if !state.Finished.IsZero() {
				exit.At = state.Finished
			}
			return exit
		}
	}
	return exit
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
