package loadgen

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/sim/mock"
)

// modelFolder is a model whose embedding has so many rows.
func modelFolder(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Prompts stay under the server's vocabulary, however it is learned: no request
// of a load is refused for a token ID.
func TestFitFindsVocabulary(t *testing.T) {
	models := func(format string, args ...any) string {
		return `{"data":[{"id":"other","root":"/nowhere"},{"id":"m",` + fmt.Sprintf(format, args...) + `}]}`
	}
	for name, c := range map[string]struct {
		vocabulary  int
		models      string
		least, most int // of Config.Vocabulary
		probes      int // at most
	}{
		"large":                   {151936, "", 0, 0, 1},
		"says nothing":            {8000, "", 7500, 8000, 12},
		"hardly any":              {200, "", 180, 200, 16},
		"n_vocab":                 {3000, models(`"meta":{"n_vocab":3000,"n_ctx":4096}`), 3000, 3000, 1},
		"config.json":             {8000, models(`"root":%q`, modelFolder(t, `{"vocab_size":8000}`)), 8000, 8000, 1},
		"text_config":             {8000, models(`"root":%q`, modelFolder(t, `{"text_config":{"vocab_size":8000}}`)), 8000, 8000, 1},
		"config.json of another":  {4000, models(`"root":%q`, modelFolder(t, `{"vocab_size":8000}`)), 3700, 4000, 12},
		"config.json is not JSON": {8000, models(`"root":%q`, modelFolder(t, `{"vocab_size":-`)), 7500, 8000, 12},
		"name on the hub":         {151936, models(`"root":"Qwen/Qwen3-0.6B"`), 0, 0, 1},
		"members of other kinds":  {151936, models(`"root":5,"meta":["n_vocab"]`), 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, mock.Options{Vocabulary: c.vocabulary, Models: c.models})
			cfg := config(s, Arrivals{Kind: Throughput, Concurrency: 2})
			cfg.Requests = 10
			if err := Fit(t.Context(), &cfg, 0); err != nil {
				t.Fatal(err)
			}
			if n := len(s.Seen()); n > c.probes || cfg.Vocabulary < c.least || cfg.Vocabulary > c.most {
				t.Errorf("vocabulary %d after %d probes, want %d to %d after at most %d", cfg.Vocabulary, n, c.least, c.most, c.probes)
			}
			r := mustRun(t, cfg)
			if got := classes(r); got[ClassOK] != 10 {
				t.Errorf("classes %v: %s", got, r.Requests[0].Error)
			}
			last := s.Seen()[len(s.Seen())-1].Prompt
			if low := slices.Min(last); low < min(DefaultTokenLow, c.vocabulary/10-2) {
				t.Errorf("token %d: special tokens begin there", low)
			}
		})
	}
}

// A server that takes no token IDs is told with the way out.
func TestFitNamesTheWayOut(t *testing.T) {
	for name, c := range map[string]struct {
		options        mock.Options
		want           string
		chat, textOnly bool
	}{
		"text only": {mock.Options{TextOnly: true},
			"takes prompts as text only, not as token IDs; chat requests work (api: chat). POST /v1/completions: 400 Bad Request: prompt must be a string", true, true},
		"chat only": {mock.Options{NoCompletions: true},
			"does not serve completions of token IDs; chat requests work (api: chat). POST /v1/completions: 404 Not Found", true, false},
		"text without chat": {mock.Options{TextOnly: true, NoChat: true},
			"takes prompts as text only, not as token IDs; a dataset of prompts works.", false, true},
		"nothing": {mock.Options{NoCompletions: true, NoChat: true}, "does not serve the load: POST /v1/completions: 404 Not Found", false, false},
	} {
		s := start(t, c.options)
		cfg := config(s, Arrivals{Kind: Throughput, Concurrency: 1})
		cfg.Requests = 1
		err := Fit(t.Context(), &cfg, 0)
		var refused *Refusal
		if !errors.As(err, &refused) || refused.Chat != c.chat || refused.TextOnly != c.textOnly || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v %v\nwant %s", name, refused, err, c.want)
			continue
		}
		if c.chat {
			cfg.API = Chat
			if err := Fit(t.Context(), &cfg, 0); err != nil {
				t.Errorf("%s, chat: %v", name, err)
			}
		}
	}
}

// What a server refuses for good, and what may pass.
func TestRefusalsOfTheRequest(t *testing.T) {
	for _, c := range []struct {
		refusal Refusal
		want    bool
	}{
		{Refusal{Class: ClassHTTP, Status: 400}, true},
		{Refusal{Class: ClassHTTP, Status: 403}, true},
		{Refusal{Class: ClassHTTP, Status: 501}, true}, // llama-server: this server does not do that
		{Refusal{Class: ClassStream, Status: 200}, true},
		{Refusal{Class: ClassProtocol, Status: 200}, true},
		{Refusal{Class: ClassHTTP, Status: 408}, false},
		{Refusal{Class: ClassHTTP, Status: 425}, false},
		{Refusal{Class: ClassHTTP, Status: 429}, false},
		{Refusal{Class: ClassHTTP, Status: 500}, false},
		{Refusal{Class: ClassHTTP, Status: 503}, false},
		{Refusal{Class: ClassTimeout}, false},
		{Refusal{Class: ClassTruncated, Status: 200}, false},
	} {
		if got := c.refusal.OfTheRequest(); got != c.want {
			t.Errorf("%s %d: %v", c.refusal.Class, c.refusal.Status, got)
		}
	}
}
