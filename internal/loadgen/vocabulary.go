package loadgen

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/workload"
)

// vocabularyTimeout bounds the question how many token IDs there are.
const vocabularyTimeout = 5 * time.Second

// fewIDs is a number of token IDs that every server has that takes any.
const fewIDs = 64

// Fit makes the load one that the server takes, and proves it by Probe: call it
// once per server, before any load, and keep Config.Vocabulary for the rest. It
// sets Config.Vocabulary where prompts are token IDs: by what the server says
// of its model (n_vocab of llama-server; the config.json in the folder that
// vLLM names, if it is on this machine), and where the probe shows that it has
// fewer, by trying. A *Refusal says which other way the server would serve.
func Fit(ctx context.Context, cfg *Config, limit time.Duration) error {
	if !cfg.sendsIDs() {
		return Probe(ctx, *cfg, limit)
	}
	if cfg.Vocabulary == 0 && cfg.TokenHigh == 0 && cfg.Validate() == nil {
		c, err := newClient(cfg)
		if err != nil {
			return err
		}
		defer c.close()
		if err := c.reach(ctx); err != nil {
			return err
		}
		cfg.Vocabulary = c.vocabulary(ctx, cfg)
	}
	err := Probe(ctx, *cfg, limit)
	var refused *Refusal
	if !errors.As(err, &refused) || !refused.OfTheRequest() || refused.unauthorized() {
		return err
	}
	// takes says whether the server takes the IDs below n.
	takes := func(n int) bool {
		try := *cfg
		try.TokenLow, try.TokenHigh, try.Vocabulary = 0, n, 0
		return Probe(ctx, try, limit) == nil
	}
	if _, high := cfg.tokens(); cfg.TokenHigh == 0 && high > fewIDs && takes(fewIDs) {
		low := fewIDs
		for high-low > low/16 && ctx.Err() == nil {
			if middle := (low + high) / 2; takes(middle) {
				low = middle
			} else {
				high = middle
			}
		}
		cfg.Vocabulary = low
		return Probe(ctx, *cfg, limit)
	}
	other := *cfg
	other.API = Chat
	refused.Chat = Probe(ctx, other, limit) == nil
	other.API, other.Dataset = Completions, []workload.Sample{{Prompt: wordList[0]}}
	refused.TextOnly = Probe(ctx, other, limit) == nil
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return refused
}

// OfTheRequest reports whether the server refuses this kind of request, and would
// refuse the next one with the same words: it said no, does not have the route,
// or answers in another language. What may pass is none: silence, too many
// requests, an error of the server.
func (e *Refusal) OfTheRequest() bool {
	switch e.Class {
	case ClassHTTP:
		switch e.Status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
			return false
		}
		return e.Status >= 400 && e.Status < 500 || e.Status == http.StatusNotImplemented
	case ClassStream, ClassProtocol:
		return true
	}
	return false
}

// unauthorized reports whether the server wants another API key.
func (e *Refusal) unauthorized() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// sendsIDs says whether prompts are made of token IDs.
func (c *Config) sendsIDs() bool { return c.API == Completions && len(c.Dataset) == 0 }

// vocabulary is the number of token IDs by what the server says; 0: it does not.
func (c *client) vocabulary(ctx context.Context, cfg *Config) int {
	models, err := c.models(ctx, cfg, min(vocabularyTimeout, cfg.timeout()))
	if err != nil {
		return 0
	}
	for _, m := range models {
		if m.ID != cfg.Model && len(models) > 1 {
			continue
		}
		if m.Meta.Vocabulary > 0 {
			return m.Meta.Vocabulary
		}
		return vocabularyOf(m.Root)
	}
	return 0
}

// vocabularyOf reads the size of the embedding from the config.json of a
// model's folder; 0: there is none.
func vocabularyOf(folder string) int {
	if !filepath.IsAbs(folder) {
		return 0
	}
	data, err := boundary.ReadFile(filepath.Join(folder, "config.json"), 16<<20) // the server chose the path
	if err != nil {
		return 0
	}
	var m struct {
		Size int `json:"vocab_size"`
		Text struct {
			Size int `json:"vocab_size"`
		} `json:"text_config"` // of models for text and images
	}
	if json.Unmarshal(data, &m) != nil {
		return 0
	}
	return max(0, cmp.Or(m.Text.Size, m.Size))
}
