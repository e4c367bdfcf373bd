package plots

import (
	"math"
	"time"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/plots/draw"
)

// drawTrace draws a telemetry trace as a narrow panel under the timeline; top
// is its upper edge.
func drawTrace(p *draw.Pen, t Trace, began time.Time, x draw.Scale, left, top vg.Length, legend bool) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range t.Series {
		for i, v := range s.Values {
			if at := began.Add(
				time.Duration(x.Max * 1e9),
			); finite(v) && !s.Times[i].Before(began) && !s.Times[i].After(at) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	bottom := top - timelineTrace
	title := draw.TextStyle{Size: draw.SizeNumber + 1, Color: p.Theme.Ink}
	p.TextMiddle(vg.Point{X: left, Y: top - 7}, t.Title, title, draw.AlignLeft)
	p.TextMiddle(
		vg.Point{X: left, Y: top - 20}, t.Unit, draw.TextStyle{Size: draw.SizeNumber + 0.5, Color: p.Theme.Muted},
		draw.AlignLeft,
	)
	if lo > hi {
		p.TextMiddle(
			vg.Point{X: x.Lo + 6, Y: (top + bottom) / 2}, "not recorded",
			draw.TextStyle{Size: draw.SizeNumber + 1, Color: p.Theme.Muted}, draw.AlignLeft,
		)
		return
	}
	if lo > 0 && lo < hi*0.6 || hi-lo < 1e-9 {
		lo = min(0, lo)
	}
	if hi-lo < 1e-9 {
		hi = lo + 1
	}
	y := draw.Scale{Min: lo - (hi-lo)*0.04, Max: hi + (hi-lo)*0.06, Lo: bottom, Hi: top}
	for _, v := range y.Ticks(2) {
		p.Line(
			draw.LineStyle{Width: 0.7, Color: p.Theme.Grid}, vg.Point{X: x.Lo, Y: y.At(v)},
			vg.Point{X: x.Hi, Y: y.At(v)},
		)
		p.TextMiddle(
			vg.Point{X: x.Lo - 8, Y: y.At(v)}, draw.Number(v),
			draw.TextStyle{Size: draw.SizeNumber, Color: p.Theme.Muted}, draw.AlignRight,
		)
	}
	for i, s := range t.Series {
		traceLine(p, s, began, x, y, draw.LineStyle{Width: 1, Color: p.Theme.Hue(i)})
		if legend && s.Name != "" && i < 8 {
			p.TextMiddle(
				vg.Point{X: left + vg.Length(i%4)*44, Y: top - 32 - 11*vg.Length(i/4)}, s.Name,
				draw.TextStyle{Size: draw.SizeNumber - 0.5, Color: p.Theme.Text(p.Theme.Hue(i))}, draw.AlignLeft,
			)
		}
	}
}

// tracePixels is the width at which neighbouring samples are joined to one
// vertical stroke from their least to their greatest value: a run has more
// samples than a picture has columns.
const tracePixels vg.Length = 0.5

func traceLine(p *draw.Pen, s TraceSeries, began time.Time, x, y draw.Scale, style draw.LineStyle) {
	var pts []vg.Point
	flush := func() {
		p.Line(style, pts...)
		pts = nil
	}
	var column struct {
		x, lo, hi vg.Length
		n         int
	}
	end := func() {
		if column.n > 0 {
			pts = append(pts, vg.Point{X: column.x, Y: column.lo})
			if column.hi > column.lo {
				pts = append(pts, vg.Point{X: column.x, Y: column.hi})
			}
		}
		column.n = 0
	}
	for i, v := range s.Values {
		at := s.Times[i].Sub(began).Seconds()
		if !finite(v) || at < 0 || at > x.Max {
			end()
			flush()
			continue
		}
		px, py := x.At(at), y.Clamped(v)
		if column.n > 0 && px-column.x < tracePixels {
			column.lo, column.hi = min(column.lo, py), max(column.hi, py)
			column.n++
			continue
		}
		end()
		column.x, column.lo, column.hi, column.n = px, py, py, 1
	}
	end()
	flush()
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
