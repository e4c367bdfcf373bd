package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/containerd/errdefs"
	moby "github.com/moby/moby/client"

	"github.com/vllm-sweep/sweep/internal/wording"
	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

// engine is one docker service.
type engine struct {
	client  *moby.Client
	address string
	version string
}

var _ containers.Engine = (*engine)(nil)

// dial reaches the service at the address, or else the one that the docker
// command would use.
func dial(ctx context.Context, socket, connection string) (*engine, error) {
	where := hostLocator()
	address, err := where.find(socket, connection)
	if err != nil {
		return nil, err
	}
	options := []moby.Opt{moby.WithTLSClientConfigFromEnv(), moby.WithHost(address), moby.WithAPIVersionFromEnv()}
	if u, err := url.Parse(address); err == nil && u.Scheme == "ssh" {
		return nil, fmt.Errorf("docker at %s: sweep does not support ssh:// for docker; forward the socket: "+
			"ssh -N -L /tmp/docker.sock:/var/run/docker.sock %s, then set socket: unix:///tmp/docker.sock", address, u.Host)
	}
	c, err := moby.New(options...)
	if err != nil {
		return nil, fmt.Errorf("docker at %s: %w", address, err)
	}
	e := &engine{client: c, address: address}
	if _, err := c.Ping(ctx, moby.PingOptions{NegotiateAPIVersion: true}); err != nil {
		c.Close()
		return nil, e.refused(ctx, err)
	}
	v, err := c.ServerVersion(ctx, moby.ServerVersionOptions{})
	if err != nil {
		c.Close()
		return nil, e.transport(ctx, fmt.Errorf("ask docker for its version: %w", err))
	}
	e.version = v.Version
	return e, nil
}

func (e *engine) refused(ctx context.Context, err error) error {
	if strings.Contains(err.Error(), "minimum supported API version") {
		return fmt.Errorf("the docker service at %s is too old: sweep needs docker 19.03 or later (%w); install a newer one: "+
			"https://docs.docker.com/engine/install", e.address, err)
	}
	return e.transport(ctx, err)
}

// transport tells a service that does not answer from one that answers with an
// error.
func (e *engine) transport(ctx context.Context, err error) error {
	var network net.Error
	var broken *net.OpError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errdefs.IsNotFound(err):
		return fmt.Errorf("%w (%w)", err, containers.ErrNotFound)
	case errdefs.IsConflict(err) && strings.Contains(err.Error(), "in use"):
		return fmt.Errorf("%w (%w)", err, containers.ErrConflict)
	case moby.IsErrConnectionFailed(err), errors.As(err, &network), errors.As(err, &broken), cutOff(err):
		return &containers.ServiceError{Err: err, Start: e.start(err), Sentence: fmt.Sprintf("the docker service at %s does not answer (%s)",
			e.address, reason(err))}
	default:
		return err
	}
}

// cutOff says that an answer or a connection ended in the middle.
func cutOff(err error) bool {
	text := err.Error()
	return strings.HasSuffix(text, "EOF") || strings.Contains(text, "connection reset") || strings.Contains(text, "broken pipe")
}

// reason leaves out the client's own question whether the daemon runs.
func reason(err error) string {
	text, _, _ := strings.Cut(err.Error(), ". Is the docker daemon running?")
	return wording.Plain(text)
}

func (e *engine) start(err error) string {
	switch {
	case strings.Contains(err.Error(), "permission denied"):
		return "sudo usermod -aG docker $USER, then log in again"
	case strings.HasPrefix(e.address, "unix://"):
		return "systemctl start docker"
	default:
		return "systemctl start docker on that machine"
	}
}

func (e *engine) Name() string    { return name }
func (e *engine) Version() string { return e.version }
func (e *engine) Address() string { return e.address }
func (e *engine) Close()          { e.client.Close() }
func (e *engine) Local() bool     { return e.Host() == "127.0.0.1" }

// Host is where published ports can be reached.
func (e *engine) Host() string {
	u, err := url.Parse(e.address)
	if err != nil || u.Scheme == "unix" || u.Hostname() == "" || u.Hostname() == "localhost" {
		return "127.0.0.1"
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
		return "127.0.0.1"
	}
	return u.Hostname()
}

func hostLocator() locator { return locator{env: os.Getenv} }
