package plots

import (
	"math"
	"time"

	"gonum.org/v1/plot/vg"
)

// drawTrace draws a telemetry trace as a narrow panel under the timeline; top
// is its upper edge.
func drawTrace(p *pen, t Trace, began time.Time, x scale, left, top vg.Length, legend bool) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range t.Series {
		for i, v := range s.Values {
			if at := began.Add(time.Duration(x.max * 1e9)); finite(v) && !s.Times[i].Before(began) && !s.Times[i].After(at) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	bottom := top - timelineTrace
	title := textStyle{size: sizeNumber + 1, color: p.theme.Ink}
	p.textMiddle(vg.Point{X: left, Y: top - 7}, t.Title, title, alignLeft)
	p.textMiddle(vg.Point{X: left, Y: top - 20}, t.Unit, textStyle{size: sizeNumber + 0.5, color: p.theme.Muted}, alignLeft)
	if lo > hi {
		p.textMiddle(vg.Point{X: x.lo + 6, Y: (top + bottom) / 2}, "not recorded", textStyle{size: sizeNumber + 1, color: p.theme.Muted}, alignLeft)
		return
	}
	if lo > 0 && lo < hi*0.6 || hi-lo < 1e-9 {
		lo = min(0, lo)
	}
	if hi-lo < 1e-9 {
		hi = lo + 1
	}
	y := scale{min: lo - (hi-lo)*0.04, max: hi + (hi-lo)*0.06, lo: bottom, hi: top}
	for _, v := range y.ticks(2) {
		p.line(lineStyle{width: 0.7, color: p.theme.Grid}, vg.Point{X: x.lo, Y: y.at(v)}, vg.Point{X: x.hi, Y: y.at(v)})
		p.textMiddle(vg.Point{X: x.lo - 8, Y: y.at(v)}, number(v), textStyle{size: sizeNumber, color: p.theme.Muted}, alignRight)
	}
	for i, s := range t.Series {
		traceLine(p, s, began, x, y, lineStyle{width: 1, color: p.theme.hue(i)})
		if legend && s.Name != "" && i < 8 {
			p.textMiddle(vg.Point{X: left + vg.Length(i%4)*44, Y: top - 32 - 11*vg.Length(i/4)}, s.Name, textStyle{size: sizeNumber - 0.5, color: p.theme.text(p.theme.hue(i))}, alignLeft)
		}
	}
}

// tracePixels is the width at which neighbouring samples are joined to one
// vertical stroke from their least to their greatest value: a run has more
// samples than a picture has columns.
const tracePixels vg.Length = 0.5

func traceLine(p *pen, s TraceSeries, began time.Time, x, y scale, style lineStyle) {
	var pts []vg.Point
	flush := func() {
		p.line(style, pts...)
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
		if !finite(v) || at < 0 || at > x.max {
			end()
			flush()
			continue
		}
		px, py := x.at(at), y.clamped(v)
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
