package plots

import (
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

func TestChange(t *testing.T) {
	for ratio, want := range map[float64]string{
		1: "±0%", 0.99999: "±0%", 1.24: "+24%", 1.0312: "+3.1%", 0.96: "−4%", 0.5: "−50%", 2.4: "2.4×", 3.21: "3.21×", 0.0999: "−90%",
	} {
		if got := change(ratio); got != want {
			t.Errorf("change(%v) = %s, want %s", ratio, got, want)
		}
	}
}

// A title says no more than the verdict.
func TestRecommendationTitle(t *testing.T) {
	in := rich()
	base := analysis.Recommendation{UseCase: "throughput", Objective: "output_throughput", Maximize: true, Cell: "x", Configuration: "c-005"}
	with := func(verdict string, ratio float64, change func(*analysis.Recommendation)) analysis.Recommendation {
		r := base
		r.Ratio = &analysis.Ratio{Center: ratio, Verdict: verdict}
		if change != nil {
			change(&r)
		}
		return r
	}
	for _, c := range []struct {
		rec  analysis.Recommendation
		want string
	}{
		{with(analysis.Better, 1.24, nil), "max-num-seqs=512: 24% more output throughput than the baseline"},
		{with(analysis.Better, 3.3, nil), "max-num-seqs=512: 3.3× the output throughput of the baseline"},
		{with(analysis.Better, 0.8, func(r *analysis.Recommendation) { r.Objective, r.Maximize = "ttft_p95", false }), "max-num-seqs=512: 20% lower TTFT p95 than the baseline"},
		{
			with(analysis.Better, 1.1, func(r *analysis.Recommendation) {
				r.Constraints = []analysis.ConstraintCheck{{Metric: "e2e_p95", Op: experiment.AtMost, Limit: 10}}
				r.Ties = make([]analysis.Tie, 2)
			}),
			"max-num-seqs=512: 10% more output throughput than the baseline with E2E p95 ≤ 10 s; statistically tied with 2 others",
		},
		{with(analysis.Equivalent, 1.01, nil), "max-num-seqs=512 leads in output throughput, but is equivalent to the baseline (within ±3%)"},
		{with(analysis.Undecided, 1.08, nil), "Undecided: max-num-seqs=512 leads in output throughput, but not clearly enough against the baseline"},
		{base, "Undecided: max-num-seqs=512 leads in output throughput, but not clearly enough against the baseline"},
		{with(analysis.Worse, 0.9, nil), "max-num-seqs=512 is the best in output throughput that meets the limits, but is worse than the baseline"},
		{with("", 1, func(r *analysis.Recommendation) { r.Configuration = "c-base" }), "No configuration is shown to beat the baseline in output throughput"},
		{with("", 1, func(r *analysis.Recommendation) { r.Cell = "" }), "No measured configuration meets the limits of use case throughput"},
	} {
		if got := recommendationTitle(in, c.rec); got != c.want {
			t.Errorf("verdict %v:\n got %s\nwant %s", c.rec.Ratio, got, c.want)
		}
	}
}

// The frontiers of a load say the same of its use case; their latency tells
// them apart.
func TestFrontierTitlesDiffer(t *testing.T) {
	in := rich()
	first := in.Findings.Frontiers[0]
	second := first
	second.X = "tpot_p50"
	in.Findings.Frontiers = []analysis.Frontier{first, second}
	in.Findings.Recommendations = []analysis.Recommendation{{
		UseCase: "throughput", Objective: first.Y, Maximize: true, Load: first.Load, Cell: "x", Configuration: "c-base",
		Constraints: []analysis.ConstraintCheck{{Metric: "tpot_p50", Op: experiment.AtMost, Limit: .05}},
	}}
	const finding = "No configuration is shown to beat the baseline in output throughput with TPOT p50 ≤ 50 ms"
	if got, want := frontierTitle(in, first), finding+" (against "+metric.Short(first.X)+")"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := frontierTitle(in, second); got != finding {
		t.Errorf("got %s", got)
	}
}

func TestVerdictCounts(t *testing.T) {
	for _, c := range []struct {
		count map[string]int
		n     int
		want  string
	}{
		{map[string]int{analysis.Better: 2, analysis.Worse: 1, analysis.Undecided: 3}, 6, "2 of 6 configurations better than the baseline, 1 worse, 3 undecided"},
		{map[string]int{analysis.Undecided: 4}, 4, "none of 4 configurations is shown to be better than the baseline, 4 undecided"},
		{map[string]int{analysis.Equivalent: 1}, 1, "the only configuration compared is equivalent to the baseline"},
	} {
		if got := verdictCounts(c.count, c.n, "configuration"); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestShortLabels(t *testing.T) {
	flag := func(name, value string) experiment.Flag { return experiment.Flag{Name: name, Value: value} }
	configs := []matrix.Configuration{
		{Label: "baseline", Baseline: true},
		{Changed: experiment.Flags{flag("gpu-memory-utilization", "0.95")}},
		{Changed: experiment.Flags{flag("speculative-config", `{"method":"ngram"}`)}},
		{Changed: experiment.Flags{flag("speculative-config", `{"method":"eagle"}`)}},
		{Changed: experiment.Flags{flag("max-num-seqs", "64"), flag("block-size", "32")}},
		{Changed: experiment.Flags{flag("max-num-seqs", "64"), flag("gpu-memory-utilization", "0.95")}},
		{Changed: experiment.Flags{flag("quantization", "/models/a/very/long/path/to/the/checkpoint")}},
		{Changed: experiment.Flags{{Name: "max-model-len", Kind: experiment.FlagUnset}}},
	}
	want := []string{
		"baseline", "gpu-memory-utilization=0.95", "speculative-config={…}", "speculative-config={…} (2)",
		"max-num-seqs=64, block-size=32", "mns=64 gmu=0.95", "quantization=checkpoint", "max-model-len=default",
	}
	if got := shortLabels(configs); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := abbreviations(configs), "mns = max-num-seqs, gmu = gpu-memory-utilization"; got != want {
		t.Errorf("abbreviations %q, want %q", got, want)
	}
	if got := valueLabel(configs[3], want[3]); got != "{…} (2)" {
		t.Errorf("value label %q", got)
	}
}

func TestSlugs(t *testing.T) {
	s := slugs{}
	var got []string
	for _, name := range []string{"chat", "rag/long docs", "rag long docs", "../..", "été"} {
		got = append(got, s.of(name))
	}
	if want := "chat rag-long-docs rag-long-docs-2 load t"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrapKeepsUnitsTogether(t *testing.T) {
	p := draw.NewPen(nil, draw.Light())
	for _, line := range p.Wrap(strings.Repeat("Bars: 95% intervals · ", 20), draw.TextStyle{Size: 10}, 131, 30) {
		if strings.HasPrefix(line, "%") || strings.HasPrefix(line, "·") {
			t.Errorf("line begins with a sign: %q", line)
		}
		if p.Width(line, draw.TextStyle{Size: 10}) > 131 {
			t.Errorf("line too wide: %q", line)
		}
	}
}

// TestFeasibilityCountsPlannedTrials: a trial that was invalid and measured
// again does not make its cell incomplete.
func TestFeasibilityCountsPlannedTrials(t *testing.T) {
	again := analysis.Cell{Trials: 3, Invalid: 1, Repeats: 1}
	lost := analysis.Cell{Trials: 2, Invalid: 2, Repeats: 1}
	if q := stateOf(again, analysis.Failure{}, false); q.state != cellCounts || q.text != "" {
		t.Errorf("measured again: %+v", q)
	}
	if q := stateOf(lost, analysis.Failure{}, false); q.state != cellPartly || q.text != "2/3" {
		t.Errorf("measured again in vain: %+v", q)
	}
}
