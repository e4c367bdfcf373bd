package podman

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/containers/podman/v5/libpod/define"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
	"github.com/vllm-sweep/sweep/launcher/internal/sockets"
)

const (
	// portTries is how often a start is repeated with another port because
	// somebody took the one that had been free a moment before.
	portTries = 3
	// undoTimeout bounds the removal of a container whose launch failed.
	undoTimeout = 30 * time.Second
)

// Launch makes sure of the image, then creates and starts the container.
func (b *Backend) Launch(ctx context.Context, spec launcher.Spec) (launcher.Handle, error) {
	if err := b.options.validate(); err != nil {
		return nil, err
	}
	image, err := b.Image(ctx)
	if err != nil {
		return nil, err
	}
	c, err := b.connect(ctx)
	if err != nil {
		return nil, err
	}
	log, err := serverlog.Create(spec.LogPath, spec.AllSecrets(), 0)
	if err != nil {
		return nil, err
	}
	h, err := b.launch(ctx, c, spec, image, log)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return h, nil
}

func (b *Backend) launch(ctx context.Context, c *client, spec launcher.Spec, image Image, log *serverlog.Log) (*handle, error) {
	for try := 1; ; try++ {
		port, err := b.choosePort(c)
		if err != nil {
			return nil, err
		}
		body := b.options.containerSpec(spec, image, port, c.local())
		started, err := b.run(ctx, c, body)
		if err == nil {
			return b.handle(c, spec, image, body, started, log)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f := launchFailure(err)
		if f.Diagnosis.Class != launcher.ClassPort || try == portTries {
			f.Command = redacted(body.commandLine(b.options), spec)
			return nil, f
		}
	}
}

// choosePort finds a port for a service on this machine. Elsewhere the service
// picks one, or the server's own port is used on the host's network.
func (b *Backend) choosePort(c *client) (int, error) {
	switch {
	case c.local():
		return sockets.FreePort()
	case b.options.Network == "host":
		return b.options.Port, nil
	default:
		return 0, nil
	}
}

// run creates and starts the container. When that fails, or ctx ends in the
// middle, nothing is left behind.
func (b *Backend) run(ctx context.Context, c *client, body createBody) (*define.InspectContainerData, error) {
	id, err := c.create(ctx, body)
	if status(err) == 409 {
		return nil, fmt.Errorf("create container: %w", err) // somebody else's: not ours to remove
	}
	if err == nil {
		if err = c.startContainer(ctx, id); err != nil {
			err = fmt.Errorf("start container: %w", err)
		}
	} else {
		err = fmt.Errorf("create container: %w", err)
	}
	var started *define.InspectContainerData
	if err == nil {
		started, err = c.inspect(ctx, id)
	}
	if err == nil {
		return started, nil
	}
	// By name: the answer with the ID may have been lost.
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return nil, errors.Join(err, c.remove(undo, body.Name))
}

// launchFailure classifies what podman said.
func launchFailure(err error) *launcher.Failure {
	d := launcher.Classify(err.Error(), launcher.ClassBackend)
	if d.Remedy == "" {
		d.Remedy = "check the podman section of the experiment and the service: podman info"
	}
	return &launcher.Failure{Diagnosis: d, Err: err}
}

func (b *Backend) handle(c *client, spec launcher.Spec, image Image, body createBody, started *define.InspectContainerData, log *serverlog.Log) (*handle, error) {
	h := &handle{
		client: c, id: started.ID, stopTimeout: spec.StopTimeout, log: log,
		shown:  redacted(body.commandLine(b.options), spec),
		exited: make(chan struct{}),
	}
	h.published = len(body.PortMappings) > 0
	h.inside = b.options.Port
	h.port, _ = strconv.Atoi(body.Command[len(body.Command)-1])
	if h.published {
		if h.port = publishedPort(started, h.inside); h.port == 0 && started.State.Running {
			return nil, errors.Join(fmt.Errorf("container %s has no published port", h.id), c.remove(context.Background(), h.id))
		}
	}
	if h.port == 0 {
		h.port = int(body.PortMappings[0].HostPort)
	}
	h.facts = map[string]string{
		"container_id": h.id, "container_name": body.Name, "port": strconv.Itoa(h.port),
		"image": image.Reference, "image_id": image.ID, "image_digest": image.Digest,
		"image_version": image.Version, "podman_version": c.version, "podman_service": c.address,
	}
	h.follow()
	return h, nil
}

// publishedPort reads the host's port for the container's; 0 when there is none.
func publishedPort(data *define.InspectContainerData, inside int) int {
	if data.NetworkSettings == nil {
		return 0
	}
	for _, binding := range data.NetworkSettings.Ports[strconv.Itoa(inside)+"/tcp"] {
		if port, err := strconv.Atoi(binding.HostPort); err == nil {
			return port
		}
	}
	return 0
}

func redacted(args []string, spec launcher.Spec) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = serverlog.Redact(a, spec.AllSecrets())
	}
	return out
}

// shortID is as podman shows it.
func shortID(id string) string { return strings.TrimSpace(id[:min(12, len(id))]) }
