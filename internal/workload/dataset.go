package workload

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Sample is one prompt of a dataset.
type Sample struct {
	Prompt string
	Output int // tokens to ask for; 0: not known
	// Answer is the answer that the dataset holds, where Output is not known:
	// its length says how many tokens to ask for.
	Answer string
}

// ReadShareGPT reads a ShareGPT file: a JSON array of objects whose
// conversations are {from, value}. The first turn of each conversation is the
// prompt; conversations that do not begin with a person's turn followed by an
// answer are left out. The file has no token counts, only the answers.
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
		out = append(out, Sample{Prompt: turns[0].Value, Answer: turns[1].Value})
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
		out = append(out, Sample{Prompt: v.Prompt, Output: v.Output})
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
