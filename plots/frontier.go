package plots

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// frontierPlot is the drawing of one Pareto frontier.
type frontierPlot struct {
	front  analysis.Frontier
	all    []series
	limits []limit
	picks  []pick
	hasSLO bool
	xs, ys draw.Scale // ranges only
	radius vg.Length
	key    []keyEntry // empty where all labels found room
}

// frontierFigure makes the figure, or returns the reason why there is none.
func frontierFigure(in Input, name string, fr analysis.Frontier) (Figure, string) {
	f := Figure{Name: name, Kind: "frontier", Load: fr.Load}
	d := frontierPlot{front: fr, all: seriesOf(in, fr.Load, fr.X, fr.Y, fr.Cells), hasSLO: len(in.SLO) > 0}
	points := allPoints(d.all)
	if len(points) == 0 {
		return f, fmt.Sprintf("no configuration has both %s and %s at load %s", fr.X, fr.Y, fr.Load)
	}
	d.limits = limitsOf(in, fr.Load, fr.X, fr.Y)
	d.picks = picksOf(in, fr.Load, points)
	d.xs, d.ys = frontierScales(points, d.limits)
	d.radius = radiusFor(len(points))
	f.Title = frontierTitle(in, fr)
	f.Subtitle = d.subtitle(in, points)
	f.Caption = caption(in, fr.Load, points, d.notes(in))
	f.framed(draw.FigureWidth, draw.FigureHeight, 0)
	area := f.frame.Area()
	if d = d.keyed(area); len(d.key) > 0 {
		f.Subtitle += " Letters: the frontier from left to right, as in the key."
		f.framed(draw.FigureWidth, 0, area.Max.Y-area.Min.Y+d.keyHeight(area.Max.X-area.Min.X))
	}
	f.body = func(p *draw.Pen, area vg.Rectangle) { d.draw(p, area) }
	f.records = withMembership(cellRecords(in, points, fr.X, fr.Y, fr.Cells), fr)
	return f, ""
}

func allPoints(all []series) []point {
	var out []point
	for _, s := range all {
		out = append(out, s.points...)
	}
	return out
}

// radiusFor makes points smaller when there are many.
func radiusFor(n int) vg.Length {
	switch {
	case n > 120:
		return 2.5
	case n > 50:
		return 3.3
	}
	return 4.3
}

// frontierScales are the ranges of the axes; limits near the data are inside.
func frontierScales(points []point, limits []limit) (x, y draw.Scale) {
	lo, hi := span(points, xOf)
	_, top := span(points, yOf)
	for _, l := range limits {
		if l.x && l.value > lo/2 && l.value < hi*2 {
			lo, hi = min(lo, l.value), max(hi, l.value)
		}
	}
	return draw.LatencyScale(lo, hi), draw.Scale{Max: top * 1.1}
}

// subtitle says how to read the marks that this picture has.
func (d frontierPlot) subtitle(in Input, points []point) string {
	var parts []string
	if slices.ContainsFunc(d.all, func(s series) bool { return len(s.points) > 1 }) {
		parts = append(parts, "Each line is one configuration over its loads. Small numbers: "+numbersMean(points[0].load.Kind)+".")
	}
	if len(d.front.Cells) > 0 {
		text := "Stepped line: Pareto frontier."
		if countIntervals(points) > 0 {
			text = "Stepped line: Pareto frontier, with the intervals of its results as a band."
		}
		parts = append(parts, text)
	}
	if slices.ContainsFunc(points, func(q point) bool { return !q.frontier && d.possible(q) }) {
		parts = append(parts, "Dotted ring: on the frontier with a probability of at least "+say.Percent(possibleMember)+".")
	}
	switch {
	case d.hasSLO:
		parts = append(parts, "Filled: meets the SLO. Hollow: does not, or unknown.")
	case len(d.front.Cells) > 0:
		parts = append(parts, "Filled: on the frontier. Hollow: not on it.")
	}
	if bars := countIntervals(points); bars > 0 {
		parts = append(parts, fmt.Sprintf("Bars: %s intervals.", say.Percent(in.Findings.Confidence)))
	}
	if len(d.picks) > 0 {
		parts = append(parts, "Ring: recommended.")
	}
	return strings.Join(parts, " ")
}

func countIntervals(points []point) int {
	n := 0
	for _, q := range points {
		if q.x.HasInterval() || q.y.HasInterval() {
			n++
		}
	}
	return n
}

// notes are remarks for the caption: what is missing in the picture.
func (d frontierPlot) notes(in Input) []string {
	var out []string
	if n := len(d.front.Skipped); n > 0 {
		out = append(out, say.Count(n, "result")+" without an estimate not shown")
	}
	grey := 0
	for _, s := range d.all {
		if s.context {
			grey++
		}
	}
	if grey > 0 {
		out = append(out, fmt.Sprintf("in gray, without labels: %s with few or no results on the frontier", say.Count(grey, "configuration")))
	}
	if key := abbreviations(in.Plan.Configurations); key != "" {
		out = append(out, key)
	}
	if len(d.picks) > 0 && !slices.ContainsFunc(recommendationsOf(in, d.front.Load), func(r analysis.Recommendation) bool { return r.Confirmed }) {
		out = append(out, "recommendations not confirmed on restarted servers")
	}
	if note := gpuNote(allPoints(d.all), d.front.Y); note != "" {
		out = append(out, note)
	}
	if d.front.Method != "" {
		out = append(out, "frontier: "+d.front.Method)
	}
	return out
}

// draw lays the figure out, draws all layers, and returns the labels that found
// room.
func (d frontierPlot) draw(p *draw.Pen, area vg.Rectangle) []draw.Placed {
	d.drawKey(p, area)
	area.Min.Y += d.keyHeight(area.Max.X - area.Min.X)
	a := draw.Axes{
		X: d.xs, Y: d.ys, XUnit: unitOf(d.front.X), YUnit: unitOf(d.front.Y), YTicks: d.ys.Ticks(6),
		XTicks: d.xs.Ticks(9),
	}
	p.Text(
		vg.Point{X: area.Min.X, Y: area.Max.Y - draw.SizeAxis},
		capital(draw.AxisTitle(d.front.Y, a.YUnit, a.YTicks, logRemark(a.Y))), draw.AxisStyle(p.Theme), draw.AlignLeft,
	)
	a.Area = area
	a.Area.Min.X += a.YWidth(p)
	a.Area.Min.Y += draw.RoomXTicks + draw.RoomXTitle
	a.Area.Max.Y -= draw.RoomYTitle
	a.X.Lo, a.X.Hi = a.Area.Min.X, a.Area.Max.X-endRoom
	a.Y.Lo, a.Y.Hi = a.Area.Min.Y, a.Area.Max.Y
	a = a.Extended()

	d.shade(p, a)
	d.band(p, a)
	a.Grid(p)
	a.XLabels(p)
	a.YLabels(p)
	remark := "left is better"
	if better(d.front.X) > 0 {
		remark = "right is better"
	}
	if a.X.Log {
		remark = "log scale; " + remark
	}
	p.Text(
		vg.Point{X: (a.Area.Min.X + a.Area.Max.X) / 2, Y: area.Min.Y + 3},
		capital(draw.AxisTitle(d.front.X, a.XUnit, a.XTicks, remark)), draw.AxisStyle(p.Theme), draw.AlignCentre,
	)

	pl := &draw.Placer{Bounds: a.Area}
	pl.Bounds.Max.X = area.Max.X + draw.MarginX - 6
	d.betterArrow(p, a, pl)
	drawLimits(p, a, d.limits, draw.AlignRight, pl)
	drawSeries(p, a, d.all, pl, lineWidths(d.radius))
	d.steps(p, a, pl)
	drawBars(p, a, d.all, pl)
	d.marks(p, a, pl)
	return d.labels(p, a, pl)
}

// endRoom is free room at the right of the data for labels at line ends.
const endRoom vg.Length = 72
