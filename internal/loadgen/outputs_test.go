package loadgen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/workload"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// Answers of a dataset set the lengths: each by the server's own count, asked
// for once a process, or by their bytes where it cannot count.
func TestDatasetAnswers(t *testing.T) {
	words := func(n, letters int) string { return strings.Repeat(strings.Repeat("a", letters)+" ", n) }
	samples := []workload.Sample{
		{Prompt: "p0", Answer: words(20, 1)}, {Prompt: "p1", Answer: words(20, 9)}, // 40 and 200 bytes
		{Prompt: "p2", Output: 7}, {Prompt: "p3", Answer: words(100, 3)},
	}
	exact := map[string]int{"p0": 20, "p1": 20, "p2": 15, "p3": 60}
	for _, api := range []API{Completions, Chat} {
		counts := new(AnswerCounts)
		for _, step := range []struct {
			name   string
			mute   bool // the server cannot count
			counts *AnswerCounts
			note   string
			want   map[string]int
		}{
			{"assumed", true, nil, "answer lengths are approximate, at 4 bytes per token: POST /tokenize: 404", map[string]int{"p0": 15, "p1": 50, "p2": 15, "p3": 60}},
			{"counted", false, counts, "", exact},
			{"remembered", true, counts, "", exact},
		} {
			s := start(t, mock.Options{NoTokenize: step.mute})
			c := config(s, Arrivals{Kind: Concurrency, Concurrency: 1})
			c.API, c.Prompt, c.Output, c.Requests = api, Lengths{}, Lengths{}, 4
			c.Dataset, c.Counts = samples, step.counts
			c.MinOutput, c.MaxOutput = 15, 60
			r := mustRun(t, c)
			if !strings.Contains(notice.Join(r.Warnings), step.note) || (step.note != "") != notice.Has(r.Warnings, "answer-lengths-approximate") {
				t.Errorf("%s, %s: warnings %q, want %q", api, step.name, r.Warnings, step.note)
			}
			seen := s.Seen()
			for _, q := range seen {
				if q.MaxTokens != step.want[q.Text] {
					t.Errorf("%s, %s: %s asked for %d tokens, want %d", api, step.name, q.Text, q.MaxTokens, step.want[q.Text])
				}
			}
			if len(seen) != 4 {
				t.Errorf("%s, %s: %d requests, want 4", api, step.name, len(seen))
			}
			if samples[0].Output != 0 {
				t.Error("the caller's dataset was changed")
			}
		}
	}
}

// Only so many answers are counted, those that the window takes first; a
// window that takes more says so.
func TestAnswersCounted(t *testing.T) {
	cfg := Config{Seed: 1, Dataset: make([]workload.Sample, answersCounted+100)}
	for i := range cfg.Dataset {
		cfg.Dataset[i].Answer = "a"
	}
	cfg.Dataset[7].Output = 3 // has a length
	bare := func(s *workload.Sample) bool { return s.Output == 0 }
	for requests, want := range map[int]int{0: answersCounted, 50: 50, answersCounted + 50: answersCounted} {
		cfg.Requests = requests
		first, exact := answersOfWindow(&cfg, bare)
		if len(first) > want || len(first) < want-1 || exact < want || exact > want+1 {
			t.Errorf("%d requests: %d to count, exact up to %d; want %d", requests, len(first), exact, want)
		}
		b, err := newBodies(&cfg, wordPlan{})
		if err != nil {
			t.Fatal(err)
		}
		for i, at := 0, 0; at < len(first); i++ {
			s := b.sample(PhaseWindow, i)
			if s == &cfg.Dataset[7] {
				continue
			}
			if s != &cfg.Dataset[first[at]] {
				t.Fatalf("request %d of the window is not the answer counted as number %d", i, at)
			}
			at++
		}
	}
	s := start(t, mock.Options{})
	c := config(s, Arrivals{Kind: Throughput, Concurrency: 1})
	c.Requests = 3
	r, err := prepare(t.Context(), &c)
	if err != nil {
		t.Fatal(err)
	}
	defer r.client.close()
	after2 := notice.New("answer-lengths-approximate", notice.Args{"exact": notice.Count(2), "bytes": notice.Number(4)})
	r.lengths = lengthNote{2, after2}
	r.drive(t.Context())
	if res := r.result(); !slices.ContainsFunc(res.Warnings, after2.Equal) {
		t.Errorf("%q", res.Warnings)
	}
	r.lengths.exact = 3
	if res := r.result(); slices.ContainsFunc(res.Warnings, after2.Equal) {
		t.Errorf("%q", res.Warnings)
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
