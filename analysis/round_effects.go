package analysis

import (
	"math"
	"slices"
)

// BlockEffect is what the blocks did to all cells of a load point alike: other
// prompts, another hour.
type BlockEffect struct {
	LoadPoint string        `json:"load_point"`
	Metric    string        `json:"metric"`
	Blocks    []BlockChange `json:"blocks"`
	// P is the p-value of the F test that the blocks are all alike.
	P float64 `json:"p"`
}

// BlockChange is one block against the mean of all, as a share.
type BlockChange struct {
	Block  int     `json:"block"`
	Change float64 `json:"change"`
}

// blockEffects lists them for the metrics that are looked at for drift.
func (a *analyser) blockEffects() []BlockEffect {
	var out []BlockEffect
	for _, f := range a.families {
		if !slices.Contains(driftMetrics(), f.metric) || f.fit == nil {
			continue
		}
		e := BlockEffect{LoadPoint: f.point, Metric: f.metric, P: f.fit.BlockTest()}
		if math.IsNaN(e.P) {
			continue
		}
		for i, effect := range f.fit.Effects {
			if change := math.Expm1(effect); finite(change) {
				e.Blocks = append(e.Blocks, BlockChange{Block: f.numbers[i], Change: change})
			}
		}
		out = append(out, e)
	}
	return out
}
