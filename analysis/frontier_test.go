package analysis

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/experiment"
)

func pointCell(id string, x, y float64) Cell {
	return Cell{ID: id, Load: "chat", Trials: 1, Estimates: map[string]Estimate{
		"e2e_p50": {Center: x}, throughput: {Center: y},
	}}
}

func TestFrontier(t *testing.T) {
	cells := []Cell{
		pointCell("fast", 1, 10),
		pointCell("dominated", 2, 9),
		pointCell("twin1", 3, 20),
		pointCell("twin2", 3, 20),
		pointCell("same x, less y", 3, 19),
		pointCell("same y, more x", 4, 20),
		pointCell("big", 5, 30),
		{ID: "blind", Load: "chat", Trials: 1, Absent: map[string]string{"e2e_p50": "too few requests"},
			Estimates: map[string]Estimate{throughput: {Center: 99}}},
	}
	f := frontier("chat", "e2e_p50", throughput, cells)
	if diff := cmp.Diff([]string{"fast", "twin1", "twin2", "big"}, f.Cells); diff != "" {
		t.Error(diff)
	}
	if x := f.Skipped["blind"]; len(f.Skipped) != 1 || len(x) != 1 || x[0].Text() != "E2E p50 has no value: too few requests." {
		t.Errorf("%v", f.Skipped)
	}
}

func TestHeadlineAxis(t *testing.T) {
	values := func() map[string]float64 {
		return map[string]float64{throughput: 100, "ttft_p95": .4, "ttft_p50": .2, "tpot_p50": .02, "e2e_p50": 2, "e2e_p95": 4}
	}
	axes := func(in func(*run)) []string {
		r := newRun(2, 1)
		r.add(0, 0, 1, values())
		r.add(1, 0, 1, values())
		in(r)
		var out []string
		for _, f := range analyse(t, r).Frontiers {
			out = append(out, f.X)
		}
		return out
	}
	for name, c := range map[string]struct {
		in   func(*run)
		want []string
	}{
		"default": {func(*run) {}, []string{"e2e_p95", "ttft_p95", "tpot_p50"}},
		"slo": {func(r *run) {
			r.in.SLO = []experiment.Constraint{{Metric: "goodput", Op: experiment.AtLeast, Value: 1}, {Metric: "tpot_p50", Op: experiment.AtMost, Value: 1}}
		}, []string{"tpot_p50", "ttft_p95", "e2e_p95"}},
		"use case": {func(r *run) {
			r.in.UseCases = []experiment.UseCase{{Name: "u", Load: "chat", Objective: "ttft_p50"}}
		}, []string{"ttft_p50", "ttft_p95", "tpot_p50", "e2e_p95"}},
		"slo not estimated": {func(r *run) {
			r.in.SLO = []experiment.Constraint{{Metric: "ttft_p99", Op: experiment.AtMost, Value: 1}}
		}, []string{"e2e_p95", "ttft_p95", "tpot_p50"}},
		"p95 of the minority": {func(r *run) {
			delete(r.in.Trials[0].Metrics, "e2e_p95")
			delete(r.in.Trials[0].Metrics, "ttft_p95")
		}, []string{"e2e_p50", "ttft_p50", "tpot_p50"}},
	} {
		if diff := cmp.Diff(c.want, axes(c.in)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
