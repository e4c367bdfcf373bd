package analysis

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/matrix"
)

// Confirm is what the confirm stage found: the finalists and the baseline on
// fresh starts with new seeds, apart from the trials that they were chosen by.
type Confirm struct {
	Starts       int           `json:"starts"`  // of each finalist
	Planned      int           `json:"planned"` // trials
	Recorded     int           `json:"recorded"`
	Cells        []Cell        `json:"cells"` // from trials of this stage alone; ratios are to the baseline in this stage
	Combinations []Combination `json:"combinations,omitempty"`
	Notes        []string      `json:"notes,omitempty"`
}

// Finished reports whether every planned trial has a record.
func (c *Confirm) Finished() bool { return c != nil && c.Recorded == c.Planned }

// Combination compares what single changes promise together with what their
// combination does.
type Combination struct {
	UseCase       string   `json:"use_case"`
	Objective     string   `json:"objective"`
	Configuration string   `json:"configuration"` // ID
	Label         string   `json:"label"`
	Cell          string   `json:"cell"`
	PointLabel    string   `json:"point_label"`
	Parts         []string `json:"parts"`               // labels of the single changes
	Predicted     *Ratio   `json:"predicted,omitempty"` // product of the single ratios to the baseline, from the blocks
	Measured      *Ratio   `json:"measured,omitempty"`  // to the baseline, from the confirm stage
	Verdict       string   `json:"verdict"`             // one of the Combination constants
	Text          string   `json:"text"`                // one sentence
}

// Verdicts of a combination.
const (
	CombinationAdds        = "as predicted"       // measured and predicted agree within the margin (TOST)
	CombinationDiffers     = "not as predicted"   // they differ significantly: the changes interact
	CombinationUndecided   = "cannot be told"     // the data leave both open
	CombinationNotMeasured = "not measured (yet)" //
)

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
	b.only = map[string]map[string]bool{}
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
		case !out.Finished():
			rec.Doubts = append(rec.Doubts, fmt.Sprintf("the confirm stage is not finished: %d of %d trials", out.Recorded, out.Planned))
		default:
			*rec = a.confirmed(*rec, b.recommendOne(u, drifts), out)
		}
	}
	return nil
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
	if after.Refused != "" {
		after.Refused = fmt.Sprintf("%s at %s did not stand on fresh starts: %s", before.Label, before.PointLabel, after.Refused)
		return after
	}
	after.Confirmed = after.Estimate.N >= stage.Starts
	switch {
	case !after.Confirmed:
		after.Doubts = append([]string{fmt.Sprintf("not confirmed: %d of %d fresh starts count", after.Estimate.N, stage.Starts)}, after.Doubts...)
	case after.Estimate.N < 5:
		after.Doubts = append(after.Doubts, fmt.Sprintf("confirmed on %s only; 5 or more are advised", plural(after.Estimate.N, "start")))
	}
	if before.Configuration == after.Configuration && len(before.Sensitivity) > 0 {
		after.Sensitivity = before.Sensitivity // from all cells, not the finalists alone
	}
	if before.Cell != after.Cell {
		after.Doubts = append(after.Doubts, fmt.Sprintf("the blocks had %s at %s in front; on fresh starts this one is", before.Label, before.PointLabel))
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

// finalists are the cells that the confirm stage measures for each use case:
// the winner, its rivals, the combination of the best single changes, and the
// baseline wherever one of them is and where it is best itself.
func (a *analyser) finalists() []matrix.Finalist {
	stage := a.in.Plan.ConfirmStage
	if stage == nil {
		return nil
	}
	var out []matrix.Finalist
	for i, u := range a.in.UseCases {
		rec := a.findings.Recommendations[i]
		if rec.Cell == "" {
			continue
		}
		var own []matrix.Finalist
		add := func(role string, cell int) {
			c := a.findings.Cells[cell]
			if !slices.ContainsFunc(own, func(f matrix.Finalist) bool {
				return f.Configuration == c.Configuration && f.LoadPoint == c.LoadPoint
			}) {
				own = append(own, matrix.Finalist{UseCase: u.Name, Role: role, Configuration: c.Configuration, LoadPoint: c.LoadPoint})
			}
		}
		add(matrix.RoleWinner, a.index[rec.Cell])
		chosen := 1
		for _, c := range a.rivals(u, rec) {
			if chosen < stage.Finalists && !a.findings.Cells[c].Baseline {
				add(matrix.RoleRival, c)
				chosen++
			}
		}
		points := []string{}
		for _, f := range own {
			if !slices.Contains(points, f.LoadPoint) {
				points = append(points, f.LoadPoint)
			}
		}
		for j, c := range a.findings.Cells {
			if c.Baseline && (slices.Contains(points, c.LoadPoint) || c.ID == rec.BaselineCell) {
				add(matrix.RoleBaseline, j)
			}
		}
		if parts := a.combination(u, a.findings.Cells[a.index[rec.Cell]].LoadPoint); len(parts) > 1 {
			own = append(own, matrix.Finalist{
				UseCase: u.Name, Role: matrix.RoleCombination, LoadPoint: a.findings.Cells[a.index[rec.Cell]].LoadPoint, Parts: parts,
			})
		}
		if len(own) > 1 { // the baseline alone has nothing to be confirmed against
			out = append(out, own...)
		}
	}
	return out
}

// rivals are the cells that follow the winner: the ties, then the other
// qualifying configurations, best first.
func (a *analyser) rivals(u experiment.UseCase, rec Recommendation) []int {
	var out []int
	for _, t := range rec.Ties {
		out = append(out, a.index[t.Cell])
	}
	all, _ := a.candidates(u)
	all = slices.DeleteFunc(all, func(c candidate) bool { return len(c.why) > 0 })
	for _, c := range a.bestPerConfiguration(all, u.Maximize) {
		if !slices.Contains(out, c.cell) && a.findings.Cells[c.cell].Configuration != rec.Configuration {
			out = append(out, c.cell)
		}
	}
	return out
}

// combination lists the configurations with one change each whose changes
// promise most together at a load point: for every parameter the level that
// improves the objective most, if by more than chance would (p below 1 minus
// the confidence, uncorrected, because it will be measured) or, for single
// trials, by more than the margin. Nil when fewer than two parameters improve
// it, or when the plan has measured the combination already.
func (a *analyser) combination(u experiment.UseCase, point string) []string {
	best := map[string]string{} // parameter → configuration
	gain := map[string]float64{}
	var parameters []string
	joined := experiment.Flags{}
	for _, conf := range a.in.Plan.Configurations {
		if len(conf.Changed) != 1 {
			continue
		}
		name := conf.Changed[0].Name
		for _, c := range a.findings.Cells {
			r, ok := c.Ratios[u.Objective]
			if c.Configuration != conf.ID || c.LoadPoint != point || !ok {
				continue
			}
			g := math.Log(r.Center)
			if !u.Maximize {
				g = -g
			}
			promising := r.P > 0 && r.P < 1-a.confidence || r.P == 0 && g > a.margin
			if g > 0 && promising && g > gain[name] {
				if gain[name] == 0 {
					parameters = append(parameters, name)
				}
				best[name], gain[name] = conf.ID, g
			}
		}
	}
	if len(parameters) < 2 {
		return nil
	}
	var parts []string
	for _, name := range parameters {
		conf, _ := a.in.Plan.Configuration(best[name])
		parts = append(parts, conf.ID)
		joined = append(joined, conf.Changed...)
	}
	for _, conf := range a.in.Plan.Configurations {
		if sameFlags(conf.Changed, joined) {
			return nil
		}
	}
	return parts
}

// sameFlags compares two sets of flags without regard to their order.
func sameFlags(x, y experiment.Flags) bool {
	text := func(fs experiment.Flags) map[string]string {
		out := map[string]string{}
		for _, f := range fs {
			out[f.Name] = string(f.Kind) + f.Canonical()
		}
		return out
	}
	return maps.Equal(text(x), text(y))
}

// combinations compares prediction and measurement of the combinations that
// the confirm stage b measured.
func (a *analyser) combinations(b *analyser, c *matrix.Confirmation) []Combination {
	var out []Combination
	for _, f := range c.Finalists {
		u := useCase(a.in.UseCases, f.UseCase)
		if f.Role != matrix.RoleCombination || u == nil {
			continue
		}
		conf, _ := b.in.Plan.Configuration(f.Configuration)
		point, _ := b.in.Plan.LoadPoint(f.LoadPoint)
		got := Combination{
			UseCase: f.UseCase, Objective: u.Objective, Configuration: conf.ID, Label: conf.Label,
			Cell: f.Cell, PointLabel: point.Label, Verdict: CombinationNotMeasured,
		}
		for _, id := range f.Parts {
			part, _ := a.in.Plan.Configuration(id)
			got.Parts = append(got.Parts, part.Label)
		}
		predicted, ok := a.predict(f, u.Objective)
		if ok {
			if r, ok := predicted.ratio(a.confidence); ok {
				r.Verdict, r.Reason = "", ""
				got.Predicted = &r
			}
		}
		cell := b.findings.Cells[b.index[f.Cell]]
		if r, ok := cell.Ratios[u.Objective]; ok {
			got.Measured = &r
		}
		if got.Predicted != nil && got.Measured != nil {
			got.Verdict = a.agreement(predicted, b.finalistRatio(f, u.Objective))
		}
		got.Text = combinationText(got)
		out = append(out, got)
	}
	return out
}

func useCase(us []experiment.UseCase, name string) *experiment.UseCase {
	for i := range us {
		if us[i].Name == name {
			return &us[i]
		}
	}
	return nil
}

// predict is the log ratio to the baseline that the parts of a combination
// promise if their effects multiply.
func (a *analyser) predict(f matrix.Finalist, objective string) (difference, bool) {
	weights := map[*series]float64{}
	var base *series
	for i, c := range a.findings.Cells {
		if c.LoadPoint != f.LoadPoint {
			continue
		}
		s := a.series[seriesKey{i, objective}]
		if c.Baseline {
			base = s
		}
		if slices.Contains(f.Parts, c.Configuration) && s != nil {
			weights[s] = 1
		}
	}
	if base == nil || len(weights) != len(f.Parts) {
		return difference{}, false
	}
	weights[base] = -float64(len(f.Parts))
	return contrastOf(weights), true
}

// finalistRatio is the log ratio of a finalist to the baseline in this stage.
func (a *analyser) finalistRatio(f matrix.Finalist, objective string) difference {
	var mine, base *series
	for i, c := range a.findings.Cells {
		if c.LoadPoint != f.LoadPoint {
			continue
		}
		if c.Baseline {
			base = a.series[seriesKey{i, objective}]
		}
		if c.ID == f.Cell {
			mine = a.series[seriesKey{i, objective}]
		}
	}
	if mine == nil || base == nil {
		return difference{}
	}
	return compare(mine, base)
}

// agreement tests whether two independent log ratios are the same.
func (a *analyser) agreement(x, y difference) string {
	if x.se == 0 || y.se == 0 {
		return CombinationUndecided
	}
	vx, vy := x.se*x.se, y.se*y.se
	d, se, df := y.d-x.d, math.Sqrt(vx+vy), welchDF(vx, x.df, vy, y.df)
	alpha := 1 - a.confidence
	switch {
	case tost(d, se, df, a.margin) < alpha:
		return CombinationAdds
	case twoSided(d/se, df) < alpha:
		return CombinationDiffers
	}
	return CombinationUndecided
}

func combinationText(c Combination) string {
	if c.Predicted == nil || c.Measured == nil {
		return fmt.Sprintf("%s at %s (%s): %s", c.Label, c.PointLabel, metric.Title(c.Objective), c.Verdict)
	}
	s := fmt.Sprintf("%s at %s, %s: the single changes predict %s, measured %s", c.Label, c.PointLabel,
		metric.Title(c.Objective), changeText(*c.Predicted), changeText(*c.Measured))
	switch c.Verdict {
	case CombinationAdds:
		return s + ": they add up"
	case CombinationDiffers:
		return s + ": the changes interact"
	}
	return s + ": whether they interact cannot be told"
}

// changeText is a ratio as a change with its interval.
func changeText(r Ratio) string {
	s := percent(r.Center - 1)
	if r.HasInterval() {
		s += fmt.Sprintf(" [%s, %s]", percent(r.Lo-1), percent(r.Hi-1))
	}
	return s
}
