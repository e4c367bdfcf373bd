package loadgen

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/vllm-sweep/sweep/internal/workload"
)

// Prefix says which part of the prompts is shared between requests. The zero
// value shares nothing.
type Prefix struct {
	Tokens int     // shared tokens at the head of each prompt, at most all but one
	Ratio  float64 // or: the shared part of each prompt, 0..1
	Count  int     // different prefixes, each request has one of them by chance; 0: 1
}

func (p Prefix) validate() error {
	switch {
	case p.Tokens < 0 || p.Count < 0:
		return fmt.Errorf("shared prefix of %d tokens, %d of them: want 0 or more", p.Tokens, p.Count)
	case !(p.Ratio >= 0 && p.Ratio < 1):
		return fmt.Errorf("prefix ratio %v: want 0 or more, less than 1", p.Ratio)
	case p.Tokens > 0 && p.Ratio > 0:
		return errors.New("shared prefix: give its tokens or its ratio")
	}
	return nil
}

// span is a part of a prompt that is drawn from a random stream of its own.
type span struct {
	tokens int
	from   *rand.Rand
}

// spans divides the prompt of a request: shared prefix or blocks of a trace,
// then what is the request's own.
func (b *bodies) spans(j *job) []span {
	var out []span
	left := j.prompt
	take := func(n int, from *rand.Rand) {
		if n = min(n, left); n > 0 {
			out = append(out, span{n, from})
			left -= n
		}
	}
	own := stream(b.content, streamContent, j.phase, j.index)
	if b.cfg.Arrivals.Kind == Trace {
		for _, id := range b.cfg.traceRow(j.phase, j.index).Blocks {
			take(workload.BlockTokens, stream(b.content, streamBlock, 0, int(id)))
		}
	}
	if p := b.cfg.Prefix; p.Tokens > 0 || p.Ratio > 0 {
		n := min(max(p.Tokens, int(p.Ratio*float64(j.prompt)+0.5)), j.prompt-1)
		which := stream(b.cfg.Seed, streamPrefix, j.phase, j.index).IntN(max(p.Count, 1))
		take(n, stream(b.content, streamBlock, 1, which))
	}
	take(left, own)
	return out
}

// sample is the prompt of a request. Each pass over the dataset takes every
// sample once, in an order of its own.
func (b *bodies) sample(phase Phase, i int) *workload.Sample {
	n := len(b.cfg.Dataset)
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &b.passes[phase] // requests of one pass follow each other
	if p.order == nil || p.number != i/n {
		p.number, p.order = i/n, stream(b.cfg.Seed, streamSample, phase, i/n).Perm(n)
	}
	return &b.cfg.Dataset[p.order[i%n]]
}

// pass is one pass over the dataset.
type pass struct {
	number int
	order  []int
}
