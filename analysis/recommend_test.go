package analysis

import (
	"slices"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/matrix"
)

// spreads are the relative deviations of three trials.
var spreads = [...]float64{0, .004, -.004}

// table builds a run of three blocks from each cell's central values:
// rows are configurations, columns load points; a zero value is left out.
func table(values [][]map[string]float64) *run {
	r := newRun(len(values), len(values[0]))
	for b := range spreads {
		for c, row := range values {
			for l, m := range row {
				out := map[string]float64{}
				for k, v := range m {
					if v != 0 {
						out[k] = v * (1 + spreads[(b+c+2*l)%3])
					}
				}
				r.add(c, l, b+1, out)
			}
		}
	}
	return r
}

func cellValues(tput, ttft float64) map[string]float64 {
	return map[string]float64{throughput: tput, "ttft_p95": ttft}
}

func maximise(constraints ...experiment.Constraint) experiment.UseCase {
	return experiment.UseCase{Name: "throughput", Objective: throughput, Maximize: true, Load: "chat", SubjectTo: constraints}
}

func atMost(name string, v float64) experiment.Constraint {
	return experiment.Constraint{Metric: name, Op: experiment.AtMost, Value: v}
}

func TestRecommendClearWinner(t *testing.T) {
	r := table([][]map[string]float64{
		{cellValues(500, .1), cellValues(900, .3)},
		{cellValues(500, .1), cellValues(1000, .4)},
		{cellValues(500, .1), cellValues(1200, .6)}, // breaks the slo
	})
	r.in.SLO = []experiment.Constraint{atMost("ttft_p95", .5)}
	r.in.UseCases = []experiment.UseCase{maximise()}
	f := analyse(t, r)
	rec := f.Recommendations[0]
	if rec.Cell != cellID(1, 1) || len(rec.Refused) > 0 || rec.Confirmed {
		t.Fatalf("recommended %q (%s), confirmed %v", rec.Cell, rec.Refused, rec.Confirmed)
	}
	if rec.Command != "vllm serve acme/model --max-num-seqs 1" {
		t.Errorf("command %q", rec.Command)
	}
	if len(rec.Ties) != 0 {
		t.Errorf("ties %+v", rec.Ties)
	}
	if rec.BaselineCell != cellID(0, 1) || !rec.BaselineQualifies || rec.Ratio.Verdict != Better {
		t.Errorf("baseline %q, ratio %+v", rec.BaselineCell, rec.Ratio)
	}
	near(t, "ratio", rec.Ratio.Center, 1000.0/900, 1e-3)
	near(t, "three configurations qualify somewhere, so two comparisons", rec.Ratio.PAdjusted, 2*rec.Ratio.P, 1e-15)
	if k := rec.Constraints[0]; len(rec.Constraints) != 1 || !k.Holds || k.Value == nil {
		t.Errorf("constraints %+v", rec.Constraints)
	}
	if !contains(rec.Doubts, "confirmation-off") || !contains(rec.Doubts, "highest-load") {
		t.Errorf("doubts %q", rec.Doubts)
	}
	if got := f.Cells[5].SLOFailures; len(got) != 1 || got[0].Text() != "TTFT p95 is 600 ms and must be at most 500 ms." || *f.Cells[5].MeetsSLO {
		t.Errorf("slo failures %q", got)
	}
}

// A use case's own limit replaces that of the slo on the same metric.
func TestRecommendOwnLimit(t *testing.T) {
	r := table([][]map[string]float64{{cellValues(900, .3)}, {cellValues(1200, .6)}})
	r.in.SLO = []experiment.Constraint{atMost("ttft_p95", .5)}
	r.in.UseCases = []experiment.UseCase{maximise(atMost("ttft_p95", 1))}
	rec := analyse(t, r).Recommendations[0]
	if rec.Cell != cellID(1, 0) || len(rec.Constraints) != 1 || rec.Constraints[0].Limit != 1 {
		t.Errorf("recommended %q under %+v", rec.Cell, rec.Constraints)
	}
}

func TestRecommendRefuses(t *testing.T) {
	r := table([][]map[string]float64{{cellValues(500, .9)}, {cellValues(500, .612)}, {cellValues(600, 2)}})
	r.in.UseCases = []experiment.UseCase{maximise(atMost("ttft_p95", .5))}
	rec := analyse(t, r).Recommendations[0]
	if rec.Cell != "" || rec.Command != "" || rec.Estimate != nil {
		t.Fatalf("recommended %q", rec.Cell)
	}
	const want = "None of 3 results meets every limit. max-num-seqs=1 at chat poisson 1/s comes nearest, 22.4% off. " +
		"TTFT p95 is 612 ms and must be at most 500 ms. The limit of TTFT p95 is missed most often, by 3 of 3 results."
	if got := notice.Join(rec.Refused); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if k := rec.Constraints[0]; k.Holds || k.Value == nil {
		t.Errorf("nearest miss %+v", k)
	}
}

// A metric without an estimate fails its constraint, and the reason is given.
func TestRecommendAbsentMetric(t *testing.T) {
	r := table([][]map[string]float64{{cellValues(500, .1)}, {cellValues(600, 0)}})
	for i := range r.in.Trials {
		if r.in.Trials[i].Configuration == "c1" {
			r.in.Trials[i].Absent = map[string]string{"ttft_p95": "90 requests, 130 needed"}
		}
	}
	r.in.UseCases = []experiment.UseCase{
		maximise(atMost("ttft_p95", .5)),
		maximise(atMost("ttft_p99", .5)),
		{Name: "none", Objective: "tpot_p50", Load: "chat"},
		{Name: "nowhere", Objective: throughput, Load: "documents"},
	}
	recs := analyse(t, r).Recommendations
	if recs[0].Cell != cellID(0, 0) {
		t.Errorf("recommended %q", recs[0].Cell)
	}
	for i, want := range map[int][]string{
		1: {"no-result-qualifies", "not-estimated", "limit-binding"}, 2: {"objective-missing", "not-estimated"}, 3: {"load-not-planned"},
	} {
		if got := notice.CodesOf(recs[i].Refused); recs[i].Cell != "" || !slices.Equal(got, want) {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
	r = newRun(1, 1)
	r.in.UseCases = []experiment.UseCase{maximise()}
	if rec := analyse(t, r).Recommendations[0]; !notice.Has(rec.Refused, "load-not-measured") {
		t.Errorf("nothing measured: %q", rec.Refused)
	}
}

// Within the margin and not told apart, the configuration with fewer GPUs
// wins, and the better estimate is named in a doubt.
func TestRecommendCheaper(t *testing.T) {
	r := table([][]map[string]float64{{cellValues(800, .1)}, {cellValues(1000, .1)}, {cellValues(1001, .1)}})
	r.in.Plan.Configurations[2].GPUs = 2
	r.in.UseCases = []experiment.UseCase{maximise()}
	rec := analyse(t, r).Recommendations[0]
	if rec.Cell != cellID(1, 0) || len(rec.Ties) != 1 || rec.Ties[0].Cell != cellID(2, 0) {
		t.Fatalf("recommended %q, ties %+v", rec.Cell, rec.Ties)
	}
	if rec.Preferred == nil || rec.Preferred.Text() != "max-num-seqs=2 is ahead by less than the margin of 3% (1,001 tok/s), but needs 2 GPUs instead of 1." {
		t.Errorf("preferred %v", rec.Preferred)
	}

	// With GPUs equal the baseline is preferred, and has no ratio to itself.
	r = table([][]map[string]float64{{cellValues(1000, .1)}, {cellValues(1002, .1)}})
	r.in.UseCases = []experiment.UseCase{maximise()}
	f := analyse(t, r)
	rec = f.Recommendations[0]
	if rec.Cell != cellID(0, 0) || rec.Ratio != nil || rec.Preferred == nil || rec.Preferred.Code != "preferred-baseline" {
		t.Errorf("recommended %q, ratio %v, preferred %v", rec.Cell, rec.Ratio, rec.Preferred)
	}
}

// The winner is picked from among four, so its p-value counts threefold.
func TestRecommendCorrectsForSelection(t *testing.T) {
	r := table([][]map[string]float64{{cellValues(1000, .1)}, {cellValues(1010, .1)}, {cellValues(1040, .1)}, {cellValues(1020, .1)}})
	r.in.UseCases = []experiment.UseCase{maximise()}
	q := analyse(t, r).Recommendations[0].Ratio
	if q == nil || q.P == 0 {
		t.Fatalf("ratio %+v", q)
	}
	near(t, "adjusted p", q.PAdjusted, 3*q.P, 1e-15)
}

// A better estimate with a wide interval is not shown to beat the baseline: the
// baseline is recommended, and what is ahead is named and measured again.
func TestRecommendWideInterval(t *testing.T) {
	r := newRun(2, 1)
	for b, x := range []float64{1, 1.3, .8} {
		r.add(0, 0, b+1, one(throughput, 100*x))
		r.add(1, 0, b+1, one(throughput, 112/x))
	}
	r.in.UseCases = []experiment.UseCase{maximise()}
	rec := analyse(t, r).Recommendations[0]
	if rec.Cell != cellID(0, 0) || rec.Leader == nil || rec.Leader.Cell != cellID(1, 0) || !contains(rec.Doubts, "leader-undecided") {
		t.Errorf("recommended %q, leader %+v, doubts %q", rec.Cell, rec.Leader, rec.Doubts)
	}
	if len(rec.Ties) != 0 || rec.Ratio != nil {
		t.Errorf("ties %+v, ratio %+v", rec.Ties, rec.Ratio)
	}
}

func TestRecommendDoubtfulLimit(t *testing.T) {
	r := table([][]map[string]float64{{cellValues(900, .4999)}, {cellValues(1000, .4999)}})
	r.in.UseCases = []experiment.UseCase{maximise(atMost("ttft_p95", .5))}
	rec := analyse(t, r).Recommendations[0]
	if !contains(rec.Doubts, "may miss the limit of TTFT p95") {
		t.Errorf("doubts %q", rec.Doubts)
	}
}

// The baseline qualifies nowhere: the ratio is taken at the winner's load point.
func TestRecommendAgainstUnfitBaseline(t *testing.T) {
	r := table([][]map[string]float64{
		{cellValues(400, .6), cellValues(900, .7)},
		{cellValues(500, .1), cellValues(1000, .8)},
	})
	r.in.UseCases = []experiment.UseCase{maximise(atMost("ttft_p95", .5))}
	rec := analyse(t, r).Recommendations[0]
	if rec.Cell != cellID(1, 0) || rec.BaselineCell != cellID(0, 0) || rec.BaselineQualifies {
		t.Errorf("recommended %q against %q", rec.Cell, rec.BaselineCell)
	}
	if !contains(rec.Doubts, "baseline-misses-limits") {
		t.Errorf("doubts %q", rec.Doubts)
	}
}

func TestQuote(t *testing.T) {
	flags := experiment.Flags{
		{Name: "enable-prefix-caching", Value: "false", Kind: experiment.FlagBool},
		{Name: "enforce-eager", Value: "true", Kind: experiment.FlagBool},
		{Name: "max-model-len", Kind: experiment.FlagUnset},
		{Name: "speculative-config", Value: `{"method": "it's"}`},
		{Name: "chat-template", Value: ""},
	}
	want := `vllm serve acme/model --no-enable-prefix-caching --enforce-eager --speculative-config '{"method": "it'\''s"}' --chat-template ''`
	a := &analyser{in: Input{Plan: &matrix.Plan{Model: "acme/model"}}}
	if got := a.command(matrix.Configuration{Flags: flags}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	a.in.Plan.FlagStyle = experiment.FlagsEquals
	want = `vllm serve acme/model --no-enable-prefix-caching --enforce-eager '--speculative-config={"method": "it'\''s"}' --chat-template=`
	if got := a.command(matrix.Configuration{Flags: flags}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// One that is ahead without proof does not hide the next best, which has it; and
// both are measured again.
func TestRecommendTheNextBestThatIsShown(t *testing.T) {
	r := newRun(3, 1)
	for b, x := range []float64{1, 1.01, .99, 1.005} {
		r.add(0, 0, b+1, one(throughput, 100*x))
		r.add(1, 0, b+1, one(throughput, 120/x))
		r.add(2, 0, b+1, one(throughput, 140*[]float64{.6, 1.4, .55, 1.5}[b]))
	}
	r.in.UseCases = []experiment.UseCase{maximise()}
	r.in.Plan.ConfirmStage = &matrix.ConfirmStage{Starts: 3, Finalists: 2}
	f := analyse(t, r)
	rec := f.Recommendations[0]
	if rec.Cell != cellID(1, 0) || rec.Ratio == nil || rec.Ratio.Verdict != Better || rec.Leader == nil || rec.Leader.Cell != cellID(2, 0) {
		t.Fatalf("recommended %q, ratio %+v, leader %+v", rec.Cell, rec.Ratio, rec.Leader)
	}
	roles := map[string]string{}
	for _, x := range f.Finalists {
		roles[x.Configuration] = x.Role
	}
	if roles["c1"] != matrix.RoleWinner || roles["c2"] != matrix.RoleRival || roles["c0"] != matrix.RoleBaseline {
		t.Errorf("finalists %+v", f.Finalists)
	}
}

// The baseline meets the limit at a low load only. Two trials leave no test
// between loads, and the comparison at the winner's load decides.
func TestRecommendAcrossLoadsWithFewTrials(t *testing.T) {
	r := newRun(3, 2)
	for b := range 2 {
		for c, values := range [][2][2]float64{{{100, .1}, {300, 9}}, {{101, .1}, {450, .2}}, {{100, .1}, {300, 9}}} {
			for l, v := range values {
				x := 1 + .004*float64((b+c+l)%2) + .003*float64((b*c)%2)
				r.add(c, l, b+1, map[string]float64{throughput: v[0] * x, "ttft_p50": v[1] * x})
			}
		}
	}
	r.in.UseCases = []experiment.UseCase{maximise(atMost("ttft_p50", 1))}
	rec := analyse(t, r).Recommendations[0]
	if rec.Cell != cellID(1, 1) || rec.BaselineCell != cellID(0, 0) || rec.SameLoad == nil || rec.SameLoad.Verdict != Better {
		t.Errorf("recommended %q against %q, ratio %+v, at the same load %+v, leader %+v",
			rec.Cell, rec.BaselineCell, rec.Ratio, rec.SameLoad, rec.Leader)
	}
}
