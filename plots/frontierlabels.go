package plots

import (
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
)

// betterArrow points to the corner that is better on both axes.
func (d frontierPlot) betterArrow(p *pen, a axes, pl *placer) {
	dx, dy := vg.Length(better(d.front.X)), vg.Length(better(d.front.Y))
	tip := vg.Point{X: a.area.Min.X + 10, Y: a.area.Max.Y - 10}
	if dx > 0 {
		tip.X = a.area.Max.X - 10
	}
	if dy < 0 {
		tip.Y = a.area.Min.Y + 10
	}
	tail := vg.Point{X: tip.X - 20*dx, Y: tip.Y - 20*dy}
	style := textStyle{size: sizeNumber + 1.5, color: p.theme.Muted}
	p.arrow(lineStyle{width: 1.2, color: p.theme.Muted}, tail, tip)
	w, left := p.width("better", style), tail.X+5
	if dx > 0 {
		left = tail.X - 5 - w
	}
	p.textMiddle(vg.Point{X: left, Y: tail.Y + 1}, "better", style, alignLeft)
	pl.boxes = append(pl.boxes, vg.Rectangle{
		Min: vg.Point{X: min(tip.X, left), Y: min(tail.Y-6, tip.Y)}, Max: vg.Point{X: max(tip.X, left+w), Y: max(tip.Y, tail.Y+6)},
	})
}

// labels places, by importance: recommended cells, line ends, load numbers.
func (d frontierPlot) labels(p *pen, a axes, pl *placer) []placed {
	var out []label
	for _, k := range d.picks {
		for _, q := range allPoints(d.all) {
			if q.cell.ID != k.cell {
				continue
			}
			l := label{lines: k.lines, anchor: a.place(q), clear: d.radius + 6, must: true, says: sayPick + k.cell}
			for i := range k.lines {
				l.styles = append(l.styles, textStyle{size: sizeLabel + 0.5, bold: true, color: p.theme.Ink})
				if i == len(k.lines)-1 {
					l.styles[i] = textStyle{size: sizeNumber + 1, color: p.theme.Muted}
				}
			}
			out = append(out, l)
		}
	}
	out = append(out, d.keyLabels(p, a)...)
	out = append(out, kneeLabel(p, a, d.front.Knee, allPoints(d.all), d.radius)...)
	out = append(out, endLabels(p, a, d.all, d.radius, series.name)...)
	out = append(out, slices.DeleteFunc(numberLabels(p, a, d.all, d.radius), func(l label) bool {
		return d.lettered(strings.TrimPrefix(l.says, sayNumber))
	})...)
	all := pl.placeAll(p, out)
	for _, l := range all {
		d.plate(p, a, grow(l.box, 1))
		l.draw(p)
	}
	return all
}

// plate lays the ground's colour under a label: that of the dominated region
// where the box lies in it.
func (d frontierPlot) plate(p *pen, a axes, box vg.Rectangle) {
	p.fillRect(fade(p.theme.Background, plateOpacity), box)
	for _, corner := range d.stepPath(a) {
		part := box
		part.Min.X, part.Max.Y = max(part.Min.X, corner.X), min(part.Max.Y, corner.Y)
		if part.Min.X < part.Max.X && part.Min.Y < part.Max.Y {
			p.fillRect(fade(p.theme.Shade, plateOpacity), part)
		}
	}
}
