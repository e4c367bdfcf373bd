package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// parametersPlot shows how values of one parameter act, alone and together with
// one value of another: one column a parameter, one row a metric.
type parametersPlot struct {
	point   matrix.LoadPoint
	metrics []string
	scales  []draw.Scale // of each metric
	columns []parameterColumn
	changes []otherChange // those that lines have, in the order of the key
}

// parameterColumn is one parameter with its values in order.
type parameterColumn struct {
	parameter string
	hue       int // of the theme
	values    []string
	lines     []parameterLine // that of the parameter alone first
}

// otherChange is one value of another parameter; empty: there is none, all
// other parameters are at the baseline.
type otherChange struct {
	flag      string // "kv-cache-dtype=fp8"
	hue, tone int    // of the theme
}

// parameterLine is the results of a parameter's values at one other change.
type parameterLine struct {
	change  otherChange
	results []parameterResult // one a value
}

type parameterResult struct {
	planned  bool
	baseline bool
	id       identity
	cell     analysis.Cell
	why      string // instead of estimates: "failed: kv-cache"
}

const (
	maxValues  = 24 // of all parameters side by side, with room for their names
	maxChanges = 5  // lines of other changes that can be told apart
)

// parametersFigure makes the figure, or returns the reason why there is none.
func parametersFigure(in Input, name, load string) (Figure, string) {
	f := Figure{Name: name, Kind: "parameters", Load: load}
	if _, ok := in.Plan.Baseline(); !ok || len(in.Plan.Parameters) == 0 {
		return f, "no parameter was varied against a baseline"
	}
	d, n := parametersPlot{}, 0
	d.point, n = highestCommon(pointsOf(in.Plan, load), func(id string) int {
		k := 0
		for _, c := range in.Findings.Cells {
			if c.LoadPoint == id && len(c.Estimates) > 0 {
				k++
			}
		}
		return k
	})
	if n == 0 {
		return f, "no configuration was measured at load " + load
	}
	notes := d.addColumns(in)
	if len(d.columns) == 0 {
		return f, "no parameter was varied alone or with one other"
	}
	d.chooseMetrics(in, load)
	if len(d.metrics) == 0 {
		return f, "no throughput or latency was measured at load " + load
	}
	f.Title = d.title(in)
	f.Subtitle = fmt.Sprintf("Each parameter alone, the others at the baseline, at %s.", d.point.Label)
	if len(d.changes) > 1 {
		const says = "Solid: each parameter alone at %s. Dashed: together with one other change."
		f.Subtitle = fmt.Sprintf(says, d.point.Label)
	}
	f.Subtitle += fmt.Sprintf(" Open point: the baseline. Bars: %s intervals. Cross: no result, with the reason.",
		say.Percent(in.Findings.Confidence))
	var points []point
	for _, r := range d.results() {
		if len(r.cell.Estimates) > 0 {
			points = append(points, point{cell: r.cell, load: d.point})
		}
	}
	f.Caption = caption(in, load, points, notes)
	f.framed(draw.WideWidth, 0, vg.Length(len(d.metrics))*195+40+d.keyHeight())
	f.body = d.draw
	f.records = parameterRecords(in, load)
	return f, ""
}

// addColumns adds the parameters with their lines, and returns notes on what
// did not fit.
func (d *parametersPlot) addColumns(in Input) (notes []string) {
	d.changes = []otherChange{{}}
	drawn, more := 0, 0
	left := map[string]bool{}
	for _, parameter := range in.Plan.Parameters {
		column := parameterColumn{parameter: parameter, hue: in.hueOf(parameter)}
		for _, c := range in.Plan.Configurations {
			_, ok := changeBeside(in, c, parameter)
			if value := levelName(c, parameter); ok && !slices.Contains(column.values, value) {
				column.values = append(column.values, value)
			}
		}
		drawn += len(column.values)
		switch {
		case len(column.values) < 2:
		case drawn > maxValues && len(d.columns) > 0:
			more++
		default:
			column.order()
			d.addLines(in, &column, left)
			d.columns = append(d.columns, column)
		}
	}
	if more > 0 {
		notes = append(notes, say.Count(more, "more parameter")+" only in the data")
	}
	if len(left) > 0 {
		notes = append(notes, "combinations with "+say.Count(len(left), "more value")+" only in the data")
	}
	return notes
}

// addLines adds that of the parameter alone, then one for each other change
// with which it was varied; those that do not fit go into left.
func (d *parametersPlot) addLines(in Input, column *parameterColumn, left map[string]bool) {
	column.lines = []parameterLine{{results: d.resultsOf(in, *column, "")}}
	for _, c := range in.Plan.Configurations {
		change, ok := changeBeside(in, c, column.parameter)
		has := func(l parameterLine) bool { return l.change.flag == change.flag }
		if !ok || len(c.Changed) < 2 || slices.ContainsFunc(column.lines, has) {
			continue
		}
		at := slices.IndexFunc(d.changes, func(o otherChange) bool { return o.flag == change.flag })
		switch {
		case at >= 0:
			change = d.changes[at]
		case len(d.changes) > maxChanges:
			left[change.flag] = true
			continue
		default:
			for _, o := range d.changes[1:] { // values of one parameter have different tones
				if o.hue == change.hue {
					change.tone++
				}
			}
			d.changes = append(d.changes, change)
		}
		column.lines = append(column.lines, parameterLine{change, d.resultsOf(in, *column, change.flag)})
	}
}

// changeBeside is what a configuration changes beside a parameter. False: it
// changes more than one other parameter, or two and not this one.
func changeBeside(in Input, c matrix.Configuration, parameter string) (change otherChange, ok bool) {
	for _, f := range c.Changed {
		if f.Name == parameter {
			continue
		}
		if change.flag != "" {
			return change, false
		}
		change = otherChange{flag: f.Name + "=" + shortValue(f), hue: in.hueOf(f.Name)}
	}
	return change, c.Baseline || len(c.Changed) > 0
}

// levelName is a configuration's level of a parameter; a flag that is not set
// is at the server's default.
func levelName(c matrix.Configuration, parameter string) string {
	for _, f := range slices.Concat(c.Flags, c.Changed) {
		if f.Name == parameter {
			return shortValue(f)
		}
	}
	return "default"
}

// order sorts values that are numbers by size; others keep the order of the
// plan.
func (c *parameterColumn) order() {
	if !slices.ContainsFunc(c.values, func(v string) bool { return math.IsNaN(numberOf(v)) }) {
		slices.SortStableFunc(c.values, func(a, b string) int { return cmp.Compare(numberOf(a), numberOf(b)) })
	}
}

// resultsOf are the results of a column's values at the figure's point with
// another change.
func (d parametersPlot) resultsOf(in Input, column parameterColumn, flag string) []parameterResult {
	ids, out := in.identities(), make([]parameterResult, len(column.values))
	for _, c := range in.Plan.Configurations {
		change, ok := changeBeside(in, c, column.parameter)
		if !ok || change.flag != flag {
			continue
		}
		for _, cell := range in.Findings.Cells {
			if cell.Configuration != c.ID || cell.LoadPoint != d.point.ID {
				continue
			}
			r := parameterResult{planned: true, baseline: c.Baseline, id: ids[c.ID], cell: cell}
			if len(cell.Estimates) == 0 {
				r.why = missingText(in, c)
			}
			out[slices.Index(column.values, levelName(c, column.parameter))] = r
		}
	}
	return out
}

func (d parametersPlot) results() []parameterResult {
	var out []parameterResult
	for _, c := range d.columns {
		for _, l := range c.lines {
			out = append(out, l.results...)
		}
	}
	return out
}

// chooseMetrics takes a throughput and the latency that the experiment asks
// about; a throughput that is the offered rate says nothing.
func (d *parametersPlot) chooseMetrics(in Input, load string) {
	_, latency := curveMetrics(in, load)
	choices := []string{"output_throughput", latency}
	if d.point.Kind.OpenLoop() {
		choices = []string{latency, "tpot_p50"}
		if latency == "tpot_p50" {
			choices[1] = firstMeasured(in, load, []string{"ttft_p95", "ttft_p50"})
		}
	}
	for _, m := range choices {
		var points []point
		for _, r := range d.results() {
			if e, ok := r.cell.Estimates[m]; ok && drawable(e.Center) {
				points = append(points, point{y: e})
			}
		}
		if len(points) == 0 {
			continue
		}
		lo, hi := span(points, yOf)
		s := draw.LatencyScale(lo, hi)
		if !s.Log && hi > 1.6*lo || s.Log && unitOf(m) != metric.Seconds {
			s = draw.Scale{Max: hi * 1.08}
		}
		d.metrics, d.scales = append(d.metrics, m), append(d.scales, s)
	}
}

// title names the parameters, drawn or not, of which a value alone is shown to
// differ, and those that are shown to act differently together.
func (d parametersPlot) title(in Input) string {
	m, compared := d.metrics[0], false
	var moved []string
	for _, e := range in.Findings.Effects {
		if q, ok := e.Ratios[m]; ok && e.LoadPoint == d.point.ID {
			compared = true
			if decided(q.Verdict) && !slices.Contains(moved, e.Parameter) {
				moved = append(moved, e.Parameter)
			}
		}
	}
	name := metric.Short(m)
	end := " at " + d.point.Label + d.together(in)
	switch {
	case !compared:
		return capital(name) + " against the values of each parameter" + end
	case len(moved) == 0:
		return "No parameter is shown to change " + name + end
	case len(moved) == 1:
		return moved[0] + " is the only parameter shown to change " + name + end
	case len(moved) > 3:
		const says = "%d of %d parameters are shown to change %s%s"
		return fmt.Sprintf(says, len(moved), len(in.Plan.Parameters), name, end)
	}
	return say.List(moved) + " are shown to change " + name + end
}

// together names the parameters whose changes are shown to interact.
func (d parametersPlot) together(in Input) string {
	var found []string
	for _, x := range in.Findings.Interactions {
		pair := x.Parameters[0] + " and " + x.Parameters[1]
		here := x.LoadPoint == d.point.ID && x.Metric == d.metrics[0]
		if here && decided(x.Ratio.Verdict) && !slices.Contains(found, pair) {
			found = append(found, pair)
		}
	}
	switch len(found) {
	case 0:
		return ""
	case 1:
		return "; " + found[0] + " interact"
	}
	return fmt.Sprintf("; %d pairs of parameters interact", len(found))
}

const (
	keyColumns           = 3
	keyRow     vg.Length = 18
)

func (d parametersPlot) keyHeight() vg.Length {
	if len(d.changes) == 1 {
		return 0
	}
	return keyRow*vg.Length((len(d.changes)+keyColumns-1)/keyColumns) + 8
}

func (d parametersPlot) draw(p *draw.Pen, area vg.Rectangle) {
	const head, gap = vg.Length(36), vg.Length(34)
	d.key(p, area)
	area.Max.Y -= d.keyHeight()
	a, labels := draw.Axes{}, vg.Length(0)
	for i, m := range d.metrics {
		a.YUnit, a.YTicks = unitOf(m), d.scales[i].Ticks(5)
		labels = max(labels, a.YWidth(p))
	}
	total := 0
	for _, c := range d.columns {
		total += len(c.values)
	}
	h := (area.Max.Y - area.Min.Y - head + 14) / vg.Length(len(d.metrics))
	step := (area.Max.X - area.Min.X - labels - 14*vg.Length(len(d.columns)-1)) / vg.Length(total)
	for i, m := range d.metrics {
		top := area.Max.Y - head - vg.Length(i)*h
		a.Y, a.YUnit, a.YTicks = d.scales[i], unitOf(m), d.scales[i].Ticks(5)
		remark := strings.Trim(direction(m), "←→ ")
		if a.Y.Log {
			remark = "log scale; " + remark
		}
		title := capital(draw.AxisTitle(m, a.YUnit, a.YTicks, remark))
		p.Text(vg.Point{X: area.Min.X, Y: top - draw.SizeAxis}, title, draw.AxisStyle(p.Theme), draw.AlignLeft)
		x := area.Min.X + labels
		for j, c := range d.columns {
			width := step * vg.Length(len(c.values))
			a.Area = vg.Rectangle{Min: vg.Point{X: x, Y: top - h + gap}, Max: vg.Point{X: x + width, Y: top - 22}}
			a.Y.Lo, a.Y.Hi = a.Area.Min.Y, a.Area.Max.Y
			c.panel(p, a, m, step)
			if j == 0 {
				a.YLabels(p)
			}
			if i == 0 {
				style := draw.TextStyle{Size: draw.SizeLabel, Bold: true, Color: p.Theme.Text(p.Theme.Hue(c.hue))}
				for k, line := range p.Hyphened(c.parameter, style, width) {
					p.Text(vg.Point{X: x, Y: area.Max.Y - 12 - 13*vg.Length(k)}, line, style, draw.AlignLeft)
				}
			}
			x += width + 14
		}
	}
}

// key explains the lines.
func (d parametersPlot) key(p *draw.Pen, area vg.Rectangle) {
	if len(d.changes) == 1 {
		return
	}
	width := (area.Max.X - area.Min.X) / keyColumns
	style := draw.TextStyle{Size: draw.SizeLabel, Color: p.Theme.Ink}
	for i, c := range d.changes {
		row, column := vg.Length(i/keyColumns), vg.Length(i%keyColumns)
		at := vg.Point{X: area.Min.X + width*column, Y: area.Max.Y - 8 - keyRow*row}
		name := "alone, the others at the baseline"
		if c.flag != "" {
			name = "with " + c.flag
		}
		p.Line(c.style(p.Theme, p.Theme.Muted), at, vg.Point{X: at.X + 28, Y: at.Y})
		p.TextMiddle(vg.Point{X: at.X + 34, Y: at.Y}, p.Fit(name, style, width-44), style, draw.AlignLeft)
	}
}

// style is how a line looks; alone is the color of the parameter alone.
func (c otherChange) style(t draw.Theme, alone color.NRGBA) draw.LineStyle {
	if c.flag == "" {
		return draw.LineStyle{Width: 1.6, Color: draw.Mix(alone, t.Background, 0.35)}
	}
	return draw.LineStyle{Width: 1.2, Color: t.Level(c.hue, c.tone), Dash: []vg.Length{5, 3}}
}

// panel draws one parameter against one metric. Lines stand a little beside
// each other, so that their intervals can be seen.
func (c parameterColumn) panel(p *draw.Pen, a draw.Axes, m string, step vg.Length) {
	a.Grid(p)
	apart := min(7, step*0.7/vg.Length(len(c.lines)))
	x := func(line, value int) vg.Length {
		beside := vg.Length(line) - vg.Length(len(c.lines)-1)/2
		return a.Area.Min.X + (vg.Length(value)+0.5)*step + beside*apart
	}
	for i, l := range c.lines {
		var join []vg.Point
		style := l.change.style(p.Theme, p.Theme.Hue(c.hue))
		for j, r := range l.results {
			e, ok := r.estimate(m)
			if !ok {
				p.Line(style, join...)
				join = nil
				continue
			}
			join = append(join, vg.Point{X: x(i, j), Y: a.Y.At(e.Center)})
			if r.baseline {
				dotted := draw.LineStyle{Width: 0.9, Color: p.Theme.Muted, Dash: []vg.Length{2, 2.5}}
				y := a.Y.At(e.Center)
				p.Line(dotted, vg.Point{X: a.Area.Min.X, Y: y}, vg.Point{X: a.Area.Max.X, Y: y})
			}
		}
		p.Line(style, join...)
	}
	for i, l := range c.lines {
		for j, r := range l.results {
			e, ok := r.estimate(m)
			if !ok {
				continue
			}
			at := vg.Point{X: x(i, j), Y: a.Y.At(e.Center)}
			if e.HasInterval() {
				bar := draw.LineStyle{Width: 1.6, Color: draw.Mix(r.id.color(p.Theme), p.Theme.Background, 0.25)}
				p.Interval(bar, a.Y, e.Lo, e.Hi, func(y vg.Length) vg.Point { return vg.Point{X: at.X, Y: y} })
			}
			p.Marker(r.id.shape, at, 4, r.id.color(p.Theme), !r.baseline)
		}
	}
	for j, value := range c.values {
		style := draw.TextStyle{Size: draw.SizeTick, Color: p.Theme.Muted, Bold: c.lines[0].results[j].baseline}
		at := vg.Point{X: a.Area.Min.X + (vg.Length(j)+0.5)*step, Y: a.Area.Min.Y}
		p.Text(vg.Point{X: at.X, Y: at.Y - 14}, p.Fit(value, style, step-2), style, draw.AlignCentre)
		var why []string
		for i, l := range c.lines {
			r := l.results[j]
			if _, ok := r.estimate(m); ok || !r.planned {
				continue
			}
			p.Cross(vg.Point{X: x(i, j), Y: at.Y + 12}, 4, l.change.style(p.Theme, p.Theme.Worse).Color)
			reason := cmp.Or(r.why, "no value")
			if !slices.Contains(why, reason) {
				why = append(why, reason)
			}
		}
		style = draw.TextStyle{Size: draw.SizeNumber, Color: p.Theme.Worse}
		lines := p.Wrap(strings.Join(why, "; "), style, max(step-2, 40), 3)
		for k, line := range lines {
			y := at.Y + 24 + vg.Length(len(lines)-1-k)*11
			p.TextMiddle(vg.Point{X: at.X, Y: y}, line, style, draw.AlignCentre)
		}
	}
}

// estimate is that of a metric, if it can be drawn.
func (r parameterResult) estimate(m string) (analysis.Estimate, bool) {
	e, ok := r.cell.Estimates[m]
	return e, ok && drawable(e.Center)
}
