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
// 5.x answer them alike. What does not depend on podman is in
// launcher/internal/containers.
package podman

import (
	"context"

	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

// Pull policies.
const (
	PullMissing = containers.PullMissing // pull what is not there (default)
	PullAlways  = containers.PullAlways  // pull once a run, before the first start
	PullNever   = containers.PullNever
)

// Options say which image is started and how. GPUs are given as CDI devices
// nvidia.com/gpu=...
type Options = containers.Options

// Backend starts servers in podman's containers.
type Backend = containers.Backend

// New returns a backend for the image. Nothing is asked of the service yet.
func New(o Options) *Backend {
	return containers.New(name, o, func(ctx context.Context) (containers.Engine, error) {
		c, err := dial(ctx, o.Socket, o.Connection)
		if err != nil {
			return nil, err
		}
		return c, nil
	})
}

const name = "podman"
