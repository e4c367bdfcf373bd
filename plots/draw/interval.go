package draw

import (
	"iter"

	"gonum.org/v1/plot/vg"
)

// Intervals of every figure are handled here. An axis has room for them up to
// intervalReach times beyond its points; what reaches farther ends at the edge
// of the axis with an open arrowhead, and the caption says so.

// intervalReach is how far intervals may widen an axis beyond its points, as a
// factor on the greatest and a divisor of the least value. At 2 the usual
// interval of three noisy trials is whole, and one of ten times the value
// leaves the points of a figure apart.
const intervalReach = 2

// Widened is the range lo..hi of points, both > 0, widened by their intervals
// within reach.
func Widened(lo, hi float64, intervals iter.Seq2[float64, float64]) (least, most float64) {
	least, most = lo, hi
	for l, h := range intervals {
		if h > l {
			least, most = min(least, max(l, lo/intervalReach)), max(most, min(h, hi*intervalReach))
		}
	}
	return least, most
}

// Interval draws lo..hi along a scale; at says where on the page a place on the
// scale is. An end beyond the scale becomes an open arrowhead at its edge. It
// returns the ends of the line.
func (p *Pen) Interval(s LineStyle, along Scale, lo, hi float64, at func(vg.Length) vg.Point) (from, to vg.Point) {
	from, to = at(along.Clamped(lo)), at(along.Clamped(hi))
	p.Line(s, from, to)
	if lo < along.Min {
		p.continues(s, from, at(along.Lo+1))
	}
	if hi > along.Max {
		p.continues(s, to, at(along.Hi-1))
	}
	return from, to
}

// continues draws an open arrowhead with its tip at the end of an interval;
// inward lies on the interval's side of it.
func (p *Pen) continues(s LineStyle, tip, inward vg.Point) {
	const length, half = 5, 3
	d := vg.Point{X: inward.X - tip.X, Y: inward.Y - tip.Y} // of length 1
	base := vg.Point{X: tip.X + length*d.X, Y: tip.Y + length*d.Y}
	s.Width = max(min(s.Width, 1.4), 1)
	p.Line(
		s, vg.Point{X: base.X - half*d.Y, Y: base.Y + half*d.X}, tip,
		vg.Point{X: base.X + half*d.Y, Y: base.Y - half*d.X},
	)
	p.Cut = true
}
