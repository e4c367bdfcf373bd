package loadgen

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

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
	// Little's law on known times: 100 req/s x 38 ms.
	if m := r.Client.MeanInFlight; m < 3.8 || m > 8 {
		t.Errorf("mean in flight %.2f, want about 4", m)
	}
	if c := r.Client; c.AskedRate != 100 || c.OfferedRate < 95 || c.OfferedRate > 105 || c.CPUShare <= 0 || c.DispatchLagP99 < c.DispatchLagP50 {
		t.Errorf("evidence %+v", c)
	}
}

// An answer takes as long as its tokens, whether they have a text or not: at a
// server that shows only every fourth token, and at one that shows none.
func TestTimesOfTokensWithoutText(t *testing.T) {
	for _, api := range []API{Completions, Chat} {
		for _, every := range []int{4, 1000} {
			s := start(t, mock.Options{TTFT: 20 * time.Millisecond, ITL: 5 * time.Millisecond, TextEvery: every})
			c := config(s, Arrivals{Kind: Throughput, Concurrency: 1})
			c.API, c.Requests = api, 3
			if err := Probe(t.Context(), c, 0); err != nil {
				t.Errorf("%s, text every %d: %v", api, every, err)
			}
			r := mustRun(t, c)
			for i := range r.Requests {
				q := &r.Requests[i]
				if q.Class != ClassOK || q.Chunks != 10 || q.OutputTokens != 10 || q.TTFT() < 20*time.Millisecond || q.E2E() < 65*time.Millisecond {
					t.Errorf("%s, text every %d: TTFT %s, E2E %s, %+v", api, every, q.TTFT(), q.E2E(), q)
				}
			}
			if s := Summarize(r, SummaryOptions{}); s.TokensPerChunk != 1 || s.Samples["itl"] != 27 {
				t.Errorf("%v tokens per chunk, %d gaps", s.TokensPerChunk, s.Samples["itl"])
			}
		}
	}
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
	// Throughput from the window agrees with what the server can do at most and
	// with the requests in flight by Little's law.
	rate := float64(r.WindowCompleted) / (r.WindowEnd - r.WindowStart).Seconds()
	if most := 8 / 0.019; rate > most*1.05 || rate < 10 {
		t.Errorf("%.1f req/s completed, the server allows %.1f", rate, most)
	}
	tokens := float64(r.WindowTokens) / (r.WindowEnd - r.WindowStart).Seconds()
	if tokens < 9.3*rate || tokens > 10.7*rate {
		t.Errorf("%.1f tok/s at %.1f req/s of 10 tokens", tokens, rate)
	}
	phases := map[Phase]int{}
	for i := range r.Requests {
		q := &r.Requests[i]
		phases[q.Phase]++
		if q.Scheduled != q.Sent {
			t.Fatalf("closed loop: scheduled %s, sent %s", q.Scheduled, q.Sent)
		}
		// Handed out inside the window; the write may come a little later.
		if q.Phase == PhaseWindow && (q.Sent < r.WindowStart || q.Sent > r.WindowEnd+100*time.Millisecond) {
			t.Fatalf("sent at %s, window %s..%s", q.Sent, r.WindowStart, r.WindowEnd)
		}
	}
	if phases[PhaseWarmup] < 8 || phases[PhaseTail] == 0 {
		t.Errorf("phases %v: want a warm-up of all slots, and a tail that keeps the load up", phases)
	}
}

// A closed loop bounded by time closes on time, and drains what it issued.
func TestClosedLoopDuration(t *testing.T) {
	s := start(t, mock.Options{TTFT: 30 * time.Millisecond})
	c := config(s, Arrivals{Kind: Concurrency, Concurrency: 4})
	c.Duration = 500 * time.Millisecond
	r := mustRun(t, c)
	if r.WindowEnd-r.WindowStart != c.Duration || r.Label != LabelClosed {
		t.Errorf("window %s, label %s", r.WindowEnd-r.WindowStart, r.Label)
	}
	if got := classes(r); len(got) != 1 || got[ClassOK] < 8 {
		t.Errorf("classes %v", got)
	}
	if !notice.Has(r.Warnings, "no-warmup") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

// The warm-up of a closed loop lasts until every slot has turned over once.
func TestWarmupTurnover(t *testing.T) {
	s := start(t, mock.Options{TTFT: 200 * time.Millisecond})
	c := config(s, Arrivals{Kind: Concurrency, Concurrency: 3})
	c.Warmup, c.Requests = 20*time.Millisecond, 9
	r := mustRun(t, c)
	if r.WindowStart < 200*time.Millisecond {
		t.Errorf("window opened at %s, before a request could end", r.WindowStart)
	}
	if !notice.Has(r.Warnings, "warmup-long") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

// A burst is measured to its last completion.
func TestBurst(t *testing.T) {
	for name, a := range map[string]Arrivals{
		"capped":      {Kind: Throughput, Concurrency: 5},
		"uncapped":    {Kind: Throughput},
		"one turn":    {Kind: Concurrency, Concurrency: 40},
		"few of many": {Kind: Throughput, Concurrency: 100},
	} {
		s := start(t, mock.Options{TTFT: 5 * time.Millisecond})
		c := config(s, a)
		c.Requests = 30
		r := mustRun(t, c)
		if got := classes(r); got[ClassOK] != 30 || len(r.Requests) != 30 || r.WindowCompleted != 30 || r.WindowTokens != 300 {
			t.Errorf("%s: classes %v, %d completed, %d tokens", name, got, r.WindowCompleted, r.WindowTokens)
		}
		if a.Concurrency == 5 && s.Peak() != 5 {
			t.Errorf("%s: peak %d", name, s.Peak())
		}
		if r.Label != LabelBurst || r.Client.PeakInFlight > 40 {
			t.Errorf("%s: label %s, peak %d", name, r.Label, r.Client.PeakInFlight)
		}
	}
}

// With a cap, an open loop over capacity makes requests wait in the client.
// Their latency counts from the schedule, and what was never sent is counted.
func TestPartlyOpen(t *testing.T) {
	s := start(t, mock.Options{TTFT: 100 * time.Millisecond})
	c := config(s, Arrivals{Kind: Constant, Rate: 50, MaxConcurrency: 2})
	c.Duration = time.Second
	r := mustRun(t, c)
	got := classes(r)
	if got[ClassOK]+got[ClassDropped] != 50 || got[ClassDropped] < 20 || s.Peak() > 2 || r.Label != LabelPartly {
		t.Errorf("classes %v, peak %d, label %s", got, s.Peak(), r.Label)
	}
	sum := Summarize(r, SummaryOptions{})
	if a, b := sum.Metrics["ttft_p50"], sum.Metrics["ttft_sent_p50"]; a < 2*b || b < 0.1 {
		t.Errorf("ttft from schedule %.3f s, from send %.3f s", a, b)
	}
	if notice.Has(r.Invalid, "client-behind") {
		t.Errorf("a cap is no fault of the client: %q", r.Invalid)
	}
	if !notice.Has(r.Warnings, "cap-reached") {
		t.Errorf("warnings %q", r.Warnings)
	}
}

// An open loop over capacity is told from a steady one.
func TestOverload(t *testing.T) {
	s := start(t, mock.Options{TTFT: 50 * time.Millisecond, Capacity: 1})
	c := config(s, Arrivals{Kind: Constant, Rate: 60})
	c.Duration, c.Drain = time.Second, 10*time.Millisecond
	r := mustRun(t, c)
	if !notice.Has(r.Warnings, "in-flight-grew") {
		t.Errorf("warnings %q", r.Warnings)
	}
	got := classes(r)
	if got[ClassUnfinished] < 20 || got[ClassOK]+got[ClassUnfinished] != 60 {
		t.Errorf("classes %v: want those over capacity unfinished", got)
	}
	if r.End > r.WindowEnd+5*time.Second {
		t.Errorf("ended at %s, the drain was to end 10 ms after %s", r.End, r.WindowEnd)
	}
}

// A run that is stopped returns promptly, with what it has.
func TestCancel(t *testing.T) {
	for name, a := range map[string]Arrivals{
		"open":   {Kind: Poisson, Rate: 100},
		"capped": {Kind: Poisson, Rate: 100, MaxConcurrency: 3},
		"closed": {Kind: Concurrency, Concurrency: 4},
	} {
		s := start(t, mock.Options{Fault: func(n int) mock.Fault {
			if n >= 5 {
				return mock.Fault{Kind: mock.Hang, After: 1}
			}
			return mock.Fault{}
		}})
		c := config(s, a)
		c.Duration, c.Timeout = time.Hour, time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan time.Time, 1)
		c.Progress = func(p Progress) {
			if p.Completed >= 5 && p.InFlight > 0 {
				select {
				case stopped <- time.Now():
				default:
				}
				cancel()
			}
		}
		began := time.Now()
		r, err := Run(ctx, c)
		cancel()
		if !errors.Is(err, context.Canceled) || r == nil {
			t.Fatalf("%s: %v, result %v", name, err, r != nil)
		}
		stop := <-stopped
		if took := time.Since(stop); took > 5*time.Second {
			t.Errorf("%s: returned %s after the stop", name, took)
		}
		got := classes(r)
		if got[ClassOK] != 5 || got[ClassUnfinished] == 0 || r.WindowEnd > stop.Sub(began)+time.Second {
			t.Errorf("%s: classes %v, window to %s", name, got, r.WindowEnd)
		}
	}
}

// A stop during the warm-up leaves an empty window, not a broken result.
func TestCancelInWarmup(t *testing.T) {
	s := start(t, mock.Options{})
	c := config(s, Arrivals{Kind: Concurrency, Concurrency: 2})
	c.Warmup, c.Duration = time.Hour, time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r, err := Run(ctx, c)
	if err == nil || r == nil || r.WindowEnd != r.WindowStart || len(classes(r)) != 0 {
		t.Fatalf("error %v, classes %v", err, classes(r))
	}
	sum := Summarize(r, SummaryOptions{GPUs: 1})
	if len(sum.Metrics) != 0 || sum.Absent["output_throughput"] != "the window has no length" {
		t.Errorf("%v %v", sum.Metrics, sum.Absent)
	}
}

func TestProgress(t *testing.T) {
	s := start(t, mock.Options{})
	c := config(s, Arrivals{Kind: Constant, Rate: 20})
	c.Duration = 1300 * time.Millisecond
	var seen []Progress
	c.Progress = func(p Progress) { seen = append(seen, p) } // one goroutine, ended before Run returns
	mustRun(t, c)
	if len(seen) == 0 || seen[0].Sent == 0 || !seen[0].InWindow || seen[0].Failed != 0 {
		t.Errorf("%+v", seen)
	}
}

// Chunks of several tokens: tokens come from usage, gaps from chunks.
func TestTokenBundles(t *testing.T) {
	s := start(t, mock.Options{TokensPerChunk: 4, ITL: 5 * time.Millisecond})
	c := config(s, Arrivals{Kind: Throughput, Concurrency: 2})
	c.Requests = 4
	r := mustRun(t, c)
	for i := range r.Requests {
		if q := &r.Requests[i]; q.Chunks != 3 || q.OutputTokens != 10 || len(q.Gaps) != 2 {
			t.Errorf("%+v", q)
		}
	}
	if r.WindowTokens != 40 {
		t.Errorf("%d tokens in the window, want 40", r.WindowTokens)
	}
}

// Calibrate finds the two ends of a server of known capacity: one request
// takes at least 20 ms, and five are served at a time.
func TestCoverage(t *testing.T) {
	s := start(t, mock.Options{TTFT: 20 * time.Millisecond, Capacity: 5})
	c := config(s, Arrivals{Kind: Throughput, Concurrency: 10})
	c.Warmup, c.Duration, c.Output.Mean = 100*time.Millisecond, time.Second, 1
	c.Limits = Shared() // the server is in this process
	sync, saturated, err := FindRates(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if sync > 51 || sync < 5 || saturated > 5*51 || saturated < 2*sync {
		t.Errorf("synchronous %.1f, saturated %.1f req/s; the server allows 50 and 250", sync, saturated)
	}
	if a, b, m := SweepRate(0, 2, 8), SweepRate(1, 2, 8), SweepRate(0.5, 2, 8); a != 2 || b != 8 || m != 4 {
		t.Errorf("sweep rates %v %v %v", a, m, b)
	}
}
