package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
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
}

// pick is a recommended cell with the use cases that it answers.
type pick struct {
	cell  string
	lines []string
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
	f.body = d.draw
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
		parts = append(parts, "Each line is one configuration over its loads; small numbers: "+numbersMean(points[0].load.Kind)+".")
	}
	if len(d.front.Cells) > 0 {
		text := "Stepped line: the Pareto frontier."
		if countIntervals(points) > 0 {
			text = "Stepped line: the Pareto frontier, with the intervals of its cells as a band."
		}
		parts = append(parts, text)
	}
	if slices.ContainsFunc(points, func(q point) bool { return !q.frontier && d.possible(q) }) {
		parts = append(parts, "Dotted ring: on the frontier with a probability of at least "+percent(possibleMember)+".")
	}
	switch {
	case d.hasSLO:
		parts = append(parts, "Filled: meets the SLO; hollow: does not, or cannot tell.")
	case len(d.front.Cells) > 0:
		parts = append(parts, "Filled: on the frontier; hollow: off it.")
	}
	if bars := countIntervals(points); bars > 0 {
		parts = append(parts, fmt.Sprintf("Bars: %s intervals.", percent(in.Findings.Confidence)))
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
		out = append(out, plural(n, "cell")+" without an estimate not drawn")
	}
	grey := 0
	for _, s := range d.all {
		if s.family == familyContext {
			grey++
		}
	}
	if grey > 0 {
		out = append(out, fmt.Sprintf("in grey, unlabelled: %s with fewer or no frontier cells", plural(grey, "configuration")))
	}
	if key := abbreviations(in.Plan.Configurations); key != "" {
		out = append(out, key)
	}
	if len(d.picks) > 0 && !slices.ContainsFunc(recommendationsOf(in, d.front.Load), func(r analysis.Recommendation) bool { return r.Confirmed }) {
		out = append(out, "recommendations not confirmed on fresh starts")
	}
	if note := gpuNote(allPoints(d.all), d.front.Y); note != "" {
		out = append(out, note)
	}
	if d.front.Method != "" {
		out = append(out, "frontier: "+d.front.Method)
	}
	return out
}

// draw lays the figure out and draws all layers.
func (d frontierPlot) draw(p *pen, area vg.Rectangle) {
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
	d.labels(p, a, pl)
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

// stepPath goes along the frontier, from its first cell to its last.
func (d frontierPlot) stepPath(a axes) []vg.Point {
	byID := map[string]point{}
	for _, q := range allPoints(d.all) {
		byID[q.cell.ID] = q
	}
	var out []vg.Point
	for _, id := range d.front.Cells {
		q, ok := byID[id]
		if !ok {
			continue
		}
		at := a.place(q)
		if n := len(out); n > 0 {
			out = append(out, vg.Point{X: at.X, Y: out[n-1].Y})
		}
		out = append(out, at)
	}
	return out
}

// shade fills what the frontier dominates.
func (d frontierPlot) shade(p *pen, a axes) {
	steps := d.stepPath(a)
	if len(steps) == 0 {
		return
	}
	last := steps[len(steps)-1]
	region := append([]vg.Point{{X: steps[0].X, Y: a.area.Min.Y}}, steps...)
	region = append(region, vg.Point{X: a.area.Max.X, Y: last.Y}, vg.Point{X: a.area.Max.X, Y: a.area.Min.Y})
	path := polyline(region)
	path.Close()
	p.fill(p.theme.Shade, path)
}

// band fills the room between the step lines through the worse and through the
// better ends of the intervals of the frontier's cells. Those of all other
// cells stay out: the joint better ends of many noisy cells are a line that
// nothing will ever reach.
func (d frontierPlot) band(p *pen, a axes) {
	if len(d.front.Cells) == 0 {
		return
	}
	outer := d.envelope(a, func(q point) (x, y float64) { return q.x.Lo, q.y.Hi })
	inner := d.envelope(a, func(q point) (x, y float64) { return q.x.Hi, q.y.Lo })
	if len(outer) == 0 || len(inner) == 0 {
		return
	}
	right := a.area.Max.X
	region := append([]vg.Point{{X: outer[0].X, Y: a.area.Min.Y}}, outer...)
	region = append(region, vg.Point{X: right, Y: outer[len(outer)-1].Y}, vg.Point{X: right, Y: inner[len(inner)-1].Y})
	for _, q := range slices.Backward(inner) {
		region = append(region, q)
	}
	region = append(region, vg.Point{X: inner[0].X, Y: a.area.Min.Y})
	path := polyline(region)
	path.Close()
	p.fill(fade(p.theme.Ink, 0.07), path)
}

// envelope is the step line over the frontier's cells at one corner of their
// intervals; a cell without intervals stands at its estimate.
func (d frontierPlot) envelope(a axes, corner func(point) (x, y float64)) []vg.Point {
	var all []vg.Point
	for _, q := range allPoints(d.all) {
		if !q.frontier {
			continue
		}
		if !q.x.HasInterval() {
			q.x.Lo, q.x.Hi = q.x.Center, q.x.Center
		}
		if !q.y.HasInterval() {
			q.y.Lo, q.y.Hi = q.y.Center, q.y.Center
		}
		x, y := corner(q)
		if finite(x) && finite(y) {
			all = append(all, vg.Point{X: a.x.clamped(x), Y: a.y.clamped(y)})
		}
	}
	slices.SortFunc(all, func(a, b vg.Point) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(b.Y, a.Y)) })
	var out []vg.Point
	for _, q := range all {
		n := len(out)
		if n > 0 && q.Y <= out[n-1].Y {
			continue
		}
		if n > 0 {
			out = append(out, vg.Point{X: q.X, Y: out[n-1].Y})
		}
		out = append(out, q)
	}
	return out
}

func (d frontierPlot) steps(p *pen, a axes, pl *placer) {
	steps := d.stepPath(a)
	p.line(lineStyle{width: 1.6, color: mix(p.theme.Ink, p.theme.Background, 0.25)}, steps...)
	for i := 1; i < len(steps); i++ {
		pl.lines = append(pl.lines, [2]vg.Point{steps[i-1], steps[i]})
	}
}

// betterArrow points to the corner that is better on both axes.
func (d frontierPlot) betterArrow(p *pen, a axes, pl *placer) {
	dx, dy := vg.Length(better(d.front.X)), vg.Length(better(d.front.Y))
	tip := vg.Point{X: a.area.Min.X + 10, Y: a.area.Max.Y - 10}
	if dx > 0 {
		tip.X = a.area.Max.X - 10
	}
	if dy < 0 {
		tip.Y = a.area.Min.Y + 10
	}
	tail := vg.Point{X: tip.X - 20*dx, Y: tip.Y - 20*dy}
	style := textStyle{size: sizeNumber + 1.5, color: p.theme.Muted}
	p.arrow(lineStyle{width: 1.2, color: p.theme.Muted}, tail, tip)
	w, left := p.width("better", style), tail.X+5
	if dx > 0 {
		left = tail.X - 5 - w
	}
	p.textMiddle(vg.Point{X: left, Y: tail.Y + 1}, "better", style, alignLeft)
	pl.boxes = append(pl.boxes, vg.Rectangle{
		Min: vg.Point{X: min(tip.X, left), Y: min(tail.Y-6, tip.Y)}, Max: vg.Point{X: max(tip.X, left+w), Y: max(tip.Y, tail.Y+6)},
	})
}

// filled says whether a cell's marker is filled: it meets the SLO where there
// is one, else it is on the frontier.
func (d frontierPlot) filled(q point) bool {
	if d.hasSLO {
		return q.cell.MeetsSLO != nil && *q.cell.MeetsSLO
	}
	return q.frontier || len(d.front.Cells) == 0
}

// marks draws the points, those of the context first, recommended ones last.
func (d frontierPlot) marks(p *pen, a axes, pl *placer) {
	for _, pass := range []func(series, point) bool{
		func(s series, _ point) bool { return s.family == familyContext },
		func(s series, q point) bool { return s.family != familyContext && !q.frontier && !d.picked(q) },
		func(s series, q point) bool { return s.family != familyContext && q.frontier && !d.picked(q) },
		func(s series, q point) bool { return s.family != familyContext && d.picked(q) },
	} {
		for _, s := range d.all {
			for _, q := range s.points {
				if pass(s, q) {
					d.mark(p, a, pl, s, q)
				}
			}
		}
	}
}

func (d frontierPlot) picked(q point) bool {
	return slices.ContainsFunc(d.picks, func(k pick) bool { return k.cell == q.cell.ID })
}

// possible says whether a cell off the frontier may be on it in truth.
func (d frontierPlot) possible(q point) bool {
	return slices.ContainsFunc(d.front.Membership, func(m analysis.Membership) bool {
		return m.Cell == q.cell.ID && m.Probability != nil && *m.Probability >= possibleMember
	})
}

// possibleMember is the probability of being on the frontier from which a cell
// off it is marked: where it is about as likely as not, within the noise.
const possibleMember = 0.25

func (d frontierPlot) mark(p *pen, a axes, pl *placer, s series, q point) {
	at, r := a.place(q), d.radius
	c, filled := s.color(p.theme), d.filled(q)
	switch {
	case q.frontier:
		r *= 1.12
	case d.possible(q):
		p.stroke(lineStyle{width: 0.9, color: mix(p.theme.Ink, p.theme.Background, 0.35), dash: []vg.Length{1.6, 1.6}}, circle.outline(at, r+3))
	case s.family == familyContext:
		r *= 0.85
	case d.hasSLO && !filled:
		c = mix(c, p.theme.Background, 0.3)
	}
	p.marker(s.shape(), at, r, c, filled)
	if d.picked(q) {
		r += 4
		p.stroke(lineStyle{width: 1.8, color: p.theme.Ink}, circle.outline(at, r))
		r++
	}
	pl.marks = append(pl.marks, mark{at: at, r: r + 1})
}

// labels places, by importance: recommended cells, line ends, load numbers.
func (d frontierPlot) labels(p *pen, a axes, pl *placer) {
	var out []label
	for _, k := range d.picks {
		for _, q := range allPoints(d.all) {
			if q.cell.ID != k.cell {
				continue
			}
			l := label{lines: k.lines, anchor: a.place(q), clear: d.radius + 6, must: true}
			for i := range k.lines {
				l.styles = append(l.styles, textStyle{size: sizeLabel + 0.5, bold: true, color: p.theme.Ink})
				if i == len(k.lines)-1 {
					l.styles[i] = textStyle{size: sizeNumber + 1, color: p.theme.Muted}
				}
			}
			out = append(out, l)
		}
	}
	out = append(out, kneeLabel(p, a, d.front.Knee, allPoints(d.all), d.radius)...)
	out = append(out, endLabels(p, a, d.all, d.radius, series.name)...)
	out = append(out, numberLabels(p, a, d.all, d.radius)...)
	for _, l := range pl.placeAll(p, out) {
		d.plate(p, a, grow(l.box, 1))
		l.draw(p)
	}
}

// plate lays the ground's colour under a label: that of the dominated region
// where the box lies in it.
func (d frontierPlot) plate(p *pen, a axes, box vg.Rectangle) {
	p.fillRect(fade(p.theme.Background, plateOpacity), box)
	for _, corner := range d.stepPath(a) {
		part := box
		part.Min.X, part.Max.Y = max(part.Min.X, corner.X), min(part.Max.Y, corner.Y)
		if part.Min.X < part.Max.X && part.Min.Y < part.Max.Y {
			p.fillRect(fade(p.theme.Shade, plateOpacity), part)
		}
	}
}

// picksOf are the recommended cells in the picture, one entry a cell.
func picksOf(in Input, load string, points []point) []pick {
	var out []pick
	for _, r := range recommendationsOf(in, load) {
		var q *point
		for i := range points {
			if points[i].cell.ID == r.Cell && r.Cell != "" {
				q = &points[i]
			}
		}
		if q == nil {
			continue
		}
		merged := false
		for i := range out {
			if out[i].cell == r.Cell {
				out[i].lines = append([]string{r.UseCase + " and"}, out[i].lines...)
				merged = true
			}
		}
		if merged {
			continue
		}
		first := fmt.Sprintf("%s: %s, %s", r.UseCase, shortLabelOf(in, r.Configuration), pointName(q.load))
		out = append(out, pick{cell: r.Cell, lines: []string{first, pickDetail(r)}})
	}
	return out
}

// pickDetail is the objective reached, with the verdict against the baseline.
func pickDetail(r analysis.Recommendation) string {
	out := shortTitle(r.Objective)
	if r.Estimate != nil {
		out += " " + metric.Format(r.Objective, r.Estimate.Center)
	}
	if r.Ratio != nil {
		out += fmt.Sprintf(", %s vs baseline’s best: %s", change(r.Ratio.Center), r.Ratio.Verdict)
	}
	return out
}
