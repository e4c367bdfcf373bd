package loadgen

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Bounds of the search.
const (
	syncRequests     = 5
	syncLimit        = 2 * time.Minute
	saturatedLength  = 20 * time.Second // where the configuration sets no duration
	defaultSaturated = 512              // requests in flight when the configuration names no cap
)

// FindRates measures the two ends of a sweep over rates: the synchronous rate
// (one request at a time) and the saturated rate (as many in flight as
// Arrivals.Concurrency, default 512, with no schedule), both in requests per
// second completed. The rest of cfg (server, lengths, warm-up, seed) is used as
// it is; the saturated run lasts Duration, or 20 s when that is 0.
//
// A saturated rate that the client, not the server, limited is an error.
func FindRates(ctx context.Context, cfg Config) (sync, saturated float64, err error) {
	one := cfg
	one.Arrivals = Arrivals{Kind: Concurrency, Concurrency: 1}
	one.Requests, one.Duration = syncRequests, syncLimit
	one.Warmup = time.Millisecond // one request, so that the first connection is made
	one.Salt += " synchronous"
	if sync, err = completedRate(ctx, one); err != nil {
		return 0, 0, fmt.Errorf("measure the synchronous rate: %w", err)
	}

	all := cfg
	all.Arrivals = Arrivals{Kind: Throughput, Concurrency: cfg.Arrivals.Concurrency}
	if all.Arrivals.Concurrency == 0 {
		all.Arrivals.Concurrency = defaultSaturated
	}
	all.Requests = 0
	if all.Duration == 0 {
		all.Duration = saturatedLength
	}
	all.Salt += " saturated"
	if saturated, err = completedRate(ctx, all); err != nil {
		return 0, 0, fmt.Errorf("measure the saturated rate: %w", err)
	}
	return sync, saturated, nil
}

// completedRate runs a load and returns the requests per second completed
// inside its window.
func completedRate(ctx context.Context, cfg Config) (float64, error) {
	r, err := Run(ctx, cfg)
	if err != nil {
		return 0, err
	}
	if len(r.Invalid) > 0 {
		return 0, &notice.Error{Notice: r.Invalid[0]}
	}
	if r.WindowCompleted == 0 {
		for i := range r.Requests {
			if q := &r.Requests[i]; q.Class != ClassOK && q.Error != "" {
				return 0, fmt.Errorf("no request completed in %s: %s: %s", r.WindowEnd-r.WindowStart, q.Class, q.Error)
			}
		}
		return 0, fmt.Errorf("no request completed in %s", r.WindowEnd-r.WindowStart)
	}
	return float64(r.WindowCompleted) / (r.WindowEnd - r.WindowStart).Seconds(), nil
}

// SweepRate is the rate of one point of a sweep: it places the point
// between the synchronous rate (position 0) and the saturated one (position
// 1), evenly on a logarithmic scale, since the two may be decades apart.
func SweepRate(position, sync, saturated float64) float64 {
	return sync * math.Pow(saturated/sync, position)
}
