package analysis

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// twoChanges is a run of four configurations, the baseline, two changes of one
// parameter each and a useless third, with values of output throughput.
func twoChanges(a, b, c float64) *run {
	r := table([][]map[string]float64{{one(throughput, 100)}, {one(throughput, 100*a)}, {one(throughput, 100*b)}, {one(throughput, 100*c)}})
	for i, name := range []string{"max-num-seqs", "max-num-batched-tokens", "block-size"} {
		conf := &r.in.Plan.Configurations[i+1]
		f := experiment.Flag{Name: name, Value: "1"}
		conf.Label, conf.Changed = f.String(), experiment.Flags{f}
	}
	r.in.Plan.Blocks, r.in.Plan.ConfirmStage = 3, &matrix.ConfirmStage{Starts: 5, Finalists: 2}
	r.in.UseCases = []experiment.UseCase{maximise()}
	return r
}

func TestFinalistsAreWinnerRivalBaselineAndCombination(t *testing.T) {
	got := analyse(t, twoChanges(1.2, 1.1, .9)).Finalists
	want := []matrix.Finalist{
		{UseCase: "throughput", Role: "winner", Configuration: "c1", LoadPoint: "p0"},
		{UseCase: "throughput", Role: "rival", Configuration: "c2", LoadPoint: "p0"},
		{UseCase: "throughput", Role: "baseline", Configuration: "c0", LoadPoint: "p0"},
		{UseCase: "throughput", Role: "combination", LoadPoint: "p0", Parts: []string{"c1", "c2"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, f := range analyse(t, twoChanges(1.2, .99, .9)).Finalists {
		if f.Role == matrix.RoleCombination {
			t.Errorf("one change helps, and yet %+v is to be combined", f)
		}
	}
	r := twoChanges(1.2, 1.1, .9)
	r.in.Plan.ConfirmStage = nil
	if got := analyse(t, r).Finalists; len(got) > 0 {
		t.Errorf("finalists without a confirm stage: %v", got)
	}
}

// stage adds a confirm stage of five starts in which the baseline has 100 and
// each finalist its value; the combination is configuration c9.
func (r *run) stage(finalists []matrix.Finalist, values map[string]float64, starts int) {
	c := &matrix.Confirmation{Finalists: finalists}
	for i := range finalists {
		f := &c.Finalists[i]
		if f.Role == matrix.RoleCombination {
			f.Configuration, f.Cell = "c9", "x9.0"
			c.Configurations = []matrix.Configuration{{ID: "c9", Label: "both", GPUs: 1, Changed: experiment.Flags{{Name: "a"}, {Name: "b"}}}}
			c.Cells = []matrix.Cell{{ID: "x9.0", Configuration: "c9", LoadPoint: "p0"}}
		} else {
			f.Cell = strings.Replace(f.Configuration, "c", "x", 1) + ".0"
		}
	}
	for b := range 5 {
		for i, f := range c.Finalists {
			id := "k" + string(rune('a'+b)) + f.Configuration
			c.Starts = append(c.Starts, matrix.Start{ID: "s" + id, Block: 4 + b, Configuration: f.Configuration, Purpose: matrix.PurposeConfirm,
				Trials: []matrix.Trial{{ID: id, Cell: f.Cell, Block: 4 + b}}})
			if b < starts {
				tr := r.add(0, 0, 4+b, one(throughput, values[f.Configuration]*(1+spreads[(b+i)%3])))
				tr.ID, tr.Cell, tr.Configuration, tr.Start = id, f.Cell, f.Configuration, "s"+id
			}
		}
	}
	r.in.Plan = r.in.Plan.With(c)
}

func TestOnlyConfirmedNumbersAreRecommended(t *testing.T) {
	r := twoChanges(1.2, 1.1, .9)
	finalists := analyse(t, r).Finalists
	// On fresh starts the winner shrinks, and the combination does less than
	// 1.2 x 1.1: the changes interact.
	r.stage(finalists, map[string]float64{"c0": 100, "c1": 112, "c2": 109, "c9": 125}, 5)
	f := analyse(t, r)
	rec := f.Recommendations[0]
	if !rec.Confirmed || rec.Configuration != "c9" || rec.ScreeningCell != cellID(1, 0) || rec.Estimate.N != 5 {
		t.Fatalf("recommended %s (%s), confirmed %v, n=%d", rec.Configuration, rec.Refused, rec.Confirmed, rec.Estimate.N)
	}
	near(t, "estimate", rec.Estimate.Center, 125, .5)
	near(t, "ratio", rec.Ratio.Center, 1.25, .01)
	if len(f.Cells) != 4 || f.Cells[1].Trials != 3 {
		t.Errorf("the trials of the confirm stage count for the blocks: %d cells, %d trials", len(f.Cells), f.Cells[1].Trials)
	}
	c := f.Confirm.Combinations[0]
	near(t, "predicted", c.Predicted.Center, 1.32, 1e-6)
	near(t, "measured", c.Measured.Center, 1.25, .01)
	if c.Verdict != CombinationDiffers || !f.Confirm.Finished() {
		t.Errorf("combination %+v, stage finished %v", c, f.Confirm.Finished())
	}
	if contains(rec.Doubts, "confirmation-pending") || contains(rec.Doubts, "confirmation-short") {
		t.Errorf("doubts of a confirmed recommendation: %q", rec.Doubts)
	}
}

func TestShrinkageOfAWinnerIsShown(t *testing.T) {
	r := twoChanges(1.2, .95, .9)
	r.stage(analyse(t, r).Finalists, map[string]float64{"c0": 100, "c1": 112, "c2": 95}, 5)
	rec := analyse(t, r).Recommendations[0]
	if !rec.Confirmed || rec.Shrinkage == nil {
		t.Fatalf("%+v", rec)
	}
	near(t, "shrinkage", *rec.Shrinkage, 120.0/112-1, .01)
	if math.Abs(rec.Estimate.Center-112) > 1 {
		t.Errorf("estimate %v is not that of the confirm stage", rec.Estimate.Center)
	}
}

func TestAnUnfinishedConfirmStageConfirmsNothing(t *testing.T) {
	r := twoChanges(1.2, 1.1, .9)
	r.stage(analyse(t, r).Finalists, map[string]float64{"c0": 100, "c1": 112, "c2": 109, "c9": 125}, 2)
	rec := analyse(t, r).Recommendations[0]
	if rec.Confirmed || rec.Cell != cellID(1, 0) || !contains(rec.Doubts, "not finished: 8 of 20 trials are recorded") {
		t.Errorf("%+v", rec)
	}
}

// Two starts of two configurations have one degree of freedom; with those that
// the blocks had for the variance there is an interval and a verdict. Where the
// spread is another one than the blocks', nothing is borrowed.
func TestTheConfirmStageBorrowsOnlyTheVariance(t *testing.T) {
	r := twoChanges(1.2, .95, .9)
	finalists := []matrix.Finalist{
		{UseCase: "throughput", Role: "winner", Configuration: "c1", LoadPoint: "p0"},
		{UseCase: "throughput", Role: "baseline", Configuration: "c0", LoadPoint: "p0"},
	}
	r.stage(finalists, map[string]float64{"c0": 100, "c1": 112}, 2)
	q := analyse(t, r).Confirm.Cells[1].Ratios[throughput]
	if q.Verdict != Better || !q.HasInterval() || math.Abs(q.Center-1.12) > .01 {
		t.Errorf("%+v", q)
	}
	for i := range r.in.Trials {
		if tr := &r.in.Trials[i]; strings.HasPrefix(tr.ID, "k") {
			tr.Metrics[throughput] *= 1 + .3*float64(tr.Block%2)*float64(len(tr.Cell)%2) + .5*hit(tr.Cell == "x1.0")*float64(tr.Block%2)
		}
	}
	if q := analyse(t, r).Confirm.Cells[1].Ratios[throughput]; q.HasInterval() {
		t.Errorf("a verdict by the blocks' variance although trials vary otherwise: %+v", q)
	}
}

// A stage of which nothing counts neither confirms nor refutes: the answer of
// the blocks stays, with that doubt.
func TestAConfirmStageWithoutCountingTrialsRefutesNothing(t *testing.T) {
	r := twoChanges(1.2, .95, .9)
	r.stage(analyse(t, r).Finalists, map[string]float64{"c0": 100, "c1": 112, "c2": 95}, 5)
	for i := range r.in.Trials {
		if strings.HasPrefix(r.in.Trials[i].ID, "k") {
			r.in.Trials[i].Outcome = rundir.OutcomeInvalid
		}
	}
	rec := analyse(t, r).Recommendations[0]
	if rec.Cell == "" || rec.Confirmed || rec.Cell != cellID(1, 0) || !contains(rec.Doubts, "confirmation-lost") {
		t.Errorf("%+v", rec)
	}
}
