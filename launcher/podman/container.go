package podman

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/containers/podman/v5/libpod/define"

	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

// Labelled lists the containers with the label, running or not.
func (c *client) Labelled(ctx context.Context, label, value string) ([]containers.Found, error) {
	var list []struct {
		ID     string `json:"Id"`
		Names  []string
		State  string
		Labels map[string]string
	}
	if value != "" {
		label += "=" + value
	}
	query := url.Values{"all": {"true"}, "filters": {`{"label":["` + label + `"]}`}}
	if err := c.call(ctx, http.MethodGet, "/containers/json", query, nil, &list); err != nil {
		return nil, err
	}
	var out []containers.Found
	for _, l := range list {
		f := containers.Found{ID: l.ID, Name: l.ID, Running: l.State == define.ContainerStateRunning.String(), Labels: l.Labels}
		if len(l.Names) > 0 {
			f.Name = l.Names[0]
		}
		out = append(out, f)
	}
	return out, nil
}

// Create makes a container.
func (c *client) Create(ctx context.Context, s containers.Spec) (id string, err error) {
	var answer struct {
		ID string `json:"Id"`
	}
	err = c.call(ctx, http.MethodPost, "/containers/create", nil, body(s), &answer)
	return answer.ID, err
}

// Start starts it.
func (c *client) Start(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, "/containers/"+id+"/start", nil, nil, nil)
}

// Inspect looks at it. The state reads "stopped" for a moment before "exited";
// the exit code is there from then on.
func (c *client) Inspect(ctx context.Context, id string) (containers.State, error) {
	data := define.InspectContainerData{}
	if err := c.call(ctx, http.MethodGet, "/containers/"+id+"/json", nil, nil, &data); err != nil {
		return containers.State{}, err
	}
	s := containers.State{ID: data.ID, Ports: map[int]int{}}
	if data.State != nil {
		s.Running, s.PID = data.State.Running, data.State.Pid
		s.Ended = data.State.Status == define.ContainerStateExited.String()
		s.Code, s.Detail, s.Finished = int(data.State.ExitCode), data.State.Error, data.State.FinishedAt
		// Podman 4.3.1 does not set this flag; 5.x does.
		if data.State.OOMKilled {
			s.Detail = "out of memory"
		}
	}
	if data.NetworkSettings == nil {
		return s, nil
	}
	for inside, bindings := range data.NetworkSettings.Ports {
		for _, b := range bindings {
			containers.AddPort(s.Ports, inside, b.HostPort)
		}
	}
	return s, nil
}

// Stop asks the container to end and kills it after the time-out.
func (c *client) Stop(ctx context.Context, id string, timeout time.Duration) error {
	seconds := containers.Seconds(timeout)
	query := url.Values{"timeout": {strconv.Itoa(seconds)}}
	err := c.call(ctx, http.MethodPost, "/containers/"+id+"/stop", query, nil, nil)
	if s := status(err); s == http.StatusNotModified || s == http.StatusNotFound {
		return nil
	}
	return err
}

var errStillThere = errors.New("it still exists after its removal")

// Remove kills the container if it still runs, removes it with its anonymous
// volumes, and makes sure that it is gone.
func (c *client) Remove(ctx context.Context, id string) error {
	query := url.Values{"force": {"true"}, "v": {"true"}, "timeout": {"1"}}
	err := c.call(ctx, http.MethodDelete, "/containers/"+id, query, nil, nil)
	if err != nil && !errors.Is(err, containers.ErrNotFound) {
		return err
	}
	err = c.call(ctx, http.MethodGet, "/containers/"+id+"/exists", nil, nil, nil)
	switch {
	case errors.Is(err, containers.ErrNotFound):
		return nil
	case err != nil:
		return err
	default:
		return errStillThere
	}
}

// Wait blocks until the container has stopped.
func (c *client) Wait(ctx context.Context, id string) error {
	query := url.Values{"condition": {"stopped", "exited"}, "interval": {"100ms"}}
	return c.call(ctx, http.MethodPost, "/containers/"+id+"/wait", query, nil, nil)
}

// Logs opens the container's output in frames.
func (c *client) Logs(ctx context.Context, id string, follow bool) (io.ReadCloser, error) {
	query := url.Values{"stdout": {"true"}, "stderr": {"true"}, "follow": {strconv.FormatBool(follow)}}
	resp, err := c.open(ctx, http.MethodGet, "/containers/"+id+"/logs", query, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
