package analysis

import (
	"fmt"
	"slices"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/matrix"
)

// Confirm is what the confirm stage found: the finalists and the baseline on
// fresh starts with new seeds, apart from the trials that they were chosen by.
type Confirm struct {
	Starts       int             `json:"starts"`  // of each finalist
	Planned      int             `json:"planned"` // trials
	Recorded     int             `json:"recorded"`
	Cells        []Cell          `json:"cells"` // from trials of this stage alone; ratios are to the baseline in this stage
	Combinations []Combination   `json:"combinations,omitempty"`
	Notes        []notice.Notice `json:"notes,omitempty"`
}

// Finished reports whether every planned trial has a record.
func (c *Confirm) Finished() bool { return c != nil && c.Recorded == c.Planned }

// splitConfirm parts the input into what the blocks measured and what the
// confirm stage did; the latter is nil where the stage was not planned.
func splitConfirm(in Input) (blocks Input, stage *Input) {
	if in.Plan == nil || in.Plan.Confirmation == nil {
		return in, nil
	}
	c := in.Plan.Confirmation
	blocks = in
	blocks.Plan = in.Plan.Screening()
	second := in
	plan := *in.Plan
	plan.Starts, plan.Cells, plan.ConfirmStage = c.Starts, nil, nil
	for _, cell := range in.Plan.Cells {
		if slices.ContainsFunc(c.Finalists, func(f matrix.Finalist) bool { return f.Cell == cell.ID }) {
			plan.Cells = append(plan.Cells, cell)
		}
	}
	second.Plan = &plan
	mine := map[string]bool{}
	for _, s := range c.Starts {
		for _, t := range s.Trials {
			mine[t.ID] = true
		}
	}
	blocks.Trials, second.Trials = nil, nil
	for _, t := range in.Trials {
		if mine[t.ID] || mine[t.Repeats] {
			second.Trials = append(second.Trials, t)
		} else {
			blocks.Trials = append(blocks.Trials, t)
		}
	}
	return blocks, &second
}

// confirm analyses the confirm stage and replaces the recommendations by
// those that it supports, once it is finished.
func (a *analyser) confirm(in Input) error {
	c := in.Plan.Confirmation
	b, err := newAnalyser(in)
	if err != nil {
		return fmt.Errorf("confirm stage: %w", err)
	}
	b.only, b.reliability = map[string]map[string]bool{}, a.reliability
	for _, f := range c.Finalists {
		if b.only[f.UseCase] == nil {
			b.only[f.UseCase] = map[string]bool{}
		}
		b.only[f.UseCase][f.Cell] = true
	}
	b.earlier = map[familyKey]*family{}
	for _, f := range a.families {
		b.earlier[familyKey{f.point, f.metric}] = f
	}
	b.estimate()
	b.compareWithBaseline()
	b.checkSLO()
	a.findings.Checks = append(a.findings.Checks, b.findings.Checks...)
	drifts := b.drifts()
	out := &Confirm{Starts: stageStarts(c), Cells: b.findings.Cells, Notes: c.Notes}
	for _, cell := range out.Cells {
		done := cell.Trials + cell.Invalid + cell.Failed + cell.Skipped
		out.Recorded += done
		out.Planned += done + cell.Missing
	}
	out.Combinations = a.combinations(b, c)
	a.findings.Confirm = out
	for i, u := range a.in.UseCases {
		rec := &a.findings.Recommendations[i]
		switch {
		case len(b.only[u.Name]) == 0:
			a.unmeasured(rec)
		case !out.Finished():
			rec.Doubts = append(rec.Doubts, notice.New("confirmation-unfinished", notice.Args{
				"recorded": notice.Count(out.Recorded), "planned": notice.Count(out.Planned),
			}))
		case !out.measured(b.only[u.Name]):
			rec.Confirmation = StandingLost
			rec.Doubts = append(rec.Doubts, notice.New("confirmation-lost", nil))
		default:
			*rec = a.confirmed(*rec, b.recommendOne(u, drifts), out)
		}
	}
	return nil
}

// measured reports whether any trial of some finalists counts.
func (c *Confirm) measured(finalists map[string]bool) bool {
	return slices.ContainsFunc(c.Cells, func(x Cell) bool { return finalists[x.ID] && x.Trials > 0 })
}

// stageStarts is how often the stage starts each configuration.
func stageStarts(c *matrix.Confirmation) int {
	n := map[string]int{}
	most := 0
	for _, s := range c.Starts {
		n[s.Configuration]++
		most = max(most, n[s.Configuration])
	}
	return most
}

// confirmed is the recommendation of the confirm stage with what the blocks
// had said of the same cell beside it.
func (a *analyser) confirmed(before, after Recommendation, stage *Confirm) Recommendation {
	after.ScreeningCell = before.Cell
	after.TradeOffs = a.withScreened(after, stage)
	for _, d := range before.Doubts { // of cells that were not measured again
		if d.Code == "not-ranked" && !slices.ContainsFunc(after.Doubts, d.Equal) {
			after.Doubts = append(after.Doubts, d)
		}
	}
	if len(after.Refused) > 0 {
		after.Refused = append([]notice.Notice{notice.New("screening-overturned", notice.Args{
			"configuration": notice.Text(before.Label), "point": notice.Text(before.PointLabel),
		})}, after.Refused...)
		return after
	}
	after.Confirmed = after.Estimate.N >= stage.Starts
	after.Confirmation = outcome(after, after.Configuration == a.findings.Baseline)
	switch {
	case !after.Confirmed:
		after.Confirmation = StandingLost
		after.Doubts = append([]notice.Notice{notice.New("confirmation-short", notice.Args{
			"n": notice.Count(after.Estimate.N), "restarts": notice.Count(stage.Starts),
		})}, after.Doubts...)
	case after.Estimate.N < 5:
		after.Doubts = append(after.Doubts, notice.New("few-restarts", notice.Args{"n": notice.Count(after.Estimate.N)}))
	}
	if before.Configuration == after.Configuration && len(before.Sensitivity) > 0 {
		after.Sensitivity = before.Sensitivity // from all cells, not the finalists alone
	}
	if before.Cell != after.Cell {
		after.Doubts = append([]notice.Notice{notice.New("screening-differed", notice.Args{
			"configuration": notice.Text(before.Label), "point": notice.Text(before.PointLabel),
		})}, after.Doubts...)
	}
	if i, ok := a.index[after.Cell]; ok {
		if e, ok := a.findings.Cells[i].Estimates[after.Objective]; ok && e.Center > 0 && after.Estimate.Center > 0 {
			e.Values = nil
			change := e.Center/after.Estimate.Center - 1
			after.Screening, after.Shrinkage = &e, &change
		}
	}
	return after
}
