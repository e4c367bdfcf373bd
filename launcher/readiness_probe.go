package launcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	firstProbe   = 50 * time.Millisecond // gap between probes of a server that starts quickly
	longestProbe = 500 * time.Millisecond
	// probeTimeout bounds one request of a probe. vLLM answers /health within
	// milliseconds, but its event loop may be held up while it warms up.
	probeTimeout = 5 * time.Second
	maxAnswer    = 4 << 20 // bytes read of one answer
)

// probeResult is the end of probing: ready, another server, or neither when
// the context ended first.
type probeResult struct {
	ready       bool
	identity    Identity
	identityErr error
	lastTry     error
}

// probe asks the server until it is ready, turns out to be another one, or
// ctx ends.
func probe(ctx context.Context, h Handle, spec Spec) probeResult {
	p := newProber(h, spec)
	defer p.client.CloseIdleConnections()
	r := probeResult{lastTry: errors.New("sweep did not ask yet")}
	for wait := firstProbe; ; wait = min(wait*5/4, longestProbe) {
		id, err := p.once(ctx)
		var other *otherServer
		switch {
		case err == nil:
			return probeResult{ready: true, identity: id}
		case errors.As(err, &other):
			return probeResult{identityErr: err}
		case ctx.Err() == nil:
			r.lastTry = err
		}
		select {
		case <-ctx.Done():
			return r
		case <-time.After(wait):
		}
	}
}

// otherServer says that what answers is not the server that was launched.
type otherServer struct {
	why   string
	taken bool // the port is not of the server that was launched
	// certain: the server that was launched, or the endpoint, says it of itself,
	// and would say it again when the same configuration is launched again.
	certain bool
}

func (o *otherServer) Error() string { return o.why }

type prober struct {
	client *http.Client
	h      Handle
	spec   Spec
}

// newProber has a client of its own: no proxy may stand between, and no
// connection to an earlier server on the same port may be reused.
func newProber(h Handle, spec Spec) prober {
	return prober{client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: spec.TLS}, Timeout: probeTimeout}, h: h, spec: spec}
}

// once makes one attempt: healthy, ours, the right model.
func (p prober) once(ctx context.Context) (Identity, error) {
	if _, err := p.get(ctx, "/health", ""); err != nil {
		return Identity{}, err
	}
	var id Identity
	switch err := p.h.Owns(ctx); {
	case err == nil:
		id.Owner = p.h.ID()
	case errors.Is(err, ErrOwnerUnknown):
		id.Owner = p.proveByLog(ctx)
	case ctx.Err() != nil:
		return Identity{}, ctx.Err()
	case errors.Is(err, ErrServiceAway):
		return Identity{}, err // asked again: it says nothing about the server
	default:
		return Identity{}, &otherServer{why: err.Error(), taken: true}
	}
	if err := p.model(ctx, &id); err != nil {
		return Identity{}, err
	}
	if body, err := p.get(ctx, "/version", ""); err == nil {
		var v struct{ Version string }
		if json.Unmarshal(body, &v) == nil {
			id.Version = v.Version
		}
	}
	return id, nil
}

// model finds the expected name in the model list.
func (p prober) model(ctx context.Context, id *Identity) error {
	body, err := p.get(ctx, "/v1/models", p.spec.APIKey)
	ours := id.Owner != "" || p.spec.LogPath == "" // without a log nothing was launched: an endpoint is what is asked for
	var status *statusError
	if errors.As(err, &status) && (status.code == http.StatusUnauthorized || status.code == http.StatusForbidden) {
		return &otherServer{why: fmt.Sprintf("the server refuses the API key (%s answered %d)", "/v1/models", status.code), certain: ours}
	}
	if err != nil {
		return err
	}
	var list struct {
		Data []struct {
			ID          string
			MaxModelLen int `json:"max_model_len"`
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("read model list: %w", err)
	}
	var served []string
	for _, m := range list.Data {
		if m.ID == p.spec.ModelName {
			id.Model, id.MaxModelLen = m.ID, m.MaxModelLen
			return nil
		}
		served = append(served, m.ID)
	}
	slices.Sort(served)
	if p.spec.ModelName == "" { // an endpoint whose model is asked for
		if len(served) == 1 {
			id.Model, id.MaxModelLen = list.Data[0].ID, list.Data[0].MaxModelLen
			return nil
		}
		return &otherServer{why: fmt.Sprintf("server.model is not set, and the server offers %q: choose one of them", served), certain: len(served) > 0}
	}
	// A router lists no model until its servers have come.
	return &otherServer{why: fmt.Sprintf("expected model %q, but the server offers %q", p.spec.ModelName, served), certain: ours && len(served) > 0}
}

type statusError struct {
	path string
	code int
	body []byte
}

// told is the error with what the server said to it.
func (e *statusError) told() string {
	path, _, _ := strings.Cut(e.path, "?")
	said := string(e.body)
	var answer struct{ Error struct{ Message string } }
	if json.Unmarshal(e.body, &answer) == nil && answer.Error.Message != "" {
		said = answer.Error.Message
	}
	const most = 200
	if said = strings.ToValidUTF8(strings.Join(strings.Fields(said), " "), ""); len(said) > most {
		said = strings.ToValidUTF8(said[:most], "") + "..."
	}
	if said != "" {
		said = ": " + said
	}
	return fmt.Sprintf("%s answered %d%s", path, e.code, said)
}

func (e *statusError) Error() string { return fmt.Sprintf("GET %s answered %d", e.path, e.code) }

// get returns the body of a 200 answer.
func (p prober) get(ctx context.Context, path, key string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.h.BaseURL(), "/")+path, nil)
	if err != nil {
		return nil, err
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &statusError{path, resp.StatusCode, body}
	}
	return body, nil
}
