package loadgen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/mock"
)

const azure = `TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:17:04.0789600,110,27
`

const mooncake = `{"timestamp": 0, "input_length": 1200, "output_length": 52, "hash_ids": [7, 8, 9]}
{"timestamp": 27, "input_length": 1100, "output_length": 2, "hash_ids": [7, 8]}

{"timestamp": 3000, "input_length": 600, "output_length": 5, "hash_ids": [7, 11]}
`

func TestReadAzureTrace(t *testing.T) {
	got, err := ReadAzureTrace(strings.NewReader(azure))
	want := []TraceRow{{Prompt: 4808, Output: 10}, {At: 52 * time.Millisecond, Prompt: 3180, Output: 8}, {At: 99 * time.Millisecond, Prompt: 110, Output: 27}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v %v\nwant %v", got, err, want)
	}
	// The trace of 2024 has offsets; rows out of order are sorted.
	got, err = ReadAzureTrace(strings.NewReader("TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:01.5+00:00,1,2\n2024-05-10 00:00:00.009930+00:00,3,4\n"))
	if err != nil || len(got) != 2 || got[0].Prompt != 3 || got[1].At != 1490070*time.Microsecond {
		t.Errorf("%v %v", got, err)
	}
	for name, in := range map[string]string{
		"empty": "", "header alone": "TIMESTAMP,ContextTokens,GeneratedTokens\n", "no column": "TIMESTAMP,ContextTokens\n",
		"time":   "TIMESTAMP,ContextTokens,GeneratedTokens\nnow,1,2\n",
		"tokens": "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,-1,2\n",
		"short":  "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1\n",
	} {
		if rows, err := ReadAzureTrace(strings.NewReader(in)); err == nil {
			t.Errorf("%s: %v accepted", name, rows)
		}
	}
}

func TestReadMooncakeTrace(t *testing.T) {
	got, err := ReadMooncakeTrace(strings.NewReader(mooncake))
	want := []TraceRow{
		{Prompt: 1200, Output: 52, Blocks: []uint64{7, 8, 9}},
		{At: 27 * time.Millisecond, Prompt: 1100, Output: 2, Blocks: []uint64{7, 8}},
		{At: 3 * time.Second, Prompt: 600, Output: 5, Blocks: []uint64{7, 11}},
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v %v\nwant %v", got, err, want)
	}
	for name, in := range map[string]string{
		"empty": "", "not JSON": "x", "no length": `{"timestamp":0,"input_length":1}`,
		"negative": `{"timestamp":0,"input_length":-1,"output_length":1}`, "huge": `{"timestamp":0,"input_length":99999999999,"output_length":1}`,
		"time": `{"timestamp":-5,"input_length":1,"output_length":1}`,
	} {
		if rows, err := ReadMooncakeTrace(strings.NewReader(in)); err == nil {
			t.Errorf("%s: %v accepted", name, rows)
		}
	}
}

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
	rows, err := ReadMooncakeTrace(strings.NewReader(mooncake))
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
		c.Trace = append(c.Trace, TraceRow{At: time.Duration(i) * time.Second, Prompt: 10 + i, Output: 1})
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
	c.Trace, _ = ReadMooncakeTrace(strings.NewReader(mooncake))
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
}
