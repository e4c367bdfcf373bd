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

const mooncake = `{"timestamp": 0, "input_length": 1200, "output_length": 52, "hash_ids": [7, 8, 9]}
{"timestamp": 27, "input_length": 1100, "output_length": 2, "hash_ids": [7, 8]}

{"timestamp": 3000, "input_length": 600, "output_length": 5, "hash_ids": [7, 11]}
`

// prompt reads the token IDs back out of a body.
func prompt(t *testing.T, j *job) []int {
	t.Helper()
	var v struct{ Prompt []int }
	if err := json.Unmarshal(j.body, &v); err != nil {
		t.Fatalf("%v: %.200s", err, j.body)
	}
	return v.Prompt
}

// common is the length of the common head of two prompts.
func common(a, b []int) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// Prompts share exactly the blocks that the trace says they share, whatever
// their lengths; the salt makes them others.
func TestMooncakeBlocksAreShared(t *testing.T) {
	rows, err := workload.ReadMooncakeTrace(strings.NewReader(mooncake))
	if err != nil {
		t.Fatal(err)
	}
	c := config(&mock.Server{}, Arrivals{Kind: Trace})
	c.Trace = rows
	build := func(c Config) (out [][]int) {
		b, err := newBodies(&c, wordPlan{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			out = append(out, prompt(t, b.build(PhaseWindow, i)))
		}
		return out
	}
	p := build(c)
	for i, row := range rows {
		if len(p[i]) != row.Prompt {
			t.Errorf("prompt %d has %d tokens, want %d", i, len(p[i]), row.Prompt)
		}
	}
	// 0 and 1 share blocks 7 and 8, after which the one has its own third block
	// and the other tokens beyond its blocks; 2 shares block 7 alone.
	if a, b := common(p[0], p[1]), common(p[0], p[2]); a < 1024 || a > 1030 || b < 512 || b > 518 {
		t.Errorf("common heads of %d and %d tokens, want 1024 and 512", a, b)
	}
	salted := c
	salted.Salt = "other"
	if n := common(p[0], build(salted)[0]); n > 5 {
		t.Errorf("prompts of two trials share %d tokens", n)
	}
}

// A trace is played at its own times, scaled; the warm-up takes its beginning.
func TestTraceSchedule(t *testing.T) {
	c := Config{Arrivals: Arrivals{Kind: Trace, Speed: 2}, Warmup: time.Second}
	for i := range 10 {
		c.Trace = append(c.Trace, workload.Arrival{At: time.Duration(i) * time.Second, Prompt: 10 + i, Output: 1})
	}
	for name, limit := range map[string]struct {
		duration time.Duration
		requests int
		n        int
		end      time.Duration
	}{
		"all":      {0, 0, 8, 5 * time.Second}, // rows 2 to 9 at 1 to 4.5 s, and one mean gap
		"duration": {1250 * time.Millisecond, 0, 3, 2250 * time.Millisecond},
		"longer":   {time.Minute, 0, 8, 5 * time.Second},
		"requests": {0, 4, 4, 3 * time.Second},
	} {
		c.Duration, c.Requests = limit.duration, limit.requests
		if err := c.validateTrace(); err != nil {
			t.Fatal(err)
		}
		s := newSchedule(&c)
		n := 0
		for i, d := range s.dues {
			if want := time.Duration(i) * 500 * time.Millisecond; d.at != want {
				t.Errorf("%s: request %d at %s, want %s", name, i, d.at, want)
			}
			if p, _ := drawLengths(&c, d.phase, d.index); p != 10+i {
				t.Errorf("%s: request %d has %d tokens", name, i, p)
			}
			if d.phase == PhaseWindow {
				n++
			}
		}
		if n != limit.n || s.start != time.Second || s.end != limit.end {
			t.Errorf("%s: %d requests, window %s..%s; want %d to %s", name, n, s.start, s.end, limit.n, limit.end)
		}
	}
	c.Warmup = time.Hour
	if c.validateTrace() == nil {
		t.Error("a warm-up longer than the trace was accepted")
	}
}

func TestTraceRuns(t *testing.T) {
	s := start(t, mock.Options{TTFT: 2 * time.Millisecond})
	c := config(s, Arrivals{Kind: Trace, Speed: 10})
	c.Trace, _ = workload.ReadMooncakeTrace(strings.NewReader(mooncake))
	c.Prompt, c.Output = Lengths{}, Lengths{}
	r := mustRun(t, c)
	var asked []string
	for i := range r.Requests {
		q := &r.Requests[i]
		asked = append(asked, fmt.Sprintf("%s %d %d %s", q.Class, q.PromptTokens, q.OutputTokens, q.Scheduled))
	}
	want := []string{"ok 1200 52 0s", "ok 1100 2 2.7ms", "ok 600 5 300ms"}
	if !slices.Equal(asked, want) || r.Label != LabelOpen || r.Client.AskedRate <= 0 {
		t.Errorf("%q, label %s, client %+v", asked, r.Label, r.Client)
	}
	ended := func(r *Result) bool {
		return notice.Has(r.Warnings, "trace-ended")
	}
	if ended(r) {
		t.Errorf("nobody asked for more than the trace: %q", r.Warnings)
	}
	c.Requests = 3
	if r := mustRun(t, c); ended(r) {
		t.Errorf("three were asked for: %q", r.Warnings)
	}
	c.Requests = 4 // one more than there are
	if r := mustRun(t, c); !ended(r) {
		t.Errorf("warnings %q", r.Warnings)
	}
}
