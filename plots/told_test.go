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
	"github.com/vllm-sweep/sweep/plots/draw"
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

// A parameter has a dashed line for each other change with which it was
// varied, and its title names the pairs that the analysis found to interact.
func TestParametersTogether(t *testing.T) {
	in := grid()
	interaction := analysis.Interaction{
		Parameters: [2]string{"max-num-seqs", "kv-cache-dtype"}, LoadPoint: "l-chat-64", Metric: "output_throughput",
		Ratio: analysis.Ratio{Center: 0.8, Verdict: analysis.Worse},
	}
	for verdict, ending := range map[string]string{
		analysis.Worse: "chat c=64; max-num-seqs and kv-cache-dtype interact", analysis.Undecided: "chat c=64",
	} {
		interaction.Ratio.Verdict = verdict
		in.Findings.Interactions = []analysis.Interaction{interaction}
		f, absent := parametersFigure(in, "parameters-chat", "chat")
		if absent != "" || !strings.HasSuffix(f.Title, ending) {
			t.Errorf("%s: title %q, absent %q", verdict, f.Title, absent)
		}
		d := drawingOf(f, draw.Light())
		for _, want := range []string{
			"alone, the others at the baseline", "with max-num-seqs=64", "with max-num-seqs=512",
			"with kv-cache-dtype=fp8", "failed: gpu-memory",
		} {
			if _, ok := d.texts[want]; !ok {
				t.Errorf("no %q in %v", want, slices.Sorted(maps.Keys(d.texts)))
			}
		}
	}
	if f, _ := parametersFigure(rich(), "parameters-chat", "chat"); strings.Contains(f.Subtitle, "Dashed") {
		t.Errorf("without combinations the subtitle is %q", f.Subtitle)
	}
}

// More other changes than can be told apart are left to the data, which has
// every result that changes at most two parameters.
func TestParametersLeaveOutLines(t *testing.T) {
	f, _ := parametersFigure(big(), "parameters-chat", "chat")
	if want := "combinations with 5 more values only in the data"; !strings.Contains(f.Caption, want) {
		t.Errorf("caption %q, want %q", f.Caption, want)
	}
	if want := 1 + 4*(1+4+2+4+4*2+4*4+2*4); len(f.records) != want {
		t.Errorf("%d rows, want %d", len(f.records), want)
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
