package plots

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// responsePlot shows how metrics answer to each parameter alone, the others at
// the baseline: one column a parameter, one row a metric.
type responsePlot struct {
	point   matrix.LoadPoint
	metrics []string
	columns []responseColumn
	scales  []scale // of each metric
	tested  int     // levels that are shown to differ, better or worse
	levels  int     // levels compared
}

// responseColumn is one parameter with its levels in order.
type responseColumn struct {
	parameter string
	hue       int  // of the theme
	numeric   bool // the levels are numbers, so that a line between them means something
	levels    []responseLevel
}

type responseLevel struct {
	name     string
	id       identity
	baseline bool
	cell     analysis.Cell
	why      string // instead of estimates: "failed: kv-cache"
}

// maxColumns is the most parameters that stay readable side by side.
const maxColumns = 8

// responseFigure makes the figure, or returns the reason why there is none.
func responseFigure(in Input, name, load string) (Figure, string) {
	f := Figure{Name: name, Kind: "response", Load: load}
	base, ok := in.Plan.Baseline()
	if !ok || len(in.Plan.Parameters) == 0 {
		return f, "no parameter was varied against a baseline"
	}
	var n int
	d := responsePlot{}
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
	left := d.addColumns(in, base)
	if len(d.columns) == 0 {
		return f, "no parameter was varied alone"
	}
	d.chooseMetrics(in, load)
	if len(d.metrics) == 0 {
		return f, "no throughput or latency was measured at load " + load
	}
	f.Title = d.title()
	f.Subtitle = fmt.Sprintf("Each parameter alone, the others at the baseline, at %s. Open point: the baseline’s value. Bars: %s intervals. Cross: no result, with the reason.",
		d.point.Label, say.Percent(in.Findings.Confidence))
	var points []point
	for _, c := range d.columns {
		for _, l := range c.levels {
			if len(l.cell.Estimates) > 0 {
				points = append(points, point{cell: l.cell, load: d.point})
			}
		}
	}
	var notes []string
	if left > 0 {
		notes = append(notes, say.Count(left, "more parameter")+" only in the data")
	}
	f.Caption = caption(in, load, points, notes)
	f.frame = newFrame(f, wideWidth, 0, vg.Length(len(d.metrics))*195+40)
	f.body = d.draw
	f.records = responseRecords(in, load)
	return f, ""
}

// addColumns adds the parameters that were varied alone, and returns how many
// did not fit.
func (d *responsePlot) addColumns(in Input, base matrix.Configuration) (left int) {
	ids := in.identities()
	for _, parameter := range in.Plan.Parameters {
		column := responseColumn{parameter: parameter, hue: in.hueOf(parameter)}
		for _, c := range in.Plan.Configurations {
			if c.Baseline || panelOf(c) == parameter {
				l := d.level(in, c, parameter)
				l.id = ids[c.ID]
				column.levels = append(column.levels, l)
			}
		}
		if len(column.levels) < 2 {
			continue
		}
		column.order()
		d.columns = append(d.columns, column)
	}
	if len(d.columns) > maxColumns {
		left = len(d.columns) - maxColumns
		d.columns = d.columns[:maxColumns]
	}
	return left
}

func (d *responsePlot) level(in Input, c matrix.Configuration, parameter string) responseLevel {
	l := responseLevel{name: levelName(c, parameter), baseline: c.Baseline}
	for _, cell := range in.Findings.Cells {
		if cell.Configuration == c.ID && cell.LoadPoint == d.point.ID {
			l.cell = cell
		}
	}
	if len(l.cell.Estimates) == 0 {
		l.why = missingText(in, c)
	}
	return l
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

// order sorts numeric levels by size; others keep the order of the plan.
func (c *responseColumn) order() {
	values := map[string]float64{}
	for _, l := range c.levels {
		v, err := strconv.ParseFloat(strings.TrimRight(l.name, "kKmM"), 64)
		if err != nil {
			return
		}
		switch l.name[len(l.name)-1] {
		case 'k':
			v *= 1000
		case 'K':
			v *= 1024
		case 'm':
			v *= 1e6
		case 'M':
			v *= 1 << 20
		}
		values[l.name] = v
	}
	c.numeric = true
	slices.SortStableFunc(c.levels, func(a, b responseLevel) int {
		switch x, y := values[a.name], values[b.name]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

// chooseMetrics takes a throughput and the latency that the experiment asks
// about; a throughput that is the offered rate says nothing.
func (d *responsePlot) chooseMetrics(in Input, load string) {
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
		for _, c := range d.columns {
			for _, l := range c.levels {
				if e, ok := l.cell.Estimates[m]; ok && drawable(e.Center) {
					points = append(points, point{y: e})
				}
			}
		}
		if len(points) == 0 {
			continue
		}
		lo, hi := span(points, yOf)
		s := latencyScale(lo, hi)
		if !s.log && hi > 1.6*lo || s.log && unitOf(m) != metric.Seconds {
			s = scale{max: hi * 1.08}
		}
		d.metrics, d.scales = append(d.metrics, m), append(d.scales, s)
	}
	if len(d.metrics) == 0 {
		return
	}
	for _, c := range d.columns {
		for _, l := range c.levels {
			if q, ok := l.cell.Ratios[d.metrics[0]]; ok && !l.baseline {
				d.levels++
				if q.Verdict == analysis.Better || q.Verdict == analysis.Worse {
					d.tested++
				}
			}
		}
	}
}

// title names the parameters of which a level is shown to differ.
func (d responsePlot) title() string {
	m := d.metrics[0]
	var moved []string
	for _, c := range d.columns {
		if slices.ContainsFunc(c.levels, func(l responseLevel) bool {
			v := l.cell.Ratios[m].Verdict
			return !l.baseline && (v == analysis.Better || v == analysis.Worse)
		}) {
			moved = append(moved, c.parameter)
		}
	}
	where := " at " + d.point.Label
	switch {
	case d.levels == 0:
		return capital(metric.Short(m)) + where + " against each parameter"
	case len(moved) == 0:
		return "No parameter is shown to change " + metric.Short(m) + where
	case len(moved) == 1:
		return moved[0] + " is the only parameter shown to change " + metric.Short(m) + where
	case len(moved) > 3:
		return fmt.Sprintf("%d of %d parameters are shown to change %s%s", len(moved), len(d.columns), metric.Short(m), where)
	}
	return strings.Join(moved[:len(moved)-1], ", ") + " and " + moved[len(moved)-1] + " are shown to change " + metric.Short(m) + where
}

func (d responsePlot) draw(p *pen, area vg.Rectangle) {
	const head, gap = vg.Length(36), vg.Length(34)
	labelWidth := vg.Length(0)
	for i, m := range d.metrics {
		a := axes{y: d.scales[i], yUnit: unitOf(m), yTicks: d.scales[i].ticks(5)}
		labelWidth = max(labelWidth, a.yWidth(p))
	}
	h := (area.Max.Y - area.Min.Y - head + 14) / vg.Length(len(d.metrics))
	total := 0
	for _, c := range d.columns {
		total += max(len(c.levels), 2)
	}
	unit := (area.Max.X - area.Min.X - labelWidth - 14*vg.Length(len(d.columns)-1)) / vg.Length(total)
	for i, m := range d.metrics {
		top := area.Max.Y - head - vg.Length(i)*h
		a := axes{y: d.scales[i], yUnit: unitOf(m), yTicks: d.scales[i].ticks(5)}
		remark := "higher is better"
		if unitOf(m) == metric.Seconds {
			remark = "lower is better"
			if a.y.log {
				remark = "log scale; lower is better"
			}
		}
		p.text(vg.Point{X: area.Min.X, Y: top - sizeAxis}, capital(axisTitle(m, a.yUnit, a.yTicks, remark)), axisStyle(p.theme), alignLeft)
		x := area.Min.X + labelWidth
		for j, c := range d.columns {
			width := unit * vg.Length(max(len(c.levels), 2))
			a.area = vg.Rectangle{Min: vg.Point{X: x, Y: top - h + gap}, Max: vg.Point{X: x + width, Y: top - 22}}
			a.y.lo, a.y.hi = a.area.Min.Y, a.area.Max.Y
			d.panel(p, a, c, m)
			if j == 0 {
				a.yLabels(p)
			}
			if i == 0 {
				style := textStyle{size: sizeLabel, bold: true, color: p.theme.text(p.theme.hue(c.hue))}
				for k, line := range hyphened(p, c.parameter, style, width) {
					p.text(vg.Point{X: x, Y: area.Max.Y - 12 - 13*vg.Length(k)}, line, style, alignLeft)
				}
			}
			x += width + 14
		}
	}
}

// hyphened breaks a flag's name at a hyphen where it is too long for one line.
func hyphened(p *pen, name string, s textStyle, width vg.Length) []string {
	if p.width(name, s) <= width {
		return []string{name}
	}
	cut := -1
	for i, r := range name {
		if r == '-' && p.width(name[:i+1], s) <= width {
			cut = i + 1
		}
	}
	if cut < 0 {
		return []string{p.fit(name, s, width)}
	}
	return []string{name[:cut], p.fit(name[cut:], s, width)}
}

// panel draws one parameter against one metric.
func (d responsePlot) panel(p *pen, a axes, c responseColumn, m string) {
	a.grid(p)
	step := (a.area.Max.X - a.area.Min.X) / vg.Length(len(c.levels))
	at := func(i int) vg.Length { return a.area.Min.X + (vg.Length(i)+0.5)*step }
	color := p.theme.hue(c.hue)
	var line []vg.Point
	for i, l := range c.levels {
		e, ok := l.cell.Estimates[m]
		if !ok || !drawable(e.Center) {
			p.line(lineStyle{width: 1.4, color: mix(color, p.theme.Background, 0.35)}, line...)
			line = nil
			continue
		}
		if l.baseline {
			y := a.y.at(e.Center)
			p.line(lineStyle{width: 0.9, color: p.theme.Muted, dash: []vg.Length{2, 2.5}}, vg.Point{X: a.area.Min.X, Y: y}, vg.Point{X: a.area.Max.X, Y: y})
		}
		if c.numeric {
			line = append(line, vg.Point{X: at(i), Y: a.y.at(e.Center)})
		}
	}
	p.line(lineStyle{width: 1.4, color: mix(color, p.theme.Background, 0.35)}, line...)
	for i, l := range c.levels {
		style := textStyle{size: sizeNumber + 1, color: p.theme.Muted, bold: l.baseline}
		p.text(vg.Point{X: at(i), Y: a.area.Min.Y - 14}, p.fit(l.name, style, step-2), style, alignCentre)
		e, ok := l.cell.Estimates[m]
		if !ok || !drawable(e.Center) {
			why := l.why
			if why == "" {
				why = "no value"
			}
			d.missing(p, vg.Point{X: at(i), Y: a.area.Min.Y + 12}, why, step)
			continue
		}
		if e.HasInterval() {
			bar := lineStyle{width: 1.6, color: mix(l.id.color(p.theme), p.theme.Background, 0.25)}
			p.interval(bar, a.y, e.Lo, e.Hi, func(y vg.Length) vg.Point { return vg.Point{X: at(i), Y: y} })
		}
		p.marker(l.id.shape, vg.Point{X: at(i), Y: a.y.at(e.Center)}, 4, l.id.color(p.theme), !l.baseline)
	}
}

// missing marks a level without a value and says why, in as many lines as the
// width needs.
func (d responsePlot) missing(p *pen, at vg.Point, why string, width vg.Length) {
	p.cross(at, 4, p.theme.Worse)
	style := textStyle{size: sizeNumber, color: p.theme.Worse}
	lines := p.wrap(why, style, max(width-2, 40), 3)
	for i, line := range lines {
		p.textMiddle(vg.Point{X: at.X, Y: at.Y + 12 + vg.Length(len(lines)-1-i)*11}, line, style, alignCentre)
	}
}

// responseRecords are all single-parameter cells of the load with all metrics
// of the figure's kind, failed ones too.
func responseRecords(in Input, load string) [][]string {
	names := []string{"output_throughput", "request_throughput", "goodput", "ttft_p50", "ttft_p95", "tpot_p50", "itl_p99", "e2e_p50", "e2e_p95"}
	header := []string{"parameter", "level", "baseline", "configuration", "load_point", "point", "trials", "why"}
	for _, m := range names {
		header = append(header, m, m+"_lo", m+"_hi", m+"_n")
	}
	out := [][]string{header}
	for _, parameter := range in.Plan.Parameters {
		for _, c := range in.Plan.Configurations {
			if !c.Baseline && panelOf(c) != parameter {
				continue
			}
			for _, cell := range in.Findings.Cells {
				if cell.Configuration != c.ID || cell.Load != load {
					continue
				}
				why := ""
				if len(cell.Estimates) == 0 {
					why = missingText(in, c)
				}
				row := []string{parameter, levelName(c, parameter), strconv.FormatBool(c.Baseline), c.ID, cell.LoadPoint, cell.PointLabel, strconv.Itoa(cell.Trials), why}
				for _, m := range names {
					if e, ok := cell.Estimates[m]; ok {
						row = append(row, estimateFields(e)...)
					} else {
						row = append(row, "", "", "", "")
					}
				}
				out = append(out, row)
			}
		}
	}
	return out
}
