package podman

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/containers/podman/v5/pkg/bindings"
	"github.com/containers/podman/v5/pkg/errorhandling"

	"github.com/vllm-sweep/sweep/internal/wording"
	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

// apiVersion is the version of the libpod API that is spoken.
const apiVersion = "4.0.0"

// client makes requests to one podman service.
type client struct {
	to      destination
	uid     int
	version string // of the service
	uri     *url.URL

	mu         sync.Mutex
	connection *bindings.Connection // nil after an ssh connection broke, until the next request
}

var _ containers.Engine = (*client)(nil)

// dial finds and reaches the service.
func dial(ctx context.Context, socket, connection string) (*client, error) {
	where := hostLocator()
	d, err := where.find(socket, connection)
	if err != nil {
		return nil, err
	}
	c := &client{to: d, uid: where.uid}
	if _, err := c.connected(ctx); err != nil {
		return nil, err
	}
	return c, c.askVersion(ctx)
}

// connected returns the connection, made anew where an earlier one broke.
func (c *client) connected(ctx context.Context) (*bindings.Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connection != nil {
		return c.connection, nil
	}
	if path, isUnix := strings.CutPrefix(c.to.URI, "unix://"); isUnix && !exists(path) {
		return nil, c.unreachable(errors.New("no such socket"))
	}
	made, err := bindings.NewConnectionWithOptions(ctx, bindings.Options{
		URI: c.to.URI, Identity: c.to.Identity, Machine: c.to.IsMachine,
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, c.refused(err)
	}
	if c.connection, err = bindings.GetClient(made); err != nil {
		return nil, err
	}
	c.uri = c.connection.URI
	return c.connection, nil
}

// refused words why a connection could not be made.
func (c *client) refused(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "version is too old"):
		return fmt.Errorf("the podman service at %s is too old: sweep needs podman 4.0 or later (%s); "+
			"install a newer podman there, or use the docker section with its socket: apt-get install podman", c.to.URI, text)
	case strings.Contains(text, "knownhosts: key mismatch"), strings.Contains(text, "host key mismatch"):
		u, _ := url.Parse(c.to.URI)
		entry := u.Hostname()
		if u.Port() != "" && u.Port() != "22" {
			entry = "'[" + entry + "]:" + u.Port() + "'"
		}
		return fmt.Errorf("the host key of %s has changed (%w); if the machine was reinstalled: ssh-keygen -R %s", c.to.URI, err, entry)
	case strings.Contains(text, "unable to authenticate"):
		u, _ := url.Parse(c.to.URI)
		return fmt.Errorf("%s refuses the login (%w); set CONTAINER_SSHKEY to a key, or install one there: ssh-copy-id %s", c.to.URI, err, sshTarget(u))
	default:
		return c.unreachable(err)
	}
}

func sshTarget(u *url.URL) string {
	target := u.Hostname()
	if u.User != nil {
		target = u.User.Username() + "@" + target
	}
	if u.Port() != "" {
		target = "-p " + u.Port() + " " + target
	}
	return target
}

// unreachable names the command that starts the service.
func (c *client) unreachable(err error) error {
	start := "systemctl --user start podman.socket"
	if c.uid == 0 {
		start = "systemctl start podman.socket"
	}
	uri := c.to.URI
	if u, e := url.Parse(uri); e == nil && u.Scheme == "ssh" {
		start = "ssh " + sshTarget(u) + " systemctl --user start podman.socket"
	} else if e == nil && u.Scheme != "unix" {
		start = "podman system service --time=0 " + uri + " on that machine"
	} else {
		start += ", or podman system service --time=0 " + uri
	}
	return &containers.ServiceError{
		Sentence: fmt.Sprintf("the podman service at %s does not answer (%s)", uri, wording.Plain(err.Error())), Start: start, Err: err,
	}
}

func (c *client) askVersion(ctx context.Context) error {
	var v struct{ Version string }
	if err := c.call(ctx, http.MethodGet, "/version", nil, nil, &v); err != nil {
		return fmt.Errorf("ask podman for its version: %w", err)
	}
	c.version = v.Version
	return nil
}

func (c *client) Name() string    { return name }
func (c *client) Version() string { return c.version }
func (c *client) Address() string { return c.to.URI }

// Close closes idle connections.
func (c *client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connection != nil {
		c.connection.Client.CloseIdleConnections()
	}
}

// Local says whether the service is on this machine, so that its ports and
// processes are ours to look at.
func (c *client) Local() bool { return c.Host() == "127.0.0.1" }

// Host is where published ports can be reached.
func (c *client) Host() string {
	name := c.uri.Hostname()
	if c.uri.Scheme == "unix" || name == "" || name == "localhost" {
		return "127.0.0.1"
	}
	// A loopback address reached through ssh is that of a virtual machine,
	// which forwards its ports to this one's loopback interface.
	if ip := net.ParseIP(name); ip != nil && ip.IsLoopback() {
		return "127.0.0.1"
	}
	return name
}

// open sends a request and returns the answer of a success; the caller closes
// its body. A body that is not nil is sent as JSON. Statuses from 300 on are
// errors of type errorhandling.ErrorModel, 304 among them.
func (c *client) open(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(raw)
	}
	connection, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	target := "http://d"
	if c.uri.Scheme == "tcp" {
		target = "http://" + c.uri.Host + c.uri.Path
	}
	target += "/v" + apiVersion + "/libpod" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, sent)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := connection.Client.Do(req)
	if err != nil {
		return nil, c.transport(ctx, connection, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, answeredError(resp)
}

// transport names the service instead of the artificial URL of a request. All
// requests of an ssh address share one connection, which is made anew when it
// broke.
func (c *client) transport(ctx context.Context, broken *bindings.Connection, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.uri.Scheme == "ssh" && c.connection == broken {
		c.connection = nil
	}
	return c.unreachable(err)
}

// answeredError is what the service said.
func answeredError(resp *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	model := errorhandling.ErrorModel{}
	if json.Unmarshal(raw, &model) != nil || model.Message == "" {
		model.Message = strings.TrimSpace(resp.Status + " " + string(raw))
	}
	model.ResponseCode = resp.StatusCode
	switch resp.StatusCode {
	case http.StatusNotFound:
		return fmt.Errorf("%w (%w)", model, containers.ErrNotFound)
	case http.StatusConflict:
		return fmt.Errorf("%w (%w)", model, containers.ErrConflict)
	default:
		return model
	}
}

// call sends a request and decodes the answer into out, unless that is nil.
func (c *client) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	resp, err := c.open(ctx, method, path, query, body)
	if method == http.MethodGet && panicked(err) {
		resp, err = c.open(ctx, method, path, query, body)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	} else {
		err = json.NewDecoder(resp.Body).Decode(out)
	}
	var shape *json.UnmarshalTypeError
	if err != nil && ctx.Err() == nil && !errors.As(err, &shape) {
		return c.unreachable(fmt.Errorf("the answer is incomplete: %w", err))
	}
	return err
}

// panicked says that the service stumbled over itself: podman 4.3.1 has been
// seen to dereference a nil pointer while another podman changed its storage.
// A question may be asked again.
func panicked(err error) bool {
	return status(err) == http.StatusInternalServerError && strings.Contains(err.Error(), "runtime error: ")
}

// status is the HTTP status of an error that the service answered; 0 for any
// other.
func status(err error) int {
	var m errorhandling.ErrorModel
	if errors.As(err, &m) {
		return m.ResponseCode
	}
	return 0
}
