package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// driftPlot shows the baseline over the run: one panel a metric, one line a
// load point, each trial relative to the first of its line.
type driftPlot struct {
	panels []driftPanel
	points []string // names of the load points, in plan order
	margin float64
	// confirm is the place in the run at which the confirm stage begins; 0: none
	// is drawn. The analysis looks for drift in the blocks before it.
	confirm int
}

type driftPanel struct {
	metric string
	lines  []driftLine
}

// driftLine is the baseline at one load point.
type driftLine struct {
	point  int // index into points
	trials []rundir.Trial
	values []float64 // as measured
}

// driftFigure makes the figure, or returns the reason why there is none.
func driftFigure(in Input, name string) (Figure, string) {
	f := Figure{Name: name, Kind: "drift"}
	if len(in.Trials) == 0 {
		return f, "the run has no trials"
	}
	if in.Findings.Baseline == "" {
		return f, "the run has no baseline configuration"
	}
	d := newDrift(in)
	if len(d.panels) == 0 {
		return f, "the baseline was not measured in two rounds at any load point"
	}
	f.Title = d.title(in)
	f.Subtitle = fmt.Sprintf("The baseline in each round, relative to its first trial at the same load point. Band: ±%s. Rounds differ in prompts and arrivals, which causes some scatter.", say.Percent(d.margin))
	if d.confirm > 0 {
		f.Subtitle += " Right of the dotted line: confirmation runs."
	}
	f.Caption = runCaption(in)
	f.framed(draw.FigureWidth, 0, d.height())
	f.body = d.draw
	f.records = d.records(in)
	return f, ""
}

func newDrift(in Input) driftPlot {
	d := driftPlot{margin: in.Findings.Margin}
	for _, lp := range in.Plan.LoadPoints {
		d.points = append(d.points, lp.Label)
	}
	trials := slices.DeleteFunc(slices.Clone(in.Trials), func(t rundir.Trial) bool {
		return t.Configuration != in.Findings.Baseline || t.Outcome != rundir.OutcomeOK || t.Block < 1
	})
	slices.SortStableFunc(trials, func(a, b rundir.Trial) int { return cmp.Compare(a.Order, b.Order) })
	confirming := map[string]bool{}
	for _, s := range in.Starts {
		confirming[s.ID] = s.Purpose == matrix.PurposeConfirm
	}
	for _, t := range trials {
		if confirming[t.Start] && d.confirm == 0 {
			d.confirm = t.Order
		}
	}
	for _, choices := range effectColumns() {
		best := driftPanel{}
		for _, m := range choices {
			panel := driftPanel{metric: m}
			for i, lp := range in.Plan.LoadPoints {
				if m != "goodput" && unitOf(m) != metric.Seconds && lp.Kind.OpenLoop() {
					continue // the rate asked for, whatever the server does
				}
				l := driftLine{point: i}
				for _, t := range trials {
					if v, ok := t.Metrics[m]; ok && t.LoadPoint == lp.ID && drawable(v) {
						l.trials, l.values = append(l.trials, t), append(l.values, v)
					}
				}
				if len(l.values) > 1 {
					panel.lines = append(panel.lines, l)
				}
			}
			if len(panel.lines) > len(best.lines) {
				best = panel
			}
		}
		if len(best.lines) > 0 {
			d.panels = append(d.panels, best)
		}
	}
	return d
}

// title is what the analysis says of drift. Where it finds none although the
// baseline's trials lie further apart than the margin, the title gives their
// range: what is drawn must not look like its opposite.
func (d driftPlot) title(in Input) string {
	for _, w := range in.Findings.Warnings {
		if w.Code == "drift" {
			return fmt.Sprintf("%s at %s drifted by %s", capital(w.Args["metric"].String()), w.Args["point"], say.Typographic(w.Args["change"].String()))
		}
	}
	lo, hi := 1.0, 1.0
	for _, panel := range d.panels {
		for _, l := range panel.lines {
			for _, v := range l.values {
				lo, hi = min(lo, v/l.values[0]), max(hi, v/l.values[0])
			}
		}
	}
	if lo < 1/(1+d.margin) || hi > 1+d.margin {
		return fmt.Sprintf("No trend is shown: the baseline’s trials vary from %s to %s against the first at their load", change(lo), change(hi))
	}
	return fmt.Sprintf("No drift beyond ±%s is shown over the rounds", say.Percent(in.Findings.Margin))
}

// tone is the color of a load point. All lines are the baseline's, so that they
// have its ink, the paler the earlier in the plan.
func (d driftPlot) tone(t draw.Theme, point int) color.NRGBA {
	last := max(len(d.points)-1, 1)
	return draw.Mix(t.Ink, t.Background, 0.5*float64(last-point)/float64(last))
}

const driftPanelHeight vg.Length = 150

func (d driftPlot) height() vg.Length {
	return vg.Length((len(d.panels)+1)/2)*(driftPanelHeight+26) + draw.RoomXTitle
}

func (d driftPlot) draw(p *draw.Pen, area vg.Rectangle) {
	columns := min(len(d.panels), 2)
	legend := vg.Length(0)
	style := draw.TextStyle{Size: draw.SizeNumber + 1, Color: p.Theme.Ink}
	for _, name := range d.points {
		legend = max(legend, min(p.Width(name, style), 150))
	}
	width := (area.Max.X - area.Min.X - legend - 30) / vg.Length(columns)
	for i, panel := range d.panels {
		left := area.Min.X + vg.Length(i%columns)*width
		top := area.Max.Y - vg.Length(i/columns)*(driftPanelHeight+26)
		d.panel(p, panel, vg.Rectangle{
			Min: vg.Point{X: left + 46, Y: top - driftPanelHeight - 8}, Max: vg.Point{X: left + width - 22, Y: top - 22},
		})
	}
	p.Text(
		vg.Point{X: area.Min.X + 46, Y: area.Min.Y + 3}, "Position of the trial in the run", draw.AxisStyle(p.Theme),
		draw.AlignLeft,
	)
	x, y := area.Max.X-legend, area.Max.Y-28
	for i, name := range d.points {
		if !slices.ContainsFunc(d.panels, func(q driftPanel) bool {
			return slices.ContainsFunc(q.lines, func(l driftLine) bool { return l.point == i })
		}) {
			continue
		}
		c := d.tone(p.Theme, i)
		p.Marker(draw.Shape(i%int(draw.Shapes)), vg.Point{X: x - 10, Y: y}, 3.4, c, true)
		p.TextMiddle(vg.Point{X: x, Y: y}, p.Fit(name, style, legend), style, draw.AlignLeft)
		y -= 16
	}
}

func (d driftPlot) panel(p *draw.Pen, panel driftPanel, area vg.Rectangle) {
	y := draw.Scale{Log: true, Min: 1 / (1 + 1.5*d.margin), Max: 1 + 1.5*d.margin, Lo: area.Min.Y, Hi: area.Max.Y}
	x := draw.Scale{Min: math.Inf(1), Max: 0, Lo: area.Min.X, Hi: area.Max.X}
	for _, l := range panel.lines {
		for i, v := range l.values {
			y.Min, y.Max = min(y.Min, v/l.values[0]/1.02), max(y.Max, v/l.values[0]*1.02)
			x.Min, x.Max = min(x.Min, float64(l.trials[i].Order)), max(x.Max, float64(l.trials[i].Order))
		}
	}
	pad := max((x.Max-x.Min)*0.03, 0.5)
	x.Min, x.Max = x.Min-pad, x.Max+pad
	p.Text(
		vg.Point{X: area.Min.X, Y: area.Max.Y + 8}, capital(metric.Title(panel.metric)),
		draw.TextStyle{Size: draw.SizeLabel, Bold: true, Color: p.Theme.Ink}, draw.AlignLeft,
	)
	p.FillRect(p.Theme.Shade, vg.Rectangle{
		Min: vg.Point{X: area.Min.X, Y: y.Clamped(1 / (1 + d.margin))},
		Max: vg.Point{X: area.Max.X, Y: y.Clamped(1 + d.margin)},
	})
	for _, v := range ratioTicks(y, 20) {
		p.Line(
			draw.LineStyle{Width: 0.8, Color: p.Theme.Grid}, vg.Point{X: area.Min.X, Y: y.At(v)},
			vg.Point{X: area.Max.X, Y: y.At(v)},
		)
		p.TextMiddle(
			vg.Point{X: area.Min.X - 6, Y: y.At(v)}, ratioTick(y, v),
			draw.TextStyle{Size: draw.SizeNumber + 0.5, Color: p.Theme.Muted}, draw.AlignRight,
		)
	}
	for _, v := range x.Ticks(5) {
		if v == math.Trunc(v) {
			p.Text(
				vg.Point{X: x.At(v), Y: area.Min.Y - 12}, draw.Number(v),
				draw.TextStyle{Size: draw.SizeNumber + 0.5, Color: p.Theme.Muted}, draw.AlignCentre,
			)
		}
	}
	if v := float64(d.confirm) - 0.5; d.confirm > 0 && v > x.Min && v < x.Max {
		p.Line(
			draw.LineStyle{Width: 1, Color: p.Theme.Muted, Dash: []vg.Length{1.5, 2.5}},
			vg.Point{X: x.At(v), Y: area.Min.Y}, vg.Point{X: x.At(v), Y: area.Max.Y},
		)
	}
	for _, l := range panel.lines {
		c := d.tone(p.Theme, l.point)
		var pts []vg.Point
		for i, v := range l.values {
			pts = append(pts, vg.Point{X: x.At(float64(l.trials[i].Order)), Y: y.Clamped(v / l.values[0])})
		}
		p.Line(draw.LineStyle{Width: 1.2, Color: draw.Mix(c, p.Theme.Background, 0.35)}, pts...)
		for _, at := range pts {
			p.Marker(draw.Shape(l.point%int(draw.Shapes)), at, 3, c, true)
		}
	}
}

func (d driftPlot) records(in Input) [][]string {
	out := [][]string{{"metric", "load_point", "point", "trial", "block", "order", "value", "relative"}}
	for _, q := range d.panels {
		for _, l := range q.lines {
			for i, v := range l.values {
				t := l.trials[i]
				out = append(out, []string{
					q.metric, in.Plan.LoadPoints[l.point].ID, d.points[l.point], t.ID, fmt.Sprint(t.Block), fmt.Sprint(t.Order), float(v), float(v / l.values[0]),
				})
			}
		}
	}
	return out
}
