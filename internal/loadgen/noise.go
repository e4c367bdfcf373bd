package loadgen

import (
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/internal/metric"
)

// Noise is how far a result is from the truth, by latency metric in seconds:
// what Summarize reports less what it would report if every request that
// succeeded had been answered exactly on time, its first token ttft after the
// intended send and each further one itl after the one before. It is for runs
// against a reference server of these times.
func Noise(r *Result, ttft, itl time.Duration) map[string]float64 {
	truth := *r
	truth.Requests = slices.Clone(r.Requests)
	for i := range truth.Requests {
		q := &truth.Requests[i]
		if q.Class != ClassOK {
			continue
		}
		q.Sent = q.Scheduled
		q.First = q.Sent + ttft
		q.Last = q.First + time.Duration(q.OutputTokens-1)*itl
		q.Gaps = slices.Repeat([]uint32{uint32(itl.Microseconds())}, q.OutputTokens-1)
	}
	reported, want := Summarize(r, SummaryOptions{}), Summarize(&truth, SummaryOptions{})
	out := map[string]float64{}
	for _, base := range latencyBases {
		for _, st := range metric.Stats() {
			name := base + "_" + st
			got, ok1 := reported.Metrics[name]
			v, ok2 := want.Metrics[name]
			if ok1 && ok2 {
				out[name] = got - v
			}
		}
	}
	return out
}
