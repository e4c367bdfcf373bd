package plots

import (
	"cmp"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/plots/draw"
)

// stepPath goes along the frontier, from its first cell to its last.
func (d frontierPlot) stepPath(a draw.Axes) []vg.Point {
	byID := map[string]point{}
	for _, q := range allPoints(d.all) {
		byID[q.cell.ID] = q
	}
	var out []vg.Point
	for _, id := range d.front.Cells {
		q, ok := byID[id]
		if !ok {
			continue
		}
		at := place(a, q)
		if n := len(out); n > 0 {
			out = append(out, vg.Point{X: at.X, Y: out[n-1].Y})
		}
		out = append(out, at)
	}
	return out
}

// shade fills what the frontier dominates.
func (d frontierPlot) shade(p *draw.Pen, a draw.Axes) {
	steps := d.stepPath(a)
	if len(steps) == 0 {
		return
	}
	last := steps[len(steps)-1]
	region := append([]vg.Point{{X: steps[0].X, Y: a.Area.Min.Y}}, steps...)
	region = append(region, vg.Point{X: a.Area.Max.X, Y: last.Y}, vg.Point{X: a.Area.Max.X, Y: a.Area.Min.Y})
	path := draw.Polyline(region)
	path.Close()
	p.Fill(p.Theme.Shade, path)
}

// band fills the room between the step lines through the worse and through the
// better ends of the intervals of the frontier's cells. Those of all other
// cells stay out: the joint better ends of many noisy cells are a line that
// nothing will ever reach.
func (d frontierPlot) band(p *draw.Pen, a draw.Axes) {
	if len(d.front.Cells) == 0 {
		return
	}
	outer := d.envelope(a, func(q point) (x, y float64) { return q.x.Lo, q.y.Hi })
	inner := d.envelope(a, func(q point) (x, y float64) { return q.x.Hi, q.y.Lo })
	if len(outer) == 0 || len(inner) == 0 {
		return
	}
	right := a.Area.Max.X
	region := append([]vg.Point{{X: outer[0].X, Y: a.Area.Min.Y}}, outer...)
	region = append(region, vg.Point{X: right, Y: outer[len(outer)-1].Y}, vg.Point{X: right, Y: inner[len(inner)-1].Y})
	for _, q := range slices.Backward(inner) {
		region = append(region, q)
	}
	region = append(region, vg.Point{X: inner[0].X, Y: a.Area.Min.Y})
	path := draw.Polyline(region)
	path.Close()
	p.Fill(draw.Fade(p.Theme.Ink, 0.07), path)
}

// envelope is the step line over the frontier's cells at one corner of their
// intervals; a cell without intervals stands at its estimate.
func (d frontierPlot) envelope(a draw.Axes, corner func(point) (x, y float64)) []vg.Point {
	var all []vg.Point
	for _, q := range allPoints(d.all) {
		if !q.frontier {
			continue
		}
		if !q.x.HasInterval() {
			q.x.Lo, q.x.Hi = q.x.Center, q.x.Center
		}
		if !q.y.HasInterval() {
			q.y.Lo, q.y.Hi = q.y.Center, q.y.Center
		}
		x, y := corner(q)
		if finite(x) && finite(y) {
			all = append(all, vg.Point{X: a.X.Clamped(x), Y: a.Y.Clamped(y)})
		}
	}
	slices.SortFunc(all, func(a, b vg.Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(b.Y, a.Y)) })
	var out []vg.Point
	for _, q := range all {
		n := len(out)
		if n > 0 && q.Y <= out[n-1].Y {
			continue
		}
		if n > 0 {
			out = append(out, vg.Point{X: q.X, Y: out[n-1].Y})
		}
		out = append(out, q)
	}
	return out
}

func (d frontierPlot) steps(p *draw.Pen, a draw.Axes, pl *draw.Placer) {
	steps := d.stepPath(a)
	p.Line(draw.LineStyle{Width: 1.6, Color: draw.Mix(p.Theme.Ink, p.Theme.Background, 0.25)}, steps...)
	for i := 1; i < len(steps); i++ {
		pl.Lines = append(pl.Lines, [2]vg.Point{steps[i-1], steps[i]})
	}
}
