package plots

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// goodputPlot shows requests per second that kept the SLO against the rate
// offered.
type goodputPlot struct {
	all    []series // x: the rate, y: goodput
	xs, ys draw.Scale
	open   bool // the rate is offered; otherwise it is the one achieved
	radius vg.Length
}

// goodputFigure makes the figure, or returns the reason why there is none.
func goodputFigure(in Input, name, load string) (Figure, string) {
	f := Figure{Name: name, Kind: "goodput", Load: load}
	lps := pointsOf(in.Plan, load)
	if len(in.SLO) == 0 {
		return f, "the experiment has no SLO, so there is no goodput"
	}
	if len(lps) < 2 {
		return f, "load " + load + " has only one point, so there is no goodput curve"
	}
	d := goodputPlot{open: lps[0].Kind.OpenLoop()}
	fr := frontiersOf(in, load)[0]
	d.all = seriesOf(in, load, "request_throughput", "goodput", fr.Cells)
	if d.open {
		for _, s := range d.all {
			for i := range s.points {
				s.points[i].x = analysis.Estimate{Center: s.points[i].load.Value}
			}
		}
	}
	points := allPoints(d.all)
	if len(points) == 0 {
		return f, "no configuration has a goodput above zero at load " + load
	}
	_, right := span(points, xOf)
	_, top := span(points, yOf)
	if d.open {
		top = max(top, right)
	}
	d.xs, d.ys = draw.Scale{Max: right * 1.04}, draw.Scale{Max: top * 1.08}
	d.radius = radiusFor(len(points))
	f.Title = goodputTitle(in, load, points)
	f.Subtitle = d.subtitle(in)
	f.Caption = caption(in, load, points, keyNotes(in))
	f.framed(draw.FigureWidth, draw.FigureHeight, 0)
	f.body = d.draw
	f.records = cellRecords(in, points, "request_throughput", "goodput", fr.Cells)
	return f, ""
}

// goodputTitle is the recommendation that maximises goodput, or the verdicts
// at the highest load.
func goodputTitle(in Input, load string, points []point) string {
	for _, r := range recommendationsOf(in, load) {
		if r.Objective == "goodput" {
			return recommendationTitle(in, r)
		}
	}
	lp, n := highestCommon(pointsOf(in.Plan, load), func(id string) int {
		k := 0
		for _, q := range points {
			if _, ok := q.cell.Ratios["goodput"]; ok && q.load.ID == id {
				k++
			}
		}
		return k
	})
	if n == 0 {
		return "Goodput at rising load (" + load + ")"
	}
	count := map[string]int{}
	for _, q := range points {
		if r, ok := q.cell.Ratios["goodput"]; ok && q.load.ID == lp.ID {
			count[r.Verdict]++
		}
	}
	return fmt.Sprintf("Goodput at %s: %s", pointName(lp), verdictCounts(count, n, "configuration"))
}

func (d goodputPlot) subtitle(in Input) string {
	slo := ""
	for i, c := range in.SLO {
		if i > 0 {
			slo += ", "
		}
		name, _, _ := strings.Cut(metric.Short(c.Metric), " p") // a limit on each request, not on a percentile
		slo += fmt.Sprintf("%s %s %s", name, sign(c.Op), say.Metric(c.Metric, c.Value))
	}
	out := "Goodput: requests per second with " + slo + "."
	if d.open {
		out += " Dashed: all offered requests."
	}
	if countIntervals(allPoints(d.all)) > 0 {
		out += fmt.Sprintf(" Bars: %s intervals.", say.Percent(in.Findings.Confidence))
	}
	return out
}

func (d goodputPlot) draw(p *draw.Pen, area vg.Rectangle) {
	a := draw.Axes{
		X: d.xs, Y: d.ys, XUnit: metric.Requests, YUnit: metric.Requests, XTicks: d.xs.Ticks(9), YTicks: d.ys.Ticks(6),
	}
	p.Text(
		vg.Point{X: area.Min.X, Y: area.Max.Y - draw.SizeAxis}, "Goodput, req/s", draw.AxisStyle(p.Theme),
		draw.AlignLeft,
	)
	a.Area = area
	a.Area.Max.X -= d.legend(p, area)
	a.Area.Min.X += a.YWidth(p)
	a.Area.Min.Y += draw.RoomXTicks + draw.RoomXTitle
	a.Area.Max.Y -= draw.RoomYTitle
	a.X.Lo, a.X.Hi, a.Y.Lo, a.Y.Hi = a.Area.Min.X, a.Area.Max.X, a.Area.Min.Y, a.Area.Max.Y
	a.Grid(p)
	a.XLabels(p)
	a.YLabels(p)
	title := "Achieved request throughput, req/s"
	if d.open {
		title = "Offered rate, req/s"
	}
	p.Text(
		vg.Point{X: (a.Area.Min.X + a.Area.Max.X) / 2, Y: area.Min.Y + 3}, title, draw.AxisStyle(p.Theme),
		draw.AlignCentre,
	)
	pl := &draw.Placer{Bounds: a.Area}
	if d.open {
		end := min(a.X.Max, a.Y.Max)
		from, to := vg.Point{X: a.X.At(0), Y: a.Y.At(0)}, vg.Point{X: a.X.At(end), Y: a.Y.At(end)}
		p.Line(draw.LineStyle{Width: 1.2, Color: p.Theme.Muted, Dash: []vg.Length{4.5, 3}}, from, to)
		pl.Lines = append(pl.Lines, [2]vg.Point{from, to})
	}
	drawSeries(p, a, d.all, pl, lineWidths(d.radius))
	drawBars(p, a, d.all, pl)
	for _, context := range []bool{true, false} {
		for _, s := range d.all {
			if s.context != context {
				continue
			}
			for _, q := range s.points {
				p.Marker(s.shape(), place(a, q), d.radius, s.color(p.Theme), true)
				pl.Marks = append(pl.Marks, draw.Mark{At: place(a, q), R: d.radius + 1})
			}
		}
	}
}

// legend names the series at the right, in the order of their peaks: lines that
// all fall to zero at the same rate leave no room for names at their ends. It
// returns the width that it takes.
func (d goodputPlot) legend(p *draw.Pen, area vg.Rectangle) vg.Length {
	peak := func(s series) float64 {
		best := 0.0
		for _, q := range s.points {
			best = max(best, q.y.Center)
		}
		return best
	}
	shown := slices.DeleteFunc(slices.Clone(d.all), func(s series) bool { return s.context })
	slices.SortStableFunc(shown, func(a, b series) int { return cmp.Compare(peak(b), peak(a)) })
	style := draw.TextStyle{Size: draw.SizeLabel, Bold: true}
	width := vg.Length(0)
	for _, s := range shown {
		width = max(width, min(p.Width(s.short, style), 200))
	}
	y := area.Max.Y - draw.RoomYTitle - 8
	for _, s := range shown {
		style.Color = p.Theme.Text(s.color(p.Theme))
		p.Marker(s.shape(), vg.Point{X: area.Max.X - width - 12, Y: y}, 4, s.color(p.Theme), true)
		p.TextMiddle(vg.Point{X: area.Max.X - width, Y: y}, p.Fit(s.short, style, width), style, draw.AlignLeft)
		y -= 17
	}
	return width + 34
}
