package docker

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	moby "github.com/moby/moby/client"

	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

// Create makes a container.
func (e *engine) Create(ctx context.Context, s containers.Spec) (string, error) {
	config, host := body(s)
	made, err := e.client.ContainerCreate(ctx, moby.ContainerCreateOptions{Name: s.Name, Config: config, HostConfig: host})
	return made.ID, e.transport(ctx, err)
}

// Start starts it.
func (e *engine) Start(ctx context.Context, id string) error {
	_, err := e.client.ContainerStart(ctx, id, moby.ContainerStartOptions{})
	return e.transport(ctx, err)
}

// Inspect looks at it.
func (e *engine) Inspect(ctx context.Context, id string) (containers.State, error) {
	found, err := e.client.ContainerInspect(ctx, id, moby.ContainerInspectOptions{})
	if err != nil {
		return containers.State{}, e.transport(ctx, err)
	}
	data := found.Container
	s := containers.State{ID: data.ID, Ports: map[int]int{}}
	if data.State != nil {
		s.Running, s.PID = data.State.Running, data.State.Pid
		s.Ended = data.State.Status == container.StateExited || data.State.Status == container.StateDead
		s.Code, s.Detail = data.State.ExitCode, data.State.Error
		if at, err := time.Parse(time.RFC3339Nano, data.State.FinishedAt); err == nil && at.Year() > 1 {
			s.Finished = at
		}
		if data.State.OOMKilled {
			s.Detail = "out of memory"
		}
	}
	if data.NetworkSettings == nil {
		return s, nil
	}
	for inside, bindings := range data.NetworkSettings.Ports {
		for _, b := range bindings {
			containers.AddPort(s.Ports, inside.String(), b.HostPort)
		}
	}
	return s, nil
}

// Stop asks the container to end and kills it after the time-out.
func (e *engine) Stop(ctx context.Context, id string, timeout time.Duration) error {
	seconds := containers.Seconds(timeout)
	_, err := e.client.ContainerStop(ctx, id, moby.ContainerStopOptions{Timeout: &seconds})
	if errdefs.IsNotFound(err) || errdefs.IsNotModified(err) {
		return nil
	}
	return e.transport(ctx, err)
}

var errStillThere = errors.New("it still exists after its removal")

const (
	removalPoll = 100 * time.Millisecond
	// removalTries bounds the wait for a removal that somebody else began.
	removalTries = 100
)

// Remove kills the container if it still runs, removes it, and makes sure that
// it is gone.
func (e *engine) Remove(ctx context.Context, id string) error {
	_, err := e.client.ContainerRemove(ctx, id, moby.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	inProgress := err != nil && strings.Contains(err.Error(), "is already in progress")
	if err != nil && !errdefs.IsNotFound(err) && !inProgress {
		return e.transport(ctx, err)
	}
	for range removalTries {
		_, err = e.client.ContainerInspect(ctx, id, moby.ContainerInspectOptions{})
		if errdefs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return e.transport(ctx, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(removalPoll):
		}
	}
	return errStillThere
}

// Wait blocks until the container has ended. Podman answers at once for one
// that has.
func (e *engine) Wait(ctx context.Context, id string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the client's goroutine
	w := e.client.ContainerWait(ctx, id, moby.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-w.Result:
		return nil
	case err := <-w.Error:
		return e.transport(ctx, err)
	}
}

// Logs opens the container's output in frames.
func (e *engine) Logs(ctx context.Context, id string, follow bool) (io.ReadCloser, error) {
	frames, err := e.client.ContainerLogs(ctx, id, moby.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: follow})
	if err != nil {
		return nil, e.transport(ctx, err)
	}
	return frames, nil
}

// Labelled lists the containers with the label, running or not.
func (e *engine) Labelled(ctx context.Context, label, value string) ([]containers.Found, error) {
	if value != "" {
		label += "=" + value
	}
	list, err := e.client.ContainerList(ctx, moby.ContainerListOptions{All: true, Filters: moby.Filters{}.Add("label", label)})
	if err != nil {
		return nil, e.transport(ctx, err)
	}
	var out []containers.Found
	for _, l := range list.Items {
		f := containers.Found{ID: l.ID, Name: l.ID, Running: l.State == container.StateRunning, Labels: l.Labels}
		if len(l.Names) > 0 {
			f.Name = strings.TrimPrefix(l.Names[0], "/")
		}
		out = append(out, f)
	}
	return out, nil
}
