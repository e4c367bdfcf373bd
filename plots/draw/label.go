package draw

import (
	"math"

	"gonum.org/v1/plot/vg"
)

// Label is a text that wants to stand near its anchor.
type Label struct {
	Lines  []string
	Styles []TextStyle // one per line
	Anchor vg.Point
	Clear  vg.Length // radius of the anchor's own mark
	// Near labels stand beside their mark or not at all, and never nearer to
	// another mark than to their own; others may go far, with a leader.
	Near bool
	// Must labels may go farther than others and lead over other marks.
	Must bool
	// Says is what the label is for, as its maker notes it.
	Says string
}

// Placed is a label with its place.
type Placed struct {
	Label
	Box    vg.Rectangle
	leader bool
	from   vg.Point // end of the leader at the mark
	to     vg.Point // end of the leader at the label
}

// Placer finds room for labels one after the other, the most important first.
// Labels never overlap each other, a mark or a blocked box; lines are avoided
// where that costs little.
type Placer struct {
	Bounds vg.Rectangle
	Marks  []Mark
	Boxes  []vg.Rectangle // blocked: placed labels and fixed text
	Lines  [][2]vg.Point
}

// Mark is a drawn point with its halo.
type Mark struct {
	At vg.Point
	R  vg.Length
}

const (
	labelPad  vg.Length = 2  // least gap between a label and anything else
	leaderMin vg.Length = 13 // gap to the mark from which a leader is drawn
	lineCost            = 7  // points of distance that crossing a line is worth
)

// directions are the places round a mark, the preferred first.
func directions() []vg.Point {
	return []vg.Point{
		{X: 1}, {Y: 1}, {X: 0.7, Y: 0.7}, {X: -0.7, Y: 0.7}, {X: -1}, {X: 0.7, Y: -0.7}, {X: -0.7, Y: -0.7}, {Y: -1},
		{X: 0.92, Y: 0.38}, {X: 0.38, Y: 0.92}, {
			X: -0.38, Y: 0.92,
		}, {X: -0.92, Y: 0.38}, {X: 0.92, Y: -0.38}, {X: 0.38, Y: -0.92},
		{X: -0.38, Y: -0.92}, {X: -0.92, Y: -0.38},
	}
}

// place puts l where it costs least, or returns false when it has no room.
func (p *Placer) place(pen *Pen, l Label) (Placed, bool) {
	w, h := l.size(pen)
	reach := []vg.Length{3, 6, 10}
	if !l.Near {
		reach = append(reach, 16, 24, 34, 46, 60, 76, 94, 114)
	}
	if l.Must {
		reach = append(reach, 140, 170, 200, 240, 280)
	}
	best, bestCost, found := Placed{}, math.Inf(1), false
	for _, gap := range reach {
		if float64(gap) > bestCost {
			break
		}
		for i, d := range directions() {
			c := l.at(d, gap, w, h)
			if cost := float64(gap) + 0.4*float64(i) + p.cost(c); cost < bestCost && p.free(c) {
				best, bestCost, found = c, cost, true
			}
		}
	}
	if found {
		p.Boxes = append(p.Boxes, best.Box)
	}
	return best, found
}

// PlaceAll places labels in order and returns those that found room.
func (p *Placer) PlaceAll(pen *Pen, labels []Label) []Placed {
	var out []Placed
	for _, l := range labels {
		if at, ok := p.place(pen, l); ok {
			out = append(out, at)
		}
	}
	return out
}

func (l Label) size(pen *Pen) (w, h vg.Length) {
	for i, line := range l.Lines {
		w = max(w, pen.Width(line, l.Styles[i]))
		h += l.Styles[i].Size * 1.18
	}
	return w, h
}

// at is l in direction d with the gap between its box and its mark.
func (l Label) at(d vg.Point, gap, w, h vg.Length) Placed {
	side := func(v vg.Length) vg.Length { // where along the box the anchor looks: -1..1
		switch {
		case v > 0.5:
			return 1
		case v < -0.5:
			return -1
		}
		return 0
	}
	r := l.Clear + gap
	edge := vg.Point{X: l.Anchor.X + d.X*r, Y: l.Anchor.Y + d.Y*r}
	centre := vg.Point{X: edge.X + side(d.X)*w/2, Y: edge.Y + side(d.Y)*h/2}
	out := Placed{Label: l, leader: gap >= leaderMin}
	out.Box = vg.Rectangle{
		Min: vg.Point{X: centre.X - w/2, Y: centre.Y - h/2}, Max: vg.Point{X: centre.X + w/2, Y: centre.Y + h/2},
	}
	out.from = vg.Point{X: l.Anchor.X + d.X*(l.Clear+1), Y: l.Anchor.Y + d.Y*(l.Clear+1)}
	out.to = nearest(out.Box, l.Anchor)
	return out
}

// cost is what standing there costs beyond distance: lines crossed, and marks
// under the leader.
func (p *Placer) cost(c Placed) float64 {
	cost := 0.0
	box := Grow(c.Box, 1)
	for _, s := range p.Lines {
		if crosses(s[0], s[1], box) {
			cost += lineCost
		}
	}
	for _, m := range p.Marks {
		if c.leader && c.Must && m.At != c.Anchor && SegmentDist(c.from, c.to, m.At) < m.R {
			cost += lineCost
		}
	}
	return cost
}

// free says whether c overlaps nothing that it must not.
func (p *Placer) free(c Placed) bool {
	if c.Box.Min.X < p.Bounds.Min.X || c.Box.Max.X > p.Bounds.Max.X ||
		c.Box.Min.Y < p.Bounds.Min.Y || c.Box.Max.Y > p.Bounds.Max.Y {
		return false
	}
	padded := Grow(c.Box, labelPad)
	for _, b := range p.Boxes {
		if Overlap(padded, b) || c.leader && crosses(c.from, c.to, b) {
			return false
		}
	}
	middle := vg.Point{X: (c.Box.Min.X + c.Box.Max.X) / 2, Y: (c.Box.Min.Y + c.Box.Max.Y) / 2}
	own := Dist(nearest(c.Box, c.Anchor), c.Anchor) + Dist(middle, c.Anchor)
	for _, m := range p.Marks {
		if m.At == c.Anchor {
			if Dist(nearest(c.Box, m.At), m.At) < m.R {
				return false
			}
			continue
		}
		if Dist(nearest(c.Box, m.At), m.At) < m.R+labelPad {
			return false
		}
		if c.Near && Dist(nearest(c.Box, m.At), m.At)+Dist(middle, m.At) < own*1.15 {
			return false
		}
		if c.leader && !c.Must && SegmentDist(c.from, c.to, m.At) < m.R {
			return false
		}
	}
	return true
}

// PlateOpacity is that of the plate under a label, which keeps lines out of
// the letters.
const PlateOpacity = 0.75

// Draw writes a placed label with its leader.
func (l Placed) Draw(p *Pen) {
	if l.leader {
		p.Line(LineStyle{Width: 0.7, Color: Mix(l.Styles[0].Color, p.Theme.Background, 0.35)}, l.from, l.to)
	}
	align, x := AlignCentre, (l.Box.Min.X+l.Box.Max.X)/2
	switch {
	case l.Box.Min.X >= l.Anchor.X:
		align, x = AlignLeft, l.Box.Min.X
	case l.Box.Max.X <= l.Anchor.X:
		align, x = AlignRight, l.Box.Max.X
	}
	y := l.Box.Max.Y
	for i, line := range l.Lines {
		h := l.Styles[i].Size * 1.18
		p.TextMiddle(vg.Point{X: x, Y: y - h/2}, line, l.Styles[i], align)
		y -= h
	}
}
