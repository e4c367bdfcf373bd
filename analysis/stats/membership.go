package stats

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// draws is how often points are drawn anew, resampleSeed the seed: the same points
// give the same probabilities.
const (
	draws        = 2000
	resampleSeed = 0x5eed
)

// UncertainPoint is a point that was estimated.
type UncertainPoint struct {
	Point
	// Reference is one of those that hypervolumes are held against.
	Reference  bool
	ErrX, ErrY Spread
}

// Spread is the standard error of a coordinate and its degrees of freedom; without
// DF the coordinate is as it is.
type Spread struct {
	SE, DF float64
	// Pool is the same number above 0 for the coordinates whose SE come from one
	// estimate of the variance, which is off for all of them alike; 0: its own.
	Pool int
}

// Known reports whether both coordinates have an error.
func (p UncertainPoint) Known() bool { return p.ErrX.DF > 0 && p.ErrY.DF > 0 }

// Membership is the probability of each point to be on the Pareto frontier, by
// drawing all of them 2,000 times from Student's t around their estimates; rho is
// the correlation of the errors of X and Y. Points without an error stay where they
// are; nil: none has one. gains are the hypervolumes of all points over those of
// the reference alone in each draw, in the corner given (see Hypervolume), nil
// without one.
func Membership(points []UncertainPoint, rho float64, corner *Point) (probabilities, gains []float64) {
	if !slices.ContainsFunc(points, UncertainPoint.Known) {
		return nil, nil
	}
	rng := rand.New(rand.NewPCG(resampleSeed, uint64(len(points))))
	on, drawn := make([]float64, len(points)), make([]Point, len(points))
	var reference []Point
	scales := map[int]float64{}
	scale := func(s Spread) float64 {
		draw := func() float64 { return math.Sqrt(s.DF / (distuv.ChiSquared{K: s.DF, Src: rng}).Rand()) }
		if s.Pool == 0 {
			return draw()
		}
		if _, ok := scales[s.Pool]; !ok {
			scales[s.Pool] = draw()
		}
		return scales[s.Pool]
	}
	for range draws {
		clear(scales)
		reference = reference[:0]
		for i, p := range points {
			drawn[i] = p.Point
			if p.Known() {
				u, v := rng.NormFloat64(), rng.NormFloat64()
				drawn[i].X += u * p.ErrX.SE * scale(p.ErrX)
				drawn[i].Y += (rho*u + math.Sqrt(1-rho*rho)*v) * p.ErrY.SE * scale(p.ErrY)
			}
			if p.Reference {
				reference = append(reference, drawn[i])
			}
		}
		frontier := Undominated(drawn)
		for _, i := range frontier {
			on[i]++
		}
		if corner != nil {
			gains = append(gains, area(drawn, frontier, *corner)-Hypervolume(reference, *corner))
		}
	}
	for i := range on {
		on[i] /= draws
	}
	return on, gains
}

// Correlation is that of two variables by their deviations from their means, in
// the same sequence; 0 where one does not vary.
func Correlation(dx, dy []float64) float64 {
	var xx, xy, yy float64
	for i := range dx {
		xx, xy, yy = xx+dx[i]*dx[i], xy+dx[i]*dy[i], yy+dy[i]*dy[i]
	}
	if xx <= 0 || yy <= 0 {
		return 0
	}
	return math.Max(-1, math.Min(1, xy/math.Sqrt(xx*yy)))
}
