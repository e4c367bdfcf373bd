package plots

import (
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/plots/draw"
)

// betterArrow points to the corner that is better on both axes.
func (d frontierPlot) betterArrow(p *draw.Pen, a draw.Axes, pl *draw.Placer) {
	dx, dy := vg.Length(better(d.front.X)), vg.Length(better(d.front.Y))
	tip := vg.Point{X: a.Area.Min.X + 10, Y: a.Area.Max.Y - 10}
	if dx > 0 {
		tip.X = a.Area.Max.X - 10
	}
	if dy < 0 {
		tip.Y = a.Area.Min.Y + 10
	}
	tail := vg.Point{X: tip.X - 20*dx, Y: tip.Y - 20*dy}
	style := draw.TextStyle{Size: draw.SizeNumber + 1.5, Color: p.Theme.Muted}
	p.Arrow(draw.LineStyle{Width: 1.2, Color: p.Theme.Muted}, tail, tip)
	w, left := p.Width("better", style), tail.X+5
	if dx > 0 {
		left = tail.X - 5 - w
	}
	p.TextMiddle(vg.Point{X: left, Y: tail.Y + 1}, "better", style, draw.AlignLeft)
	pl.Boxes = append(pl.Boxes, vg.Rectangle{
		Min: vg.Point{X: min(tip.X, left), Y: min(tail.Y-6, tip.Y)}, Max: vg.Point{X: max(tip.X, left+w), Y: max(tip.Y, tail.Y+6)},
	})
}

// labels places, by importance: recommended cells, line ends, load numbers.
func (d frontierPlot) labels(p *draw.Pen, a draw.Axes, pl *draw.Placer) []draw.Placed {
	var out []draw.Label
	for _, k := range d.picks {
		for _, q := range allPoints(d.all) {
			if q.cell.ID != k.cell {
				continue
			}
			l := draw.Label{
				Lines: k.lines, Anchor: place(a, q), Clear: d.radius + 6, Must: true, Says: sayPick + k.cell,
			}
			for i := range k.lines {
				l.Styles = append(l.Styles, draw.TextStyle{Size: draw.SizeLabel + 0.5, Bold: true, Color: p.Theme.Ink})
				if i == len(k.lines)-1 {
					l.Styles[i] = draw.TextStyle{Size: draw.SizeNumber + 1, Color: p.Theme.Muted}
				}
			}
			out = append(out, l)
		}
	}
	out = append(out, d.keyLabels(p, a)...)
	out = append(out, kneeLabel(p, a, d.front.Knee, allPoints(d.all), d.radius)...)
	out = append(out, endLabels(p, a, d.all, d.radius, series.name)...)
	out = append(out, slices.DeleteFunc(numberLabels(p, a, d.all, d.radius), func(l draw.Label) bool {
		return d.lettered(strings.TrimPrefix(l.Says, sayNumber))
	})...)
	all := pl.PlaceAll(p, out)
	for _, l := range all {
		d.plate(p, a, draw.Grow(l.Box, 1))
		l.Draw(p)
	}
	return all
}

// plate lays the ground's colour under a label: that of the dominated region
// where the box lies in it.
func (d frontierPlot) plate(p *draw.Pen, a draw.Axes, box vg.Rectangle) {
	p.FillRect(draw.Fade(p.Theme.Background, draw.PlateOpacity), box)
	for _, corner := range d.stepPath(a) {
		part := box
		part.Min.X, part.Max.Y = max(part.Min.X, corner.X), min(part.Max.Y, corner.Y)
		if part.Min.X < part.Max.X && part.Min.Y < part.Max.Y {
			p.FillRect(draw.Fade(p.Theme.Shade, draw.PlateOpacity), part)
		}
	}
}
