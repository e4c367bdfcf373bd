package stats

import (
	"math"
	"slices"
)

// Point is an alternative with two properties: X better when small, such as a
// latency, and Y better when large, such as a throughput.
type Point struct{ X, Y float64 }

// Undominated are the places of the points that no other beats, by rising X:
// another one has X no higher and Y no lower, and one of the two better. Equal
// points stay together, in their order.
func Undominated(points []Point) []int {
	order := make([]int, len(points))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		p, q := points[i], points[j]
		switch {
		case p.X < q.X || p.X == q.X && p.Y > q.Y:
			return -1
		case p == q:
			return i - j
		}
		return 1
	})
	var out []int
	best, bestX := math.Inf(-1), math.NaN()
	for _, i := range order {
		p := points[i]
		if p.Y > best || p.Y == best && p.X == bestX {
			out = append(out, i)
			best, bestX = p.Y, p.X
		}
	}
	return out
}

// Hypervolume is the area of the corner X ≤ corner.X, Y ≥ corner.Y that the points
// dominate (Zitzler and Thiele 1999). Of logarithms 0.1 is one tenth more Y over a
// factor e of X.
func Hypervolume(points []Point, corner Point) float64 {
	return area(points, Undominated(points), corner)
}

func area(points []Point, undominated []int, corner Point) float64 {
	sum, height, last := 0.0, 0.0, 0.0
	for k, i := range undominated {
		p := points[i]
		if p.X > corner.X {
			break
		}
		if k > 0 {
			sum += height * (p.X - last)
		}
		last, height = p.X, math.Max(height, p.Y-corner.Y)
	}
	if height > 0 {
		sum += height * (corner.X - last)
	}
	return sum
}

// leastSpan is how far the ends of a frontier lie apart at least, in logarithms,
// for it to have a knee: between points that are nearly the same there is none.
const leastSpan = 0.05

// Knee is the place of the point of a frontier with the most distance from the
// straight line between its ends, both axes scaled to the ends' distance (Satopää
// et al. 2011, "Kneedle"). The points are logarithms, by rising X. It is -1 where
// the ends are closer than 5% or no point is further than a tenth.
func Knee(frontier []Point) int {
	at, most := -1, 0.1
	if len(frontier) < 3 {
		return at
	}
	first, last := frontier[0], frontier[len(frontier)-1]
	dx, dy := last.X-first.X, last.Y-first.Y
	if dx < leastSpan || dy < leastSpan {
		return at
	}
	for i, p := range frontier[:len(frontier)-1] {
		if above := (p.Y-first.Y)/dy - (p.X-first.X)/dx; i > 0 && above > most {
			at, most = i, above
		}
	}
	return at
}
