package containers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wording"
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
	if err := b.Options.validate(); err != nil {
		return nil, err
	}
	image, err := b.Image(ctx)
	if err != nil {
		return nil, err
	}
	e, err := b.Engine(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.Options.mountable(e); err != nil {
		return nil, &launcher.Failure{Diagnosis: launcher.Diagnosis{Class: launcher.ClassConfig, Cause: launcher.Quoted(err.Error()),
			Remedy: notice.New("correct-volumes", notice.Args{"backend": notice.Text(b.name)})}, Err: err}
	}
	log, err := serverlog.Create(spec.LogPath, spec.AllSecrets(), 0)
	if err != nil {
		return nil, err
	}
	h, err := b.launch(ctx, e, spec, image, log)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return h, nil
}

func (b *Backend) launch(ctx context.Context, e Engine, start launcher.Spec, image Image, log *serverlog.Log) (*handle, error) {
	for try := 1; ; try++ {
		port, err := b.choosePort(e)
		if err != nil {
			return nil, err
		}
		s := b.Options.spec(start, image, port, e.Local())
		started, err := run(ctx, e, s)
		if err == nil {
			return b.handle(e, start, image, s, started, log)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		f := b.launchFailure(err)
		if f.Diagnosis.Class != launcher.ClassPort || try == portTries {
			f.Command = redacted(s.commandLine(b.name), start)
			return nil, f
		}
	}
}

// choosePort finds a port for a service on this machine. Elsewhere the service
// picks one, or the server's own port is used on the host's network.
func (b *Backend) choosePort(e Engine) (int, error) {
	switch {
	case e.Local():
		return sockets.FreePort()
	case b.Options.Network == "host":
		return b.Options.Port, nil
	default:
		return 0, nil
	}
}

// run creates and starts the container. When that fails, or ctx ends in the
// middle, nothing is left behind.
func run(ctx context.Context, e Engine, s Spec) (State, error) {
	id, err := e.Create(ctx, s)
	if errors.Is(err, ErrConflict) {
		return State{}, fmt.Errorf("create container: %w", err) // somebody else's: not ours to remove
	}
	if err == nil {
		if err = e.Start(ctx, id); err != nil {
			err = fmt.Errorf("start container: %w", err)
		}
	} else {
		err = fmt.Errorf("create container: %w", err)
	}
	var started State
	if err == nil {
		started, err = e.Inspect(ctx, id)
	}
	if err == nil {
		return started, nil
	}
	// By name: the answer with the ID may have been lost.
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return State{}, errors.Join(err, e.Remove(undo, s.Name))
}

// launchFailure classifies what the service said.
func (b *Backend) launchFailure(err error) *launcher.Failure {
	if errors.Is(err, launcher.ErrServiceAway) {
		// One sentence, which ends with what fixes it; the rest repeats it.
		var away *ServiceError
		errors.As(err, &away)
		return &launcher.Failure{Diagnosis: launcher.Diagnosis{Class: launcher.ClassBackend, Cause: launcher.Quoted(away.Error())}, Err: err}
	}
	d := launcher.Classify(err.Error(), launcher.ClassBackend)
	d.Cause = launcher.Quoted(wording.Plain(d.Cause.Text()))
	if d.Remedy.Code == "" {
		d.Remedy = notice.New("check-service", notice.Args{"backend": notice.Text(b.name), "command": notice.Command(b.name, "info")})
	}
	return &launcher.Failure{Diagnosis: d, Err: err}
}

func (b *Backend) handle(e Engine, start launcher.Spec, image Image, s Spec, started State, log *serverlog.Log) (*handle, error) {
	h := &handle{
		engine: e, id: started.ID, serviceWait: b.Options.ServiceWait, log: log,
		shown: redacted(s.commandLine(b.name), start), published: !s.HostNetwork, inside: s.Port, port: s.HostPort,
		exited: make(chan struct{}),
	}
	if h.published {
		if port := started.Ports[h.inside]; port != 0 {
			h.port = port
		} else if started.Running {
			return nil, errors.Join(fmt.Errorf("container %s has no published port", h.id), e.Remove(context.Background(), h.id))
		}
	} else {
		h.port = s.Port
	}
	h.facts = map[string]string{
		"container_id": h.id, "container_name": s.Name, "port": strconv.Itoa(h.port),
		"image": image.Reference, "image_id": image.ID, "image_digest": image.Digest,
		"image_version": image.Version, "image_entrypoint": strings.Join(image.Entrypoint, " "),
		b.name + "_version": e.Version(), b.name + "_service": e.Address(),
	}
	if len(s.GPUs) > 0 {
		h.facts["gpus"] = strings.Join(s.GPUs, ",")
	}
	h.follow()
	return h, nil
}

func redacted(args []string, spec launcher.Spec) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = serverlog.Redact(a, spec.AllSecrets())
	}
	return out
}

// shortID is as podman and docker show it.
func shortID(id string) string { return strings.TrimSpace(id[:min(12, len(id))]) }
