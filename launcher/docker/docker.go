// Package docker starts servers in containers through a docker service, by the
// same contract as package podman (launcher/internal/containers has what they
// share). The service may also be podman, which offers docker's interface on
// its socket.
//
// GPUs are asked for as `docker run --gpus` does, which needs the NVIDIA
// Container Toolkit on the service's machine.
package docker

import (
	"context"

	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

// Options say which image is started and how.
type Options = containers.Options

// Backend starts servers in docker's containers.
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

const name = "docker"
