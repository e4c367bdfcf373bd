package plots

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/say"
)

// limit is a constraint that can be drawn as a line.
type limit struct {
	metric string
	x      bool // on the x axis; otherwise on y
	value  float64
	text   string
	slo    bool
}

// limitsOf are the constraints on the two metrics: the experiment's SLO and
// what the use cases of this load add.
func limitsOf(in Input, load, x, y string) []limit {
	var out []limit
	add := func(who, name string, op experiment.Op, value float64, slo bool) {
		if name != x && name != y {
			return
		}
		for _, l := range out {
			if l.x == (name == x) && l.value == value {
				return
			}
		}
		out = append(out, limit{metric: name, x: name == x, value: value, text: fmt.Sprintf("%s: %s %s", who, sign(op), say.Metric(name, value)), slo: slo})
	}
	for _, c := range in.SLO {
		add("SLO", c.Metric, c.Op, c.Value, true)
	}
	for _, r := range recommendationsOf(in, load) {
		for _, c := range r.Constraints {
			add(r.UseCase, c.Metric, c.Op, c.Limit, false)
		}
	}
	return out
}

// drawLimits draws the constraint lines with their text; a limit outside the
// axis is a note at that edge. Side is the end of a horizontal line at which
// its text stands.
func drawLimits(p *pen, a axes, limits []limit, side float64, pl *placer) {
	row := vg.Length(0)
	for _, l := range limits {
		s := lineStyle{width: 1.2, color: p.theme.Muted, dash: []vg.Length{4.5, 3}}
		if !l.slo {
			s.dash = []vg.Length{1.5, 2.5}
		}
		style := textStyle{size: sizeNumber + 1, color: p.theme.Muted}
		if l.x {
			drawLimitX(p, a, l, limits, s, style, row, pl)
			row += style.size * 1.5
			continue
		}
		if l.value < a.y.min || l.value > a.y.max {
			continue
		}
		y := a.y.at(l.value)
		p.line(s, vg.Point{X: a.area.Min.X, Y: y}, vg.Point{X: a.area.Max.X, Y: y})
		w := p.width(l.text, style)
		left := a.area.Min.X + 4 + vg.Length(side)*(a.area.Max.X-a.area.Min.X-8-w)
		p.text(vg.Point{X: left, Y: y + 4}, l.text, style, alignLeft)
		pl.boxes = append(pl.boxes, vg.Rectangle{Min: vg.Point{X: left, Y: y}, Max: vg.Point{X: left + w, Y: y + 14}})
		pl.lines = append(pl.lines, [2]vg.Point{{X: a.area.Min.X, Y: y}, {X: a.area.Max.X, Y: y}})
	}
}

func drawLimitX(p *pen, a axes, l limit, all []limit, s lineStyle, style textStyle, row vg.Length, pl *placer) {
	text, align := l.text, float64(alignLeft)
	x := a.x.clamped(l.value)
	at := vg.Point{X: x + 6, Y: a.area.Max.Y - 12 - row}
	switch {
	case l.value > a.x.max:
		text, align, at.X = text+" →", alignRight, a.area.Max.X-4
	case l.value < a.x.min:
		text, at.X = "← "+text, a.area.Min.X+4
		at.Y -= 34 // below the arrow to the better corner
	default:
		from, to := vg.Point{X: x, Y: a.area.Min.Y}, vg.Point{X: x, Y: a.area.Max.Y}
		p.line(s, from, to)
		pl.lines = append(pl.lines, [2]vg.Point{from, to})
		end := at.X + p.width(text, style)
		blocked := end > a.area.Max.X
		for _, o := range all { // another limit's line would run through the text
			blocked = blocked || o.x && o.value > l.value && a.x.clamped(o.value) < end+4
		}
		if blocked {
			align, at.X = alignRight, x-6
		}
	}
	p.text(at, text, style, align)
	left := at.X - vg.Length(align)*p.width(text, style)
	pl.boxes = append(pl.boxes, vg.Rectangle{Min: vg.Point{X: left, Y: at.Y - 3}, Max: vg.Point{X: left + p.width(text, style), Y: at.Y + style.size}})
}

// widths of the lines of series by role.
type widths struct{ normal, baseline, context vg.Length }

func lineWidths(radius vg.Length) widths {
	if radius < 4 {
		return widths{1, 1.5, 0.5}
	}
	return widths{1.5, 2, 0.6}
}

// drawSeries joins the points of each configuration, the context first.
func drawSeries(p *pen, a axes, all []series, pl *placer, w widths) {
	for _, context := range []bool{true, false} {
		for _, s := range all {
			if s.context != context {
				continue
			}
			style := lineStyle{width: w.normal, color: mix(s.color(p.theme), p.theme.Background, 0.35)}
			switch {
			case s.context:
				if len(all) > 40 { // lines of so many would be a mat
					continue
				}
				style.width, style.color = w.context, fade(s.color(p.theme), 0.55)
			case s.config.Baseline:
				style.width = w.baseline
			}
			pts := make([]vg.Point, len(s.points))
			for i, q := range s.points {
				pts[i] = a.place(q)
				if i > 0 && !context {
					pl.lines = append(pl.lines, [2]vg.Point{pts[i-1], pts[i]})
				}
			}
			p.line(style, pts...)
		}
	}
}

// drawBars draws the intervals of both axes. The context has none.
func drawBars(p *pen, a axes, all []series, pl *placer) {
	bar := func(style lineStyle, along scale, lo, hi float64, at func(vg.Length) vg.Point) {
		from, to := p.interval(style, along, lo, hi, at)
		pl.lines = append(pl.lines, [2]vg.Point{from, to})
	}
	n := len(allPoints(all))
	for _, s := range all {
		if s.context {
			continue
		}
		style := lineStyle{width: 1.1, color: fade(s.color(p.theme), 0.6)}
		if n > 50 {
			style = lineStyle{width: 0.8, color: fade(s.color(p.theme), 0.4)}
		}
		for _, q := range s.points {
			at := a.place(q)
			if q.x.HasInterval() {
				bar(style, a.x, q.x.Lo, q.x.Hi, func(x vg.Length) vg.Point { return vg.Point{X: x, Y: at.Y} })
			}
			if q.y.HasInterval() {
				bar(style, a.y, q.y.Lo, q.y.Hi, func(y vg.Length) vg.Point { return vg.Point{X: at.X, Y: y} })
			}
		}
	}
}

// name is the label at a line's end.
func (s series) name() string { return s.short }

// endLabels name each coloured configuration at its last point, the
// recommended ones and the baseline first.
func endLabels(p *pen, a axes, all []series, radius vg.Length, name func(series) string) []label {
	var first, rest []label
	for _, s := range all {
		if s.context {
			continue
		}
		l := label{
			lines:  []string{name(s)},
			styles: []textStyle{{size: sizeLabel, bold: true, color: p.theme.text(s.color(p.theme))}},
			anchor: a.place(s.points[len(s.points)-1]), clear: radius + 1, must: s.pick, says: sayName + s.config.ID,
		}
		if s.pick || s.config.Baseline {
			first = append(first, l)
		} else {
			rest = append(rest, l)
		}
	}
	return append(first, rest...)
}

// numberLabels are the load numbers beside the points; there are none when a
// load has one point.
func numberLabels(p *pen, a axes, all []series, radius vg.Length) []label {
	var out []label
	for _, s := range all {
		if s.context || len(s.points) < 2 {
			continue
		}
		for _, q := range s.points {
			out = append(out, label{
				lines:  []string{pointNumber(q.load)},
				styles: []textStyle{{size: sizeNumber, color: p.theme.text(s.color(p.theme))}},
				anchor: a.place(q), clear: radius, near: true, says: sayNumber + q.cell.ID,
			})
		}
	}
	return out
}

// placeAll places labels in order and returns those that found room.
func (p *placer) placeAll(pen *pen, labels []label) []placed {
	var out []placed
	for _, l := range labels {
		if at, ok := p.place(pen, l); ok {
			out = append(out, at)
		}
	}
	return out
}

// kneeLabel names the cell after which more throughput costs the most latency,
// if it is among the points.
func kneeLabel(p *pen, a axes, knee string, points []point, radius vg.Length) []label {
	for _, q := range points {
		if q.cell.ID == knee && knee != "" {
			return []label{{
				lines: []string{"knee"}, styles: []textStyle{{size: sizeLabel, color: p.theme.Ink}},
				anchor: a.place(q), clear: radius + 3, must: true,
			}}
		}
	}
	return nil
}
