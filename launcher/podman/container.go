package podman

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/containers/podman/v5/libpod/define"
)

// container is one entry of a list.
type container struct {
	ID    string `json:"Id"`
	Names []string
}

func (c container) name() string {
	if len(c.Names) > 0 {
		return c.Names[0]
	}
	return c.ID
}

// labelled lists the containers with the label, running or not.
func (c *client) labelled(ctx context.Context, label, value string) ([]container, error) {
	var out []container
	query := url.Values{"all": {"true"}, "filters": {`{"label":["` + label + `=` + value + `"]}`}}
	err := c.call(ctx, http.MethodGet, "/containers/json", query, nil, &out)
	return out, err
}

func (c *client) create(ctx context.Context, spec createBody) (id string, err error) {
	var answer struct {
		ID string `json:"Id"`
	}
	err = c.call(ctx, http.MethodPost, "/containers/create", nil, spec, &answer)
	return answer.ID, err
}

func (c *client) startContainer(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, "/containers/"+id+"/start", nil, nil, nil)
}

func (c *client) inspect(ctx context.Context, id string) (*define.InspectContainerData, error) {
	out := &define.InspectContainerData{}
	err := c.call(ctx, http.MethodGet, "/containers/"+id+"/json", nil, nil, out)
	return out, err
}

// stop asks the container to end and kills it after the time-out. One that has
// ended, or is gone, is no fault.
func (c *client) stop(ctx context.Context, id string, timeout time.Duration) error {
	seconds := max(1, int(timeout.Round(time.Second).Seconds()))
	query := url.Values{"timeout": {strconv.Itoa(seconds)}}
	err := c.call(ctx, http.MethodPost, "/containers/"+id+"/stop", query, nil, nil)
	if s := status(err); s == http.StatusNotModified || s == http.StatusNotFound {
		return nil
	}
	return err
}

var errStillThere = errors.New("it still exists after its removal")

// remove kills the container if it still runs, removes it with its anonymous
// volumes, and makes sure that it is gone.
func (c *client) remove(ctx context.Context, id string) error {
	query := url.Values{"force": {"true"}, "v": {"true"}, "timeout": {"1"}}
	err := c.call(ctx, http.MethodDelete, "/containers/"+id, query, nil, nil)
	if err != nil && !isNotFound(err) {
		return err
	}
	err = c.call(ctx, http.MethodGet, "/containers/"+id+"/exists", nil, nil, nil)
	switch {
	case isNotFound(err):
		return nil
	case err != nil:
		return err
	default:
		return errStillThere
	}
}

// wait blocks until the container has stopped.
func (c *client) wait(ctx context.Context, id string) error {
	query := url.Values{"condition": {"stopped", "exited"}, "interval": {"100ms"}}
	return c.call(ctx, http.MethodPost, "/containers/"+id+"/wait", query, nil, nil)
}

// logs opens the container's output in frames.
func (c *client) logs(ctx context.Context, id string, follow bool) (*http.Response, error) {
	query := url.Values{"stdout": {"true"}, "stderr": {"true"}, "follow": {strconv.FormatBool(follow)}}
	return c.open(ctx, http.MethodGet, "/containers/"+id+"/logs", query, nil)
}

// containerName makes a name from the run and the start. Names are limited to
// [a-zA-Z0-9][a-zA-Z0-9_.-]*.
func containerName(runID, startID string) string {
	return "sweep-" + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '.', r == '-':
			return r
		}
		return '-'
	}, runID+"-"+startID)
}
