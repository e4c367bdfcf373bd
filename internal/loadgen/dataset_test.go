package loadgen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/workload"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// A dataset is sent as it is, each prompt once a pass, with its own lengths.
func TestDatasetRuns(t *testing.T) {
	s := start(t, mock.Options{TTFT: 2 * time.Millisecond})
	c := config(s, Arrivals{Kind: Concurrency, Concurrency: 1})
	c.API, c.Prompt, c.Requests = Chat, Lengths{}, 8
	for i := range 4 {
		c.Dataset = append(c.Dataset, workload.Sample{Prompt: fmt.Sprintf("prompt \"%d\"", i), Output: i % 2 * 3})
	}
	r := mustRun(t, c)
	if got := classes(r); got[ClassOK] != 8 {
		t.Fatalf("classes %v: %v", got, r.Warnings)
	}
	passes := map[string]int{}
	for i, q := range s.Seen()[:8] {
		passes[fmt.Sprint(i/4, q.Text)]++
		if want := map[string]int{`prompt "1"`: 3, `prompt "3"`: 3}[q.Text]; q.MaxTokens != want && !(want == 0 && q.MaxTokens == 10) {
			t.Errorf("%s asked for %d tokens", q.Text, q.MaxTokens)
		}
	}
	if len(passes) != 8 {
		t.Errorf("passes %v, want each prompt once in each", passes)
	}
	if !notice.Has(r.Warnings, "prompts-repeat") {
		t.Errorf("warnings %q", r.Warnings)
	}
	c.API = Completions
	b, err := newBodies(&c, wordPlan{})
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Prompt string }
	if err := json.Unmarshal(b.build(PhaseWindow, 0).body, &v); err != nil || !strings.HasPrefix(v.Prompt, `prompt "`) {
		t.Errorf("%q %v", v.Prompt, err)
	}
}

// Prompts share the head that is asked for, in as many kinds as asked for.
func TestSharedPrefix(t *testing.T) {
	for _, p := range []Prefix{{Tokens: 40}, {Tokens: 40, Count: 3}, {Ratio: 0.4, Count: 2}} {
		c := config(&mock.Server{}, Arrivals{Kind: Concurrency, Concurrency: 1})
		c.Prompt = Lengths{Kind: Fixed, Mean: 100}
		c.Prefix = p
		b, err := newBodies(&c, wordPlan{})
		if err != nil {
			t.Fatal(err)
		}
		heads := map[string]bool{}
		tails := map[string]bool{}
		for i := range 60 {
			x := prompt(t, b.build(Phase(i%2), i))
			if len(x) != 100 {
				t.Fatalf("%+v: %d tokens", p, len(x))
			}
			heads[fmt.Sprint(x[:40])] = true
			tails[fmt.Sprint(x[40:])] = true
		}
		if len(heads) != max(p.Count, 1) || len(tails) != 60 {
			t.Errorf("%+v: %d heads, %d tails of 60", p, len(heads), len(tails))
		}
	}
	// In chat the shared part is words.
	c := config(&mock.Server{}, Arrivals{Kind: Concurrency, Concurrency: 1})
	c.API, c.Prefix = Chat, Prefix{Tokens: 30}
	b, err := newBodies(&c, wordPlan{list: wordList, overhead: 5, perWord: 1})
	if err != nil {
		t.Fatal(err)
	}
	words := func(i int) []string {
		var v struct{ Messages []struct{ Content string } }
		if err := json.Unmarshal(b.build(PhaseWindow, i).body, &v); err != nil {
			t.Fatal(err)
		}
		return strings.Fields(v.Messages[0].Content)
	}
	if a, z := words(0), words(1); len(a) != 45 || !slices.Equal(a[:30], z[:30]) || slices.Equal(a[30:], z[30:]) {
		t.Errorf("%q\n%q", a, z)
	}
	for _, bad := range []Prefix{{Tokens: -1}, {Ratio: 1}, {Tokens: 1, Ratio: 0.5}, {Count: -1}} {
		c.Prefix, c.Requests = bad, 1
		c.BaseURL = "http://127.0.0.1:1"
		if c.Validate() == nil {
			t.Errorf("%+v accepted", bad)
		}
	}
}
