package plots

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// baselineTrials is a run of the baseline whose time to first token takes the
// given shares of 100 ms.
func baselineTrials(shares ...float64) Input {
	in := Input{
		Plan: &matrix.Plan{
			LoadPoints:     []matrix.LoadPoint{{ID: "p", Label: "chat c=1", Load: "chat", Kind: experiment.Concurrency, Value: 1}},
			Configurations: []matrix.Configuration{{ID: "b", Label: "baseline", Baseline: true}},
		},
		Findings: &analysis.Findings{Baseline: "b", Margin: 0.03},
	}
	for i, s := range shares {
		in.Trials = append(in.Trials, rundir.Trial{
			ID: fmt.Sprint(i), Configuration: "b", LoadPoint: "p", Block: i + 1, Order: i + 1, Outcome: rundir.OutcomeOK,
			Metrics: map[string]float64{"ttft_p50": 0.1 * s, "ttft_p95": 0.1 * s},
		})
	}
	return in
}

// The title of the drift figure never denies what the figure draws.
func TestDriftTitleGivesTheRangeThatIsDrawn(t *testing.T) {
	f, why := driftFigure(baselineTrials(1, 1.09, 1.15, 0.99), "drift")
	if want := "No trend is shown: the baseline’s trials vary from −1% to +15% against the first at their load"; f.Title != want {
		t.Errorf("title %q (%s), want %q", f.Title, why, want)
	}
	if f, _ := driftFigure(baselineTrials(1, 1.01, 0.99), "drift"); !strings.HasPrefix(f.Title, "No drift beyond ±3%") {
		t.Errorf("title %q", f.Title)
	}
}

// A combination that the confirm stage alone measured is in the heat map with
// its change, and has no place where it was not to be measured.
func TestPairOfACombination(t *testing.T) {
	w := newWorld(3, experiment.Concurrency, map[string][]float64{"chat": {4, 64}}, "chat")
	w.add(server{1, 1, 1})
	w.add(server{1.1, 1, 1}, "max-num-seqs", "512")
	w.add(server{1.1, 1, 1}, "kv-cache-dtype", "fp8")
	in := w.finish("ttft_p95", nil)
	both := matrix.Configuration{ID: "both", Label: "both", Changed: experiment.Flags{{Name: "max-num-seqs", Value: "512"}, {Name: "kv-cache-dtype", Value: "fp8"}}}
	in.Plan.Configurations = append(in.Plan.Configurations, both)
	for _, c := range []struct{ point, want, absent string }{
		{"l-chat-64", "+21%", ""},
		{"l-chat-4", "", "no two parameters were varied together at chat c=64"},
	} {
		in.Findings.Confirm = &analysis.Confirm{Cells: []analysis.Cell{{
			ID: "x", Configuration: "both", LoadPoint: c.point, Load: "chat", Trials: 5,
			Estimates: map[string]analysis.Estimate{"output_throughput": {Center: 3000, N: 5}},
			Ratios:    map[string]analysis.Ratio{"output_throughput": {Center: 1.21, Lo: 1.2, Hi: 1.22, Verdict: analysis.Better}},
		}}}
		f, absent := pairsFigure(in, "pairs-chat", "chat")
		if absent != c.absent {
			t.Errorf("%s: absent %q, want %q", c.point, absent, c.absent)
		}
		if absent != "" {
			continue
		}
		texts := drawingOf(f, Light()).texts
		if _, ok := texts[c.want]; !ok {
			t.Errorf("%s: no %q in %v", c.point, c.want, slices.Sorted(maps.Keys(texts)))
		}
		if want := "measured only in the confirmation runs, against their baseline: max-num-seqs=512, kv-cache-dtype=fp8"; !strings.Contains(f.Caption, want) {
			t.Errorf("caption %q", f.Caption)
		}
	}
}

// What the confirm stage alone measured was run, and what no plan asks for is not
// waited for.
func TestFeasibilityOfACombination(t *testing.T) {
	in := baselineTrials(1)
	in.Plan.LoadPoints = append(in.Plan.LoadPoints, matrix.LoadPoint{ID: "q", Label: "chat c=2", Load: "chat", Kind: experiment.Concurrency, Value: 2})
	in.Plan.Configurations = append(in.Plan.Configurations,
		matrix.Configuration{ID: "c", Label: "both"}, matrix.Configuration{ID: "r", Label: "refusing"})
	in.Findings.Cells = []analysis.Cell{
		{ID: "bp", Configuration: "b", LoadPoint: "p", Trials: 3}, {ID: "bq", Configuration: "b", LoadPoint: "q", Trials: 3},
		{ID: "rp", Configuration: "r", LoadPoint: "p", Failed: 3, FailedBy: map[string]int{rundir.FailedRefused: 3}},
		{ID: "rq", Configuration: "r", LoadPoint: "q", Missing: 3},
	}
	in.Findings.Confirm = &analysis.Confirm{Cells: []analysis.Cell{{ID: "cp", Configuration: "c", LoadPoint: "p", Trials: 5}}}
	d, whole, _ := newFeasibility(in)
	got := map[string]string{}
	for _, r := range d.rows {
		for i, c := range r.cells {
			got[r.name.text+" "+d.points[i].ID] = c.state
		}
	}
	for name, want := range map[string]string{
		"both p": cellCounts, "both q": cellNone, "baseline p": cellCounts, "refusing p": cellRefused, "refusing q": cellMissing,
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if whole != 2 {
		t.Errorf("%d whole configurations, want the baseline and the combination", whole)
	}
}
