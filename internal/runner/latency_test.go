package runner

import (
	"math"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Rates without one latency are no measurement.
func TestATrialWithoutALatency(t *testing.T) {
	r := &lane{session: &session{Options: Options{Experiment: &experiment.Experiment{}}}}
	for name, c := range map[string]struct {
		metrics map[string]float64
		want    string
	}{
		"rates alone":  {map[string]float64{"request_throughput": 2, "output_throughput": 80, "error_rate": 0}, rundir.OutcomeFailed},
		"not a number": {map[string]float64{"request_throughput": 2, "ttft_mean": math.NaN()}, rundir.OutcomeFailed},
		"a mean":       {map[string]float64{"request_throughput": 2, "ttft_mean": 0.1}, rundir.OutcomeOK},
	} {
		rec := &rundir.Trial{Metrics: c.metrics, Requests: map[string]int{"ok": 5}, Absent: map[string]string{"ttft_mean": "no stamps"}}
		r.judge(rec, &loadgen.Result{}, nil, nil, nil)
		if rec.Outcome != c.want || (len(rec.Reasons) > 0) != (c.want == rundir.OutcomeFailed) {
			t.Errorf("%s: %s %q", name, rec.Outcome, rec.Reasons)
		}
	}
}

// A warm-up in which nothing succeeded is told, in the record and while the run
// goes on.
func TestAWarmupThatFailsCompletely(t *testing.T) {
	t.Parallel()
	b := newBench(t, oneTrial(), "--sim-fault", "503=1")
	if res, err := b.run(t.Context()); err != nil || res.Failed != 1 {
		t.Fatalf("result %+v, %v", res, err)
	}
	const want = "The warm-up failed completely: none of "
	tr := b.read().Trials[0]
	if text := notice.Join(tr.Warnings); !strings.Contains(text, want) || !strings.Contains(text, "503") {
		t.Errorf("warnings %q", tr.Warnings)
	}
	if !strings.Contains(strings.Join(b.watch.messages, "\n"), "warning: "+want) {
		t.Errorf("messages %q", b.watch.messages)
	}
}
