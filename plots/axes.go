package plots

import (
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/internal/metric"
)

// axes is a rectangle with two scales.
type axes struct {
	area   vg.Rectangle
	x, y   scale
	xTicks []float64
	yTicks []float64
	xUnit  metric.Unit
	yUnit  metric.Unit
}

// Room around the area of axes, in points.
const (
	roomXTicks  vg.Length = 18 // tick labels below
	roomXTitle  vg.Length = 20 // title below those
	roomYTitle  vg.Length = 20 // title above the area, horizontal
	roomTickGap vg.Length = 8
)

func tickStyle(t Theme) textStyle { return textStyle{size: sizeTick, color: t.Muted} }
func axisStyle(t Theme) textStyle { return textStyle{size: sizeAxis, color: t.Ink} }

// place is where a point lies.
func (a axes) place(q point) vg.Point {
	return vg.Point{X: a.x.at(q.x.Center), Y: a.y.at(q.y.Center)}
}

// yWidth is the room that the labels of the y axis need at its left.
func (a axes) yWidth(p *pen) vg.Length {
	labels, _ := tickLabels(a.yUnit, a.yTicks)
	w := vg.Length(0)
	for _, l := range labels {
		w = max(w, p.width(l, tickStyle(p.theme)))
	}
	return w + roomTickGap
}

// grid draws the grid lines.
func (a axes) grid(p *pen) {
	s := lineStyle{width: 0.8, color: p.theme.Grid}
	for _, v := range a.xTicks {
		x := a.x.at(v)
		p.line(s, vg.Point{X: x, Y: a.area.Min.Y}, vg.Point{X: x, Y: a.area.Max.Y})
	}
	for _, v := range a.yTicks {
		y := a.y.at(v)
		p.line(s, vg.Point{X: a.area.Min.X, Y: y}, vg.Point{X: a.area.Max.X, Y: y})
	}
}

// xLabels writes the tick labels below the area; a label that would touch the
// one before is left out.
func (a axes) xLabels(p *pen) {
	labels, _ := tickLabels(a.xUnit, a.xTicks)
	last := vg.Length(-1e9)
	for i, v := range a.xTicks {
		w := p.width(labels[i], tickStyle(p.theme))
		if a.x.at(v)-w/2 < last+6 {
			continue
		}
		p.text(vg.Point{X: a.x.at(v), Y: a.area.Min.Y - roomXTicks + 3}, labels[i], tickStyle(p.theme), alignCentre)
		last = a.x.at(v) + w/2
	}
}

func (a axes) yLabels(p *pen) {
	labels, _ := tickLabels(a.yUnit, a.yTicks)
	for i, v := range a.yTicks {
		p.textMiddle(vg.Point{X: a.area.Min.X - roomTickGap, Y: a.y.at(v)}, labels[i], tickStyle(p.theme), alignRight)
	}
}

// axisTitle is a metric with the unit of its ticks and remarks.
func axisTitle(name string, u metric.Unit, ticks []float64, remark string) string {
	title := metric.Title(name)
	if _, unit := tickLabels(u, ticks); unit != "" {
		title += ", " + unit
	}
	if remark != "" {
		title += " (" + remark + ")"
	}
	return title
}

func logRemark(s scale) string {
	if s.log {
		return "log scale"
	}
	return ""
}

func unitOf(name string) metric.Unit {
	m, err := metric.Parse(name)
	if err != nil {
		return ""
	}
	return m.Unit
}

// span is the range of estimates, widened by their intervals within reach.
func span(points []point, of func(point) (center, lo, hi float64)) (lo, hi float64) {
	for i, q := range points {
		c, _, _ := of(q)
		if i == 0 {
			lo, hi = c, c
		}
		lo, hi = min(lo, c), max(hi, c)
	}
	return widened(lo, hi, func(yield func(lo, hi float64) bool) {
		for _, q := range points {
			if _, l, h := of(q); !yield(l, h) {
				return
			}
		}
	})
}

func xOf(q point) (center, lo, hi float64) { return q.x.Center, q.x.Lo, q.x.Hi }
func yOf(q point) (center, lo, hi float64) { return q.y.Center, q.y.Lo, q.y.Hi }

// latencyScale is logarithmic when the range is long enough to need it.
func latencyScale(lo, hi float64) scale {
	if hi > 3*lo {
		pad := math.Pow(hi/lo, 0.05)
		return scale{log: true, min: lo / pad, max: hi * pad}
	}
	pad := (hi - lo) * 0.08
	if pad == 0 {
		pad = hi * 0.2
	}
	return scale{min: max(lo-pad, 0), max: hi + pad}
}
