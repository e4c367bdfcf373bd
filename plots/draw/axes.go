package draw

import (
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/internal/metric"
)

// Axes is a rectangle with two scales.
type Axes struct {
	Area   vg.Rectangle
	X, Y   Scale
	XTicks []float64
	YTicks []float64
	XUnit  metric.Unit
	YUnit  metric.Unit
}

// Room around the area of axes, in points.
const (
	RoomXTicks  vg.Length = 18 // tick labels below
	RoomXTitle  vg.Length = 20 // title below those
	RoomYTitle  vg.Length = 20 // title above the area, horizontal
	roomTickGap vg.Length = 8
)

func TickStyle(t Theme) TextStyle { return TextStyle{Size: SizeTick, Color: t.Muted} }
func AxisStyle(t Theme) TextStyle { return TextStyle{Size: SizeAxis, Color: t.Ink} }

// Extended stretches the x scale to the right edge of the area, beyond its
// end.
func (a Axes) Extended() Axes {
	f := float64((a.Area.Max.X - a.X.Lo) / (a.X.Hi - a.X.Lo))
	if a.X.Log {
		a.X.Max = a.X.Min * math.Pow(a.X.Max/a.X.Min, f)
	} else {
		a.X.Max = a.X.Min + (a.X.Max-a.X.Min)*f
	}
	a.X.Hi = a.Area.Max.X
	a.XTicks = a.X.Ticks(9)
	return a
}

// YWidth is the room that the labels of the y axis need at its left.
func (a Axes) YWidth(p *Pen) vg.Length {
	labels, _ := TickLabels(a.YUnit, a.YTicks)
	w := vg.Length(0)
	for _, l := range labels {
		w = max(w, p.Width(l, TickStyle(p.Theme)))
	}
	return w + roomTickGap
}

// Grid draws the grid lines.
func (a Axes) Grid(p *Pen) {
	s := LineStyle{Width: 0.8, Color: p.Theme.Grid}
	for _, v := range a.XTicks {
		x := a.X.At(v)
		p.Line(s, vg.Point{X: x, Y: a.Area.Min.Y}, vg.Point{X: x, Y: a.Area.Max.Y})
	}
	for _, v := range a.YTicks {
		y := a.Y.At(v)
		p.Line(s, vg.Point{X: a.Area.Min.X, Y: y}, vg.Point{X: a.Area.Max.X, Y: y})
	}
}

// XLabels writes the tick labels below the area; a label that would touch the
// one before is left out.
func (a Axes) XLabels(p *Pen) {
	labels, _ := TickLabels(a.XUnit, a.XTicks)
	last := vg.Length(-1e9)
	for i, v := range a.XTicks {
		w := p.Width(labels[i], TickStyle(p.Theme))
		if a.X.At(v)-w/2 < last+6 {
			continue
		}
		p.Text(vg.Point{X: a.X.At(v), Y: a.Area.Min.Y - RoomXTicks + 3}, labels[i], TickStyle(p.Theme), AlignCentre)
		last = a.X.At(v) + w/2
	}
}

func (a Axes) YLabels(p *Pen) {
	labels, _ := TickLabels(a.YUnit, a.YTicks)
	for i, v := range a.YTicks {
		p.TextMiddle(vg.Point{X: a.Area.Min.X - roomTickGap, Y: a.Y.At(v)}, labels[i], TickStyle(p.Theme), AlignRight)
	}
}

// AxisTitle is a metric with the unit of its ticks and remarks.
func AxisTitle(name string, u metric.Unit, ticks []float64, remark string) string {
	title := metric.Title(name)
	if _, unit := TickLabels(u, ticks); unit != "" {
		title += ", " + unit
	}
	if remark != "" {
		title += " (" + remark + ")"
	}
	return title
}

// LatencyScale is logarithmic when the range is long enough to need it.
func LatencyScale(lo, hi float64) Scale {
	if hi > 3*lo {
		pad := math.Pow(hi/lo, 0.05)
		return Scale{Log: true, Min: lo / pad, Max: hi * pad}
	}
	pad := (hi - lo) * 0.08
	if pad == 0 {
		pad = hi * 0.2
	}
	return Scale{Min: max(lo-pad, 0), Max: hi + pad}
}
