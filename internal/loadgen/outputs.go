package loadgen

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/workload"
)

// The tokens of a dataset's answers are counted by the server, those that the
// window takes first. A vLLM server counts one in a millisecond or two, so that
// the most take some seconds; what is beyond has its length from the bytes of a
// token that the counted ones had.
const (
	answersCounted = 2000
	countAtOnce    = 8
	countLimit     = time.Minute
	assumedBytes   = 4.0 // a token, English text in common tokenizers; where the server cannot count
)

// AnswerCounts remembers the tokens of answers between the runs of a process.
// The zero value is empty; several goroutines may use it.
type AnswerCounts struct {
	mu     sync.Mutex
	tokens map[answerKey]int
}

type answerKey struct{ model, text string }

// count is the number of tokens of an answer, asked for once.
func (a *AnswerCounts) count(ctx context.Context, t tokenizer, text string) (int, error) {
	key := answerKey{t.model, text}
	a.mu.Lock()
	n, known := a.tokens[key]
	a.mu.Unlock()
	if known {
		return n, nil
	}
	n, err := t.text(ctx, strings.ToValidUTF8(text, ""))
	if err != nil {
		return 0, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tokens == nil {
		a.tokens = map[answerKey]int{}
	}
	a.tokens[key] = n
	return n, nil
}

// lengthNote warns of answers whose length is approximate, if the window took
// more requests than those whose answers were counted.
type lengthNote struct {
	exact       int
	approximate notice.Notice // without a code: none
}

// fillOutputs gives the samples of a dataset that hold an answer, but no
// number of tokens, the number that the answer has. It works on a copy: the
// caller may share the dataset between runs.
func fillOutputs(ctx context.Context, c *client, cfg *Config) (lengthNote, error) {
	bare := func(s *workload.Sample) bool { return s.Output == 0 && s.Answer != "" }
	first, exact := answersOfWindow(cfg, bare)
	if len(first) == 0 {
		return lengthNote{exact: exact}, nil
	}
	known := cfg.Counts
	if known == nil {
		known = new(AnswerCounts)
	}
	cfg.Dataset = slices.Clone(cfg.Dataset)
	err := countAnswers(ctx, known, tokenizer{client: c, model: cfg.Model}, cfg.Dataset, first)
	if ctx.Err() != nil {
		return lengthNote{}, context.Cause(ctx)
	}
	perToken, counted := assumedBytes, 0
	var bytes, tokens int
	for _, k := range first {
		if s := &cfg.Dataset[k]; s.Output > 0 {
			bytes, tokens, counted = bytes+len(s.Answer), tokens+s.Output, counted+1
		}
	}
	if tokens > 0 {
		perToken = float64(bytes) / float64(tokens)
	}
	for i := range cfg.Dataset {
		if s := &cfg.Dataset[i]; bare(s) {
			s.Output = max(1, int(math.Round(float64(len(s.Answer))/perToken)))
		}
	}
	args := notice.Args{"bytes": notice.Number(perToken)}
	if counted > 0 {
		args["counted"] = notice.Count(counted)
	}
	if err != nil {
		exact, args["error"] = 0, notice.Text(err.Error())
	} else {
		args["exact"] = notice.Count(exact)
	}
	return lengthNote{exact, notice.New("answer-lengths-approximate", args)}, nil
}

// answersOfWindow are the samples to count, in the order in which the window
// takes them, and how many requests of it need no others.
func answersOfWindow(cfg *Config, bare func(*workload.Sample) bool) (first []int, exact int) {
	for i, k := range stream(cfg.Seed, streamSample, PhaseWindow, 0).Perm(len(cfg.Dataset)) {
		if cfg.Requests > 0 && i == cfg.Requests {
			return first, i
		}
		if !bare(&cfg.Dataset[k]) {
			continue
		}
		if len(first) == answersCounted {
			return first, i
		}
		first = append(first, k)
	}
	return first, math.MaxInt
}

// countAnswers has the server count the answers of these samples, a few at a
// time, until the first error.
func countAnswers(ctx context.Context, known *AnswerCounts, t tokenizer, samples []workload.Sample, which []int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, countLimit, fmt.Errorf("POST /tokenize: not all were counted within %s", countLimit))
	defer cancel()
	var (
		wg   sync.WaitGroup
		once sync.Once
		bad  error
		next = make(chan int)
	)
	fail := func(err error) {
		once.Do(func() { bad = err })
		cancel()
	}
	for range min(countAtOnce, len(which)) {
		wg.Go(func() {
			for k := range next {
				n, err := known.count(ctx, t, samples[k].Answer)
				if err != nil {
					fail(err)
					continue
				}
				samples[k].Output = n
			}
		})
	}
	for _, k := range which {
		if ctx.Err() != nil {
			fail(context.Cause(ctx))
			break
		}
		next <- k
	}
	close(next)
	wg.Wait()
	return bad
}
