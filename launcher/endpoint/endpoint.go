// Package endpoint measures a server that somebody else runs: it starts
// nothing, stops nothing, and identifies the server by its model alone.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
)

// Backend stands for one running server.
type Backend struct{ url string }

var _ launcher.Backend = (*Backend)(nil)

// New takes the server's base URL; a trailing slash or /v1 is dropped.
func New(base string) *Backend {
	base = strings.TrimSuffix(strings.TrimRight(base, "/"), "/v1")
	return &Backend{url: strings.TrimRight(base, "/")}
}

// Name is "endpoint".
func (*Backend) Name() string { return "endpoint" }

// reachTimeout bounds one connection. Within a data centre it takes
// milliseconds.
const reachTimeout = 10 * time.Second

// Check looks at the form of the URL and whether anything listens there: who
// names a server that is running need not wait for it. Whether it is ready
// shows when it is asked.
func (b *Backend) Check(ctx context.Context) error {
	u, err := b.address()
	if err != nil {
		return err
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := (&net.Dialer{Timeout: reachTimeout}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("cannot reach the endpoint %s: %w; check that its server is running and that this machine can connect to it", b.url, err)
	}
	return conn.Close()
}

func (b *Backend) address() (*url.URL, error) {
	u, err := url.Parse(b.url)
	if err != nil {
		return nil, fmt.Errorf("read endpoint address: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("endpoint URL must be http://HOST:PORT, not " + b.url)
	}
	return u, nil
}

// Launch starts nothing.
func (b *Backend) Launch(context.Context, launcher.Spec) (launcher.Handle, error) {
	if _, err := b.address(); err != nil {
		return nil, err
	}
	return handle{b.url}, nil
}

// Clean has nothing to remove.
func (*Backend) Clean(context.Context, string) ([]string, error) { return nil, nil }

type handle struct{ url string }

func (h handle) BaseURL() string                         { return h.url }
func (h handle) ID() string                              { return h.url }
func (handle) Command() []string                         { return nil }
func (handle) Exited() <-chan struct{}                   { return nil } // never ready to receive from
func (handle) Exit() launcher.Exit                       { return launcher.Exit{} }
func (handle) Owns(context.Context) error                { return launcher.ErrOwnerUnknown }
func (handle) Stop(context.Context, time.Duration) error { return launcher.ErrNotOurs }
func (h handle) Facts() map[string]string                { return map[string]string{"url": h.url} }
