package plots

import (
	"image/color"
	"slices"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/matrix"
)

// series is one configuration over the points of one load.
type series struct {
	config matrix.Configuration
	short  string // label for the picture
	value  string // short, without the parameter's name where its panel names it
	panel  string // parameter that varies alone, or combinations
	family int    // hue; familyBaseline or familyContext have none
	level  int    // place within the family
	own    bool   // has its family for itself
	pick   bool   // one of its cells is recommended
	points []point
}

// Families without a hue.
const (
	familyBaseline = -1
	familyContext  = -2 // one of many, not the point of the figure
)

// combinations is the panel of configurations that change several parameters.
const combinations = "combinations"

// emphasised is how many configurations a figure shows in colour before the
// rest recedes, frontier and recommended ones first.
const emphasised = 10

// point is one cell with the two estimates that place it.
type point struct {
	cell     analysis.Cell
	load     matrix.LoadPoint
	x, y     analysis.Estimate
	frontier bool
}

// seriesOf returns the configurations of a load that have estimates of both
// metrics at some point, in plan order. The IDs of frontier cells mark points
// and say which configurations keep their hue when there are many.
func seriesOf(in Input, load, x, y string, frontier []string) []series {
	short := shortLabels(in.Plan.Configurations)
	cells := map[[2]string]analysis.Cell{}
	for _, c := range in.Findings.Cells {
		cells[[2]string{c.Configuration, c.LoadPoint}] = c
	}
	var out []series
	for i, config := range in.Plan.Configurations {
		s := series{config: config, short: short[i], value: valueLabel(config, short[i]), panel: panelOf(config)}
		for _, lp := range in.Plan.LoadPoints {
			c, ok := cells[[2]string{config.ID, lp.ID}]
			ex, okx := c.Estimates[x]
			ey, oky := c.Estimates[y]
			if !ok || !okx || !oky || lp.Load != load || !drawable(ex.Center) || !drawable(ey.Center) {
				continue
			}
			s.points = append(s.points, point{cell: c, load: lp, x: ex, y: ey, frontier: slices.Contains(frontier, c.ID)})
		}
		if len(s.points) > 0 {
			out = append(out, s)
		}
	}
	assignHues(in, out, frontier)
	return out
}

// drawable says whether a value has a place on a logarithmic axis. Beyond the
// bounds nothing is a measurement, and ratios would leave the numbers.
func drawable(v float64) bool { return v > 1e-100 && v < 1e100 }

// panelOf is the one parameter in which a configuration differs from the
// baseline.
func panelOf(c matrix.Configuration) string {
	if len(c.Changed) == 1 {
		return c.Changed[0].Name
	}
	return combinations
}

// assignHues gives each parameter a hue, in plan order whether or not it is
// present, so that it keeps its hue in every figure. Combinations get the hues
// that are left, one each. With many configurations only the most notable keep
// theirs and the rest recedes.
func assignHues(in Input, all []series, frontier []string) {
	levels := map[string]int{}
	kept := mostNotable(in, all, frontier)
	taken := map[int]bool{}
	for _, s := range all {
		if known := slices.Index(in.Plan.Parameters, s.panel); known >= 0 && kept[s.config.ID] && !s.config.Baseline {
			taken[known] = true
		}
	}
	free := func() int {
		for i := 0; ; i++ {
			if !taken[i] {
				taken[i] = true
				return i
			}
		}
	}
	for i := range all {
		s := &all[i]
		known := slices.Index(in.Plan.Parameters, s.panel)
		switch {
		case s.config.Baseline:
			s.family = familyBaseline
		case !kept[s.config.ID]:
			s.family = familyContext
		case known < 0: // a combination, or a list's parameter
			next := free()
			s.family, s.level, s.own = next, next, true
		default:
			s.family, s.level = known, levels[s.panel]
		}
		levels[s.panel]++
		s.pick = slices.ContainsFunc(s.points, func(q point) bool { return recommendedFor(in, q.cell.ID) != "" })
	}
}

// mostNotable are the configurations to show in colour: all when they are few,
// else the recommended ones and then those with the most frontier cells.
func mostNotable(in Input, all []series, frontier []string) map[string]bool {
	kept, rank := map[string]bool{}, map[string]int{}
	var order []string
	for _, s := range all {
		kept[s.config.ID] = true
		for _, q := range s.points {
			if slices.Contains(frontier, q.cell.ID) {
				rank[s.config.ID]++
			}
			if recommendedFor(in, q.cell.ID) != "" {
				rank[s.config.ID] += len(all) * len(s.points)
			}
		}
		if rank[s.config.ID] > 0 {
			order = append(order, s.config.ID)
		}
	}
	if len(all) <= emphasised {
		return kept
	}
	slices.SortStableFunc(order, func(a, b string) int { return rank[b] - rank[a] })
	clear(kept)
	for _, id := range order[:min(len(order), emphasised-3)] {
		kept[id] = true
	}
	return kept
}

func (s series) color(t Theme) color.NRGBA {
	switch s.family {
	case familyBaseline:
		return t.Ink
	case familyContext:
		return t.Context
	}
	if s.own {
		return t.hue(s.family)
	}
	return t.level(s.family, s.level)
}

func (s series) shape() shape {
	switch s.family {
	case familyBaseline, familyContext:
		return circle
	}
	return shape((s.level + 1) % int(shapes))
}

// loads are the names of the loads in plan order.
func loads(plan *matrix.Plan) []string {
	var out []string
	for _, lp := range plan.LoadPoints {
		if !slices.Contains(out, lp.Load) {
			out = append(out, lp.Load)
		}
	}
	return out
}

// pointsOf are the load points of a load in plan order.
func pointsOf(plan *matrix.Plan, load string) []matrix.LoadPoint {
	var out []matrix.LoadPoint
	for _, lp := range plan.LoadPoints {
		if lp.Load == load {
			out = append(out, lp)
		}
	}
	return out
}

// frontiersOf are the findings' frontiers of a load. Without any, one with no
// members says which axes the figure would have had.
func frontiersOf(in Input, load string) []analysis.Frontier {
	var out []analysis.Frontier
	for _, f := range in.Findings.Frontiers {
		if f.Load == load {
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		out = append(out, analysis.Frontier{Load: load, X: "ttft_p95", Y: "output_throughput"})
	}
	return out
}

// recommendationsOf are the recommendations for a load, refused ones included.
func recommendationsOf(in Input, load string) []analysis.Recommendation {
	var out []analysis.Recommendation
	for _, r := range in.Findings.Recommendations {
		if r.Load == load {
			out = append(out, r)
		}
	}
	return out
}
