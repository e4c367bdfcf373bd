package loadgen

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vllm-sweep/sweep/internal/loadgen/mock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a mock server for the length of the test.
func start(t *testing.T, o mock.Options) *mock.Server {
	t.Helper()
	s, err := mock.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// config is a small load against a server.
func config(s *mock.Server, a Arrivals) Config {
	return Config{
		BaseURL: s.URL, Model: "m", API: Completions, Arrivals: a,
		Prompt: Lengths{Kind: Fixed, Mean: 50}, Output: Lengths{Kind: Fixed, Mean: 10},
		Timeout: 20 * time.Second, IgnoreEOS: true, Seed: 1, Salt: "trial",
	}
}

func mustRun(t *testing.T, c Config) *Result {
	t.Helper()
	r, err := Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// classes counts the requests of the window by class.
func classes(r *Result) map[Class]int {
	out := map[Class]int{}
	for i := range r.Requests {
		if r.Requests[i].Phase == PhaseWindow {
			out[r.Requests[i].Class]++
		}
	}
	return out
}

func TestOpenLoop(t *testing.T) {
	s := start(t, mock.Options{TTFT: 20 * time.Millisecond, ITL: 2 * time.Millisecond})
	c := config(s, Arrivals{Kind: Constant, Rate: 100})
	c.Warmup, c.Duration = 300*time.Millisecond, time.Second
	r := mustRun(t, c)
	if got := classes(r); got[ClassOK] != 100 || len(got) != 1 {
		t.Errorf("classes %v, want 100 ok", got)
	}
	if r.WindowStart != c.Warmup || r.WindowEnd != c.Warmup+c.Duration || r.Label != LabelOpen {
		t.Errorf("window %s..%s label %q", r.WindowStart, r.WindowEnd, r.Label)
	}
	for i := range r.Requests {
		q := &r.Requests[i]
		if q.PromptTokens != 50 || q.OutputTokens != 10 || q.Chunks != 10 || len(q.Gaps) != 9 {
			t.Fatalf("request %+v", q)
		}
		if q.Scheduled > q.Ready || q.Ready > q.Sent || q.Sent > q.First || q.First > q.Last || q.Last > q.End {
			t.Fatalf("times out of order: %+v", q)
		}
		if q.TTFT() < 20*time.Millisecond || q.E2E() < 38*time.Millisecond {
			t.Fatalf("faster than the server: ttft %s e2e %s", q.TTFT(), q.E2E())
		}
		var sum time.Duration
		for _, g := range q.Gaps {
			sum += time.Duration(g) * time.Microsecond
		}
		if d := q.Last - q.First - sum; d > time.Microsecond || d < -time.Microsecond {
			t.Fatalf("gaps sum to %s, last-first is %s", sum, q.Last-q.First)
		}
	}
	t.Logf("%+v\n%q\n%q", r.Client, r.Invalid, r.Warnings)
}

func TestClosedLoop(t *testing.T) {
	s := start(t, mock.Options{TTFT: 10 * time.Millisecond, ITL: time.Millisecond})
	c := config(s, Arrivals{Kind: Concurrency, Concurrency: 8})
	c.Warmup, c.Requests = 200*time.Millisecond, 200
	r := mustRun(t, c)
	if got := classes(r); got[ClassOK] != 200 || len(got) != 1 {
		t.Errorf("classes %v, want 200 ok", got)
	}
	if p := s.Peak(); p > 8 {
		t.Errorf("%d requests at a time, want at most 8", p)
	}
	if m := r.Client.MeanInFlight; m < 7.5 || m > 8 {
		t.Errorf("mean in flight %.2f, want 8", m)
	}
	t.Logf("%+v\n%q\n%q %v", r.Client, r.Invalid, r.Warnings, r.WindowEnd-r.WindowStart)
}
