package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/say"
)

// frontierPlot is the drawing of one Pareto frontier.
type frontierPlot struct {
	front  analysis.Frontier
	all    []series
	limits []limit
	picks  []pick
	hasSLO bool
	xs, ys scale // ranges only
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
	f.frame = newFrame(f, figureWidth, figureHeight, 0)
	area := f.frame.area()
	if d = d.keyed(area); len(d.key) > 0 {
		f.Subtitle += " Letters: the frontier from left to right, as in the key."
		f.frame = newFrame(f, figureWidth, 0, area.Max.Y-area.Min.Y+d.keyHeight(area.Max.X-area.Min.X))
	}
	f.body = func(p *pen, area vg.Rectangle) { d.draw(p, area) }
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
func frontierScales(points []point, limits []limit) (x, y scale) {
	lo, hi := span(points, xOf)
	_, top := span(points, yOf)
	for _, l := range limits {
		if l.x && l.value > lo/2 && l.value < hi*2 {
			lo, hi = min(lo, l.value), max(hi, l.value)
		}
	}
	return latencyScale(lo, hi), scale{max: top * 1.1}
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
func (d frontierPlot) draw(p *pen, area vg.Rectangle) []placed {
	d.drawKey(p, area)
	area.Min.Y += d.keyHeight(area.Max.X - area.Min.X)
	a := axes{x: d.xs, y: d.ys, xUnit: unitOf(d.front.X), yUnit: unitOf(d.front.Y), yTicks: d.ys.ticks(6), xTicks: d.xs.ticks(9)}
	p.text(vg.Point{X: area.Min.X, Y: area.Max.Y - sizeAxis}, capital(axisTitle(d.front.Y, a.yUnit, a.yTicks, logRemark(a.y))), axisStyle(p.theme), alignLeft)
	a.area = area
	a.area.Min.X += a.yWidth(p)
	a.area.Min.Y += roomXTicks + roomXTitle
	a.area.Max.Y -= roomYTitle
	a.x.lo, a.x.hi = a.area.Min.X, a.area.Max.X-endRoom
	a.y.lo, a.y.hi = a.area.Min.Y, a.area.Max.Y
	a = a.extended()

	d.shade(p, a)
	d.band(p, a)
	a.grid(p)
	a.xLabels(p)
	a.yLabels(p)
	remark := "left is better"
	if better(d.front.X) > 0 {
		remark = "right is better"
	}
	if a.x.log {
		remark = "log scale; " + remark
	}
	p.text(vg.Point{X: (a.area.Min.X + a.area.Max.X) / 2, Y: area.Min.Y + 3}, capital(axisTitle(d.front.X, a.xUnit, a.xTicks, remark)), axisStyle(p.theme), alignCentre)

	pl := &placer{bounds: a.area}
	pl.bounds.Max.X = area.Max.X + marginX - 6
	d.betterArrow(p, a, pl)
	drawLimits(p, a, d.limits, alignRight, pl)
	drawSeries(p, a, d.all, pl, lineWidths(d.radius))
	d.steps(p, a, pl)
	drawBars(p, a, d.all, pl)
	d.marks(p, a, pl)
	return d.labels(p, a, pl)
}

// endRoom is free room at the right of the data for labels at line ends.
const endRoom vg.Length = 72

// extended stretches the x scale over the end room, so that grid and shade go
// on there.
func (a axes) extended() axes {
	f := float64((a.area.Max.X - a.x.lo) / (a.x.hi - a.x.lo))
	if a.x.log {
		a.x.max = a.x.min * math.Pow(a.x.max/a.x.min, f)
	} else {
		a.x.max = a.x.min + (a.x.max-a.x.min)*f
	}
	a.x.hi = a.area.Max.X
	a.xTicks = a.x.ticks(9)
	return a
}
