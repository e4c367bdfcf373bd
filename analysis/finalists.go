package analysis

import (
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/matrix"
)

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
		first := a.index[rec.Cell]
		if rec.Leader != nil && a.findings.Cells[first].Baseline {
			first = a.index[rec.Leader.Cell] // the question is whether it is better
		}
		add(matrix.RoleWinner, first)
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
			if c.Baseline && (slices.Contains(points, c.LoadPoint) || c.ID == rec.BaselineCell || c.ID == rec.Cell) {
				add(matrix.RoleBaseline, j)
			}
		}
		point := a.findings.Cells[first].LoadPoint
		if parts := a.combination(u, point); len(parts) > 1 {
			own = append(own, matrix.Finalist{UseCase: u.Name, Role: matrix.RoleCombination, LoadPoint: point, Parts: parts})
		}
		if len(own) > 1 { // the baseline alone has nothing to be confirmed against
			out = append(out, own...)
		}
	}
	return out
}

// rivals are the cells that follow the winner: what is ahead of it, the ties,
// then the other qualifying configurations, best first.
func (a *analyser) rivals(u experiment.UseCase, rec Recommendation) []int {
	var out []int
	if rec.Leader != nil {
		out = append(out, a.index[rec.Leader.Cell])
	}
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
