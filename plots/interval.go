package plots

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

// cutNote is what the caption says of intervals that end at the edge.
const cutNote = "Open arrowhead: the interval continues beyond the axis; the CSV has its ends"

// widened is the range lo..hi of points, both > 0, widened by their intervals
// within reach.
func widened(lo, hi float64, intervals iter.Seq2[float64, float64]) (least, most float64) {
	least, most = lo, hi
	for l, h := range intervals {
		if h > l {
			least, most = min(least, max(l, lo/intervalReach)), max(most, min(h, hi*intervalReach))
		}
	}
	return least, most
}

// interval draws lo..hi along a scale; at says where on the page a place on the
// scale is. An end beyond the scale becomes an open arrowhead at its edge. It
// returns the ends of the line.
func (p *pen) interval(s lineStyle, along scale, lo, hi float64, at func(vg.Length) vg.Point) (from, to vg.Point) {
	from, to = at(along.clamped(lo)), at(along.clamped(hi))
	p.line(s, from, to)
	if lo < along.min {
		p.continues(s, from, at(along.lo+1))
	}
	if hi > along.max {
		p.continues(s, to, at(along.hi-1))
	}
	return from, to
}

// continues draws an open arrowhead with its tip at the end of an interval;
// inward lies on the interval's side of it.
func (p *pen) continues(s lineStyle, tip, inward vg.Point) {
	const length, half = 5, 3
	d := vg.Point{X: inward.X - tip.X, Y: inward.Y - tip.Y} // of length 1
	base := vg.Point{X: tip.X + length*d.X, Y: tip.Y + length*d.Y}
	s.width = max(min(s.width, 1.4), 1)
	p.line(s, vg.Point{X: base.X - half*d.Y, Y: base.Y + half*d.X}, tip, vg.Point{X: base.X + half*d.Y, Y: base.Y - half*d.X})
	p.cut = true
}

// saysWhatIsCut is f with a note in its caption where an interval in its
// drawing ends at the edge of an axis. The drawing keeps its size.
func (f Figure) saysWhatIsCut() Figure {
	p := newPen(nil, Light())
	area := f.frame.area()
	f.body(p, area)
	if p.cut {
		f.Caption = cutNote + " · " + f.Caption
		f.frame = newFrame(f, f.frame.width, 0, area.Max.Y-area.Min.Y)
	}
	return f
}
