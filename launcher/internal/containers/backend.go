package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/vllm-sweep/sweep/launcher"
)

// Backend starts servers in containers of one service.
type Backend struct {
	Options Options
	name    string
	dial    func(ctx context.Context) (Engine, error)

	mu     sync.Mutex
	engine Engine // nil before the first use
	image  *Image // nil before the image is known to be there
}

var _ launcher.Backend = (*Backend)(nil)

// New returns a backend that reaches its service by dial, on first use.
func New(name string, o Options, dial func(ctx context.Context) (Engine, error)) *Backend {
	return &Backend{Options: o.withDefaults(), name: name, dial: dial}
}

// Name is that of the service.
func (b *Backend) Name() string { return b.name }

// Check reaches the service and looks at the options. It pulls nothing: an
// image that is missing is a fault only when it may not be pulled.
func (b *Backend) Check(ctx context.Context) error {
	if err := b.Options.validate(); err != nil {
		return err
	}
	e, err := b.Engine(ctx)
	if err != nil {
		return err
	}
	if err := b.Options.mountable(e); err != nil {
		return err
	}
	if b.Options.Pull != PullNever {
		return nil
	}
	_, err = e.Image(ctx, b.Options.Image)
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("image %s: %w, and pull: never forbids pulling it; to pull it: %s pull %s", b.Options.Image, launcher.ErrImageAbsent, b.name, b.Options.Image)
	}
	return err
}

// Engine reaches the service on first use.
func (b *Backend) Engine(ctx context.Context) (Engine, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.engine != nil {
		return b.engine, nil
	}
	e, err := b.dial(ctx)
	if err == nil {
		b.engine = e
	}
	return e, err
}

// Close closes idle connections to the service. The backend remains usable.
func (b *Backend) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.engine != nil {
		b.engine.Close()
	}
}

// Clean removes the containers that carry the run's label.
func (b *Backend) Clean(ctx context.Context, runID string) ([]string, error) {
	e, err := b.Engine(ctx)
	if err != nil {
		return nil, err
	}
	left, err := e.Labelled(ctx, LabelRun, runID)
	if err != nil {
		return nil, fmt.Errorf("look for containers of run %s: %w", runID, err)
	}
	var removed []string
	for _, c := range left {
		if err := e.Remove(ctx, c.ID); err != nil {
			return removed, fmt.Errorf("remove container %s: %w", c.Name, err)
		}
		removed = append(removed, "container "+c.Name)
	}
	return removed, nil
}

// Leftovers lists the containers of all runs of this machine. A service may be
// shared: what another machine's run started is not ours to judge.
func (b *Backend) Leftovers(ctx context.Context) ([]launcher.Leftover, error) {
	e, err := b.Engine(ctx)
	if err != nil {
		return nil, err
	}
	found, err := e.Labelled(ctx, LabelRun, "")
	if err != nil {
		return nil, fmt.Errorf("look for containers of runs: %w", err)
	}
	host, _ := os.Hostname()
	var out []launcher.Leftover
	for _, c := range found {
		if c.Labels[LabelHost] != "" && c.Labels[LabelHost] != host {
			continue
		}
		out = append(out, launcher.Leftover{
			Name: "container " + c.Name, RunID: c.Labels[LabelRun], RunDir: c.Labels[LabelDir], Running: c.Running,
		})
	}
	return out, nil
}
