package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Classes of membership in a frontier.
const (
	ClassFrontier  = "frontier"  // more likely on it than not
	ClassContender = "contender" // on it with a probability of 5 % to 50 %
	ClassDominated = "dominated" // less
)

// draws is how often the cells are drawn anew, resampleSeed their seed: the same
// run gives the same probabilities.
const (
	draws        = 2000
	resampleSeed = 0x5eed
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
	cell     string
	baseline bool
	x, y     float64
	sx, sy   *series
	ex, ey   errorModel
}

// errorModel is the standard error of a log mean, what chance it shares with
// others, and its degrees of freedom; known is false without any.
type errorModel struct {
	se, df float64
	shared *family // cells of a family have one estimate of the variance
	known  bool
}

// standing fills what a frontier says beyond its list of cells. xs and ys are
// the logarithms of the axes; a cell with a value of zero has none.
func (a *analyser) standing(f *Frontier, cells []Cell) {
	var spots []spot
	for _, c := range cells {
		i := a.index[c.ID]
		sx, sy := a.series[seriesKey{i, f.X}], a.series[seriesKey{i, f.Y}]
		if sx == nil || sy == nil || sx.arithmetic || sy.arithmetic {
			continue
		}
		spots = append(spots, spot{
			cell: c.ID, baseline: c.Baseline, sx: sx, sy: sy,
			x: stat.Mean(sx.logs, nil), y: stat.Mean(sy.logs, nil), ex: sx.errors(), ey: sy.errors(),
		})
	}
	f.Knee = knee(f.Cells, spots)
	volume, ok := hypervolumeOf(spots)
	on, above := a.resample(spots, volume)
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
		if s.ex.known && s.ey.known && on != nil {
			p := on[i]
			m.Probability = &p
			m.Class = class(p)
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
func (s *series) errors() errorModel {
	n := float64(len(s.logs))
	if s.family.pooled && !s.apart {
		return errorModel{se: math.Sqrt(s.family.fit.mse / n), df: s.family.fit.df, shared: s.family, known: true}
	}
	sp, ok := s.spread()
	if !ok {
		return errorModel{}
	}
	return errorModel{se: math.Sqrt(sp.variance / n), df: sp.df, known: true}
}

// resample draws every cell's means from their distribution (Student's t, with
// the correlation that x and y have over the trials) and counts how often each
// is on the frontier; above is the gain over the baseline in every draw. A cell
// without a known spread stays where it is.
func (a *analyser) resample(spots []spot, volume Hypervolume) (on, above []float64) {
	if len(spots) == 0 || !slices.ContainsFunc(spots, func(s spot) bool { return s.ex.known && s.ey.known }) {
		return nil, nil
	}
	rng := rand.New(rand.NewPCG(resampleSeed, uint64(len(spots))))
	rho := correlation(spots)
	on = make([]float64, len(spots))
	drawn := slices.Clone(spots)
	scales := map[*family]float64{}
	scale := func(e errorModel) float64 {
		draw := func() float64 {
			return math.Sqrt(e.df / (distuv.ChiSquared{K: e.df, Src: rng}).Rand())
		}
		if e.shared == nil {
			return draw()
		}
		if _, ok := scales[e.shared]; !ok {
			scales[e.shared] = draw()
		}
		return scales[e.shared]
	}
	for range draws {
		clear(scales)
		for i, s := range spots {
			if !s.ex.known || !s.ey.known {
				continue
			}
			u, v := rng.NormFloat64(), rng.NormFloat64()
			drawn[i].x = s.x + u*s.ex.se*scale(s.ex)
			drawn[i].y = s.y + (rho*u+math.Sqrt(1-rho*rho)*v)*s.ey.se*scale(s.ey)
		}
		for _, i := range undominated(drawn) {
			on[i] += 1.0 / draws
		}
		if volume.ReferenceX > 0 {
			total, base := volumes(drawn, math.Log(volume.ReferenceX), math.Log(volume.ReferenceY))
			above = append(above, total-base)
		}
	}
	for i := range on {
		on[i] = math.Round(on[i]*draws) / draws
	}
	return on, above
}

// correlation is that of the deviations of x and y from their cell's means over
// the trials that have both.
func correlation(spots []spot) float64 {
	var xx, xy, yy float64
	for _, s := range spots {
		y := map[[2]string]float64{}
		key := func(r replicate) [2]string { return [2]string{r.start, string(rune(r.block))} }
		for _, r := range s.sy.reps {
			y[key(r)] = r.log
		}
		for _, r := range s.sx.reps {
			if v, ok := y[key(r)]; ok {
				dx, dy := r.log-s.x, v-s.y
				xx, xy, yy = xx+dx*dx, xy+dx*dy, yy+dy*dy
			}
		}
	}
	if xx <= 0 || yy <= 0 {
		return 0
	}
	return math.Max(-1, math.Min(1, xy/math.Sqrt(xx*yy)))
}

// undominated lists the places of the spots that no other beats.
func undominated(spots []spot) []int {
	order := make([]int, len(spots))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool {
		p, q := spots[order[i]], spots[order[j]]
		if p.x != q.x {
			return p.x < q.x
		}
		return p.y > q.y
	})
	var out []int
	best, bestX := math.Inf(-1), math.NaN()
	for _, i := range order {
		s := spots[i]
		if s.y > best || s.y == best && s.x == bestX {
			out = append(out, i)
			best, bestX = s.y, s.x
		}
	}
	return out
}

// tiedSpots are the cells of the same load point whose x and y the data do not
// separate from those of spot i.
func (a *analyser) tiedSpots(spots []spot, i int) []string {
	var out []string
	s := spots[i]
	for j, o := range spots {
		if i == j || s.sx.family != o.sx.family {
			continue
		}
		if a.open(s.sx, o.sx) && a.open(s.sy, o.sy) {
			out = append(out, o.cell)
		}
	}
	return out
}

// open reports whether the difference of two cells is neither significant nor
// beyond the margin where there is no test; one that is surely within the
// margin counts as open.
func (a *analyser) open(x, y *series) bool {
	d := compare(x, y)
	if !d.valid || d.unlike {
		return false
	}
	if d.se == 0 {
		return math.Abs(d.d) <= a.margin
	}
	alpha := 1 - a.confidence
	return twoSided(d.d/d.se, d.df) >= alpha || tost(d.d, d.se, d.df, a.margin) < alpha
}

// hypervolumeOf measures the point estimates against the baseline's worst
// corner. It is false without a baseline.
func hypervolumeOf(spots []spot) (Hypervolume, bool) {
	rx, ry := math.Inf(-1), math.Inf(1)
	for _, s := range spots {
		if s.baseline {
			rx, ry = math.Max(rx, s.x), math.Min(ry, s.y)
		}
	}
	if !finite(rx) || !finite(ry) {
		return Hypervolume{}, false
	}
	h := Hypervolume{ReferenceX: math.Exp(rx), ReferenceY: math.Exp(ry)}
	h.Total, h.Baseline = volumes(spots, rx, ry)
	h.Above = h.Total - h.Baseline
	return h, true
}

// volumes are the areas that all spots, and the baseline's alone, dominate
// inside the corner (rx, ry).
func volumes(spots []spot, rx, ry float64) (all, baseline float64) {
	var base []spot
	for _, s := range spots {
		if s.baseline {
			base = append(base, s)
		}
	}
	return area(spots, rx, ry), area(base, rx, ry)
}

// area is the part of the corner x <= rx, y >= ry that the spots dominate, x
// being better when small and y when large.
func area(spots []spot, rx, ry float64) float64 {
	sum, height, last := 0.0, 0.0, 0.0
	for k, i := range undominated(spots) {
		s := spots[i]
		if s.x > rx {
			break
		}
		if k > 0 {
			sum += height * (s.x - last)
		}
		last, height = s.x, math.Max(height, s.y-ry)
	}
	if height > 0 {
		sum += height * (rx - last)
	}
	return sum
}

// leastSpan is how far the ends of a frontier lie apart at least, in logarithms,
// for it to have a knee: between cells that are nearly the same there is none.
const leastSpan = 0.05

// knee is the cell of a frontier with the most distance from the straight line
// between its ends, both axes in logarithms and scaled to the ends' distance
// (Satopää et al. 2011, "Kneedle"). Less than a tenth of it is no knee.
func knee(frontier []string, spots []spot) string {
	at := map[string]spot{}
	for _, s := range spots {
		at[s.cell] = s
	}
	var line []spot
	for _, id := range frontier {
		if s, ok := at[id]; ok {
			line = append(line, s)
		}
	}
	if len(line) < 3 {
		return ""
	}
	first, last := line[0], line[len(line)-1]
	dx, dy := last.x-first.x, last.y-first.y
	if dx < leastSpan || dy < leastSpan {
		return ""
	}
	best, most := "", 0.1
	for _, s := range line[1 : len(line)-1] {
		if above := (s.y-first.y)/dy - (s.x-first.x)/dx; above > most {
			best, most = s.cell, above
		}
	}
	return best
}
