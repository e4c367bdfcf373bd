package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

func doubtTexts(b *build, d doubtList) []string {
	var out []string
	for _, x := range b.merged(d) {
		out = append(out, strings.TrimSpace(x.Text+" "+x.Where))
	}
	return out
}

// TestDiscounted: what the doubts say of trials that do not count agrees with
// itself, and does not list changes that are none.
func TestDiscounted(t *testing.T) {
	invalid := func(id, repeats string) rundir.Trial {
		return rundir.Trial{ID: id, Repeats: repeats, Outcome: rundir.OutcomeInvalid, Causes: []string{"client"}}
	}
	b := &build{Input: Input{
		Plan: &matrix.Plan{},
		Trials: []rundir.Trial{
			invalid("t1", ""), {ID: "t1.2", Repeats: "t1", Outcome: rundir.OutcomeOK},
			invalid("t2", ""), invalid("t2.2", "t2"), {ID: "t3", Outcome: rundir.OutcomeOK},
		},
		Findings: &analysis.Findings{Margin: 0.03, Discounted: []analysis.Discounted{
			{Cell: "x", Metric: "output_throughput", Without: new(262.0), With: 263},
			{Cell: "x", Metric: "request_throughput", Without: new(8.0), With: 8.0001},
			{Cell: "y", Metric: "ttft_p50", Without: new(0.1), With: 0.12},
			{Cell: "y", Metric: "tpot_p50", With: 0.01},
		}},
	}, cells: map[string]analysis.Cell{"x": {Label: "baseline", PointLabel: "chat c=4"}, "y": {Label: "b", PointLabel: "chat c=8"}}}
	var d doubtList
	b.discountedDoubts(&d)
	want := []string{
		"3 trials were discarded: load generator at its limits (3). 2 were measured again. " +
			"1 planned trial is left without a valid trial.",
		"The discarded trials would move TTFT p50 from 100 ms to 120 ms. b at chat c=8",
		"With the discarded trials, TPOT p50 is 10 ms. No other trial is valid. b at chat c=8",
		"With the discarded trials, 2 other estimates would move by at most 0.4% (output throughput). baseline at chat c=4",
	}
	if got := doubtTexts(b, d); !slices.Equal(got, want) {
		t.Errorf("doubts:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRangeDoubt: only estimates that show the range of two trials are called
// that; a pooled interval from two trials, or equal values, are not.
func TestRangeDoubt(t *testing.T) {
	pooled := analysis.Estimate{Center: 1, Lo: 0.9, Hi: 1.1, N: 2, Method: "t-log pooled"}
	ranged := analysis.Estimate{Center: 1, Lo: 0.9, Hi: 1.1, N: 2, Method: analysis.MethodRange}
	equal := analysis.Estimate{N: 2, Method: analysis.MethodRange}
	for _, c := range []struct {
		name  string
		cells []analysis.Cell
		want  string
	}{
		{"pooled", []analysis.Cell{{ID: "x", Trials: 2, Estimates: map[string]analysis.Estimate{"ttft_p50": pooled, "error_rate": equal}}}, ""},
		{"one metric", []analysis.Cell{{ID: "x", Trials: 2,
			Estimates: map[string]analysis.Estimate{"ttft_p50": pooled, "ITL p90": ranged}}},
			"1 result has only two trials of ITL p90, "},
		{"two cells", []analysis.Cell{
			{ID: "x", Estimates: map[string]analysis.Estimate{"a": ranged, "b": ranged, "c": ranged}},
			{ID: "y", Estimates: map[string]analysis.Estimate{"d": ranged, "e": ranged}},
		}, "2 results have only two trials of a, b, c and 2 more metrics, "},
	} {
		b := &build{Input: Input{Findings: &analysis.Findings{Cells: c.cells}}}
		var d doubtList
		b.rangeDoubt(&d)
		got := strings.Join(doubtTexts(b, d), "; ")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q...", c.name, got, c.want)
		}
	}
}

// TestJoinedDoubts: figures of one place are not given for another, and records
// of format 1 are joined by their whole text.
func TestJoinedDoubts(t *testing.T) {
	hits := func(share float64) notice.Notice {
		return notice.New("prefix-cache-hits", notice.Args{"share": notice.Fraction(share)})
	}
	b := &build{}
	var d doubtList
	d.about(notice.Trial, "a", hits(0.3), notice.Recorded("the same everywhere"), hits(0.25).As(notice.Discarded))
	d.about(notice.Trial, "b", hits(0.4), notice.Recorded("the same everywhere"), notice.Recorded("another"))
	want := []string{
		"The prefix cache answered 30% of the prompt tokens, although every prompt was new. a; also in b",
		"the same everywhere a, b",
		"Trial discarded: The prefix cache answered 25% of the prompt tokens, although every prompt was new. a",
		"another b",
	}
	if got := doubtTexts(b, d); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
