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

	"github.com/containers/podman/v5/pkg/bindings"
	"github.com/containers/podman/v5/pkg/errorhandling"
)

// apiVersion is the version of the libpod API that is spoken.
const apiVersion = "4.0.0"

// client makes requests to one podman service.
type client struct {
	connection *bindings.Connection
	address    string // for messages
	version    string // of the service
	base       string
}

// dial finds and reaches the service.
func dial(ctx context.Context, socket string) (*client, error) {
	where := hostLocator()
	d, err := where.find(socket)
	if err != nil {
		return nil, err
	}
	if path, isUnix := strings.CutPrefix(d.URI, "unix://"); isUnix && !exists(path) {
		return nil, unreachable(d.URI, where.uid, errors.New("there is no such socket"))
	}
	connected, err := bindings.NewConnectionWithOptions(ctx, bindings.Options{
		URI: d.URI, Identity: d.Identity, Machine: d.IsMachine,
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, unreachable(d.URI, where.uid, err)
	}
	connection, err := bindings.GetClient(connected)
	if err != nil {
		return nil, err
	}
	c := &client{connection: connection, address: d.URI, base: "http://d"}
	if connection.URI.Scheme == "tcp" {
		c.base = "http://" + connection.URI.Host + connection.URI.Path
	}
	return c, c.askVersion(ctx)
}

// unreachable is one sentence that ends with the command that mends it.
func unreachable(uri string, uid int, err error) error {
	mend := "systemctl --user start podman.socket"
	if uid == 0 {
		mend = "systemctl start podman.socket"
	}
	if u, e := url.Parse(uri); e == nil && u.Scheme != "unix" {
		mend = "podman system service --time=0 on that machine"
	} else {
		mend += ", or podman system service --time=0 " + uri
	}
	return fmt.Errorf("the podman service at %s does not answer (%w); start it: %s", uri, err, mend)
}

func (c *client) askVersion(ctx context.Context) error {
	var v struct{ Version string }
	if err := c.call(ctx, http.MethodGet, "/version", nil, nil, &v); err != nil {
		return fmt.Errorf("ask podman for its version: %w", err)
	}
	c.version = v.Version
	return nil
}

// local says whether the service is on this machine, so that its ports and
// processes are ours to look at.
func (c *client) local() bool { return c.host() == "127.0.0.1" }

// host is where published ports can be reached.
func (c *client) host() string {
	u := c.connection.URI
	name := u.Hostname()
	if u.Scheme == "unix" || name == "" || name == "localhost" {
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
	target := c.base + "/v" + apiVersion + "/libpod" + path
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
	resp, err := c.connection.Client.Do(req)
	if err != nil {
		return nil, c.transport(err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, answeredError(resp)
}

// transport names the service instead of the artificial URL of a request.
func (c *client) transport(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("podman service at %s: %w", c.address, err)
}

func answeredError(resp *http.Response) error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	model := errorhandling.ErrorModel{}
	if json.Unmarshal(raw, &model) != nil || model.Message == "" {
		model.Message = strings.TrimSpace(resp.Status + " " + string(raw))
	}
	model.ResponseCode = resp.StatusCode
	return model
}

// call sends a request and decodes the answer into out, unless that is nil.
func (c *client) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	resp, err := c.open(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(out)
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

func isNotFound(err error) bool { return status(err) == http.StatusNotFound }
