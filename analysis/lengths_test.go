package analysis

import (
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// sized sets a trial's requests and their lengths.
func sized(t *rundir.Trial, prompt, answer, sd float64, exact bool) {
	t.Requests, t.Window = map[string]int{"ok": 100}, 10
	t.InputTokens, t.OutputTokens = int64(100*prompt), int64(100*answer)
	if exact {
		t.PromptLength, t.AnswerLength = &rundir.Lengths{Mean: prompt, SD: sd}, &rundir.Lengths{Mean: answer, SD: sd}
	}
}

// threeWithShortAnswers is a run whose c2 gives short answers, fast.
func threeWithShortAnswers(answers [3]float64, sd float64, exact bool) *run {
	r := newRun(3, 2)
	r.in.UseCases = []experiment.UseCase{
		{Name: "fast", Objective: throughput, Maximize: true, Load: "chat"},
		{Name: "soon", Objective: "ttft_p50", Load: "chat"},
		{Name: "done", Objective: "e2e_p50", Load: "chat"},
	}
	values := [3]float64{100, 104, 296}
	for b := range 5 {
		for c := range 3 {
			for p := range 2 {
				v := values[c] * (1 + .002*float64((b+c)%3)) * (1 + .1*float64(p))
				tr := r.add(c, p, b+1, map[string]float64{throughput: v, "request_throughput": 10, "ttft_p50": 1 / v, "e2e_p50": 10 / v, "e2e_mean": .01, "tpot_p50": .01})
				sized(tr, 1000, answers[c], sd, exact)
			}
		}
	}
	return r
}

// Answers of 56 instead of 200 tokens are no improvement: no verdict, no place
// on the frontier, no recommendation by what depends on the length, and words
// for it wherever the configuration is shown.
func TestShorterAnswersNeverWin(t *testing.T) {
	for _, exact := range []bool{true, false} { // false: records of earlier versions
		f := analyse(t, threeWithShortAnswers([3]float64{200, 200, 56}, 0, exact))
		short := f.Cells[4]
		for _, m := range []string{throughput, "request_throughput", "e2e_p50"} {
			if q := short.Ratios[m]; q.Verdict != NotComparable || q.Reason() != "answers of 56 instead of 200 tokens" || q.P != 0 || q.MoreTrials != 0 {
				t.Errorf("exact %v: %s: %+v", exact, m, q)
			}
		}
		if q := short.Ratios["tpot_p50"]; q.Verdict == NotComparable {
			t.Errorf("tpot depends on no length: %+v", q)
		}
		if q := f.Cells[2].Ratios[throughput]; q.Verdict != Better {
			t.Errorf("c1 against the baseline: %+v", q)
		}
		for _, fr := range f.Frontiers {
			for _, id := range append(slices.Clone(fr.Cells), fr.Knee) {
				if strings.HasPrefix(id, "x2.") {
					t.Errorf("%s against %s: %s is on the frontier", fr.Y, fr.X, id)
				}
			}
			if !notice.Has(fr.Skipped["x2.0"], "not-ranked") {
				t.Errorf("skipped %v", fr.Skipped)
			}
		}
		for i, want := range []string{"c1", "c2", "c1"} { // time to first token does not depend on the answer
			rec := f.Recommendations[i]
			if rec.Configuration != want || contains(rec.Doubts, "max-num-seqs=2 at chat poisson 1/s is not ranked. Its answers have 56 tokens instead of 200.") != (want == "c1") {
				t.Errorf("%s: %s, %q", rec.UseCase, rec.Configuration, rec.Doubts)
			}
		}
		if !slices.ContainsFunc(f.Checks, func(c Check) bool { return c.Notice.Code == "lengths" && c.Configuration == "c2" }) {
			t.Errorf("checks %+v", f.Checks)
		}
	}
}

// Nor do longer ones, nor is a baseline with short answers kept for them.
func TestTheUsualLengthIsTheOneToCompareBy(t *testing.T) {
	for want, answers := range map[string][3]float64{"c1": {200, 200, 300}, "c2": {56, 200, 200}} {
		f := analyse(t, threeWithShortAnswers(answers, 0, true))
		if got := f.Recommendations[0]; got.Configuration != want {
			t.Errorf("answers %v: %s, want %s", answers, got.Configuration, want)
		}
	}
	f := analyse(t, threeWithShortAnswers([3]float64{56, 200, 200}, 0, true))
	if rec := f.Recommendations[0]; rec.Ratio == nil || rec.Ratio.Verdict != NotComparable || !contains(rec.Doubts, "It is not comparable with the baseline: answers of 200 instead of 56 tokens") {
		t.Errorf("%+v", rec)
	}
}

func TestLengthsWithinToleranceOrNoiseAreTheSame(t *testing.T) {
	for what, r := range map[string]*run{
		"within 2%":      threeWithShortAnswers([3]float64{200, 200, 197}, 0, true),
		"within noise":   threeWithShortAnswers([3]float64{200, 200, 180}, 120, true),
		"not recorded":   threeWithShortAnswers([3]float64{0, 0, 0}, 0, false),
		"known of a few": threeWithShortAnswers([3]float64{200, 0, 0}, 0, false),
	} {
		for _, c := range analyse(t, r).Cells {
			if c.LengthGap != (LengthGap{}) || c.Ratios[throughput].Verdict == NotComparable {
				t.Errorf("%s: %s %+v", what, c.LengthGap, c.Ratios[throughput])
			}
		}
	}
	for _, c := range analyse(t, threeWithShortAnswers([3]float64{200, 200, 180}, 20, true)).Cells[4:] {
		if c.LengthGap.String() != "answers of 180 instead of 200 tokens" {
			t.Errorf("beyond both: %q", c.LengthGap)
		}
	}
}

// Totals of old records hold parts of the requests at the window's ends.
func TestTotalsAreOffByTheRequestsInFlight(t *testing.T) {
	r := threeWithShortAnswers([3]float64{32, 32, 33.4}, 0, false)
	for i := range r.in.Trials {
		r.in.Trials[i].Client = &rundir.ClientFacts{MeanInFlight: 8}
	}
	for _, c := range analyse(t, r).Cells {
		if c.LengthGap != (LengthGap{}) {
			t.Errorf("%s", c.LengthGap)
		}
	}
}

// Prompts of another length forbid to rank by time to first token as well.
func TestPromptsOfAnotherLength(t *testing.T) {
	r := threeWithShortAnswers([3]float64{200, 200, 200}, 0, true)
	for i := range r.in.Trials {
		if tr := &r.in.Trials[i]; tr.Configuration == "c2" {
			sized(tr, 500, 200, 0, true)
		}
	}
	f := analyse(t, r)
	if q := f.Cells[4].Ratios["ttft_p50"]; q.Verdict != NotComparable || q.Reason() != "prompts of 500 instead of 1,000 tokens" {
		t.Errorf("%+v", q)
	}
	for _, rec := range f.Recommendations {
		if rec.Configuration != "c1" {
			t.Errorf("%s: %s", rec.UseCase, rec.Configuration)
		}
	}
}

// What one imported file calls a load may be several: its points stand apart.
func TestImportedPointsOfOtherLengthsStandApart(t *testing.T) {
	r := threeWithShortAnswers([3]float64{200, 200, 200}, 0, true)
	for i := range r.in.Trials {
		if tr := &r.in.Trials[i]; tr.LoadPoint == "p1" {
			sized(tr, 1000, 50, 0, true)
		}
	}
	if c := analyse(t, r).Cells[1]; c.LengthGap == (LengthGap{}) {
		t.Error("points of one load differ and nothing is said")
	}
	r.in.Plan.Backend = matrix.BackendImported
	for _, c := range analyse(t, r).Cells {
		if c.LengthGap != (LengthGap{}) {
			t.Errorf("%s: %s", c.ID, c.LengthGap)
		}
	}
}

// Two runs are compared by the same rule.
func TestTwoRunsOfOtherLengths(t *testing.T) {
	a, b := threeWithShortAnswers([3]float64{200, 200, 200}, 0, true), threeWithShortAnswers([3]float64{56, 56, 56}, 0, true)
	cmp, err := CompareRuns(a.in, b.in, []string{throughput})
	if err != nil {
		t.Fatal(err)
	}
	if q := cmp.Cells[0].Ratios[throughput]; q.Verdict != NotComparable || !strings.Contains(q.Reason(), "answers of 56 instead of 200") {
		t.Errorf("%+v", q)
	}
}
