package analysis

import (
	"math"

	"github.com/vllm-sweep/sweep/analysis/stats"
)

// Precision says what differences one metric could show at one load point.
type Precision struct {
	LoadPoint string  `json:"load_point"`
	Metric    string  `json:"metric"`
	SD        float64 `json:"sd"` // of one start's value, as a share, what blocks do to all cells taken out
	DF        float64 `json:"df"`
	Blocks    int     `json:"blocks"` // trials of the cell with the fewest
	// Alone and Corrected are the smallest ratios to the baseline, less 1, that
	// would be found with 80% power: one comparison, and corrected for all of
	// the metric.
	Alone     float64 `json:"alone"`
	Corrected float64 `json:"corrected"`
}

// precision lists what the run could have found.
func (a *analyser) precision() []Precision {
	tests := map[string]int{}
	for _, c := range a.findings.Cells {
		for m, r := range c.Ratios {
			if r.P > 0 {
				tests[m]++
			}
		}
	}
	var out []Precision
	for _, f := range a.families {
		if !f.pooled || tests[f.metric] == 0 {
			continue
		}
		least := math.MaxInt
		for _, s := range f.cells {
			if !s.apart && !s.arithmetic {
				least = min(least, len(s.reps))
			}
		}
		sd := math.Sqrt(f.fit.MSE)
		p := Precision{
			LoadPoint: f.point, Metric: f.metric, SD: sd, DF: f.fit.DF, Blocks: least,
			Alone:     stats.Detectable(sd, least, f.fit.DF, 1),
			Corrected: stats.Detectable(sd, least, f.fit.DF, tests[f.metric]),
		}
		if finite(p.Alone) && finite(p.Corrected) {
			out = append(out, p)
		}
	}
	return out
}
