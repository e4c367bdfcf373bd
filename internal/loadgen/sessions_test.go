package loadgen

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// talk is a load of conversations of three turns.
func talk(s *mock.Server, a Arrivals) Config {
	c := config(s, a)
	c.API, c.Limits = Chat, Shared()
	c.Prompt, c.Output = Lengths{Kind: Fixed, Mean: 30}, Lengths{Kind: Fixed, Mean: 4}
	c.Sessions = &Sessions{
		Turns: Lengths{Kind: Fixed, Mean: 3}, Think: Pause{Mean: 40 * time.Millisecond},
		FollowUp: Lengths{Kind: Fixed, Mean: 12},
	}
	c.Warmup, c.Duration = 300*time.Millisecond, 900*time.Millisecond
	return c
}

type chatMessage struct{ Role, Content string }

func conversation(t *testing.T, body map[string]any) []chatMessage {
	t.Helper()
	raw, err := json.Marshal(body["messages"])
	if err != nil {
		t.Fatal(err)
	}
	var out []chatMessage
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Each turn repeats the conversation so far, answers included, and adds to it;
// it is scheduled from the end of the answer before it and the think time.
func TestSessionsOpenLoop(t *testing.T) {
	s := start(t, mock.Options{TTFT: 5 * time.Millisecond, ITL: time.Millisecond, ChatOverhead: 5})
	c := talk(s, Arrivals{Kind: Constant, Rate: 20})
	r := mustRun(t, c)
	if r.Label != LabelSessions || r.WindowStart != c.Warmup || r.WindowEnd != c.Warmup+c.Duration {
		t.Errorf("label %q, window %s..%s", r.Label, r.WindowStart, r.WindowEnd)
	}
	checkTurns(t, r, c)
	if got := classes(r); got[ClassOK] < 30 || len(got) != 1 {
		t.Errorf("classes %v: %q", got, r.Warnings)
	}
	checkConversations(t, s, 3)
	for i := range r.Requests {
		q := &r.Requests[i]
		// 30 tokens, then each time the answer (4) and 12 new ones. The mock
		// counts the template (5) with the answer's message too.
		if want := []int{30, 30 + 16 + 5, 30 + 2*(16+5)}[q.Turn-1]; q.PromptTokens != want {
			t.Fatalf("turn %d has %d prompt tokens, want %d", q.Turn, q.PromptTokens, want)
		}
	}
	// The same seed gives the same turns, whatever the server did.
	again := start(t, mock.Options{TTFT: time.Millisecond, ChatOverhead: 5})
	c.BaseURL = again.URL
	mustRun(t, c)
	if a, b := firstOfThree(s, t), firstOfThree(again, t); a != b {
		t.Errorf("conversations differ:\n%.300s\n%.300s", a, b)
	}
}

// firstOfThree is the whole text of the first conversation that came to its third turn.
func firstOfThree(s *mock.Server, t *testing.T) string {
	head := ""
	for _, q := range s.Seen() {
		m := conversation(t, q.Body)
		if head == "" {
			head = m[0].Content
		}
		if len(m) == 5 && m[0].Content == head {
			return q.Text
		}
	}
	return "none"
}

// checkTurns holds every turn to its schedule.
func checkTurns(t *testing.T, r *Result, c Config) {
	t.Helper()
	last := map[int]*Request{}
	for i := range r.Requests {
		q := &r.Requests[i]
		before := last[q.Session]
		last[q.Session] = q
		switch {
		case q.Session < 1 || q.Turn < 1 || q.Turn > 3:
			t.Fatalf("session %d, turn %d", q.Session, q.Turn)
		case q.Turn == 1 && before == nil:
			continue
		case before == nil || q.Turn != before.Turn+1:
			t.Fatalf("session %d: turn %d after %+v", q.Session, q.Turn, before)
		case q.Scheduled != before.End+c.Sessions.Think.Mean:
			t.Fatalf("turn %d was due at %s; the answer before ended at %s", q.Turn, q.Scheduled, before.End)
		case q.Sent < q.Scheduled || q.Ready < q.Scheduled:
			t.Fatalf("sent at %s, before it was due at %s", q.Sent, q.Scheduled)
		}
		inside := q.Scheduled >= r.WindowStart && q.Scheduled < r.WindowEnd
		if inside != (q.Phase == PhaseWindow) {
			t.Fatalf("a turn due at %s has phase %s, window %s..%s", q.Scheduled, q.Phase, r.WindowStart, r.WindowEnd)
		}
	}
}

// checkConversations holds every request to the one before it in its conversation.
func checkConversations(t *testing.T, s *mock.Server, turns int) {
	t.Helper()
	said := map[string][]chatMessage{} // by first prompt
	longest := 0
	for _, q := range s.Seen() {
		m := conversation(t, q.Body)
		before := said[m[0].Content]
		if len(m) != len(before)+2 && len(before) > 0 || !slices.Equal(m[:max(0, len(before))], before) {
			t.Fatalf("a conversation of %d messages became one of %d that does not continue it", len(before), len(m))
		}
		for i, x := range m {
			if want := []string{"user", "assistant"}[i%2]; x.Role != want {
				t.Fatalf("message %d is of %s", i, x.Role)
			}
			if i%2 == 1 && x.Content != strings.Repeat(` "tok"`, 4) {
				t.Fatalf("answer %q is not what the server said", x.Content)
			}
		}
		said[m[0].Content] = m
		longest = max(longest, (len(m)+1)/2)
	}
	if longest != turns || len(said) < 2 {
		t.Errorf("%d conversations, the longest of %d turns, want %d", len(said), longest, turns)
	}
}

// A fixed number of users: never more in flight, the load kept up to the end.
func TestSessionsClosedLoop(t *testing.T) {
	s := start(t, mock.Options{TTFT: 5 * time.Millisecond, ITL: time.Millisecond, ChatOverhead: 5})
	c := talk(s, Arrivals{Kind: Concurrency, Concurrency: 4})
	c.Sessions.Think = Pause{Mean: 3 * time.Millisecond}
	r := mustRun(t, c)
	checkTurns(t, r, c)
	checkConversations(t, s, 3)
	if got := classes(r); r.Label != LabelClosedSessions || s.Peak() > 4 || len(got) != 1 || got[ClassOK] < 50 {
		t.Errorf("label %q, %d at a time, classes %v", r.Label, s.Peak(), got)
	}
	first := map[int]int{}
	for i := range r.Requests {
		if q := &r.Requests[i]; q.Turn == 1 && q.Scheduled != q.Sent {
			t.Fatalf("first turn scheduled at %s, sent at %s", q.Scheduled, q.Sent)
		}
		first[r.Requests[i].Session]++
	}
	if len(first) < 20 {
		t.Errorf("%d sessions", len(first))
	}
}

// A cap holds for turns as it does for requests: they wait, and what has no
// slot when the window closes is not sent.
func TestSessionsCapped(t *testing.T) {
	s := start(t, mock.Options{TTFT: 30 * time.Millisecond, ITL: time.Millisecond})
	c := talk(s, Arrivals{Kind: Constant, Rate: 40, MaxConcurrency: 2}) // 66 turns/s at most, 120 wanted
	r := mustRun(t, c)
	got := classes(r)
	if s.Peak() > 2 || got[ClassOK] == 0 || got[ClassDropped] == 0 {
		t.Errorf("%d at a time, classes %v", s.Peak(), got)
	}
	for i := range r.Requests {
		if q := &r.Requests[i]; q.Class == ClassOK && q.Sent < q.Ready {
			t.Fatalf("%+v", q)
		}
	}
}

// A failure ends its session and is counted once.
func TestSessionsFail(t *testing.T) {
	s := start(t, mock.Options{TTFT: time.Millisecond, Fault: func(n int) mock.Fault {
		if n%5 == 4 {
			return mock.Fault{Kind: mock.Status, Code: 500}
		}
		return mock.Fault{}
	}})
	c := talk(s, Arrivals{Kind: Constant, Rate: 40})
	r := mustRun(t, c)
	if got := classes(r); got[ClassHTTP] == 0 || got[ClassOK] == 0 || len(got) != 2 {
		t.Errorf("classes %v", got)
	}
	failed := map[int]int{}
	for i := range r.Requests {
		q := &r.Requests[i]
		if at, over := failed[q.Session]; over {
			t.Fatalf("session %d went on with turn %d after turn %d failed", q.Session, q.Turn, at)
		}
		if q.Class != ClassOK {
			failed[q.Session] = q.Turn
		}
	}
	if !notice.Has(r.Warnings, "sessions-cut") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

func TestSessionsRefused(t *testing.T) {
	for want, spoil := range map[string]func(*Config){
		"need the chat API":      func(c *Config) { c.API = Completions },
		"end by a duration":      func(c *Config) { c.Requests = 5 },
		"held by a concurrency":  func(c *Config) { c.Arrivals.Kind = Throughput },
		"turns of a session":     func(c *Config) { c.Sessions.Turns.Mean = 5000 },
		"think time: bounds":     func(c *Config) { c.Sessions.Think = Pause{Mean: 1, Min: 3, Max: 2} },
		"think time: exponentia": func(c *Config) { c.Sessions.Think.Kind, c.Sessions.Think.Mean = ExponentialPause, 0 },
	} {
		c := talk(&mock.Server{URL: "http://127.0.0.1:1"}, Arrivals{Kind: Concurrency, Concurrency: 1})
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Pauses have the mean asked for and keep their bounds.
func TestPauses(t *testing.T) {
	for _, p := range []Pause{
		{Mean: time.Second},
		{Kind: ExponentialPause, Mean: time.Second},
		{Kind: UniformPause, Min: 500 * ms, Max: 1500 * ms},
		{Kind: LognormalPause, Mean: time.Second, Stdev: 700 * ms},
	} {
		r := stream(1, streamThink, PhaseWindow, 0)
		sum := 0.0
		const n = 20_000
		for range n {
			sum += p.draw(r).Seconds()
		}
		if mean := sum / n; math.Abs(mean-1) > 0.03 {
			t.Errorf("%+v: mean %.3f s, want 1", p, mean)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		low := time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "min"))
		p := Pause{
			Kind: rapid.SampledFrom([]PauseKind{FixedPause, ExponentialPause, UniformPause, LognormalPause}).Draw(t, "kind"),
			Mean: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "mean")), Stdev: time.Second,
			Min: low, Max: low + time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "span")),
		}
		if err := p.validate(); err != nil {
			t.Fatal(err)
		}
		d := p.draw(stream(rapid.Uint64().Draw(t, "seed"), streamThink, PhaseWindow, 0))
		if d < p.Min || d > p.Max {
			t.Fatalf("%s outside %s..%s", d, p.Min, p.Max)
		}
	})
}
