package loadgen

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// Sample is one prompt of a dataset, sent as it is.
type Sample struct {
	Prompt string
	Output int // tokens to ask for; 0: drawn from Config.Output
}

// ReadShareGPT reads a ShareGPT file: a JSON array of objects whose
// conversations are {from, value}. The first turn of each conversation is the
// prompt; conversations that do not begin with a person's turn followed by an
// answer are left out. The file has no token counts: outputs are drawn.
func ReadShareGPT(in io.Reader) ([]Sample, error) {
	d := json.NewDecoder(in)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, fmt.Errorf("read ShareGPT: want an array of conversations: %w", errors.Join(err))
	}
	var out []Sample
	for n := 0; d.More(); n++ {
		var v struct {
			Conversations []struct{ From, Value string }
		}
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("read ShareGPT: conversation %d: %w", n, err)
		}
		turns := v.Conversations
		if len(turns) < 2 || (turns[0].From != "human" && turns[0].From != "user") || strings.TrimSpace(turns[0].Value) == "" {
			continue
		}
		out = append(out, Sample{Prompt: turns[0].Value})
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("read ShareGPT: %w", err)
	}
	return finishDataset("ShareGPT", out)
}

// ReadJSONL reads one JSON object a line: prompt, and output_tokens if given.
func ReadJSONL(in io.Reader) ([]Sample, error) {
	var out []Sample
	err := eachLine(in, func(line []byte) error {
		var v struct {
			Prompt string
			Output int `json:"output_tokens"`
		}
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		if v.Prompt == "" || v.Output < 0 || v.Output > maxTokens {
			return fmt.Errorf("prompt of %d bytes, output_tokens %d", len(v.Prompt), v.Output)
		}
		out = append(out, Sample{v.Prompt, v.Output})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read JSON lines: %w", err)
	}
	return finishDataset("JSON lines", out)
}

// ReadCSV reads a CSV file with a header: the column prompt, and output_tokens
// if there is one.
func ReadCSV(in io.Reader) ([]Sample, error) {
	r := csv.NewReader(in)
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read CSV: %w", err)
	}
	prompt, err := columns(header, "prompt")
	if err != nil {
		return nil, fmt.Errorf("read CSV: %w", err)
	}
	output, noOutput := columns(header, "output_tokens")
	var out []Sample
	for {
		record, err := r.Read()
		if err == io.EOF {
			return finishDataset("CSV", out)
		}
		if err != nil {
			return nil, fmt.Errorf("read CSV: %w", err)
		}
		line, _ := r.FieldPos(0)
		s := Sample{Prompt: record[prompt[0]]}
		if s.Prompt == "" {
			return nil, fmt.Errorf("read CSV: line %d: empty prompt", line)
		}
		if noOutput == nil && record[output[0]] != "" {
			if s.Output, err = tokenCount(record[output[0]]); err != nil {
				return nil, fmt.Errorf("read CSV: line %d: %w", line, err)
			}
		}
		out = append(out, s)
	}
}

func finishDataset(name string, samples []Sample) ([]Sample, error) {
	if len(samples) == 0 {
		return nil, fmt.Errorf("read %s: no prompts", name)
	}
	return samples, nil
}

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
			take(BlockTokens, stream(b.content, streamBlock, 0, int(id)))
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
func (b *bodies) sample(phase Phase, i int) *Sample {
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
