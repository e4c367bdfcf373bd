package plots

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// Chosen returns figures of one metric against another, one a load, without a
// frontier, and why there are none for the other loads. The metrics must be
// ones that package metric knows.
func Chosen(in Input, x, y string) (figures []Figure, absent []Absence) {
	names := slugs{}
	for _, load := range loads(in.Plan) {
		f, reason := chosenFigure(in, fmt.Sprintf("scatter-%s-%s-%s", names.of(load), slugOf(x), slugOf(y)), load, x, y)
		if reason != "" {
			absent = append(absent, Absence{Name: f.Name, Reason: reason})
			continue
		}
		figures = append(figures, f.saysWhatIsCut())
	}
	return figures, absent
}

func chosenFigure(in Input, name, load, x, y string) (Figure, string) {
	f := Figure{Name: name, Kind: "scatter", Load: load}
	var notable []string // the cells of the load's own frontiers keep their colours
	for _, fr := range frontiersOf(in, load) {
		notable = append(notable, fr.Cells...)
	}
	d := frontierPlot{front: analysis.Frontier{Load: load, X: x, Y: y}, all: seriesOf(in, load, x, y, notable), hasSLO: len(in.SLO) > 0}
	for _, s := range d.all {
		for i := range s.points {
			s.points[i].frontier = false
		}
	}
	points := allPoints(d.all)
	if len(points) == 0 {
		return f, fmt.Sprintf("no configuration has both %s and %s at load %s", x, y, load)
	}
	d.limits, d.picks = limitsOf(in, load, x, y), picksOf(in, load, points)
	d.xs, d.ys = frontierScales(points, d.limits)
	if unitOf(y) == metric.Seconds {
		lo, hi := span(points, yOf)
		d.ys = draw.LatencyScale(lo, hi)
	}
	if unitOf(x) != metric.Seconds {
		_, right := span(points, xOf)
		d.xs = draw.Scale{Max: right * 1.04}
	}
	d.radius = radiusFor(len(points))
	f.Title = fmt.Sprintf("%s against %s, load %s", capital(metric.Short(y)), metric.Short(x), load)
	f.Subtitle = d.subtitle(in, points)
	f.Caption = caption(in, load, points, d.notes(in))
	f.framed(draw.FigureWidth, draw.FigureHeight, 0)
	f.body = func(p *draw.Pen, area vg.Rectangle) { d.draw(p, area) }
	f.records = cellRecords(in, points, x, y, notable)
	return f, ""
}

// better is which way a metric improves along its axis: -1 down or left, 1 up
// or right.
func better(name string) float64 {
	if m, err := metric.Parse(name); err == nil && m.Better == metric.Higher {
		return 1
	}
	return -1
}
