package loadgen

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// A pause of 500 ms in one stream of many must stand in the tail of the
// inter-token latency as 500 ms, not as a mean over its answer.
func TestStallInOneStream(t *testing.T) {
	const stall, itl = 500 * time.Millisecond, 5 * time.Millisecond
	s := start(t, mock.Options{TTFT: 10 * time.Millisecond, ITL: itl, Fault: func(n int) mock.Fault {
		if n == 30 {
			return mock.Fault{Kind: mock.Stall, After: 10, For: stall}
		}
		return mock.Fault{}
	}})
	c := config(s, Arrivals{Kind: Concurrency, Concurrency: 8})
	c.Output.Mean, c.Warmup, c.Requests = 20, 150*time.Millisecond, 80
	r := mustRun(t, c)
	x := r.latencies()["itl"]
	slices.Sort(x)
	longest := time.Duration(slices.Max(x) * 1e9)
	if longest < stall || longest > stall+300*time.Millisecond { // the upper bound leaves room for a slow machine
		t.Errorf("longest gap %s, want %s and one gap", longest, stall)
	}
	if p := stats.Quantile(x, 0.5); p > 0.1 {
		t.Errorf("median gap %v s", p)
	}
}

// A server that freezes for 1.4 s under 200 requests a second holds up those
// that arrive meanwhile. Counted from the intended send, as wrk2 does, their
// wait falls from 1.4 s to 0 evenly: with window W the share of requests that
// wait longer than x is (1.4 s - x) / W, so p99 = 1.4 s - 0.01 W and p90 =
// 1.4 s - 0.1 W, over the time of service. A generator that sends the next
// request when the last one ended would see one slow request.
func TestServerStall(t *testing.T) {
	const stall, window = 1.4, 4.0
	s := start(t, mock.Options{TTFT: 10 * time.Millisecond, StallAt: time.Second, StallFor: stall * 1e9})
	c := config(s, Arrivals{Kind: Constant, Rate: 200})
	c.Duration, c.Output.Mean = window*1e9, 1
	r := mustRun(t, c)
	if got := classes(r); got[ClassOK] != 800 {
		t.Fatalf("classes %v", got)
	}
	m := Summarize(r, SummaryOptions{}).Metrics
	for name, share := range map[string]float64{"ttft_p99": 0.01, "ttft_p90": 0.1, "e2e_p99": 0.01} {
		want := stall - share*window + 0.010
		if math.Abs(m[name]-want) > 0.25 { // a slow machine needs a while to answer 280 at once
			t.Errorf("%s is %.3f s, want %.3f s", name, m[name], want)
		}
	}
	// The requests were sent on time all the same.
	if lag := r.Client.DispatchLagP50; lag > 20*time.Millisecond {
		t.Errorf("dispatch lag p50 %s", lag)
	}
}
