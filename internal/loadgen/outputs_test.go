package loadgen

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/loadgen/mock"
	"github.com/vllm-sweep/sweep/internal/workload"
)

// Answers of a dataset set the lengths, by the server's own count of tokens.
func TestDatasetAnswers(t *testing.T) {
	for _, api := range []API{Completions, Chat} {
		for bytes, note := range map[int]string{2: "approximate (2 bytes a token, counted over 3 of them)", 0: "(4 bytes a token assumed): POST /tokenize: 404"} {
			s := start(t, mock.Options{CharsPerToken: bytes, NoTokenize: bytes == 0})
			c := config(s, Arrivals{Kind: Concurrency, Concurrency: 1})
			c.API, c.Prompt, c.Output, c.Requests = api, Lengths{}, Lengths{}, 4
			c.Dataset = []workload.Sample{
				{Prompt: "p0", Answer: strings.Repeat("a", 40)}, {Prompt: "p1", Answer: strings.Repeat("b", 80)},
				{Prompt: "p2", Output: 7}, {Prompt: "p3", Answer: strings.Repeat("c", 400)},
			}
			c.MinOutput, c.MaxOutput = 15, 60
			r := mustRun(t, c)
			if !strings.Contains(strings.Join(r.Warnings, "\n"), note) {
				t.Errorf("warnings %q, want %q", r.Warnings, note)
			}
			per := max(bytes, 2*(2-bytes)) // 2 and 4
			for _, q := range s.Seen() {
				want := map[string]int{"p0": max(15, 40/per), "p1": 80 / per, "p2": 15, "p3": 60}[q.Text]
				if q.MaxTokens < want-1 || q.MaxTokens > want {
					t.Errorf("%s: %s asked for %d tokens, want %d", api, q.Text, q.MaxTokens, want)
				}
			}
			if c.Dataset[0].Output != 0 {
				t.Error("the caller's dataset was changed")
			}
		}
	}
}

// A salted dataset is new in every trial and pass, and its prompts still share
// what they shared.
func TestDatasetSalt(t *testing.T) {
	c := config(&mock.Server{}, Arrivals{Kind: Concurrency, Concurrency: 1})
	c.Dataset = []workload.Sample{{Prompt: "You help. a", Output: 1}, {Prompt: "You help. b", Output: 1}}
	c.DatasetSalt = true
	heads := func(salt string) map[string]int {
		c := c
		c.Salt = salt
		b, err := newBodies(&c, wordPlan{})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		for i := range 6 {
			var v struct{ Prompt string }
			if err := json.Unmarshal(b.build(PhaseWindow, i).body, &v); err != nil {
				t.Fatal(err)
			}
			head, rest, ok := strings.Cut(v.Prompt, "You help. ")
			if !ok || len(head) != len("[01234567] ") || (rest != "a" && rest != "b") {
				t.Fatalf("prompt %q", v.Prompt)
			}
			out[head]++
		}
		return out
	}
	one, other := heads("block 1"), heads("block 2")
	if len(one) != 3 || fmt.Sprint(one) == fmt.Sprint(other) || fmt.Sprint(one) != fmt.Sprint(heads("block 1")) {
		t.Errorf("marks %v and %v", one, other)
	}
	for head, n := range one {
		if n != 2 || other[head] > 0 {
			t.Errorf("mark %q %d times, in the other trial %d", head, n, other[head])
		}
	}
}

// The bounds hold for drawn lengths, and min_tokens goes out without ignore_eos.
func TestOutputBounds(t *testing.T) {
	c := config(&mock.Server{}, Arrivals{Kind: Concurrency, Concurrency: 1})
	c.Output = Lengths{Kind: Uniform, Min: 1, Max: 100}
	c.MinOutput, c.MaxOutput = 20, 30
	for _, exact := range []bool{true, false} {
		c.IgnoreEOS = exact
		b, err := newBodies(&c, wordPlan{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			j := b.build(PhaseWindow, i)
			var v struct {
				Max int  `json:"max_tokens"`
				Min int  `json:"min_tokens"`
				EOS bool `json:"ignore_eos"`
			}
			if err := json.Unmarshal(j.body, &v); err != nil {
				t.Fatal(err)
			}
			if least := map[bool]int{true: v.Max, false: 20}[exact]; v.Max != j.output || v.Max < 20 || v.Max > 30 || v.Min != least || v.EOS != exact {
				t.Fatalf("%+v, %d asked", v, j.output)
			}
		}
	}
	c.MinOutput = 31
	c.BaseURL, c.Requests = "http://127.0.0.1:1", 1
	if c.Validate() == nil {
		t.Error("a minimum above the maximum was accepted")
	}
}

// A load faster than the server is told from one that it follows.
func TestSaturated(t *testing.T) {
	for rate, want := range map[float64]bool{20: false, 120: true} {
		s := start(t, mock.Options{TTFT: 20 * ms, Capacity: 1}) // 50 req/s at most
		for _, limit := range []int{0, 8} {
			c := config(s, Arrivals{Kind: Constant, Rate: rate, MaxConcurrency: limit})
			c.Output, c.Warmup, c.Duration, c.Drain = Lengths{Kind: Fixed, Mean: 1}, 200*ms, 800*ms, 10*ms
			if r := mustRun(t, c); r.Saturated != want {
				t.Errorf("%v req/s, cap %d: saturated %v; %q", rate, limit, r.Saturated, r.Warnings)
			}
		}
	}
}
