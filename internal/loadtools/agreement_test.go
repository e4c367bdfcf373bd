package loadtools

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// The table is filled from real runs of three clients against one server; the
// limits are not asserted, because the machine may be busy.
func TestClientsAreSetBesideEachOther(t *testing.T) {
	s := server(t, mock.Options{TTFT: 20 * time.Millisecond, ITL: 5 * time.Millisecond})
	base := job(t, "vllm", s.URL).Load
	base.Arrivals, base.Requests, base.Warmup = loadgen.Arrivals{Kind: loadgen.Constant, Rate: 100}, 50, 50*time.Millisecond
	base.Salt, base.Limits = "agree", loadgen.Limits{}
	tools := []experiment.Benchmark{
		{Tool: "guidellm", Command: []string{fake(t, "guidellm")}},
		{Tool: "vllm", Command: []string{fake(t, "vllm")}},
		{Tool: "vllm", Command: []string{fake(t, "not-there")}},
	}
	a, err := Agree(t.Context(), AgreeOptions{Load: base, Tools: tools[:2], Rounds: 2, Dir: t.TempDir()})
	if err != nil || len(a.Failed) > 0 {
		t.Fatal(err, a.Failed)
	}
	for _, r := range a.Rows {
		if r.Native == nil || r.Aligned == nil || r.Tools["vllm"] == nil || (r.Tools["guidellm"] == nil) != (r.Metric == "itl_mean") || r.Why.Code == "" {
			t.Errorf("%+v", r)
		}
	}
	ttft := a.Rows[4]
	if ttft.Metric != "ttft_mean" || *ttft.Tools["vllm"] < 0.02 || *ttft.Aligned < 0.02 {
		t.Errorf("%+v", ttft)
	}
	var text bytes.Buffer
	if err := a.WriteText(&text); err != nil || !strings.Contains(text.String(), "request_throughput") || !strings.Contains(text.String(), "call it inter-token latency") {
		t.Errorf("%v\n%s", err, text.String())
	}
	a, err = Agree(t.Context(), AgreeOptions{Load: base, Tools: tools[2:], Rounds: 1, Dir: t.TempDir()})
	if err != nil || !strings.Contains(a.Failed["vllm"], "not-there is not found") {
		t.Errorf("%v, %v", err, a)
	}
	if ok, _ := a.Agrees(); ok {
		t.Error("a client that failed agrees")
	}
}

func TestBeyondTheLimit(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	a := Agreement{Clients: []string{"native", "vllm"}, Rows: []AgreementRow{
		{Metric: "tpot_mean", Limit: 0.02, Aligned: v(1), Tools: map[string]*float64{"vllm": v(1.03)}, Off: map[string]float64{"vllm": 0.03}},
		{Metric: "ttft_mean", Aligned: v(1), Tools: map[string]*float64{"vllm": v(2)}, Off: map[string]float64{"vllm": 1}},
	}}
	if ok, beyond := a.Agrees(); ok || len(beyond) != 1 || beyond[0].Text() != "TPOT mean of vllm is off by +3%" {
		t.Errorf("%v", beyond)
	}
}
