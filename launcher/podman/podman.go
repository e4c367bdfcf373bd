// Package podman starts servers in containers through a podman service.
//
// Of podman's bindings it uses the connection alone: bindings.NewConnection
// knows unix, tcp and ssh addresses and checks the service's version. Requests
// are made with the connection's HTTP client, because the bindings' DoRequest
// repeats every failed request, creations too, and does not heed a cancelled
// context between the tries. Answers are decoded into libpod/define. That
// keeps build tags and C headers out.
//
// The requests are those of version 4.0.0 of the libpod API; podman 4.3.1 and
// 5.x answer them alike.
package podman

import (
	"context"
	"fmt"
	"sync"

	"github.com/vllm-sweep/sweep/launcher"
)

// Pull policies.
const (
	PullMissing = "missing" // pull what is not there (default)
	PullAlways  = "always"  // pull once a run, before the first start
	PullNever   = "never"
)

// Labels that mark the containers of a run.
const (
	labelRun   = "sweep.run"
	labelStart = "sweep.start"
)

// defaultPort is where vLLM listens inside the container.
const defaultPort = 8000

// Options say which image is started and how.
type Options struct {
	Image   string   // fully qualified reference
	Command []string // put before --model and the flags; empty for vllm-openai images
	GPUs    string   // "all", "none" or "", or a comma-separated list of indices: CDI devices nvidia.com/gpu=...
	Volumes []string // host:container[:options], or volume:container[:options]
	Network string   // "": a published port on the loopback interface; "host": the host's network
	Port    int      // port inside the container with a published port; 0 means 8000
	// IPC "host" shares the host's shared memory. With "" that is done for
	// configurations on several GPUs for which no ShmSize is given, because
	// NCCL needs more than the 64 MB that a container has.
	IPC     string
	ShmSize int64  // bytes of /dev/shm; 0: podman's default
	Pull    string // PullMissing, PullAlways or PullNever; "" means PullMissing
	Socket  string // address of the service; "": found as podman finds it
	User    string

	// Progress, which may be nil, is called with the lines that a pull reports.
	Progress func(line string)
}

// Backend starts servers in containers.
type Backend struct {
	options Options

	mu     sync.Mutex
	client *client // nil before the first use
	image  *Image  // nil before the image is known to be there
}

var _ launcher.Backend = (*Backend)(nil)

// New returns a backend for the image. Nothing is asked of the service yet.
func New(o Options) *Backend {
	if o.Port == 0 {
		o.Port = defaultPort
	}
	if o.Pull == "" {
		o.Pull = PullMissing
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return &Backend{options: o}
}

// Name is "podman".
func (*Backend) Name() string { return "podman" }

// Check reaches the service and looks at the options. It pulls nothing: an
// image that is missing is a fault only when it may not be pulled.
func (b *Backend) Check(ctx context.Context) error {
	if err := b.options.validate(); err != nil {
		return err
	}
	c, err := b.connect(ctx)
	if err != nil {
		return err
	}
	if b.options.Pull != PullNever {
		return nil
	}
	_, err = c.inspectImage(ctx, b.options.Image)
	if isNotFound(err) {
		return fmt.Errorf("image %s is not there and may not be pulled: podman pull %s", b.options.Image, b.options.Image)
	}
	return err
}

func (o Options) validate() error {
	switch o.Pull {
	case PullMissing, PullAlways, PullNever:
	default:
		return fmt.Errorf("unknown pull policy %q", o.Pull)
	}
	if o.Network != "" && o.Network != "host" {
		return fmt.Errorf("unknown network %q: it is \"host\" or left out", o.Network)
	}
	if o.IPC != "" && o.IPC != "host" {
		return fmt.Errorf("unknown ipc %q: it is \"host\" or left out", o.IPC)
	}
	for _, v := range o.Volumes {
		if _, err := parseVolume(v); err != nil {
			return err
		}
	}
	return nil
}

// connect makes the connection on first use.
func (b *Backend) connect(ctx context.Context) (*client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil {
		return b.client, nil
	}
	c, err := dial(ctx, b.options.Socket)
	if err == nil {
		b.client = c
	}
	return c, err
}

// Close closes idle connections to the service. The backend remains usable.
func (b *Backend) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil {
		b.client.connection.Client.CloseIdleConnections()
	}
}

// Clean removes the containers that carry the run's label.
func (b *Backend) Clean(ctx context.Context, runID string) ([]string, error) {
	c, err := b.connect(ctx)
	if err != nil {
		return nil, err
	}
	left, err := c.labelled(ctx, labelRun, runID)
	if err != nil {
		return nil, fmt.Errorf("look for containers of run %s: %w", runID, err)
	}
	var removed []string
	for _, container := range left {
		if err := c.remove(ctx, container.ID); err != nil {
			return removed, fmt.Errorf("remove container %s: %w", container.name(), err)
		}
		removed = append(removed, "container "+container.name())
	}
	return removed, nil
}
