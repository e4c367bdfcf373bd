package plots

import (
	"math"

	"gonum.org/v1/plot/vg"
)

// label is a text that wants to stand near its anchor.
type label struct {
	lines  []string
	styles []textStyle // one per line
	anchor vg.Point
	clear  vg.Length // radius of the anchor's own mark
	// near labels stand beside their mark or not at all, and never nearer to
	// another mark than to their own; others may go far, with a leader.
	near bool
	// must labels may go farther than others and lead over other marks.
	must bool
	// says is what the label is for: one of the say prefixes and an ID.
	says string
}

// What labels are for.
const (
	sayPick   = "pick " // a recommended cell
	sayName   = "name " // a configuration
	sayNumber = "load " // the load of a cell
	sayLetter = "key "  // a cell in the key
)

// placed is a label with its place.
type placed struct {
	label
	box    vg.Rectangle
	leader bool
	from   vg.Point // end of the leader at the mark
	to     vg.Point // end of the leader at the label
}

// placer finds room for labels one after the other, the most important first.
// Labels never overlap each other, a mark or a blocked box; lines are avoided
// where that costs little.
type placer struct {
	bounds vg.Rectangle
	marks  []mark
	boxes  []vg.Rectangle // blocked: placed labels and fixed text
	lines  [][2]vg.Point
}

// mark is a drawn point with its halo.
type mark struct {
	at vg.Point
	r  vg.Length
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
		{X: 0.92, Y: 0.38}, {X: 0.38, Y: 0.92}, {X: -0.38, Y: 0.92}, {X: -0.92, Y: 0.38}, {X: 0.92, Y: -0.38}, {X: 0.38, Y: -0.92},
		{X: -0.38, Y: -0.92}, {X: -0.92, Y: -0.38},
	}
}

// place puts l where it costs least, or returns false when it has no room.
func (p *placer) place(pen *pen, l label) (placed, bool) {
	w, h := l.size(pen)
	reach := []vg.Length{3, 6, 10}
	if !l.near {
		reach = append(reach, 16, 24, 34, 46, 60, 76, 94, 114)
	}
	if l.must {
		reach = append(reach, 140, 170, 200, 240, 280)
	}
	best, bestCost, found := placed{}, math.Inf(1), false
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
		p.boxes = append(p.boxes, best.box)
	}
	return best, found
}

func (l label) size(pen *pen) (w, h vg.Length) {
	for i, line := range l.lines {
		w = max(w, pen.width(line, l.styles[i]))
		h += l.styles[i].size * 1.18
	}
	return w, h
}

// at is l in direction d with the gap between its box and its mark.
func (l label) at(d vg.Point, gap, w, h vg.Length) placed {
	side := func(v vg.Length) vg.Length { // where along the box the anchor looks: -1..1
		switch {
		case v > 0.5:
			return 1
		case v < -0.5:
			return -1
		}
		return 0
	}
	r := l.clear + gap
	edge := vg.Point{X: l.anchor.X + d.X*r, Y: l.anchor.Y + d.Y*r}
	centre := vg.Point{X: edge.X + side(d.X)*w/2, Y: edge.Y + side(d.Y)*h/2}
	out := placed{label: l, leader: gap >= leaderMin}
	out.box = vg.Rectangle{Min: vg.Point{X: centre.X - w/2, Y: centre.Y - h/2}, Max: vg.Point{X: centre.X + w/2, Y: centre.Y + h/2}}
	out.from = vg.Point{X: l.anchor.X + d.X*(l.clear+1), Y: l.anchor.Y + d.Y*(l.clear+1)}
	out.to = nearest(out.box, l.anchor)
	return out
}

// cost is what standing there costs beyond distance: lines crossed, and marks
// under the leader.
func (p *placer) cost(c placed) float64 {
	cost := 0.0
	box := grow(c.box, 1)
	for _, s := range p.lines {
		if crosses(s[0], s[1], box) {
			cost += lineCost
		}
	}
	for _, m := range p.marks {
		if c.leader && c.must && m.at != c.anchor && segmentDist(c.from, c.to, m.at) < m.r {
			cost += lineCost
		}
	}
	return cost
}

// free says whether c overlaps nothing that it must not.
func (p *placer) free(c placed) bool {
	if c.box.Min.X < p.bounds.Min.X || c.box.Max.X > p.bounds.Max.X || c.box.Min.Y < p.bounds.Min.Y || c.box.Max.Y > p.bounds.Max.Y {
		return false
	}
	padded := grow(c.box, labelPad)
	for _, b := range p.boxes {
		if overlap(padded, b) || c.leader && crosses(c.from, c.to, b) {
			return false
		}
	}
	middle := vg.Point{X: (c.box.Min.X + c.box.Max.X) / 2, Y: (c.box.Min.Y + c.box.Max.Y) / 2}
	own := dist(nearest(c.box, c.anchor), c.anchor) + dist(middle, c.anchor)
	for _, m := range p.marks {
		if m.at == c.anchor {
			if dist(nearest(c.box, m.at), m.at) < m.r {
				return false
			}
			continue
		}
		if dist(nearest(c.box, m.at), m.at) < m.r+labelPad {
			return false
		}
		if c.near && dist(nearest(c.box, m.at), m.at)+dist(middle, m.at) < own*1.15 {
			return false
		}
		if c.leader && !c.must && segmentDist(c.from, c.to, m.at) < m.r {
			return false
		}
	}
	return true
}

// plateOpacity is that of the plate under a label, which keeps lines out of
// the letters.
const plateOpacity = 0.75

// draw writes a placed label with its leader.
func (l placed) draw(p *pen) {
	if l.leader {
		p.line(lineStyle{width: 0.7, color: mix(l.styles[0].color, p.theme.Background, 0.35)}, l.from, l.to)
	}
	align, x := alignCentre, (l.box.Min.X+l.box.Max.X)/2
	switch {
	case l.box.Min.X >= l.anchor.X:
		align, x = alignLeft, l.box.Min.X
	case l.box.Max.X <= l.anchor.X:
		align, x = alignRight, l.box.Max.X
	}
	y := l.box.Max.Y
	for i, line := range l.lines {
		h := l.styles[i].size * 1.18
		p.textMiddle(vg.Point{X: x, Y: y - h/2}, line, l.styles[i], align)
		y -= h
	}
}
