package loadgen

import (
	"math"
	"testing"
	"time"
)

// The error is what was reported beyond the truth, for each statistic.
func TestNoise(t *testing.T) {
	r := &Result{WindowEnd: 10 * time.Second}
	for i := range 200 {
		late := time.Duration(i) * 10 * time.Microsecond // 0 to 2 ms
		at := time.Duration(i) * 50 * ms
		r.Requests = append(r.Requests, Request{
			Phase: PhaseWindow, Class: ClassOK, Scheduled: at, Sent: at + late/2,
			First: at + 50*ms + late, Last: at + 70*ms + 2*late, Chunks: 3, OutputTokens: 3,
			Gaps: []uint32{10_000, uint32(10_000 + late.Microseconds())},
		})
	}
	r.Requests = append(r.Requests, Request{Phase: PhaseWindow, Class: ClassTimeout, First: -1, Last: -1})
	before := r.Requests[7]
	got := Noise(r, 50*ms, 10*ms)
	for name, want := range map[string]float64{
		"ttft_p50": 0.995e-3, "ttft_p95": 1.8905e-3, "ttft_sent_p50": 0.4975e-3, "tpot_p50": 0.4975e-3,
		"e2e_p50": 1.99e-3, "e2e_mean": 1.99e-3, "itl_p95": 1.7905e-3,
	} {
		if math.Abs(got[name]-want) > 20e-6 {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if _, ok := got["ttft_p99"]; ok {
		t.Error("200 requests gave a p99")
	}
	if _, ok := got["request_throughput"]; ok {
		t.Error("throughput has a floor")
	}
	if r.Requests[7].First != before.First || r.Requests[7].Gaps[1] != before.Gaps[1] {
		t.Error("the result was changed")
	}
}
