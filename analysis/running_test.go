package analysis

import (
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// The best so far follows each trial: by means, within the limits, on its load.
func TestRunningBest(t *testing.T) {
	u := experiment.UseCase{
		Name: "throughput", Objective: "output_throughput", Maximize: true, Load: "chat",
		SubjectTo: []experiment.Constraint{{Metric: "ttft_p50", Op: experiment.AtMost, Value: 1}},
	}
	r := NewRunning([]experiment.UseCase{u}, nil)
	if b := r.Best(); len(b) != 1 || b[0].Cell != "" {
		t.Fatalf("before the first trial %+v", b)
	}
	for i, step := range []struct {
		cell, load, outcome string
		throughput, ttft    float64
		want                string
		value               float64
	}{
		{"a", "chat", rundir.OutcomeOK, 100, .5, "a", 100},
		{"b", "chat", rundir.OutcomeInvalid, 900, .5, "a", 100}, // does not count
		{"b", "chat", rundir.OutcomeOK, 120, .5, "b", 120},
		{"c", "chat", rundir.OutcomeOK, 500, 2, "b", 120},       // misses a limit
		{"d", "documents", rundir.OutcomeOK, 800, .1, "b", 120}, // another load
		{"b", "chat", rundir.OutcomeOK, 60, .5, "a", 100},       // its mean falls behind
		{"a", "chat", rundir.OutcomeOK, 100, 9, "b", 90},        // no longer within the limit
		{"b", "chat", rundir.OutcomeOK, 90, 9, "", 0},           // nor is the other
	} {
		r.Take(rundir.Trial{Cell: step.cell, Outcome: step.outcome, Metrics: map[string]float64{
			"output_throughput": step.throughput, "ttft_p50": step.ttft,
		}}, step.load)
		if b := r.Best()[0]; b.Cell != step.want || step.want != "" && b.Value != step.value {
			t.Errorf("step %d: %s at %v, want %s at %v", i, b.Cell, b.Value, step.want, step.value)
		}
	}
}
