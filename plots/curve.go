package plots

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// curvePlot draws latency against achieved throughput, one panel a parameter,
// the baseline in each: configurations that coincide with it, or with levels
// of other parameters, can still be told apart.
type curvePlot struct {
	x, y   string // metrics
	panels []panel
	limits []limit
	xs, ys draw.Scale
	hasSLO bool
	small  bool
	knees  []string // cells at the knee of a frontier of the load
}

// panel is one parameter with its levels, or the combinations.
type panel struct {
	name   string
	series []series // baseline first
}

// maxPanels is the most panels that stay readable.
const maxPanels = 9

// panelLevels is how many levels of one parameter a panel shows in colour
// whether or not they are notable.
const panelLevels = 6

// curveFigure makes the figure, or returns the reason why there is none.
func curveFigure(in Input, name, load string) (Figure, string) {
	f := Figure{Name: name, Kind: "curve", Load: load}
	d := curvePlot{hasSLO: len(in.SLO) > 0}
	var frontier []string
	for _, fr := range frontiersOf(in, load) {
		frontier = append(frontier, fr.Cells...)
	}
	d.x, d.y = curveMetrics(in, load)
	// The knee of the curve's own latency, else of the first frontier with one.
	for _, fr := range frontiersOf(in, load) {
		if fr.Knee != "" && (fr.X == d.y || len(d.knees) == 0) {
			d.knees = []string{fr.Knee}
		}
	}
	all := seriesOf(in, load, d.x, d.y, frontier)
	points := allPoints(all)
	if len(points) == 0 {
		return f, "no configuration has both a throughput and a latency at load " + load
	}
	if len(pointsOf(in.Plan, load)) < 2 {
		return f, "load " + load + " has only one point, so there is no curve"
	}
	d.panels = panelsOf(in, all)
	left := 0
	if len(d.panels) > maxPanels {
		left, d.panels = len(d.panels)-maxPanels, d.panels[:maxPanels]
	}
	d.limits = limitsOf(in, load, d.x, d.y)
	lo, hi := span(points, yOf)
	for _, l := range d.limits {
		if !l.x && l.value > lo/2 && l.value < hi*2 {
			lo, hi = min(lo, l.value), max(hi, l.value)
		}
	}
	d.ys = draw.LatencyScale(lo, hi)
	_, right := span(points, xOf)
	d.xs, d.small = draw.Scale{Max: right * 1.04}, len(d.panels) > 1

	f.Title = curveTitle(in, load, d.y, points)
	f.Subtitle = d.subtitle(in, points)
	var notes []string
	if left > 0 {
		notes = append(notes, say.Count(left, "more parameter")+" only in the data")
	}
	grey := 0
	for _, pn := range d.panels {
		for _, s := range pn.series {
			if s.context {
				grey++
			}
		}
	}
	if grey > 0 {
		notes = append(notes, say.Count(grey, "configuration")+" in gray, without labels")
	}
	if note := gpuNote(points, d.x); note != "" {
		notes = append(notes, note)
	}
	if key := abbreviations(in.Plan.Configurations); key != "" && slices.ContainsFunc(d.panels, func(p panel) bool { return p.name == combinations }) {
		notes = append(notes, key)
	}
	f.Caption = caption(in, load, points, notes)
	height := draw.FigureHeight
	if len(d.panels) > 3 {
		height = 640
	}
	if len(d.panels) > 6 {
		height = 800
	}
	f.framed(draw.FigureWidth, height, 0)
	f.body = d.draw
	f.records = cellRecords(in, points, d.x, d.y, frontier)
	return f, ""
}

// curveMetrics are the throughput and the latency to draw: requests rather
// than tokens, and the latency that the SLO limits rather than another.
func curveMetrics(in Input, load string) (x, y string) {
	xs := []string{"request_throughput", "output_throughput", "total_throughput"}
	var ys []string
	for _, c := range in.SLO {
		if unitOf(c.Metric) == metric.Seconds {
			ys = append(ys, c.Metric)
		}
	}
	for _, fr := range frontiersOf(in, load) {
		ys = append(ys, fr.X)
	}
	ys = append(ys, "e2e_p95", "e2e_p50", "ttft_p95", "ttft_p50", "tpot_p50")
	return firstMeasured(in, load, xs), firstMeasured(in, load, ys)
}

// firstMeasured is the first metric that a cell of the load has.
func firstMeasured(in Input, load string, metrics []string) string {
	for _, m := range metrics {
		for _, c := range in.Findings.Cells {
			if _, ok := c.Estimates[m]; ok && c.Load == load {
				return m
			}
		}
	}
	return metrics[0]
}

// panelsOf groups series by parameter, in plan order, combinations last.
func panelsOf(in Input, all []series) []panel {
	var base []series
	var out []panel
	for _, s := range all {
		if s.config.Baseline {
			base = append(base, s)
		}
	}
	for _, name := range append(slices.Clone(in.Plan.Parameters), combinations) {
		var members []series
		for _, s := range all {
			inPanel := s.panel == name || name == combinations && !slices.Contains(in.Plan.Parameters, s.panel)
			if !s.config.Baseline && inPanel {
				members = append(members, s)
			}
		}
		if name != combinations && len(members) <= panelLevels {
			for i := range members { // few enough to show all of them
				members[i].context = false
			}
		}
		if len(members) > 0 {
			out = append(out, panel{name: name, series: append(slices.Clone(base), members...)})
		}
	}
	if len(out) == 0 {
		out = append(out, panel{name: "baseline", series: base})
	}
	return out
}

// curveTitle counts the verdicts on the latency where the load is highest.
func curveTitle(in Input, load, y string, points []point) string {
	lp, n := highestCommon(pointsOf(in.Plan, load), func(id string) int {
		n := 0
		for _, q := range points {
			if _, ok := q.cell.Ratios[y]; ok && q.load.ID == id {
				n++
			}
		}
		return n
	})
	if n == 0 {
		return fmt.Sprintf("%s at rising load (%s)", capital(metric.Short(y)), load)
	}
	count := map[string]int{}
	for _, q := range points {
		if r, ok := q.cell.Ratios[y]; ok && q.load.ID == lp.ID {
			count[r.Verdict]++
		}
	}
	return fmt.Sprintf("%s at %s: %s", capital(metric.Short(y)), pointName(lp), verdictCounts(count, n, "configuration"))
}

// verdictCounts is "2 of 6 configurations better than the baseline, 1 worse".
func verdictCounts(count map[string]int, n int, noun string) string {
	if n == 1 {
		return onlyVerdict(count, noun)
	}
	better := count[analysis.Better]
	out := fmt.Sprintf("%d of %s better than the baseline", better, say.Count(n, noun))
	if better == 0 {
		out = fmt.Sprintf("none of %s is shown to be better than the baseline", say.Count(n, noun))
	}
	for _, v := range []string{analysis.Worse, analysis.Equivalent, analysis.Undecided, analysis.NotComparable} {
		if k := count[v]; k > 0 {
			out += fmt.Sprintf(", %d %s", k, v)
		}
	}
	return out
}

// onlyVerdict is the verdict where there is but one.
func onlyVerdict(count map[string]int, noun string) string {
	words := "undecided against"
	switch {
	case count[analysis.Better] == 1:
		words = "better than"
	case count[analysis.Worse] == 1:
		words = "worse than"
	case count[analysis.Equivalent] == 1:
		words = "equivalent to"
	case count[analysis.NotComparable] == 1:
		words = "not comparable with"
	}
	return fmt.Sprintf("the only %s compared is %s the baseline", noun, words)
}

func (d curvePlot) subtitle(in Input, points []point) string {
	parts := []string{"Each line is one configuration over its loads. Small numbers: " + numbersMean(points[0].load.Kind) + "."}
	if len(d.panels) > 1 {
		parts = append(parts, "One panel per parameter, each with the baseline (wide line).")
	}
	if d.hasSLO {
		parts = append(parts, "Filled: meets the SLO. Hollow: does not, or unknown.")
	}
	if countIntervals(points) > 0 {
		parts = append(parts, fmt.Sprintf("Bars: %s intervals.", say.Percent(in.Findings.Confidence)))
	}
	if len(d.knees) > 0 {
		parts = append(parts, "Knee: beyond it, more throughput costs much more latency.")
	}
	return strings.Join(parts, " ")
}

// draw lays out the panels on one grid with shared scales.
func (d curvePlot) draw(p *draw.Pen, area vg.Rectangle) {
	columns := min(len(d.panels), 3)
	if len(d.panels) == 4 {
		columns = 2
	}
	rows := (len(d.panels) + columns - 1) / columns
	a := draw.Axes{
		X: d.xs, Y: d.ys, XUnit: unitOf(d.x), YUnit: unitOf(d.y), XTicks: d.xs.Ticks([]int{10, 6, 4}[columns-1]),
		YTicks: d.ys.Ticks(8 - 2*min(rows, 2)),
	}
	remark := "lower is better"
	if a.Y.Log {
		remark = "log scale; lower is better"
	}
	p.Text(
		vg.Point{X: area.Min.X, Y: area.Max.Y - draw.SizeAxis}, capital(draw.AxisTitle(d.y, a.YUnit, a.YTicks, remark)),
		draw.AxisStyle(p.Theme), draw.AlignLeft,
	)
	inner := area
	inner.Min.X += a.YWidth(p)
	inner.Max.Y -= draw.RoomYTitle
	inner.Min.Y += draw.RoomXTicks + draw.RoomXTitle
	p.Text(
		vg.Point{X: (inner.Min.X + inner.Max.X) / 2, Y: area.Min.Y + 3},
		capital("achieved "+draw.AxisTitle(d.x, a.XUnit, a.XTicks, "")), draw.AxisStyle(p.Theme), draw.AlignCentre,
	)

	const gapX, gapY = vg.Length(18), vg.Length(14)
	titles := vg.Length(0)
	if d.small {
		titles = 20
	}
	w := (inner.Max.X - inner.Min.X - gapX*vg.Length(columns-1)) / vg.Length(columns)
	h := (inner.Max.Y - inner.Min.Y - gapY*vg.Length(rows-1)) / vg.Length(rows)
	for i, pn := range d.panels {
		col, row := i%columns, i/columns
		a.Area.Min = vg.Point{X: inner.Min.X + vg.Length(col)*(w+gapX), Y: inner.Max.Y - vg.Length(row)*(h+gapY) - h}
		a.Area.Max = vg.Point{X: a.Area.Min.X + w, Y: a.Area.Min.Y + h - titles}
		a.X.Lo, a.X.Hi, a.Y.Lo, a.Y.Hi = a.Area.Min.X, a.Area.Max.X, a.Area.Min.Y, a.Area.Max.Y
		d.panel(p, a, pn, col == 0, i+columns >= len(d.panels))
	}
}

// panel draws one panel, with tick labels at the outer edges.
func (d curvePlot) panel(p *draw.Pen, a draw.Axes, pn panel, left, bottom bool) {
	a.Grid(p)
	if bottom {
		a.XLabels(p)
	}
	if left {
		a.YLabels(p)
	}
	if d.small {
		style := draw.TextStyle{Size: draw.SizeLabel + 1, Bold: true, Color: p.Theme.Ink}
		p.Text(
			vg.Point{X: a.Area.Min.X, Y: a.Area.Max.Y + 6}, p.Fit(pn.name, style, a.Area.Max.X-a.Area.Min.X), style,
			draw.AlignLeft,
		)
	}
	pl := &draw.Placer{Bounds: a.Area}
	if !d.small {
		pl.Bounds.Max.X += draw.MarginX - 6
	}
	radius := radiusFor(len(allPoints(pn.series)))
	if d.small {
		radius = min(radius, 3.6)
	}
	d.baselineBand(p, a, pn.series)
	drawLimits(p, a, d.limits, draw.AlignLeft, pl)
	drawSeries(p, a, pn.series, pl, lineWidths(radius))
	drawBars(p, a, pn.series, pl)
	for _, context := range []bool{true, false} {
		for _, s := range pn.series {
			if s.context == context {
				d.marks(p, a, pl, s, radius)
			}
		}
	}
	name := series.name
	if d.small {
		name = func(s series) string { return s.value }
	}
	var labels []draw.Label
	for _, knee := range d.knees {
		labels = append(labels, kneeLabel(p, a, knee, allPoints(pn.series), radius)...)
	}
	labels = append(append(labels, endLabels(p, a, pn.series, radius, name)...), numberLabels(p, a, pn.series, radius)...)
	for _, l := range pl.PlaceAll(p, labels) {
		p.FillRect(draw.Fade(p.Theme.Background, draw.PlateOpacity), draw.Grow(l.Box, 1))
		l.Draw(p)
	}
}

// baselineBand lays a wide pale line under the baseline, which shows where
// another configuration covers it.
func (d curvePlot) baselineBand(p *draw.Pen, a draw.Axes, all []series) {
	for _, s := range all {
		if !s.config.Baseline {
			continue
		}
		var pts []vg.Point
		for _, q := range s.points {
			pts = append(pts, place(a, q))
		}
		p.Line(draw.LineStyle{Width: 8, Color: draw.Fade(p.Theme.Ink, 0.12)}, pts...)
	}
}

func (d curvePlot) marks(p *draw.Pen, a draw.Axes, pl *draw.Placer, s series, radius vg.Length) {
	for _, q := range s.points {
		r, c := radius, s.color(p.Theme)
		filled := !d.hasSLO || q.cell.MeetsSLO != nil && *q.cell.MeetsSLO
		switch {
		case s.context:
			r *= 0.8
		case s.config.Baseline:
			r *= 1.25 // shows behind a point that covers it
		}
		p.Marker(s.shape(), place(a, q), r, c, filled)
		pl.Marks = append(pl.Marks, draw.Mark{At: place(a, q), R: r + 1})
	}
}
