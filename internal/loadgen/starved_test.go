package loadgen

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// A client that gets no processor leaves its slots idle. The server's
// throughput is then higher than what was measured, and the trial says so.
func TestStarvedClient(t *testing.T) {
	s := start(t, mock.Options{TTFT: 10 * time.Millisecond, ITL: time.Millisecond})
	var over atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer over.Store(true)
	for range 6 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !over.Load() { // keeps a processor until it is taken away, 10 ms later
			}
		})
	}
	c := config(s, Arrivals{Kind: Concurrency, Concurrency: 4})
	c.Warmup, c.Duration = 200*time.Millisecond, time.Second
	c.Limits = Shared()
	c.Limits.CPU = 2 // judged by the slots alone
	r := mustRun(t, c)
	if !notice.Has(r.Invalid, "client-slots-idle") {
		t.Errorf("hand-over lag %s, in flight %.3g; invalid %q", r.Client.HandoverLag, r.Client.MeanInFlight, r.Invalid)
	}
	// What was in flight is what the server held, not what the client had not read yet.
	if m := r.Client.MeanInFlight; m > 3.9 {
		t.Errorf("%.3g requests in flight, though slots were idle", m)
	}
}
