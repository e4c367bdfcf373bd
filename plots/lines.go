package plots

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots/draw"
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
func drawLimits(p *draw.Pen, a draw.Axes, limits []limit, side float64, pl *draw.Placer) {
	row := vg.Length(0)
	for _, l := range limits {
		s := draw.LineStyle{Width: 1.2, Color: p.Theme.Muted, Dash: []vg.Length{4.5, 3}}
		if !l.slo {
			s.Dash = []vg.Length{1.5, 2.5}
		}
		style := draw.TextStyle{Size: draw.SizeNumber + 1, Color: p.Theme.Muted}
		if l.x {
			drawLimitX(p, a, l, limits, s, style, row, pl)
			row += style.Size * 1.5
			continue
		}
		if l.value < a.Y.Min || l.value > a.Y.Max {
			continue
		}
		y := a.Y.At(l.value)
		p.Line(s, vg.Point{X: a.Area.Min.X, Y: y}, vg.Point{X: a.Area.Max.X, Y: y})
		w := p.Width(l.text, style)
		left := a.Area.Min.X + 4 + vg.Length(side)*(a.Area.Max.X-a.Area.Min.X-8-w)
		p.Text(vg.Point{X: left, Y: y + 4}, l.text, style, draw.AlignLeft)
		pl.Boxes = append(pl.Boxes, vg.Rectangle{Min: vg.Point{X: left, Y: y}, Max: vg.Point{X: left + w, Y: y + 14}})
		pl.Lines = append(pl.Lines, [2]vg.Point{{X: a.Area.Min.X, Y: y}, {X: a.Area.Max.X, Y: y}})
	}
}

func drawLimitX(
	p *draw.Pen, a draw.Axes, l limit, all []limit, s draw.LineStyle, style draw.TextStyle, row vg.Length,
	pl *draw.Placer,
) {
	text, align := l.text, float64(draw.AlignLeft)
	x := a.X.Clamped(l.value)
	at := vg.Point{X: x + 6, Y: a.Area.Max.Y - 12 - row}
	switch {
	case l.value > a.X.Max:
		text, align, at.X = text+" →", draw.AlignRight, a.Area.Max.X-4
	case l.value < a.X.Min:
		text, at.X = "← "+text, a.Area.Min.X+4
		at.Y -= 34 // below the arrow to the better corner
	default:
		from, to := vg.Point{X: x, Y: a.Area.Min.Y}, vg.Point{X: x, Y: a.Area.Max.Y}
		p.Line(s, from, to)
		pl.Lines = append(pl.Lines, [2]vg.Point{from, to})
		end := at.X + p.Width(text, style)
		blocked := end > a.Area.Max.X
		for _, o := range all { // another limit's line would run through the text
			blocked = blocked || o.x && o.value > l.value && a.X.Clamped(o.value) < end+4
		}
		if blocked {
			align, at.X = draw.AlignRight, x-6
		}
	}
	p.Text(at, text, style, align)
	left := at.X - vg.Length(align)*p.Width(text, style)
	pl.Boxes = append(pl.Boxes, vg.Rectangle{
		Min: vg.Point{X: left, Y: at.Y - 3}, Max: vg.Point{X: left + p.Width(text, style), Y: at.Y + style.Size},
	})
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
func drawSeries(p *draw.Pen, a draw.Axes, all []series, pl *draw.Placer, w widths) {
	for _, context := range []bool{true, false} {
		for _, s := range all {
			if s.context != context {
				continue
			}
			style := draw.LineStyle{Width: w.normal, Color: draw.Mix(s.color(p.Theme), p.Theme.Background, 0.35)}
			switch {
			case s.context:
				if len(all) > 40 { // lines of so many would be a mat
					continue
				}
				style.Width, style.Color = w.context, draw.Fade(s.color(p.Theme), 0.55)
			case s.config.Baseline:
				style.Width = w.baseline
			}
			pts := make([]vg.Point, len(s.points))
			for i, q := range s.points {
				pts[i] = place(a, q)
				if i > 0 && !context {
					pl.Lines = append(pl.Lines, [2]vg.Point{pts[i-1], pts[i]})
				}
			}
			p.Line(style, pts...)
		}
	}
}

// drawBars draws the intervals of both axes. The context has none.
func drawBars(p *draw.Pen, a draw.Axes, all []series, pl *draw.Placer) {
	bar := func(style draw.LineStyle, along draw.Scale, lo, hi float64, at func(vg.Length) vg.Point) {
		from, to := p.Interval(style, along, lo, hi, at)
		pl.Lines = append(pl.Lines, [2]vg.Point{from, to})
	}
	n := len(allPoints(all))
	for _, s := range all {
		if s.context {
			continue
		}
		style := draw.LineStyle{Width: 1.1, Color: draw.Fade(s.color(p.Theme), 0.6)}
		if n > 50 {
			style = draw.LineStyle{Width: 0.8, Color: draw.Fade(s.color(p.Theme), 0.4)}
		}
		for _, q := range s.points {
			at := place(a, q)
			if q.x.HasInterval() {
				bar(style, a.X, q.x.Lo, q.x.Hi, func(x vg.Length) vg.Point { return vg.Point{X: x, Y: at.Y} })
			}
			if q.y.HasInterval() {
				bar(style, a.Y, q.y.Lo, q.y.Hi, func(y vg.Length) vg.Point { return vg.Point{X: at.X, Y: y} })
			}
		}
	}
}

// name is the label at a line's end.
func (s series) name() string { return s.short }

// endLabels name each coloured configuration at its last point, the
// recommended ones and the baseline first.
func endLabels(p *draw.Pen, a draw.Axes, all []series, radius vg.Length, name func(series) string) []draw.Label {
	var first, rest []draw.Label
	for _, s := range all {
		if s.context {
			continue
		}
		l := draw.Label{
			Lines:  []string{name(s)},
			Styles: []draw.TextStyle{{Size: draw.SizeLabel, Bold: true, Color: p.Theme.Text(s.color(p.Theme))}},
			Anchor: place(a, s.points[len(s.points)-1]), Clear: radius + 1, Must: s.pick, Says: sayName + s.config.ID,
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
func numberLabels(p *draw.Pen, a draw.Axes, all []series, radius vg.Length) []draw.Label {
	var out []draw.Label
	for _, s := range all {
		if s.context || len(s.points) < 2 {
			continue
		}
		for _, q := range s.points {
			out = append(out, draw.Label{
				Lines:  []string{pointNumber(q.load)},
				Styles: []draw.TextStyle{{Size: draw.SizeNumber, Color: p.Theme.Text(s.color(p.Theme))}},
				Anchor: place(a, q), Clear: radius, Near: true, Says: sayNumber + q.cell.ID,
			})
		}
	}
	return out
}

// kneeLabel names the cell after which more throughput costs the most latency,
// if it is among the points.
func kneeLabel(p *draw.Pen, a draw.Axes, knee string, points []point, radius vg.Length) []draw.Label {
	for _, q := range points {
		if q.cell.ID == knee && knee != "" {
			return []draw.Label{{
				Lines: []string{"knee"}, Styles: []draw.TextStyle{{Size: draw.SizeLabel, Color: p.Theme.Ink}},
				Anchor: place(a, q), Clear: radius + 3, Must: true,
			}}
		}
	}
	return nil
}

// What labels are for; an ID follows.
const (
	sayPick   = "pick " // a recommended cell
	sayName   = "name " // a configuration
	sayNumber = "load " // the load of a cell
	sayLetter = "key "  // a cell in the key
)
