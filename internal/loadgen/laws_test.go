package loadgen

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vllm-sweep/sweep/internal/workload"
)

// Laws of every schedule, whatever the process: it is drawn from the seed
// alone, in order of time, with each request in its phase; the window is what
// was asked for; and the arrivals of the window do not depend on the warm-up.
func TestScheduleLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{
			Seed:   rapid.Uint64().Draw(t, "seed"),
			Warmup: time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "warmup")),
			Arrivals: Arrivals{
				Kind: rapid.SampledFrom([]ArrivalKind{Constant, Poisson, Gamma, Ramp, Trace}).Draw(t, "kind"),
				Rate: rapid.Float64Range(0.5, 200).Draw(t, "rate"), RateTo: rapid.Float64Range(0.5, 200).Draw(t, "rate to"),
				Burstiness: rapid.Float64Range(0.1, 10).Draw(t, "burstiness"), Speed: rapid.Float64Range(0.5, 4).Draw(t, "speed"),
			},
		}
		kind := c.Arrivals.Kind
		if kind == Ramp || rapid.Bool().Draw(t, "by duration") {
			c.Duration = time.Duration(rapid.Int64Range(int64(10*time.Millisecond), int64(5*time.Second)).Draw(t, "duration"))
		}
		if c.Duration == 0 || rapid.Bool().Draw(t, "by requests") {
			c.Requests = rapid.IntRange(1, 300).Draw(t, "requests")
		}
		if kind == Trace {
			at := time.Duration(0)
			for range rapid.IntRange(1, 100).Draw(t, "rows") {
				c.Trace = append(c.Trace, workload.Arrival{At: at, Prompt: 1, Output: 1})
				at += time.Duration(rapid.Int64Range(0, int64(500*time.Millisecond)).Draw(t, "gap"))
			}
			if c.validateTrace() != nil {
				t.Skip("the warm-up takes the whole trace")
			}
		}
		s := newSchedule(&c)
		window := 0
		var offsets []time.Duration
		for i, d := range s.dues {
			if i > 0 && d.at < s.dues[i-1].at {
				t.Fatalf("request %d is due at %s, the one before at %s", i, d.at, s.dues[i-1].at)
			}
			switch {
			case d.phase == PhaseWarmup && d.at >= 0 && d.at < c.Warmup:
			case d.phase == PhaseWindow && d.at >= s.start && d.at <= s.end && d.index == window:
				window++
				offsets = append(offsets, d.at-s.start)
			default:
				t.Fatalf("%+v lies outside its phase; window %s..%s", d, s.start, s.end)
			}
		}
		if s.start != c.Warmup || s.end < s.start || c.Duration > 0 && s.end > s.start+c.Duration || c.Requests > 0 && window > c.Requests {
			t.Fatalf("window %s..%s with %d requests", s.start, s.end, window)
		}
		if again := newSchedule(&c); !slices.Equal(s.dues, again.dues) || s.end != again.end {
			t.Fatal("two draws from one seed differ")
		}
		if kind == Trace {
			return // whose warm-up takes its beginning
		}
		c.Warmup += time.Second
		later := newSchedule(&c)
		var moved []time.Duration
		for _, d := range later.dues {
			if d.phase == PhaseWindow {
				moved = append(moved, d.at-later.start)
			}
		}
		if !slices.Equal(moved, offsets) {
			t.Fatal("the warm-up changes the arrivals of the window")
		}
	})
}

// The turns, pauses and texts of a session depend on seed, salt and the
// session's place alone: not on what the server answered before, nor on other
// sessions.
func TestSessionLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{
			API: Chat, Model: "m", Seed: rapid.Uint64().Draw(t, "seed"), Salt: "trial",
			Prompt: Lengths{Kind: Uniform, Min: 10, Max: 60}, Output: Lengths{Kind: Uniform, Min: 1, Max: 50},
			Sessions: &Sessions{
				Turns: Lengths{Kind: Uniform, Min: 1, Max: 5}, FollowUp: Lengths{Kind: Uniform, Min: 10, Max: 40},
				Think: Pause{Kind: ExponentialPause, Mean: time.Second},
			},
		}
		index := rapid.IntRange(0, 1000).Draw(t, "session")
		b, err := newBodies(&c, wordPlan{list: wordList, overhead: 5, perWord: 1})
		if err != nil {
			t.Fatal(err)
		}
		play := func(answer string, tokens int) (users []string, outputs []int, pauses []time.Duration) {
			j := b.build(PhaseWindow, index)
			s := b.open(&job{phase: PhaseWindow, index: index, prompt: j.prompt})
			for {
				outputs = append(outputs, j.output)
				if !s.more() {
					return users, outputs, pauses
				}
				pauses = append(pauses, c.Sessions.Think.draw(s.think))
				j = b.next(s, answer, &Request{PromptTokens: tokens, OutputTokens: tokens})
				users = append(users, string(s.user))
			}
		}
		u1, o1, p1 := play("one answer", 10)
		u2, o2, p2 := play("another, longer answer", 99)
		if !slices.Equal(u1, u2) || !slices.Equal(o1, o2) || !slices.Equal(p1, p2) {
			t.Fatalf("the answers changed the session: %v %v, %v %v", o1, o2, p1, p2)
		}
		if n := len(o1); n < 1 || n > 5 || len(p1) != n-1 {
			t.Fatalf("%d turns with %d pauses", n, len(p1))
		}
	})
}
