package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// distributionPlot shows whole latency distributions of selected cells: one row
// a latency, at the left the share of requests below a value, at the right the
// value at each percentile on the scale of HdrHistogram, log 1/(1-p).
type distributionPlot struct {
	point matrix.LoadPoint
	bases []string // "ttft", "itl", "e2e"
	cells []cellDistribution
}

// cellDistribution is one cell with the requests of its counted trials.
type cellDistribution struct {
	series series
	nth    int                                  // of those drawn
	trials map[string][]*hdrhistogram.Histogram // by base
	pooled map[string]*hdrhistogram.Histogram
}

// maxDistributions is the most cells that stay readable in one picture.
const maxDistributions = 6

// distributionFigure makes the figure, or returns the reason why there is none.
func distributionFigure(in Input, name, load string) (Figure, string) {
	f := Figure{Name: name, Kind: "distribution", Load: load}
	if in.Latencies == nil {
		return f, "the run has no latency histograms"
	}
	d, failed := newDistribution(in, load)
	if len(d.cells) == 0 {
		if failed != "" {
			return f, failed
		}
		return f, "no valid trial of load " + load + " has a latency histogram"
	}
	f.Title = d.title(in)
	f.Subtitle = "Thick: all valid trials together. Thin: single trials. Right: this share of requests was faster than the latency shown, as far as the number of requests allows (MLPerf’s minimum sample)."
	if len(pointsOf(in.Plan, load)) > 1 {
		f.Subtitle = "All at " + pointName(d.point) + ". " + f.Subtitle
	}
	points := make([]point, 0, len(d.cells))
	for _, c := range d.cells {
		points = append(points, c.series.points[0])
	}
	f.Caption = caption(in, load, points, keyNotes(in))
	f.framed(draw.WideWidth, 0, vg.Length(len(d.bases))*230+20)
	f.body = d.draw
	f.records = d.records()
	return f, ""
}

// newDistribution reads the histograms of the selected cells: the baseline and
// the recommended, then those on the frontier, all at one load point.
func newDistribution(in Input, load string) (distributionPlot, string) {
	d := distributionPlot{}
	n := 0
	d.point, n = highestCommon(pointsOf(in.Plan, load), func(id string) int {
		k := 0
		for _, c := range in.Findings.Cells {
			if c.LoadPoint == id && c.Trials > 0 {
				k++
			}
		}
		return k
	})
	if n == 0 {
		return d, "no valid trial at load " + load
	}
	for _, r := range recommendationsOf(in, load) { // the finding's own load point, where there is one
		m, err := metric.Parse(r.Objective)
		for _, c := range in.Findings.Cells {
			if c.ID == r.Cell && err == nil && m.Unit == metric.Seconds {
				d.point, _ = in.Plan.LoadPoint(c.LoadPoint)
			}
		}
	}
	trials := map[string][]string{}
	confirming := map[string]bool{} // their trials are not those of the estimates
	for _, s := range in.Starts {
		confirming[s.ID] = s.Purpose == matrix.PurposeConfirm
	}
	for _, t := range in.Trials {
		if t.Outcome == rundir.OutcomeOK && !confirming[t.Start] {
			trials[t.Cell] = append(trials[t.Cell], t.ID)
		}
	}
	failed := ""
	for _, s := range d.selected(in, load) {
		c := cellDistribution{series: s, trials: map[string][]*hdrhistogram.Histogram{}, pooled: map[string]*hdrhistogram.Histogram{}}
		for _, id := range trials[s.points[0].cell.ID] {
			all, err := in.Latencies(id)
			if err != nil {
				failed = fmt.Sprintf("cannot read the histograms of trial %s: %v", id, err)
				continue
			}
			for base, h := range all {
				if h.TotalCount() == 0 {
					continue
				}
				c.trials[base] = append(c.trials[base], h)
				if c.pooled[base] == nil {
					c.pooled[base] = hdrhistogram.New(h.LowestTrackableValue(), h.HighestTrackableValue(), int(h.SignificantFigures()))
				}
				c.pooled[base].Merge(h)
			}
		}
		if len(c.pooled) > 0 {
			c.nth = len(d.cells)
			d.cells = append(d.cells, c)
		}
	}
	_, latency := curveMetrics(in, load)
	first, _ := metric.Parse(latency)
	for _, base := range []string{first.Base, "ttft", "e2e", "itl"} {
		if slices.Contains(d.bases, base) || len(d.bases) == 2 {
			continue
		}
		if slices.ContainsFunc(d.cells, func(c cellDistribution) bool { return c.pooled[base] != nil }) {
			d.bases = append(d.bases, base)
		}
	}
	if len(d.bases) == 0 {
		d.cells = nil
	}
	return d, failed
}

// selected are the series of one point each to draw.
func (d distributionPlot) selected(in Input, load string) []series {
	fr := frontiersOf(in, load)[0]
	var out []series
	all := seriesOf(in, load, fr.X, fr.Y, fr.Cells)
	rank := func(s series) int {
		switch {
		case s.config.Baseline:
			return 0
		case s.pick:
			return 1
		case slices.ContainsFunc(s.points, func(q point) bool { return q.frontier }):
			return 2
		}
		return 3
	}
	slices.SortStableFunc(all, func(a, b series) int { return rank(a) - rank(b) })
	for _, s := range all {
		for _, q := range s.points {
			if q.load.ID == d.point.ID && len(out) < maxDistributions {
				s.points = []point{q}
				out = append(out, s)
				break
			}
		}
	}
	for i := range out { // few enough to show all of them
		out[i].context = false
	}
	return out
}

func (d distributionPlot) title(in Input) string {
	b := metricOfBase(d.bases[0])
	for _, r := range recommendationsOf(in, d.point.Load) {
		drawn := slices.ContainsFunc(d.cells, func(c cellDistribution) bool { return c.series.points[0].cell.ID == r.Cell })
		if q, err := metric.Parse(r.Objective); err == nil && q.Base == d.bases[0] && drawn {
			return recommendationTitle(in, r)
		}
	}
	if len(d.cells) == 1 {
		return fmt.Sprintf("Distribution of %s at %s", b, d.point.Label)
	}
	return fmt.Sprintf("Distribution of %s at %s: the baseline and %s", b, d.point.Label, say.Count(len(d.cells)-1, "other configuration"))
}

// metricOfBase is a latency in words.
func metricOfBase(base string) string {
	title, _, _ := strings.Cut(metric.Title(base+"_p50"), ",")
	return title
}

// spectrumTicks are the percentiles named on the right axis.
func spectrumTicks() []float64 { return []float64{0.5, 0.75, 0.9, 0.95, 0.99, 0.999} }

func (d distributionPlot) draw(p *draw.Pen, area vg.Rectangle) {
	legendWidth := vg.Length(0)
	style := draw.TextStyle{Size: draw.SizeLabel, Bold: true}
	for _, c := range d.cells {
		legendWidth = max(legendWidth, min(p.Width(c.series.short, style), 190))
	}
	d.legend(p, vg.Point{X: area.Max.X - legendWidth, Y: area.Max.Y - 20}, legendWidth)
	right := area.Max.X - legendWidth - 34
	h := (area.Max.Y - area.Min.Y) / vg.Length(len(d.bases))
	half := (right - area.Min.X) / 2
	for i, base := range d.bases {
		top := area.Max.Y - vg.Length(i)*h
		x := d.latencies(base)
		left := vg.Rectangle{Min: vg.Point{X: area.Min.X + 44, Y: top - h + 44}, Max: vg.Point{X: area.Min.X + half - 16, Y: top - 22}}
		d.ecdf(p, base, x, left, top)
		d.spectrum(p, base, vg.Rectangle{Min: vg.Point{X: area.Min.X + half + 50, Y: left.Min.Y}, Max: vg.Point{X: right, Y: left.Max.Y}}, top)
	}
}

func (d distributionPlot) legend(p *draw.Pen, at vg.Point, width vg.Length) {
	for _, c := range d.cells {
		color := c.series.color(p.Theme)
		p.Line(
			draw.LineStyle{Width: 2.4, Color: color}, vg.Point{X: at.X - 24, Y: at.Y}, vg.Point{X: at.X - 6, Y: at.Y},
		)
		p.Marker(c.series.shape(), vg.Point{X: at.X - 15, Y: at.Y}, curveMark, color, true)
		style := draw.TextStyle{Size: draw.SizeLabel, Bold: true, Color: p.Theme.Text(color)}
		p.TextMiddle(at, p.Fit(c.series.short, style, width), style, draw.AlignLeft)
		n := int64(0)
		if h := c.pooled[d.bases[0]]; h != nil {
			n = h.TotalCount()
		}
		note := fmt.Sprintf("%s requests, %s", draw.Number(float64(n)), say.Count(len(c.trials[d.bases[0]]), "trial"))
		p.TextMiddle(
			vg.Point{X: at.X, Y: at.Y - 13}, note, draw.TextStyle{Size: draw.SizeNumber, Color: p.Theme.Muted},
			draw.AlignLeft,
		)
		at.Y -= 32
	}
}

// latencies is the scale of a base over all cells, from the least value to the
// greatest percentile that is drawn.
func (d distributionPlot) latencies(base string) draw.Scale {
	lo, hi := math.Inf(1), 0.0
	for _, c := range d.cells {
		if h := c.pooled[base]; h != nil {
			lo, hi = min(lo, microseconds(h.ValueAtQuantile(1))), max(hi, microseconds(h.ValueAtQuantile(99.9)))
		}
	}
	if lo >= hi {
		return draw.Scale{Log: true, Min: lo * 0.8, Max: hi * 1.25}
	}
	return draw.LatencyScale(lo, hi)
}

func microseconds(v int64) float64 { return max(float64(v), 1) / 1e6 }

// ecdf draws the share of requests below a latency.
func (d distributionPlot) ecdf(p *draw.Pen, base string, x draw.Scale, area vg.Rectangle, top vg.Length) {
	x.Lo, x.Hi = area.Min.X, area.Max.X
	a := draw.Axes{
		Area: area, X: x, Y: draw.Scale{Max: 1, Lo: area.Min.Y, Hi: area.Max.Y}, XTicks: x.Ticks(6),
		YTicks: []float64{0, 0.25, 0.5, 0.75, 1}, XUnit: metric.Seconds, YUnit: metric.Fraction,
	}
	a.Grid(p)
	a.XLabels(p)
	a.YLabels(p)
	p.Text(
		vg.Point{X: area.Min.X - 44, Y: top - draw.SizeAxis - 2}, "Share of requests, %", draw.AxisStyle(p.Theme),
		draw.AlignLeft,
	)
	d.xTitle(p, a, base)
	d.curves(base, func(c cellDistribution, h *hdrhistogram.Histogram, thick bool) {
		var pts, marks []vg.Point
		for i := range 201 {
			q := float64(i) / 200
			v := microseconds(h.ValueAtQuantile(100 * q))
			if v > x.Max {
				break
			}
			pts = append(pts, vg.Point{X: a.X.Clamped(v), Y: a.Y.At(q)})
			if c.marked(i, 50) && q < 0.95 {
				marks = append(marks, pts[i])
			}
		}
		drawCurve(p, c.series, thick, pts, marks)
	})
}

// simplified leaves out points from which the line through their neighbours is
// less than a fifth of a point away.
func simplified(pts []vg.Point) []vg.Point {
	const near = vg.Length(0.2)
	if len(pts) < 3 {
		return pts
	}
	out := pts[:1:1]
	for i := 1; i < len(pts)-1; i++ {
		last, keep := out[len(out)-1], false
		for j := i; j > 0 && pts[j] != last && !keep; j-- {
			keep = draw.SegmentDist(last, pts[i+1], pts[j]) > near
		}
		if keep {
			out = append(out, pts[i])
		}
	}
	return append(out, pts[len(pts)-1])
}

func (d distributionPlot) xTitle(p *draw.Pen, a draw.Axes, base string) {
	title := capital(metricOfBase(base))
	if _, unit := draw.TickLabels(metric.Seconds, a.XTicks); unit != "" {
		title += ", " + unit
	}
	if a.X.Log {
		title += " (log scale)"
	}
	p.Text(
		vg.Point{X: (a.Area.Min.X + a.Area.Max.X) / 2, Y: a.Area.Min.Y - draw.RoomXTicks - 12}, title,
		draw.AxisStyle(p.Theme), draw.AlignCentre,
	)
}

// spectrum draws the latency at each percentile.
func (d distributionPlot) spectrum(p *draw.Pen, base string, area vg.Rectangle, top vg.Length) {
	at := func(q float64) float64 { return -math.Log10(1 - q) }
	lo, hi, most := math.Inf(1), 0.0, 0
	for _, c := range d.cells {
		if h := c.pooled[base]; h != nil {
			most = max(most, int(h.TotalCount()))
			lo, hi = min(lo, microseconds(h.ValueAtQuantile(50))), max(hi, microseconds(h.ValueAtQuantile(99.9)))
		}
	}
	y := draw.LatencyScale(lo, max(hi, lo*1.0001))
	y.Lo, y.Hi = area.Min.Y, area.Max.Y
	last := 0.9 // the highest percentile that some cell supports, rounded up to a tick
	for _, q := range spectrumTicks() {
		if last < 0.999 && stats.QuantileFloor(last) <= most {
			last = max(last, q)
		}
	}
	x := draw.Scale{Min: at(0.5), Max: at(last), Lo: area.Min.X, Hi: area.Max.X}
	a := draw.Axes{Area: area, X: x, Y: y, YTicks: y.Ticks(6), YUnit: metric.Seconds}
	for _, q := range spectrumTicks() {
		if q > last {
			break
		}
		px := x.At(at(q))
		p.Line(
			draw.LineStyle{Width: 0.8, Color: p.Theme.Grid}, vg.Point{X: px, Y: area.Min.Y},
			vg.Point{X: px, Y: area.Max.Y},
		)
		p.Text(
			vg.Point{X: px, Y: area.Min.Y - draw.RoomXTicks + 3}, draw.Number(draw.Tidy(100*q)),
			draw.TickStyle(p.Theme), draw.AlignCentre,
		)
	}
	a.XTicks = nil
	a.Grid(p)
	a.YLabels(p)
	title := capital(metricOfBase(base))
	if _, unit := draw.TickLabels(metric.Seconds, a.YTicks); unit != "" {
		title += ", " + unit
	}
	if y.Log {
		title += " (log scale)"
	}
	p.Text(vg.Point{X: area.Min.X - 50, Y: top - draw.SizeAxis - 2}, title, draw.AxisStyle(p.Theme), draw.AlignLeft)
	p.Text(
		vg.Point{X: (area.Min.X + area.Max.X) / 2, Y: area.Min.Y - draw.RoomXTicks - 12}, "Percentile",
		draw.AxisStyle(p.Theme), draw.AlignCentre,
	)
	d.curves(base, func(c cellDistribution, h *hdrhistogram.Histogram, thick bool) {
		var pts, marks []vg.Point
		for i := range 161 {
			v := x.Min + (x.Max-x.Min)*float64(i)/160
			q := 1 - math.Pow(10, -v)
			if stats.QuantileFloor(q) > int(h.TotalCount()) {
				break
			}
			pts = append(pts, vg.Point{X: x.Clamped(v), Y: y.Clamped(microseconds(h.ValueAtQuantile(100 * q)))})
			if c.marked(i, 40) {
				marks = append(marks, pts[i])
			}
		}
		drawCurve(p, c.series, thick, pts, marks)
	})
}

// curves calls draw for the trials of all cells, then for the pooled ones.
func (d distributionPlot) curves(base string, draw func(c cellDistribution, h *hdrhistogram.Histogram, thick bool)) {
	for _, c := range d.cells {
		for _, h := range c.trials[base] {
			draw(c, h, false)
		}
	}
	for _, c := range d.cells {
		if h := c.pooled[base]; h != nil {
			draw(c, h, true)
		}
	}
}

// curveMark is the radius of the marks on a distribution, which tell
// configurations of like color apart.
const curveMark vg.Length = 2.9

// marked says whether the curve has a mark at its i-th point: at every one of
// so many, elsewhere on each curve, so that those which coincide show all of
// theirs.
func (c cellDistribution) marked(i, every int) bool {
	return i >= every/5 && i%every == (every/2+c.nth*every/maxDistributions)%every
}

// drawCurve draws the distribution of single trials thin, that of all thick and
// with its marks.
func drawCurve(p *draw.Pen, s series, thick bool, pts, marks []vg.Point) {
	if !thick {
		p.Line(draw.LineStyle{Width: 0.6, Color: draw.Fade(s.color(p.Theme), 0.45)}, simplified(pts)...)
		return
	}
	p.Line(draw.LineStyle{Width: 2, Color: s.color(p.Theme)}, simplified(pts)...)
	for _, at := range marks {
		p.Marker(s.shape(), at, curveMark, s.color(p.Theme), true)
	}
}

// records are percentiles of every cell, pooled and by trial.
func (d distributionPlot) records() [][]string {
	out := [][]string{{"cell", "label", "load_point", "latency", "trial", "requests", "percentile", "seconds"}}
	for _, c := range d.cells {
		cell := c.series.points[0].cell
		for _, base := range d.bases {
			add := func(trial string, h *hdrhistogram.Histogram) {
				for _, q := range []float64{1, 5, 10, 25, 50, 75, 90, 95, 97, 99, 99.9} {
					if q > 50 && stats.QuantileFloor(q/100) > int(h.TotalCount()) {
						continue
					}
					out = append(out, []string{cell.ID, cell.Label, cell.LoadPoint, base, trial, fmt.Sprint(h.TotalCount()), float(q), float(microseconds(h.ValueAtQuantile(q)))})
				}
			}
			for i, h := range c.trials[base] {
				add(fmt.Sprint(i+1), h)
			}
			if h := c.pooled[base]; h != nil {
				add("all", h)
			}
		}
	}
	return out
}
