package plots

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// series is one configuration over the points of one load.
type series struct {
	config matrix.Configuration
	short  string // label for the picture
	value  string // short, without the parameter's name where its panel names it
	panel  string // parameter that varies alone, or combinations
	id     identity
	// context: one of many and not the point of this figure, so that it recedes
	// to an unlabelled grey circle.
	context bool
	pick    bool // one of its cells is recommended
	points  []point
}

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
// and say which configurations keep their color when there are many.
func seriesOf(in Input, load, x, y string, frontier []string) []series {
	short, ids := shortLabels(in.Plan.Configurations), in.identities()
	cells := map[[2]string]analysis.Cell{}
	for _, c := range in.Findings.Cells {
		cells[[2]string{c.Configuration, c.LoadPoint}] = c
	}
	var out []series
	for i, config := range in.Plan.Configurations {
		s := series{config: config, short: short[i], value: valueLabel(config, short[i]), panel: panelOf(config), id: ids[config.ID]}
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
	recede(in, out, frontier)
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

// recede makes all but the most notable configurations context where there are
// many, and notes which are recommended.
func recede(in Input, all []series, frontier []string) {
	kept := mostNotable(in, all, frontier)
	for i := range all {
		s := &all[i]
		s.context = !s.config.Baseline && !kept[s.config.ID]
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

func (s series) color(t draw.Theme) color.NRGBA {
	if s.context {
		return t.Context
	}
	return s.id.color(t)
}

func (s series) shape() draw.Shape {
	if s.context {
		return draw.Circle
	}
	return s.id.shape
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

// span is the range of estimates, widened by their intervals within reach.
func span(points []point, of func(point) (center, lo, hi float64)) (lo, hi float64) {
	for i, q := range points {
		c, _, _ := of(q)
		if i == 0 {
			lo, hi = c, c
		}
		lo, hi = min(lo, c), max(hi, c)
	}
	return draw.Widened(lo, hi, func(yield func(lo, hi float64) bool) {
		for _, q := range points {
			if _, l, h := of(q); !yield(l, h) {
				return
			}
		}
	})
}

func xOf(q point) (center, lo, hi float64) { return q.x.Center, q.x.Lo, q.x.Hi }
func yOf(q point) (center, lo, hi float64) { return q.y.Center, q.y.Lo, q.y.Hi }

// place is where a point lies.
func place(a draw.Axes, q point) vg.Point {
	return vg.Point{X: a.X.At(q.x.Center), Y: a.Y.At(q.y.Center)}
}
