package analysis

import (
	"cmp"
	"maps"
	"slices"
)

// TradeOff is a metric in which a recommended configuration is worse than the
// baseline at the same load point: what the recommendation costs.
type TradeOff struct {
	Metric   string  `json:"metric"`
	Baseline float64 `json:"baseline"` // the baseline's value, in the metric's base unit
	Value    float64 `json:"value"`    // the recommended configuration's
	Ratio    Ratio   `json:"ratio"`    // with the verdict worse
	// Screening says that the confirmation runs leave it open, so that these are
	// the numbers of the screening runs.
	Screening bool `json:"screening,omitempty"`
}

// tradeOffs lists the metrics in which a cell is worse than the baseline at its
// load point, by name.
func (a *analyser) tradeOffs(cell int) []TradeOff {
	c := a.findings.Cells[cell]
	base := slices.IndexFunc(a.findings.Cells, func(b Cell) bool { return b.Baseline && b.LoadPoint == c.LoadPoint })
	if base < 0 {
		return nil
	}
	var out []TradeOff
	for _, name := range slices.Sorted(maps.Keys(c.Ratios)) {
		if r := c.Ratios[name]; r.Verdict == Worse {
			out = append(out, TradeOff{
				Metric: name, Baseline: a.findings.Cells[base].Estimates[name].Center, Value: c.Estimates[name].Center, Ratio: r,
			})
		}
	}
	return out
}

// withScreened are the trade-offs that the confirmation runs found of a
// recommendation, and those of the screening runs that they leave open: with few
// restarts much is undecided, and a price that was found does not go away by
// that. What the confirmation runs see on the other side is left out.
func (a *analyser) withScreened(rec Recommendation, stage *Confirm) []TradeOff {
	out := rec.TradeOffs
	i, known := a.index[rec.Cell]
	at := slices.IndexFunc(stage.Cells, func(c Cell) bool { return c.ID == rec.Cell })
	if !known || at < 0 {
		return out
	}
	for _, t := range a.tradeOffs(i) {
		now, compared := stage.Cells[at].Ratios[t.Metric]
		if !compared || now.Verdict == Undecided && (now.Center > 1) == (t.Ratio.Center > 1) {
			t.Screening = true
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(x, y TradeOff) int { return cmp.Compare(x.Metric, y.Metric) })
	return out
}
