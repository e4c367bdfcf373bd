package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Assumptions about a chat prompt where the server cannot count tokens.
const (
	assumedOverhead = 8 // tokens of a chat template around one user message
	assumedPerWord  = 1.0
)

const tokenizeTimeout = 10 * time.Second

// findOneTokenWords finds out by POST /tokenize which words are one token, and
// how many tokens the chat template adds: prompts are then exact. Where the
// counts do not add up it uses the mean tokens of a word, and where the server
// has no such route an assumption; a warning says which.
func findOneTokenWords(ctx context.Context, c *client, cfg *Config) (wordPlan, []notice.Notice) {
	t := tokenizer{client: c, model: cfg.Model}
	exact, err := t.plan(ctx)
	if err == nil {
		return exact, nil
	}
	mean, fitErr := t.fit(ctx)
	if fitErr != nil {
		mean = wordPlan{list: wordList, overhead: assumedOverhead, perWord: assumedPerWord}
	}
	args := notice.Args{"tokens": notice.Number(mean.perWord), "template": notice.Count(mean.overhead), "error": notice.Text(err.Error())}
	if fitErr != nil {
		return mean, []notice.Notice{notice.New("prompt-lengths-assumed", args)}
	}
	return mean, []notice.Notice{notice.New("prompt-lengths-measured", args)}
}

// Sizes of the two prompts that fit counts, in words.
const fitShort, fitLong = 50, 1050

// fit measures the mean tokens of a word with two prompts of random words.
func (t tokenizer) fit(ctx context.Context) (wordPlan, error) {
	r := stream(0, streamContent, PhaseWarmup, 0)
	words := make([]string, fitLong)
	for i := range words {
		words[i] = wordList[r.IntN(len(wordList))]
	}
	short, err := t.count(ctx, words[:fitShort])
	if err != nil {
		return wordPlan{}, err
	}
	long, err := t.count(ctx, words)
	if err != nil {
		return wordPlan{}, err
	}
	perWord := float64(long-short) / (fitLong - fitShort)
	if perWord <= 0 {
		return wordPlan{}, fmt.Errorf("%d words are %d tokens, %d are %d", fitShort, short, fitLong, long)
	}
	overhead := max(0, int(float64(short)-fitShort*perWord+0.5))
	return wordPlan{list: wordList, overhead: overhead, perWord: perWord}, nil
}

type tokenizer struct {
	client *client
	model  string
}

// plan keeps the words that cost exactly one token each, and measures the
// overhead of the template.
func (t tokenizer) plan(ctx context.Context) (wordPlan, error) {
	one, err := t.count(ctx, wordList[:1])
	if err != nil {
		return wordPlan{}, err
	}
	// The first word stands in front so that each tested word has a space before it.
	words, err := t.single(ctx, wordList, one)
	if err != nil {
		return wordPlan{}, err
	}
	if len(words) < 64 {
		return wordPlan{}, fmt.Errorf("only %d of %d words are single tokens to this tokenizer", len(words), len(wordList))
	}
	all, err := t.count(ctx, words)
	if err != nil {
		return wordPlan{}, err
	}
	half, err := t.count(ctx, words[:len(words)/2])
	if err != nil {
		return wordPlan{}, err
	}
	if all-half != len(words)-len(words)/2 {
		return wordPlan{}, fmt.Errorf("token counts do not add up: %d words are %d tokens, %d are %d", len(words), all, len(words)/2, half)
	}
	return wordPlan{list: words, overhead: all - len(words), perWord: 1}, nil
}

// single returns those of the words that add exactly one token, by halving
// whatever group adds more. one is the count of a prompt of the first word.
func (t tokenizer) single(ctx context.Context, words []string, one int) ([]string, error) {
	n, err := t.count(ctx, append([]string{wordList[0]}, words...))
	if err != nil {
		return nil, err
	}
	switch {
	case n-one == len(words):
		return words, nil
	case len(words) == 1:
		return nil, nil
	}
	a, err := t.single(ctx, words[:len(words)/2], one)
	if err != nil {
		return nil, err
	}
	b, err := t.single(ctx, words[len(words)/2:], one)
	return append(a[:len(a):len(a)], b...), err
}

// count asks the server for the tokens of a chat prompt of these words. vLLM
// tokenizes messages; llama-server renders them by POST /apply-template and
// tokenizes the text.
func (t tokenizer) count(ctx context.Context, words []string) (int, error) {
	messages := []map[string]string{{"role": "user", "content": strings.Join(words, " ")}}
	n, err := t.ask(ctx, map[string]any{"model": t.model, "messages": messages, "add_generation_prompt": true})
	if !errors.Is(err, errNoCount) {
		return n, err
	}
	var rendered struct{ Prompt string }
	if err := t.post(ctx, "/apply-template", map[string]any{"messages": messages}, &rendered); err != nil {
		return 0, err
	}
	// As the server itself tokenizes a chat prompt.
	return t.ask(ctx, map[string]any{"content": rendered.Prompt, "add_special": true, "parse_special": true})
}

// errNoCount is of an answer of llama-server, which looks for a content and
// finds none.
var errNoCount = errors.New("POST /tokenize: no tokens")

// text asks the server for the tokens of a text alone.
func (t tokenizer) text(ctx context.Context, text string) (int, error) {
	n, err := t.ask(ctx, map[string]any{"model": t.model, "prompt": text, "add_special_tokens": false})
	if errors.Is(err, errNoCount) {
		return t.ask(ctx, map[string]any{"content": text})
	}
	return n, err
}

// ask counts tokens: by the count of vLLM, or the list of llama-server.
func (t tokenizer) ask(ctx context.Context, request map[string]any) (int, error) {
	var answer struct {
		Count  *int
		Tokens []json.RawMessage
	}
	if err := t.post(ctx, "/tokenize", request, &answer); err != nil {
		return 0, err
	}
	n := len(answer.Tokens)
	if answer.Count != nil {
		n = *answer.Count
	} else if n == 0 {
		return 0, errNoCount
	}
	if n <= 0 {
		return 0, fmt.Errorf("POST /tokenize: count %d", n)
	}
	return n, nil
}

// post sends a request and reads the answer.
func (t tokenizer) post(ctx context.Context, route string, request map[string]any, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, tokenizeTimeout)
	defer cancel()
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	u := *t.client.url
	u.Path = t.client.root + route
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = t.client.header.Clone()
	req.Header.Set("Accept", "application/json")
	req.Header["Idempotency-Key"] = nil // not sent; package net/http asks once more where a kept connection has ended
	resp, err := t.client.transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("POST %s: %s", route, cause(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s", route, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(answer); err != nil {
		return fmt.Errorf("POST %s: %w", route, err)
	}
	return nil
}
