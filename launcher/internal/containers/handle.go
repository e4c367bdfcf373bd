package containers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/procs"
	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
	"github.com/vllm-sweep/sweep/launcher/internal/sockets"
)

// handle is one container.
type handle struct {
	engine      Engine
	id          string
	port        int  // where the server is reached
	inside      int  // port in the container, if published
	published   bool // otherwise on the host's network
	serviceWait time.Duration
	shown       []string
	facts       map[string]string
	log         *serverlog.Log

	exited chan struct{}
	exit   launcher.Exit // valid once exited is closed

	cancel  context.CancelFunc // ends the goroutines below
	stopped context.CancelFunc // tells the watcher that the container was stopped
	running sync.WaitGroup     // log reader and watcher
	logged  int64              // bytes of output in the log; of the reader while it runs, then of Stop

	stopping sync.Mutex
	released bool
}

var _ launcher.Handle = (*handle)(nil)

func (h *handle) BaseURL() string {
	return "http://" + net.JoinHostPort(h.engine.Host(), strconv.Itoa(h.port))
}
func (h *handle) ID() string               { return "container " + shortID(h.id) }
func (h *handle) Command() []string        { return h.shown }
func (h *handle) Exited() <-chan struct{}  { return h.exited }
func (h *handle) Exit() launcher.Exit      { return h.exit }
func (h *handle) Facts() map[string]string { return h.facts }

// Owns checks that the container runs and that the port is its: by the
// service's own record for a published port, which the service keeps bound on
// the host, and by the processes that hold the listening socket on the host's
// network.
func (h *handle) Owns(ctx context.Context) error {
	state, err := h.engine.Inspect(ctx, h.id)
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	if !state.Running {
		return fmt.Errorf("%s has ended; another program answers on port %d", h.ID(), h.port)
	}
	if h.published {
		if got := state.Ports[h.inside]; got != h.port {
			return fmt.Errorf("%s publishes port %d, not port %d", h.ID(), got, h.port)
		}
		return nil
	}
	if !h.engine.Local() {
		return launcher.ErrOwnerUnknown
	}
	all, err := procs.All()
	if err != nil {
		return err
	}
	ours := procs.Children(all, state.PID)
	err = sockets.Owned(h.port, func(pid int) bool { return ours[pid] })
	if errors.Is(err, sockets.ErrUnknown) {
		return launcher.ErrOwnerUnknown
	}
	return err
}

// Stop stops the container, takes the rest of its log, and removes it. With the
// container's first process all others of it end, in whatever session they are.
// A service that is away is waited for.
func (h *handle) Stop(ctx context.Context, grace time.Duration) error {
	h.stopping.Lock()
	defer h.stopping.Unlock()
	if h.released {
		return nil
	}
	stopErr := h.persist(ctx, func() error { return h.engine.Stop(ctx, h.id, grace) })
	if stopErr == nil {
		h.stopped()
		select {
		case <-h.exited:
		case <-ctx.Done():
		}
	}
	logErr := h.endLog(ctx)
	if errors.Is(stopErr, launcher.ErrServiceAway) {
		return stopErr // it was waited for already
	}
	// Removal kills what a failed stop has left running.
	if err := h.persist(ctx, func() error { return h.engine.Remove(ctx, h.id) }); err != nil {
		return errors.Join(stopErr, fmt.Errorf("remove %s: %w", h.ID(), err))
	}
	h.released = true
	return logErr
}

// persist repeats what failed because the service was away, until it is back
// or was waited for long enough.
func (h *handle) persist(ctx context.Context, try func() error) error {
	wait := retryGap
	for since := time.Now(); ; {
		err := try()
		if err == nil || !errors.Is(err, launcher.ErrServiceAway) || time.Since(since)+wait > h.serviceWait {
			return err
		}
		pause(ctx, wait)
		if ctx.Err() != nil {
			return err
		}
		wait = min(wait*2, longestGap)
	}
}
