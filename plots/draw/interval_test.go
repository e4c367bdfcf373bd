package draw

import (
	"maps"
	"slices"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/recorder"
)

// heads are the tips of the open arrowheads among lines.
func heads(lines [][]vg.Point) (out []vg.Point) {
	for _, l := range lines {
		if len(l) == 3 && Dist(l[0], l[1]) < 6 && Dist(l[0], l[2]) == 6 && Dist(l[0], l[1]) == Dist(l[1], l[2]) {
			out = append(out, l[1])
		}
	}
	return out
}

// The ends of an interval: where it says, or at the edge with a head that
// points outward.
func TestIntervalEnds(t *testing.T) {
	s := Scale{Min: 10, Max: 20, Lo: 100, Hi: 200}
	up := func(y vg.Length) vg.Point { return vg.Point{X: 7, Y: y} }
	for _, c := range []struct {
		lo, hi   float64
		from, to vg.Length
		heads    []vg.Point
	}{
		{12, 18, 120, 180, nil},
		{10, 20, 100, 200, nil},
		{9, 18, 100, 180, []vg.Point{{X: 7, Y: 100}}},
		{12, 1e9, 120, 200, []vg.Point{{X: 7, Y: 200}}},
		{-5, 21, 100, 200, []vg.Point{{X: 7, Y: 100}, {X: 7, Y: 200}}},
	} {
		var canvas recorder.Canvas
		p := NewPen(&canvas, Light())
		from, to := p.Interval(LineStyle{Width: 1}, s, c.lo, c.hi, up)
		var lines [][]vg.Point
		for _, a := range canvas.Actions {
			if stroke, ok := a.(*recorder.Stroke); ok {
				var pts []vg.Point
				for _, q := range stroke.Path {
					pts = append(pts, q.Pos)
				}
				lines = append(lines, pts)
			}
		}
		if got := heads(lines); !slices.Equal(got, c.heads) || p.Cut != (len(c.heads) > 0) {
			t.Errorf("%g..%g: heads %v, want %v", c.lo, c.hi, got, c.heads)
		}
		if from != up(c.from) || to != up(c.to) || !slices.Equal(lines[0], []vg.Point{from, to}) {
			t.Errorf("%g..%g: drawn from %v to %v", c.lo, c.hi, from, to)
		}
		for _, l := range lines[1:] {
			if l[0].Y < s.Lo || l[0].Y > s.Hi {
				t.Errorf("%g..%g: a head lies outside the axis: %v", c.lo, c.hi, l)
			}
		}
	}
}

func TestWidened(t *testing.T) {
	for _, c := range []struct {
		intervals map[float64]float64
		lo, hi    float64
	}{
		{nil, 2, 3},
		{map[float64]float64{1.5: 4}, 1.5, 4},
		{map[float64]float64{0.1: 100}, 1, 6},
		{map[float64]float64{2.5: 2.5, 9: 0}, 2, 3}, // no intervals
	} {
		if lo, hi := Widened(2, 3, maps.All(c.intervals)); lo != c.lo || hi != c.hi {
			t.Errorf("%v: %g..%g, want %g..%g", c.intervals, lo, hi, c.lo, c.hi)
		}
	}
}
