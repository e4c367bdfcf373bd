package analysis

import (
	"maps"
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/matrix"
)

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
}

// Verdicts of a combination.
const (
	CombinationAdds        = "as predicted"       // measured and predicted agree within the margin (TOST)
	CombinationDiffers     = "not as predicted"   // they differ significantly: the changes interact
	CombinationUndecided   = "cannot be told"     // the data leave both open
	CombinationNotMeasured = "not measured (yet)" //
)

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
			if c.Configuration != conf.ID || c.LoadPoint != point || !ok || r.Verdict == NotComparable {
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
				r.Verdict, r.Reasons = "", nil
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
	var terms []term
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
			terms = append(terms, term{s, 1})
		}
	}
	if base == nil || len(terms) != len(f.Parts) {
		return difference{}, false
	}
	return contrastOf(append(terms, term{base, -float64(len(f.Parts))})), true
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
	if x.SE == 0 || y.SE == 0 {
		return CombinationUndecided
	}
	vx, vy := x.SE*x.SE, y.SE*y.SE
	d := stats.Estimate{Value: y.Value - x.Value, SE: math.Sqrt(vx + vy), DF: stats.WelchDF(vx, x.DF, vy, y.DF)}
	alpha := 1 - a.confidence
	switch {
	case d.Equivalence(a.margin) < alpha:
		return CombinationAdds
	case d.P() < alpha:
		return CombinationDiffers
	}
	return CombinationUndecided
}
