package podman

import (
	"context"
	"fmt"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
)

const (
	// lastWords is how long the log may still flow after the end of the
	// container before that is reported; Stop fetches what comes later.
	lastWords = 300 * time.Millisecond
	// lostAfter is how long the service may be away before the container
	// counts as lost. A service that systemd starts by socket comes back
	// within a second or two.
	lostAfter = 20 * time.Second
	retryGap  = 500 * time.Millisecond
	// settle is how long podman may take from the end of a container to its
	// exit code: the state reads "stopped" for a moment.
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
	h.running.Go(func() { h.watch(ctx, logEnded) })
}

// readLog copies the output while the container runs. When the stream breaks
// off, it is opened again and goes on where it was.
func (h *handle) readLog(ctx context.Context) {
	for since := time.Now(); ctx.Err() == nil && time.Since(since) < lostAfter; {
		ended, progress := h.copyLog(ctx, true)
		if progress {
			since = time.Now()
		}
		if ended {
			return
		}
		pause(ctx, retryGap)
	}
}

// copyLog copies output from where the log stands: to the end of the container
// when it follows, otherwise what there is now.
func (h *handle) copyLog(ctx context.Context, follow bool) (ended, progress bool) {
	resp, err := h.client.logs(ctx, h.id, follow)
	if err != nil {
		return isNotFound(err), false
	}
	defer resp.Body.Close()
	n, err := demultiplex(h.log, resp.Body, h.logged)
	progress = n > h.logged
	h.logged = max(h.logged, n)
	return err == nil, progress
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

// watch waits for the end of the container and reports it. A service that does
// not answer is asked again for a while.
func (h *handle) watch(ctx context.Context, logEnded <-chan struct{}) {
	defer close(h.exited)
	var lost time.Time // since when the service has not answered
	for {
		asked := time.Now()
		err := h.client.wait(ctx, h.id)
		if err == nil || isNotFound(err) {
			break
		}
		if ctx.Err() != nil {
			h.exit = launcher.Exit{Code: -1, Detail: "removed before its end was seen", At: time.Now()}
			return
		}
		if lost.IsZero() || time.Since(asked) > retryGap { // a question that was heard
			lost = time.Now()
		}
		if time.Since(lost) > lostAfter {
			h.exit = launcher.Exit{Code: -1, At: time.Now(), Detail: fmt.Sprintf(
				"lost: no answer for %s (%v); the container may still run", lostAfter, err)}
			return
		}
		pause(ctx, retryGap)
	}
	h.exit = h.readExit(ctx)
	select {
	case <-logEnded:
	case <-time.After(lastWords):
	}
}

// readExit asks for the exit code until podman has it.
func (h *handle) readExit(ctx context.Context) launcher.Exit {
	exit := launcher.Exit{Code: -1, Detail: "exit code unknown", At: time.Now()}
	for since := time.Now(); time.Since(since) < settle; pause(ctx, settlePoll) {
		data, err := h.client.inspect(ctx, h.id)
		if isNotFound(err) {
			exit.Detail = "the container was removed by somebody else"
			return exit
		}
		if err != nil || data.State.Status != "exited" {
			continue // "running" or "stopped" for a moment yet
		}
		exit.Code, exit.Detail = int(data.State.ExitCode), data.State.Error
		if !data.State.FinishedAt.IsZero() {
			exit.At = data.State.FinishedAt
		}
		// Podman 4.3.1 does not set this flag; 5.x does.
		if data.State.OOMKilled {
			exit.Detail = "out of memory"
		}
		return exit
	}
	return exit
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
