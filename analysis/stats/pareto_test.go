package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Areas counted on squared paper.
func TestHypervolume(t *testing.T) {
	for _, c := range []struct {
		what   string
		points []Point
		want   float64
	}{
		{"none", nil, 0},
		{"one corner of 2 x 3", []Point{{1, 3}}, 6},
		{"a staircase: 1x1 + 1x2 + 0x3", []Point{{1, 1}, {2, 2}, {3, 3}}, 3},
		{"a dominated point adds nothing", []Point{{1, 3}, {2, 2}}, 6},
		{"beyond the corner adds nothing", []Point{{4, 9}, {1, -1}}, 0},
		{"left of the axes", []Point{{-1, 2}}, 8},
		{"equal points count once", []Point{{1, 3}, {1, 3}}, 6},
	} {
		if got := Hypervolume(c.points, Point{3, 0}); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestKnee(t *testing.T) {
	for _, c := range []struct {
		what   string
		points []Point
		want   int
	}{
		{"a bend", []Point{{0, 0}, {1, 8}, {10, 10}}, 1},
		{"a straight line", []Point{{0, 0}, {5, 5}, {10, 10}}, -1},
		{"three points that are nearly the same", []Point{{0, 0}, {.01, .02}, {.03, .03}}, -1},
		{"two points", []Point{{0, 0}, {1, 8}}, -1},
	} {
		if got := Knee(c.points); got != c.want {
			t.Errorf("%s: knee %d, want %d", c.what, got, c.want)
		}
	}
}

// A point is on the frontier if and only if no other dominates it, and X rises.
func TestUndominatedIsMinimalAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.IntRange(1, 8)
		var points []Point
		for range rapid.IntRange(1, 20).Draw(t, "points") {
			points = append(points, Point{float64(small.Draw(t, "x")), float64(small.Draw(t, "y"))})
		}
		on := map[int]bool{}
		last := 0.0
		for _, i := range Undominated(points) {
			on[i] = true
			if points[i].X < last {
				t.Fatalf("x falls to %g", points[i].X)
			}
			last = points[i].X
		}
		for i, p := range points {
			dominated := false
			for _, o := range points {
				dominated = dominated || (o.X <= p.X && o.Y >= p.Y && (o.X < p.X || o.Y > p.Y))
			}
			if on[i] == dominated {
				t.Fatalf("point %d %v: on the frontier %v, dominated %v", i, p, on[i], dominated)
			}
		}
	})
}
