package analysis

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/analysis/stats"
)

// Classes of membership in a frontier.
const (
	ClassFrontier  = "frontier"  // more likely on it than not
	ClassContender = "contender" // on it with a probability of 5% to 50%
	ClassDominated = "dominated" // less
)

// Membership is how surely a cell is on a frontier.
type Membership struct {
	Cell string `json:"cell"`
	// Probability is absent where the cell's spread is not known.
	Probability *float64 `json:"probability,omitempty"`
	Class       string   `json:"class,omitempty"`
	// Ties are cells at the same load point that the data do not separate from
	// this one on either axis.
	Ties []string `json:"ties,omitempty"`
}

// Hypervolume is the area, in logarithms of both axes, that a frontier dominates
// between its ends and the baseline's worst corner: 0.1 is one tenth more
// throughput over latencies that span a factor e.
type Hypervolume struct {
	ReferenceX float64 `json:"reference_x"` // the baseline's largest x
	ReferenceY float64 `json:"reference_y"` // its smallest y
	Total      float64 `json:"total"`
	Baseline   float64 `json:"baseline"` // of the baseline's cells alone
	Above      float64 `json:"above"`    // Total - Baseline: what tuning has won
	Lo         float64 `json:"lo,omitempty"`
	Hi         float64 `json:"hi,omitempty"` // interval of Above over the draws
}

// spot is a cell in the plane of a frontier, in logarithms.
type spot struct {
	stats.UncertainPoint
	cell   string
	sx, sy *series
}

// standing fills what a frontier says beyond its list of cells. xs and ys are
// the logarithms of the axes; a cell with a value of zero has none.
func (a *analyser) standing(f *Frontier, cells []Cell) {
	var spots []spot
	var points []stats.UncertainPoint
	pools := map[*family]int{} // numbers of the estimates of variance
	for _, c := range cells {
		i := a.index[c.ID]
		sx, sy := a.series[seriesKey{i, f.X}], a.series[seriesKey{i, f.Y}]
		if sx == nil || sy == nil || sx.arithmetic || sy.arithmetic {
			continue
		}
		p := stats.UncertainPoint{
			Point:     stats.Point{X: stat.Mean(sx.logs, nil), Y: stat.Mean(sy.logs, nil)},
			Reference: c.Baseline, ErrX: sx.errors(pools), ErrY: sy.errors(pools),
		}
		points = append(points, p)
		spots = append(spots, spot{p, c.ID, sx, sy})
	}
	f.Knee = knee(f.Cells, spots)
	volume, ok := hypervolumeOf(points)
	var corner *stats.Point
	if volume.ReferenceX > 0 {
		corner = &stats.Point{X: math.Log(volume.ReferenceX), Y: math.Log(volume.ReferenceY)}
	}
	on, above := stats.Membership(points, correlation(spots), corner)
	if ok {
		if len(above) > 0 {
			tail := (1 - a.confidence) / 2
			sort.Float64s(above)
			volume.Lo, volume.Hi = above[int(tail*float64(len(above)))], above[int((1-tail)*float64(len(above)-1))]
		}
		f.Hypervolume = &volume
	}
	for i, s := range spots {
		m := Membership{Cell: s.cell, Ties: a.tiedSpots(spots, i)}
		if s.Known() {
			m.Probability, m.Class = &on[i], class(on[i])
		}
		if m.Probability == nil || *m.Probability >= 0.05 || slices.Contains(f.Cells, s.cell) {
			f.Membership = append(f.Membership, m)
		}
	}
	sort.SliceStable(f.Membership, func(i, j int) bool {
		return probability(f.Membership[i]) > probability(f.Membership[j])
	})
}

func probability(m Membership) float64 {
	if m.Probability == nil {
		return -1
	}
	return *m.Probability
}

func class(p float64) string {
	switch {
	case p >= 0.5:
		return ClassFrontier
	case p >= 0.05:
		return ClassContender
	}
	return ClassDominated
}

// errors is the standard error by which a cell's mean is compared with others:
// what blocks do to all alike is not in it. A single trial borrows the pooled
// variance.
func (s *series) errors(pools map[*family]int) stats.Spread {
	n := float64(len(s.logs))
	if s.family.pooled && !s.apart {
		if pools[s.family] == 0 {
			pools[s.family] = len(pools) + 1
		}
		return stats.Spread{SE: math.Sqrt(s.family.fit.MSE / n), DF: s.family.fit.DF, Pool: pools[s.family]}
	}
	sp, ok := s.spread()
	if !ok {
		return stats.Spread{}
	}
	return stats.Spread{SE: math.Sqrt(sp.variance / n), DF: sp.df}
}

// correlation is that of the deviations of x and y from their cell's means over
// the trials that have both.
func correlation(spots []spot) float64 {
	type trial struct {
		start string
		block int
	}
	var dx, dy []float64
	for _, s := range spots {
		y := map[trial]float64{}
		for _, r := range s.sy.reps {
			y[trial{r.start, r.block}] = r.log
		}
		for _, r := range s.sx.reps {
			if v, ok := y[trial{r.start, r.block}]; ok {
				dx, dy = append(dx, r.log-s.X), append(dy, v-s.Y)
			}
		}
	}
	return stats.Correlation(dx, dy)
}

// tiedSpots are the cells of the same load point whose x and y the data do not
// separate from those of spot i.
func (a *analyser) tiedSpots(spots []spot, i int) []string {
	open := func(x, y *series) bool {
		d := compare(x, y)
		return d.valid && !d.unlike && a.leftOpen(d)
	}
	var out []string
	s := spots[i]
	for j, o := range spots {
		if i != j && s.sx.family == o.sx.family && open(s.sx, o.sx) && open(s.sy, o.sy) {
			out = append(out, o.cell)
		}
	}
	return out
}

// hypervolumeOf measures the point estimates against the baseline's worst
// corner. It is false without a baseline.
func hypervolumeOf(points []stats.UncertainPoint) (Hypervolume, bool) {
	corner := stats.Point{X: math.Inf(-1), Y: math.Inf(1)}
	var all, base []stats.Point
	for _, p := range points {
		all = append(all, p.Point)
		if p.Reference {
			base = append(base, p.Point)
			corner = stats.Point{X: math.Max(corner.X, p.X), Y: math.Min(corner.Y, p.Y)}
		}
	}
	if !finite(corner.X) || !finite(corner.Y) {
		return Hypervolume{}, false
	}
	h := Hypervolume{
		ReferenceX: math.Exp(corner.X), ReferenceY: math.Exp(corner.Y),
		Total: stats.Hypervolume(all, corner), Baseline: stats.Hypervolume(base, corner),
	}
	h.Above = h.Total - h.Baseline
	return h, true
}

// knee is the cell at the knee of a frontier, or "".
func knee(frontier []string, spots []spot) string {
	var line []stats.Point
	var cells []string
	for _, id := range frontier {
		if i := slices.IndexFunc(spots, func(s spot) bool { return s.cell == id }); i >= 0 {
			line, cells = append(line, spots[i].Point), append(cells, id)
		}
	}
	if i := stats.Knee(line); i >= 0 {
		return cells[i]
	}
	return ""
}
