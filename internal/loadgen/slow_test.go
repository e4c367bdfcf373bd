package loadgen

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// A connection that took a second to make is told of.
func TestSlowConnection(t *testing.T) {
	s := start(t, mock.Options{})
	cfg := config(s, Arrivals{Kind: Throughput, Concurrency: 1})
	cfg.Requests = 1
	for _, delay := range []time.Duration{0, time.Second} {
		r, err := prepare(t.Context(), &cfg)
		if err != nil {
			t.Fatal(err)
		}
		if r.client.wire != nil {
			r.client.wire.Close()
			r.client.wire = nil
		}
		dial := r.client.transport.DialContext
		r.client.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			<-time.After(delay) // stands for a SYN that is sent again
			return dial(ctx, network, address)
		}
		r.drive(t.Context())
		res := r.result()
		r.client.close()
		told := slices.ContainsFunc(res.Warnings, notice.New("slow-connections", notice.Args{"n": notice.Count(1), "limit": notice.Latency(slowConnect)}).Equal)
		if told != (delay > 0) || classes(res)[ClassOK] != 1 {
			t.Errorf("%s: warnings %q, classes %v", delay, res.Warnings, classes(res))
		}
	}
}
