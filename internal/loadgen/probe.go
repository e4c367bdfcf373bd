package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/workload"
)

// DefaultProbeTimeout bounds the wait for the answer to a probe.
const DefaultProbeTimeout = 30 * time.Second

// probeTokens are asked for by a probe: one is a prefill, the second a decode step.
const probeTokens = 2

// Refusal says why a server does not serve a request.
type Refusal struct {
	URL    string // of the server
	Route  string // e.g. POST /v1/completions
	Class  Class
	Status int // HTTP status, 0: there was none
	Text   string
	// Chat and TextOnly are ways out, tried by Fit: the server answers chat
	// requests; it answers completions whose prompt is text, not token IDs.
	Chat, TextOnly bool
}

// Error is one line.
func (e *Refusal) Error() string {
	text := fmt.Sprintf("%s: %s", e.Route, e.Text)
	switch {
	case e.unauthorized():
		return fmt.Sprintf("%s refuses the API key, or wants one: %s answered %s", e.URL, e.Route, e.Text)
	case e.Class == ClassTimeout:
		return fmt.Sprintf("%s does not answer: %s", e.URL, text)
	case e.Chat && e.TextOnly:
		return fmt.Sprintf("%s takes prompts as text only, not as token IDs; chat requests work (api: chat). %s", e.URL, text)
	case e.Chat:
		return fmt.Sprintf("%s does not serve completions of token IDs; chat requests work (api: chat). %s", e.URL, text)
	case e.TextOnly:
		return fmt.Sprintf("%s takes prompts as text only, not as token IDs; a dataset of prompts works. %s", e.URL, text)
	case e.Class == ClassProtocol:
		return fmt.Sprintf("%s does not speak the OpenAI API: %s", e.URL, text)
	default:
		return fmt.Sprintf("%s does not serve the load: %s", e.URL, text)
	}
}

// Probe sends one small request of the load's kind and says why it was not
// answered as it should: a *ReachError or a *Refusal. A prompt of token IDs is
// made of the uppermost that the load may use. limit bounds the wait; 0:
// DefaultProbeTimeout, but never longer than Config.Timeout.
func Probe(ctx context.Context, cfg Config, limit time.Duration) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("load configuration: %w", err)
	}
	if limit <= 0 {
		limit = DefaultProbeTimeout
	}
	cfg.Timeout = min(limit, cfg.timeout())
	cfg.Arrivals, cfg.Requests = Arrivals{Kind: Throughput, Concurrency: 1}, 1
	cfg.Prompt = Lengths{Kind: Fixed, Mean: 16}
	cfg.Output = Lengths{Kind: Fixed, Mean: probeTokens}
	if len(cfg.Dataset) > 0 {
		cfg.Dataset = []workload.Sample{{Prompt: cfg.Dataset[0].Prompt}}
	}
	_, high := cfg.tokens()
	cfg.TokenLow = max(0, high-2)
	cfg.Trace, cfg.Sessions, cfg.Prefix = nil, nil, Prefix{}
	cfg.MinOutput, cfg.MaxOutput = 0, 0
	c, err := newClient(&cfg)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.reach(ctx); err != nil {
		return err
	}
	b, err := newBodies(&cfg, wordPlan{list: wordList, overhead: assumedOverhead, perWord: assumedPerWord})
	if err != nil {
		return err
	}
	c.start = time.Now()
	rec := &Request{Sent: -1, First: -1, Last: -1, End: -1, OutputAsked: probeTokens}
	c.do(ctx, b.build(PhaseTail, 0), rec)
	return c.verdict(ctx, &cfg, rec)
}

// verdict says why a probe was not answered as it should; nil where it was.
func (c *client) verdict(ctx context.Context, cfg *Config, rec *Request) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if rec.Class == ClassOK || rec.Class == ClassTokens {
		return nil // a model that ends early is a finding of the load
	}
	res := Result{Requests: []Request{*rec}}
	res.redact(append([]string{cfg.APIKey}, cfg.Secrets...))
	return &Refusal{
		URL: c.base(), Route: "POST " + strings.TrimPrefix(c.url.Path, c.root),
		Class: rec.Class, Status: rec.Status, Text: res.Requests[0].Error,
	}
}

// base is the address of the server without the route.
func (c *client) base() string {
	u := url.URL{Scheme: c.url.Scheme, Host: c.url.Host, Path: c.root}
	return u.String()
}

// Models lists the models that the server serves. Errors are those of Probe.
func Models(ctx context.Context, cfg Config, limit time.Duration) ([]string, error) {
	c, err := newClient(&cfg)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := c.reach(ctx); err != nil {
		return nil, err
	}
	list, err := c.models(ctx, &cfg, limit)
	var ids []string
	for _, m := range list {
		if m.ID != "" {
			ids = append(ids, m.ID)
		}
	}
	return ids, err
}

// model is what a server says of a model that it serves.
type model struct {
	ID   string
	Root string // vLLM: the model's folder, or its name on the hub
	Meta struct {
		Vocabulary int `json:"n_vocab"` // llama-server
	}
}

func (c *client) models(ctx context.Context, cfg *Config, limit time.Duration) ([]model, error) {
	const route = "/v1/models"
	refuse := func(class Class, status int, text string) error {
		for _, s := range append([]string{cfg.APIKey}, cfg.Secrets...) {
			if s != "" {
				text = strings.ReplaceAll(text, s, "[redacted]")
			}
		}
		return &Refusal{URL: c.base(), Route: "GET " + route, Class: class, Status: status, Text: text}
	}
	reqCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	u := *c.url
	u.Path = c.root + route
	req, err := http.NewRequestWithContext(reqCtx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header = c.header.Clone()
	req.Header.Set("Accept", "application/json")
	resp, err := c.transport.RoundTrip(req)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case reqCtx.Err() != nil:
		return nil, refuse(ClassTimeout, 0, fmt.Sprintf("no answer within %s", limit))
	default:
		return nil, refuse(ClassConnect, 0, cause(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	switch {
	case resp.StatusCode != http.StatusOK:
		text := resp.Status
		if said := excerptOf(body[:min(len(body), excerpt)]); said != "" {
			text += ": " + said
		}
		return nil, refuse(ClassHTTP, resp.StatusCode, text)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, refuse(ClassTimeout, resp.StatusCode, fmt.Sprintf("the answer did not end within %s", limit))
	case err != nil:
		return nil, refuse(ClassTruncated, resp.StatusCode, cause(err))
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, refuse(ClassProtocol, resp.StatusCode, fmt.Sprintf("the answer is compressed (%s), though nobody asked for it", coding))
	}
	var list struct{ Data []json.RawMessage }
	if json.Unmarshal(body, &list) != nil {
		return nil, refuse(ClassProtocol, resp.StatusCode, "no list of models but "+kindOf(resp.Header, body))
	}
	var models []model
	for _, raw := range list.Data {
		var m model
		if json.Unmarshal(raw, &m) != nil {
			m = model{} // of a member that is of another kind elsewhere: the name counts
			var name struct{ ID string }
			if json.Unmarshal(raw, &name) != nil {
				return nil, refuse(ClassProtocol, resp.StatusCode, "no list of models but "+kindOf(resp.Header, body))
			}
			m.ID = name.ID
		}
		models = append(models, m)
	}
	return models, nil
}

// kindOf describes an answer that is something else than was asked for.
func kindOf(h http.Header, body []byte) string {
	text := excerptOf(body)
	if len(text) > excerpt {
		text = text[:excerpt] + "…"
	}
	return fmt.Sprintf("content type %q: %s", h.Get("Content-Type"), strings.ToValidUTF8(text, ""))
}
