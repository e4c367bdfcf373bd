package loadgen

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/workload"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// The probe of a load has the load's own size, form and options, is given up at
// its first token, and shares no prompt with the load.
func TestProbeLoad(t *testing.T) {
	s := start(t, mock.Options{ITL: time.Hour}) // a second token never comes
	c := config(s, Arrivals{Kind: Poisson, Rate: 5})
	c.Duration, c.Prompt, c.Output = time.Minute, Lengths{Kind: Uniform, Min: 100, Max: 300}, Lengths{Kind: Fixed, Mean: 64}
	c.Salt, c.Body = "run", map[string]any{"top_p": 0.5}
	for _, api := range []API{Completions, Chat} {
		c.API = api
		if err := ProbeLoad(t.Context(), c, 20*time.Second); err != nil {
			t.Error(err)
		}
	}
	seen := s.Seen()
	if len(seen) != 2 {
		t.Fatalf("%d requests", len(seen))
	}
	got := seen[0]
	if n := len(got.Prompt); n < 150 || n > 250 || got.MaxTokens != 64 || got.Body["top_p"] != 0.5 {
		t.Errorf("%d prompt tokens, %d asked for, body %v", n, got.MaxTokens, got.Body["top_p"])
	}
	if n := len(strings.Fields(seen[1].Text)); n < 150 || n > 250 || seen[1].Path != "/v1/chat/completions" {
		t.Errorf("chat: %d words by %s", n, seen[1].Path)
	}
	c.API = Completions
	b, err := newBodies(&c, wordPlan{})
	if err != nil {
		t.Fatal(err)
	}
	head := strings.Trim(strings.ReplaceAll(fmt.Sprint(got.Prompt[:16]), " ", ","), "[]")
	for i := range probeDraws {
		for _, phase := range []Phase{PhaseWarmup, PhaseWindow, PhaseTail} {
			if strings.Contains(string(b.build(phase, i).body), head) {
				t.Fatalf("request %d of phase %d begins as the probe did", i, phase)
			}
		}
	}
}

// What a server refuses is refused with its words, before a load and inside a
// stream that began well.
func TestProbeLoadRefused(t *testing.T) {
	const words = "Token id 9992 is out of vocabulary"
	for name, f := range map[string]mock.Fault{
		"status": {Kind: mock.Status, Code: 400, Body: `{"error":{"message":"` + words + `"}}`},
		"event":  {Kind: mock.ErrorEvent},
	} {
		s := start(t, mock.Options{Fault: func(int) mock.Fault { return f }})
		c := config(s, Arrivals{Kind: Concurrency, Concurrency: 4})
		c.Requests = 10
		c.Dataset = []workload.Sample{{Prompt: "one", Output: 3}, {Prompt: "two", Answer: "three"}}
		err := ProbeLoad(t.Context(), c, 20*time.Second)
		var refused *Refusal
		if !errors.As(err, &refused) || f.Code != 0 && !strings.Contains(refused.Text, words) || f.Code == 0 && refused.Class != ClassStream {
			t.Errorf("%s: %v", name, err)
		}
		if seen := s.Seen(); len(seen) != 1 || seen[0].Text == "one" || seen[0].Text == "two" {
			t.Errorf("%s: %+v: want one prompt that is none of the dataset", name, seen)
		}
	}
}

func TestWarmupFailed(t *testing.T) {
	r := Result{Requests: []Request{
		{Phase: PhaseWarmup, Class: ClassHTTP, Error: "503"}, {Phase: PhaseWarmup, Class: ClassTimeout, Error: "late"}, {Phase: PhaseWindow, Class: ClassOK},
	}}
	if got := r.WarmupFailed(PhaseWarmup); len(got) != 1 || got[0].Text() != "The warm-up failed completely: none of 2 requests succeeded (http 1, timeout 1): 503." {
		t.Errorf("%q", got)
	}
	if r.WarmupFailed(PhaseWindow) != nil || r.WarmupFailed(PhaseTail) != nil {
		t.Error("a success, or nothing, is called a failure")
	}
}
