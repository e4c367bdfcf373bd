// Package endpoint measures a server that somebody else runs: it starts
// nothing, stops nothing, and identifies the server by its model alone.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

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

// Check looks at the form of the URL; whether the server answers shows when
// it is asked for readiness.
func (b *Backend) Check(context.Context) error {
	u, err := url.Parse(b.url)
	if err != nil {
		return fmt.Errorf("read endpoint address: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("endpoint address must be http://HOST:PORT, not " + b.url)
	}
	return nil
}

// Launch starts nothing.
func (b *Backend) Launch(ctx context.Context, _ launcher.Spec) (launcher.Handle, error) {
	if err := b.Check(ctx); err != nil {
		return nil, err
	}
	return handle{b.url}, nil
}

// Clean has nothing to remove.
func (*Backend) Clean(context.Context, string) ([]string, error) { return nil, nil }

type handle struct{ url string }

func (h handle) BaseURL() string          { return h.url }
func (h handle) ID() string               { return h.url }
func (handle) Command() []string          { return nil }
func (handle) Exited() <-chan struct{}    { return nil } // never ready to receive from
func (handle) Exit() launcher.Exit        { return launcher.Exit{} }
func (handle) Owns(context.Context) error { return launcher.ErrOwnerUnknown }
func (handle) Stop(context.Context) error { return launcher.ErrNotOurs }
func (h handle) Facts() map[string]string { return map[string]string{"url": h.url} }
