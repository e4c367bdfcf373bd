package loadgen

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// Completions prompts have exactly the tokens drawn, within the ID range, and
// no two share a first block of 16 tokens, over phases, trials and seeds.
func TestPromptTokens(t *testing.T) {
	s := start(t, mock.Options{})
	total := 0
	for _, salt := range []string{"t1", "t2"} {
		cfg := config(s, Arrivals{Kind: Concurrency, Concurrency: 4})
		cfg.Salt, cfg.Requests, cfg.Warmup = salt, 40, 20*time.Millisecond
		cfg.Prompt = Lengths{Kind: Uniform, Min: 16, Max: 400}
		cfg.TokenLow, cfg.TokenHigh = 2000, 5000
		r := mustRun(t, cfg)
		for i := range r.Requests {
			if q := &r.Requests[i]; q.Class == ClassOK && q.PromptTokens != q.PromptAsked {
				t.Fatalf("%d prompt tokens, asked %d", q.PromptTokens, q.PromptAsked)
			}
		}
		total += len(r.Requests)
	}
	blocks := map[string]bool{}
	for _, q := range s.Seen() {
		for _, id := range q.Prompt {
			if id < 2000 || id >= 5000 {
				t.Fatalf("token %d out of range", id)
			}
		}
		block := fmt.Sprint(q.Prompt[:16])
		if blocks[block] {
			t.Fatal("two prompts share their first block")
		}
		blocks[block] = true
	}
	if len(blocks) < 80 || len(blocks) > total {
		t.Errorf("%d prompts seen, %d sent", len(blocks), total)
	}
}

// With /tokenize a chat prompt has exactly the tokens asked for, template
// included, also with a tokenizer that splits some of the words.
func TestChatTokens(t *testing.T) {
	s := start(t, mock.Options{ChatOverhead: 11, TwoTokenWords: []string{"time", "year", "office", "park", "film"}})
	cfg := config(s, Arrivals{Kind: Throughput, Concurrency: 2})
	cfg.API, cfg.Requests = Chat, 20
	cfg.Prompt = Lengths{Kind: Uniform, Min: 30, Max: 300}
	r := mustRun(t, cfg)
	for i := range r.Requests {
		if q := &r.Requests[i]; q.Class != ClassOK || q.PromptTokens != q.PromptAsked || q.Chunks != 10 {
			t.Fatalf("%+v", q)
		}
	}
	for _, code := range []notice.Code{"prompt-lengths-off", "prompt-lengths-measured", "prompt-lengths-assumed"} {
		if notice.Has(r.Warnings, code) {
			t.Errorf("warnings %q", r.Warnings)
		}
	}
	texts := map[string]bool{}
	for _, q := range s.Seen() {
		texts[q.Text] = true
	}
	if len(texts) != 20 {
		t.Errorf("%d different prompts, want 20", len(texts))
	}
}

// llama-server tokenizes texts, not messages: they are rendered first.
func TestChatByTemplate(t *testing.T) {
	s := start(t, mock.Options{ChatOverhead: 12, LlamaTokenize: true, TwoTokenWords: []string{"time", "year"}})
	cfg := config(s, Arrivals{Kind: Throughput, Concurrency: 1})
	cfg.API, cfg.Requests = Chat, 3
	r := mustRun(t, cfg)
	for i := range r.Requests {
		if n := r.Requests[i].PromptTokens; n != 50 {
			t.Errorf("%d prompt tokens, asked 50", n)
		}
	}
	for _, code := range []notice.Code{"prompt-lengths-off", "prompt-lengths-measured", "prompt-lengths-assumed"} {
		if notice.Has(r.Warnings, code) {
			t.Errorf("warnings %q", r.Warnings)
		}
	}
}

// Without /tokenize the run says that lengths are approximate, and how far off
// they turned out.
func TestChatApproximate(t *testing.T) {
	s := start(t, mock.Options{ChatOverhead: 30, NoTokenize: true})
	cfg := config(s, Arrivals{Kind: Throughput, Concurrency: 1})
	cfg.API, cfg.Requests = Chat, 3
	r := mustRun(t, cfg)
	off := notice.New("prompt-lengths-off", notice.Args{"got": notice.Number(72), "asked": notice.Number(50)})
	if !notice.Has(r.Warnings, "prompt-lengths-assumed") || !strings.Contains(notice.Join(r.Warnings), "404") || !slices.ContainsFunc(r.Warnings, off.Equal) {
		t.Errorf("warnings %q", r.Warnings)
	}
}

// With a tokenizer whose words are no fixed number of tokens, the mean is
// measured: prompts come out within a few percent, and the run says so.
func TestChatFitted(t *testing.T) {
	s := start(t, mock.Options{ChatOverhead: 20, CharsPerToken: 4})
	cfg := config(s, Arrivals{Kind: Throughput, Concurrency: 2})
	cfg.API, cfg.Requests = Chat, 20
	cfg.Prompt = Lengths{Kind: Fixed, Mean: 400}
	r := mustRun(t, cfg)
	sum := 0
	for i := range r.Requests {
		sum += r.Requests[i].PromptTokens
	}
	if mean := float64(sum) / 20; mean < 392 || mean > 408 {
		t.Errorf("mean of %.1f prompt tokens, asked 400", mean)
	}
	if !notice.Has(r.Warnings, "prompt-lengths-measured") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

func TestValidate(t *testing.T) {
	good := Config{
		BaseURL: "http://127.0.0.1:8000", Model: "m", API: Completions, Requests: 1,
		Arrivals: Arrivals{Kind: Poisson, Rate: 1},
		Prompt:   Lengths{Kind: Fixed, Mean: 10}, Output: Lengths{Kind: Fixed, Mean: 10},
	}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Config){
		"base URL":              func(c *Config) { c.BaseURL = "localhost:8000" },
		"leave out user":        func(c *Config) { c.BaseURL = "http://me:secret@localhost:8000" },
		"query and fragment":    func(c *Config) { c.BaseURL = "http://localhost:8000?x=1" },
		"leave out /v1":         func(c *Config) { c.BaseURL += "/v1/" },
		"model is empty":        func(c *Config) { c.Model = "" },
		"API":                   func(c *Config) { c.API = "embeddings" },
		"never end":             func(c *Config) { c.Requests = 0 },
		"rate 0":                func(c *Config) { c.Arrivals.Rate = 0 },
		"concurrency 0":         func(c *Config) { c.Arrivals = Arrivals{Kind: Concurrency} },
		"arrivals \"burst\"":    func(c *Config) { c.Arrivals.Kind = "burst" },
		"prompt tokens: fixed":  func(c *Config) { c.Prompt.Mean = 0 },
		"output tokens: bounds": func(c *Config) { c.Output.Min, c.Output.Max = 5, 2 },
		"empirical without":     func(c *Config) { c.Output = Lengths{Kind: Empirical} },
		"the load generator sets max_tokens itself": func(c *Config) { c.Body = map[string]any{"max_tokens": 1} },
		"the load generator sets ignore_eos itself": func(c *Config) { c.Body = map[string]any{"ignore_eos": false} },
		"token IDs":            func(c *Config) { c.TokenLow = 20_000 },
		"must not be negative": func(c *Config) { c.Warmup = -1 },
		"needs a number of": func(c *Config) {
			c.Arrivals, c.Requests, c.Duration = Arrivals{Kind: Throughput}, 0,
				1
		},
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
