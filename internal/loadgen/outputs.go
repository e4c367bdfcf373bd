package loadgen

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// How the tokens of a dataset's answers are told from their text: by the mean
// bytes of a token over a sample of the answers, which the server counts.
const (
	answersSampled = 64
	sampledBytes   = 64 << 10
	assumedBytes   = 4.0 // a token, English text in common tokenizers; where the server cannot count
)

// fillOutputs gives the samples of a dataset that hold an answer, but no
// number of tokens, the number that the answer has. It works on a copy: the
// caller may share the dataset between runs.
func fillOutputs(ctx context.Context, c *client, cfg *Config) ([]string, error) {
	var texts []string
	for i := range cfg.Dataset {
		if s := &cfg.Dataset[i]; s.Output == 0 && s.Answer != "" {
			texts = append(texts, s.Answer)
		}
	}
	if len(texts) == 0 {
		return nil, nil
	}
	perToken, note, err := bytesPerToken(ctx, tokenizer{client: c, model: cfg.Model}, texts)
	if err != nil {
		return nil, err
	}
	cfg.Dataset = slices.Clone(cfg.Dataset)
	for i := range cfg.Dataset {
		if s := &cfg.Dataset[i]; s.Output == 0 && s.Answer != "" {
			s.Output = max(1, int(math.Round(float64(len(s.Answer))/perToken)))
		}
	}
	return []string{note}, nil
}

// bytesPerToken measures answers spread evenly over the dataset.
func bytesPerToken(ctx context.Context, t tokenizer, texts []string) (perToken float64, note string, err error) {
	var b strings.Builder
	n := min(answersSampled, len(texts))
	for i := range n {
		text := texts[i*len(texts)/n]
		if b.Len() > 0 && b.Len()+len(text) > sampledBytes {
			continue
		}
		b.WriteString(text[:min(len(text), sampledBytes)])
		b.WriteByte('\n')
	}
	tokens, askErr := t.text(ctx, strings.ToValidUTF8(b.String(), ""))
	switch {
	case ctx.Err() != nil:
		return 0, "", context.Cause(ctx)
	case askErr != nil:
		return assumedBytes, fmt.Sprintf("lengths of the dataset's answers are approximate (%.3g bytes a token assumed): %v", assumedBytes, askErr), nil
	}
	perToken = float64(b.Len()) / float64(tokens)
	return perToken, fmt.Sprintf("lengths of the dataset's answers are approximate (%.3g bytes a token, counted over %d of them)", perToken, n), nil
}
