package plots

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// dotsPlot compares latencies at one offered rate: one row a configuration,
// one column a metric. A frontier would be a flat line there, because the
// throughput is the rate that was offered.
type dotsPlot struct {
	metrics []string
	rows    []dotRow
	scales  []draw.Scale
	limits  []limit
}

type dotRow struct {
	name string
	id   identity
	cell analysis.Cell
	why  string // instead of estimates
	base bool
	pick bool
}

// oneRate reports whether a load offers a single rate.
func oneRate(in Input, load string) bool {
	points := pointsOf(in.Plan, load)
	return len(points) == 1 && points[0].Kind.OpenLoop()
}

// dotsFigure makes the figure, or returns the reason why there is none.
func dotsFigure(in Input, name, load string) (Figure, string) {
	f := Figure{Name: name, Kind: "dots", Load: load}
	lp := pointsOf(in.Plan, load)[0]
	d := dotsPlot{}
	var points []point
	short, ids := shortLabels(in.Plan.Configurations), in.identities()
	for i, conf := range in.Plan.Configurations {
		for _, c := range in.Findings.Cells {
			if c.Configuration != conf.ID || c.LoadPoint != lp.ID {
				continue
			}
			r := dotRow{name: short[i], id: ids[conf.ID], cell: c, base: conf.Baseline, pick: recommendedFor(in, c.ID) != ""}
			if len(c.Estimates) == 0 {
				r.why = missingText(in, conf)
			} else {
				points = append(points, point{cell: c, load: lp})
			}
			d.rows = append(d.rows, r)
		}
	}
	if len(points) == 0 {
		return f, "no configuration was measured at load " + load
	}
	d.metrics = dotMetrics(in, load, points)
	if len(d.metrics) == 0 {
		return f, "no configuration has a latency at load " + load
	}
	notes := keyNotes(in)
	if n := len(d.rows); n > maxRows {
		d.keep(maxRows)
		notes = append(notes, say.Count(n-maxRows, "more configuration")+" only in the data")
	}
	for _, m := range d.metrics {
		d.scales = append(d.scales, d.scaleOf(m))
		d.limits = append(d.limits, limitsOf(in, load, m, m)...)
	}
	f.Title = d.title(in, load)
	f.Subtitle = fmt.Sprintf("Each row is one configuration at the only offered rate, %s. Lower is better. Bars: %s intervals. Line: baseline. Ring: recommended.", pointName(lp), say.Percent(in.Findings.Confidence))
	if d.verdictWidth(draw.NewPen(nil, draw.Light())) > 0 {
		f.Subtitle += " Words: the verdict against the baseline."
	}
	f.Caption = caption(in, load, points, notes)
	f.framed(draw.FigureWidth, 0, d.height())
	f.body = d.draw
	f.records = dotRecords(in, d.metrics, points)
	return f, ""
}

// dotMetrics are up to three latencies: the one asked about, then the usual.
func dotMetrics(in Input, load string, points []point) []string {
	var out []string
	bases := map[string]bool{}
	for _, m := range []string{frontiersOf(in, load)[0].X, "ttft_p95", "ttft_p50", "tpot_p50", "itl_p50", "e2e_p95", "e2e_p50"} {
		q, err := metric.Parse(m)
		if err != nil || bases[q.Base] || len(out) == 3 || q.Base == "itl" && bases["tpot"] {
			continue
		}
		if slices.ContainsFunc(points, func(p point) bool { e, ok := p.cell.Estimates[m]; return ok && drawable(e.Center) }) {
			bases[q.Base], out = true, append(out, m)
		}
	}
	return out
}

// keep leaves the first n rows, the baseline and the recommended among them.
func (d *dotsPlot) keep(n int) {
	slices.SortStableFunc(d.rows, func(a, b dotRow) int { return yes(b.base || b.pick) - yes(a.base || a.pick) })
	d.rows = d.rows[:n]
}

func (d dotsPlot) scaleOf(m string) draw.Scale {
	var points []point
	for _, r := range d.rows {
		if e, ok := r.cell.Estimates[m]; ok && drawable(e.Center) {
			points = append(points, point{x: e})
		}
	}
	if len(points) == 0 {
		return draw.Scale{Max: 1}
	}
	lo, hi := span(points, xOf)
	return draw.LatencyScale(lo, hi)
}

// title says what the recommendation says, else counts the verdicts.
func (d dotsPlot) title(in Input, load string) string {
	for _, r := range recommendationsOf(in, load) {
		if m, err := metric.Parse(r.Objective); err == nil && m.Unit == metric.Seconds {
			return recommendationTitle(in, r)
		}
	}
	count, n := map[string]int{}, 0
	for _, r := range d.rows {
		if q, ok := r.cell.Ratios[d.metrics[0]]; ok && !r.base {
			count[q.Verdict]++
			n++
		}
	}
	if n == 0 {
		return fmt.Sprintf("Latencies at load %s", load)
	}
	return fmt.Sprintf("%s at load %s: %s", capital(metric.Short(d.metrics[0])), load, verdictCounts(count, n, "configuration"))
}

func (d dotsPlot) rowHeight() vg.Length { return min(max(430/vg.Length(len(d.rows)), 11), 24) }

func (d dotsPlot) height() vg.Length {
	return 28 + vg.Length(len(d.rows))*d.rowHeight() + draw.RoomXTicks + 6
}

func (d dotsPlot) draw(p *draw.Pen, area vg.Rectangle) {
	h := d.rowHeight()
	style := draw.TextStyle{Size: min(draw.SizeLabel, h*0.8), Color: p.Theme.Ink}
	gutter := vg.Length(0)
	for _, r := range d.rows {
		gutter = max(gutter, min(p.Width(r.name, style), 210))
	}
	left := area.Min.X + gutter + 16
	width := (area.Max.X - left) / vg.Length(len(d.metrics))
	top, bottom := area.Max.Y-28, area.Min.Y+draw.RoomXTicks+6
	for i, m := range d.metrics {
		s := d.scales[i]
		s.Lo, s.Hi = left+vg.Length(i)*width+4, left+vg.Length(i+1)*width-18-d.verdictWidth(p)
		d.column(p, m, s, top, bottom)
	}
	for i, r := range d.rows {
		y := top - (vg.Length(i)+0.5)*h
		if r.base {
			style.Bold = true
		}
		p.TextMiddle(vg.Point{X: left - 12, Y: y}, p.Fit(r.name, style, gutter), style, draw.AlignRight)
		style.Bold = false
		if r.why != "" {
			note := draw.TextStyle{Size: style.Size - 0.5, Color: p.Theme.Worse}
			p.FillRect(p.Theme.Background, vg.Rectangle{
				Min: vg.Point{X: left + 2, Y: y - h*0.45},
				Max: vg.Point{X: left + 22 + p.Width(r.why, note), Y: y + h*0.45},
			})
			p.Cross(vg.Point{X: left + 9, Y: y}, min(3.4, h*0.25), p.Theme.Worse)
			p.TextMiddle(vg.Point{X: left + 18, Y: y}, r.why, note, draw.AlignLeft)
		}
	}
}

// told is a verdict as the dot plot writes it; one that says nothing is left out.
func told(verdict string) string {
	if decided(verdict) || verdict == analysis.Equivalent {
		return verdict
	}
	return ""
}

func (d dotsPlot) verdictStyle(p *draw.Pen, verdict string) draw.TextStyle {
	return draw.TextStyle{
		Size: min(draw.SizeNumber, d.rowHeight()*0.75), Color: verdictColor(p.Theme, verdict), Bold: decided(verdict),
	}
}

// verdictWidth is the room for verdicts at the right of each column.
func (d dotsPlot) verdictWidth(p *draw.Pen) vg.Length {
	width := vg.Length(0)
	for _, r := range d.rows {
		for _, m := range d.metrics {
			if q, ok := r.cell.Ratios[m]; ok && !r.base {
				width = max(width, p.Width(told(q.Verdict), d.verdictStyle(p, q.Verdict)))
			}
		}
	}
	return width
}

// column draws one metric over all rows.
func (d dotsPlot) column(p *draw.Pen, m string, s draw.Scale, top, bottom vg.Length) {
	ticks := s.Ticks(4)
	labels, unit := draw.TickLabels(metric.Seconds, ticks)
	title := capital(metric.Short(m))
	if unit != "" {
		title += ", " + unit
	}
	p.Text(
		vg.Point{X: s.Lo, Y: top + 12}, title,
		draw.TextStyle{Size: draw.SizeLabel + 0.5, Bold: true, Color: p.Theme.Ink}, draw.AlignLeft,
	)
	for i, v := range ticks {
		p.Line(
			draw.LineStyle{Width: 0.8, Color: p.Theme.Grid}, vg.Point{X: s.At(v), Y: bottom},
			vg.Point{X: s.At(v), Y: top},
		)
		p.Text(
			vg.Point{X: s.At(v), Y: bottom - 14}, labels[i],
			draw.TextStyle{Size: draw.SizeNumber + 1, Color: p.Theme.Muted}, draw.AlignCentre,
		)
	}
	for _, l := range d.limits {
		if unitOf(m) == metric.Seconds && l.metric == m && l.value > s.Min && l.value < s.Max {
			p.Line(
				draw.LineStyle{Width: 1.1, Color: p.Theme.Muted, Dash: []vg.Length{4.5, 3}},
				vg.Point{X: s.At(l.value), Y: bottom}, vg.Point{X: s.At(l.value), Y: top + 6},
			)
		}
	}
	h := d.rowHeight()
	for _, r := range d.rows {
		if e, ok := r.cell.Estimates[m]; ok && r.base && drawable(e.Center) {
			p.Line(
				draw.LineStyle{Width: 1.2, Color: draw.Mix(p.Theme.Ink, p.Theme.Background, 0.4)},
				vg.Point{X: s.At(e.Center), Y: bottom}, vg.Point{X: s.At(e.Center), Y: top},
			)
		}
	}
	for i, r := range d.rows {
		e, ok := r.cell.Estimates[m]
		if !ok || !drawable(e.Center) {
			continue
		}
		y := top - (vg.Length(i)+0.5)*h
		c := r.id.color(p.Theme)
		if e.HasInterval() {
			p.Interval(
				draw.LineStyle{Width: 2, Color: draw.Mix(c, p.Theme.Background, 0.35)}, s, e.Lo, e.Hi,
				func(x vg.Length) vg.Point { return vg.Point{X: x, Y: y} },
			)
		}
		radius := min(3.6, h*0.26)
		p.Marker(r.id.shape, vg.Point{X: s.At(e.Center), Y: y}, radius, c, e.HasInterval())
		if q, ok := r.cell.Ratios[m]; ok && !r.base {
			p.TextMiddle(vg.Point{X: s.Hi + 7, Y: y}, told(q.Verdict), d.verdictStyle(p, q.Verdict), draw.AlignLeft)
		}
		if r.pick {
			p.Stroke(
				draw.LineStyle{Width: 1.5, Color: p.Theme.Ink},
				draw.Circle.Outline(vg.Point{X: s.At(e.Center), Y: y}, radius+3.2),
			)
		}
	}
}

func dotRecords(in Input, metrics []string, points []point) [][]string {
	header := []string{"cell", "configuration", "label", "load_point", "point", "trials", "baseline", "recommended_for"}
	for _, m := range metrics {
		header = append(header, m, m+"_lo", m+"_hi", m+"_n")
	}
	out := [][]string{header}
	for _, q := range points {
		row := []string{
			q.cell.ID, q.cell.Configuration, q.cell.Label, q.load.ID, q.load.Label, fmt.Sprint(q.cell.Trials),
			fmt.Sprint(q.cell.Baseline), recommendedFor(in, q.cell.ID),
		}
		for _, m := range metrics {
			if e, ok := q.cell.Estimates[m]; ok {
				row = append(row, estimateFields(e)...)
			} else {
				row = append(row, "", "", "", "")
			}
		}
		out = append(out, row)
	}
	return out
}
