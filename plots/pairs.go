package plots

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// pairsPlot shows pairs of parameters that were varied together, as heat maps
// of ratios to the baseline: one row a pair, one column a metric.
type pairsPlot struct {
	point   matrix.LoadPoint
	metrics []string
	pairs   []pair
	reach   []float64 // largest |log ratio| of each metric, for its colours
}

// pair is one pair of parameters, all others at the baseline's level.
type pair struct {
	a, b  responseColumn // b is drawn upwards
	cells [][]pairCell   // by level of a, then of b
}

type pairCell struct {
	planned  bool
	baseline bool
	cell     analysis.Cell
	config   matrix.Configuration
	why      string
}

// maxPairs is the most pairs in a figure.
const maxPairs = 6

// pairsFigure makes the figure, or returns the reason why there is none.
func pairsFigure(in Input, name, load string) (Figure, string) {
	f := Figure{Name: name, Kind: "pairs", Load: load}
	base, ok := in.Plan.Baseline()
	if !ok {
		return f, "the run has no baseline"
	}
	d := pairsPlot{}
	all := pairsOf(in, base)
	if len(all) == 0 {
		return f, "no two parameters were varied together while the others stayed at the baseline"
	}
	n := 0
	d.point, n = highestCommon(pointsOf(in.Plan, load), func(id string) int {
		k := 0
		for _, c := range in.Findings.Cells {
			if c.LoadPoint == id && len(c.Ratios) > 0 {
				k++
			}
		}
		return k
	})
	if n == 0 {
		return f, "no configuration can be compared with the baseline at load " + load
	}
	d.pairs = all
	confirmed := d.fill(in)
	d.pairs = slices.DeleteFunc(d.pairs, func(q pair) bool { return !q.combined() })
	if len(d.pairs) == 0 {
		return f, "no two parameters were varied together at " + d.point.Label
	}
	left := max(len(d.pairs)-maxPairs, 0)
	d.pairs = d.pairs[:len(d.pairs)-left]
	_, latency := curveMetrics(in, load)
	for _, m := range []string{"output_throughput", latency} {
		reach := 0.0
		for _, q := range d.pairs {
			for _, row := range q.cells {
				for _, c := range row {
					if r, ok := c.cell.Ratios[m]; ok && drawable(r.Center) {
						reach = max(reach, math.Abs(math.Log(r.Center)))
					}
				}
			}
		}
		if reach > 0 {
			d.metrics, d.reach = append(d.metrics, m), append(d.reach, reach)
		}
	}
	if len(d.metrics) == 0 {
		return f, "no throughput or latency of a pair can be compared with the baseline at load " + load
	}
	f.Title = d.title()
	f.Subtitle = fmt.Sprintf("Change against the baseline (framed) at %s. Other parameters have the baseline’s values. Bold: better or worse. Plain: undecided or equivalent. Cross: no result.", d.point.Label)
	var notes []string
	if left > 0 {
		notes = append(notes, say.Count(left, "more pair")+" only in the data")
	}
	if len(confirmed) > 0 {
		notes = append(notes, "measured only in the confirmation runs, against their baseline: "+strings.Join(confirmed, ", "))
	}
	f.Caption = caption(in, load, d.points(), notes)
	f.frame = newFrame(f, wideWidth, 0, d.height())
	f.body = d.draw
	f.records = d.records(in, load)
	return f, ""
}

// pairsOf are the pairs of parameters of which at least one configuration
// changes both and nothing else.
func pairsOf(in Input, base matrix.Configuration) []pair {
	var out []pair
	for i, a := range in.Plan.Parameters {
		for _, b := range in.Plan.Parameters[i+1:] {
			q := pair{a: responseColumn{parameter: a}, b: responseColumn{parameter: b}}
			both := false
			for _, c := range append([]matrix.Configuration{base}, in.Plan.Configurations...) {
				if !onlyChanges(c, a, b) {
					continue
				}
				both = both || len(c.Changed) == 2
				q.a.addLevel(levelName(c, a), c.Baseline)
				q.b.addLevel(levelName(c, b), c.Baseline)
			}
			if both {
				q.a.order()
				q.b.order()
				out = append(out, q)
			}
		}
	}
	return out
}

func (c *responseColumn) addLevel(name string, baseline bool) {
	if !slices.ContainsFunc(c.levels, func(l responseLevel) bool { return l.name == name }) {
		c.levels = append(c.levels, responseLevel{name: name, baseline: baseline})
	}
}

// onlyChanges reports whether a configuration is the baseline but for a and b.
func onlyChanges(c matrix.Configuration, names ...string) bool {
	for _, f := range c.Changed {
		if !slices.Contains(names, f.Name) {
			return false
		}
	}
	return c.Baseline || len(c.Changed) > 0
}

// combined says whether a configuration that changes both was to be measured at
// the point of the figure.
func (q pair) combined() bool {
	return slices.ContainsFunc(q.cells, func(row []pairCell) bool {
		return slices.ContainsFunc(row, func(c pairCell) bool { return c.planned && len(c.config.Changed) == 2 })
	})
}

// fill puts the cells at the figure's point into the pairs, and returns the
// configurations that the confirm stage alone measured there.
func (d *pairsPlot) fill(in Input) (confirmed []string) {
	cells := mapped(in)
	for i := range d.pairs {
		q := &d.pairs[i]
		q.cells = make([][]pairCell, len(q.a.levels))
		for j := range q.cells {
			q.cells[j] = make([]pairCell, len(q.b.levels))
		}
		for _, c := range in.Plan.Configurations {
			if !onlyChanges(c, q.a.parameter, q.b.parameter) {
				continue
			}
			at := func(col responseColumn) int {
				return slices.IndexFunc(col.levels, func(l responseLevel) bool { return l.name == levelName(c, col.parameter) })
			}
			cell := &q.cells[at(q.a)][at(q.b)]
			cell.baseline, cell.config = c.Baseline, c
			for n, fc := range cells {
				if fc.Configuration == c.ID && fc.LoadPoint == d.point.ID {
					cell.planned, cell.cell = true, fc
					if n >= len(in.Findings.Cells) && len(fc.Estimates) > 0 {
						confirmed = append(confirmed, titleLabel(c))
					}
				}
			}
			if len(cell.cell.Estimates) == 0 {
				cell.why = missingText(in, c)
			}
		}
	}
	return confirmed
}

func (d pairsPlot) points() []point {
	var out []point
	for _, q := range d.pairs {
		for _, row := range q.cells {
			for _, c := range row {
				if len(c.cell.Estimates) > 0 {
					out = append(out, point{cell: c.cell, load: d.point})
				}
			}
		}
	}
	return out
}

// title counts verdicts on the combinations proper.
func (d pairsPlot) title() string {
	m := d.metrics[0]
	count, n := map[string]int{}, 0
	for _, q := range d.pairs {
		for _, row := range q.cells {
			for _, c := range row {
				if r, ok := c.cell.Ratios[m]; ok && len(c.config.Changed) == 2 {
					count[r.Verdict]++
					n++
				}
			}
		}
	}
	if n == 0 {
		return fmt.Sprintf("%s of parameter pairs at %s", capital(metric.Short(m)), pointName(d.point))
	}
	return fmt.Sprintf("%s at %s: %s", capital(metric.Short(m)), pointName(d.point), verdictCounts(count, n, "combination"))
}

const (
	pairRow  vg.Length = 30
	pairHead vg.Length = 46 // parameter name and gap
	pairFoot vg.Length = 50 // names of levels and parameter, and a gap
)

func (d pairsPlot) height() vg.Length {
	h := vg.Length(4)
	for _, q := range d.pairs {
		h += pairHead + pairFoot + vg.Length(len(q.b.levels))*pairRow
	}
	return h
}

func (d pairsPlot) draw(p *pen, area vg.Rectangle) {
	gutter := vg.Length(0)
	level := textStyle{size: sizeLabel, color: p.theme.Muted}
	for _, q := range d.pairs {
		for _, l := range q.b.levels {
			gutter = max(gutter, p.width(l.name, level))
		}
	}
	gutter += 12
	gap := vg.Length(34)
	width := (area.Max.X - area.Min.X - gap*vg.Length(len(d.metrics)-1)) / vg.Length(len(d.metrics))
	top := area.Max.Y
	for _, q := range d.pairs {
		bottom := top - pairHead - vg.Length(len(q.b.levels))*pairRow
		for i, m := range d.metrics {
			x := area.Min.X + vg.Length(i)*(width+gap)
			title := textStyle{size: sizeLabel + 0.5, bold: true, color: p.theme.Ink}
			p.text(vg.Point{X: x, Y: top - 14}, p.fit(capital(metricAndDirection(m)), title, width), title, alignLeft)
			p.text(vg.Point{X: x, Y: top - 32}, p.fit(q.b.parameter+" ↑", level, width), level, alignLeft)
			d.grid(p, q, m, d.reach[i], vg.Rectangle{Min: vg.Point{X: x + gutter, Y: bottom}, Max: vg.Point{X: x + width, Y: top - pairHead + 6}})
		}
		top = bottom - pairFoot
	}
}

func metricAndDirection(m string) string {
	return metric.Short(m) + ", " + strings.Trim(direction(m), "←→ ")
}

// grid draws one pair and metric.
func (d pairsPlot) grid(p *pen, q pair, m string, reach float64, area vg.Rectangle) {
	w := min((area.Max.X-area.Min.X)/vg.Length(len(q.a.levels)), 170)
	h := pairRow
	level := textStyle{size: sizeLabel - 0.5, color: p.theme.Muted}
	for j, l := range q.b.levels {
		style := level
		style.bold = l.baseline
		p.textMiddle(vg.Point{X: area.Min.X - 7, Y: area.Min.Y + (vg.Length(j)+0.5)*h}, l.name, style, alignRight)
	}
	for i, l := range q.a.levels {
		style := level
		style.bold = l.baseline
		p.text(vg.Point{X: area.Min.X + (vg.Length(i)+0.5)*w, Y: area.Min.Y - 13}, p.fit(l.name, style, w), style, alignCentre)
		for j := range q.b.levels {
			box := vg.Rectangle{
				Min: vg.Point{X: area.Min.X + vg.Length(i)*w + 1, Y: area.Min.Y + vg.Length(j)*h + 1},
				Max: vg.Point{X: area.Min.X + vg.Length(i+1)*w - 1, Y: area.Min.Y + vg.Length(j+1)*h - 1},
			}
			d.cell(p, q.cells[i][j], m, reach, box)
		}
	}
	name := q.a.parameter + " →"
	style := textStyle{size: sizeLabel, color: p.theme.Muted}
	p.text(vg.Point{X: area.Min.X, Y: area.Min.Y - 27}, p.fit(name, style, area.Max.X-area.Min.X), style, alignLeft)
}

func (d pairsPlot) cell(p *pen, c pairCell, m string, reach float64, box vg.Rectangle) {
	middle := vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}
	small := textStyle{size: sizeNumber, color: p.theme.Muted}
	e, measured := c.cell.Estimates[m]
	r, compared := c.cell.Ratios[m]
	switch {
	case !c.planned:
		p.fillRect(p.theme.Shade, box)
		p.textMiddle(middle, p.fit("not planned", small, box.Max.X-box.Min.X-4), small, alignCentre)
	case !measured:
		p.fillRect(p.theme.Shade, box)
		small.color = p.theme.Worse
		why := p.fit(strings.TrimPrefix(strings.TrimPrefix(c.why, "failed: "), "skipped: "), small, box.Max.X-box.Min.X-22)
		w := p.width(why, small) + 13
		p.cross(vg.Point{X: middle.X - w/2 + 4, Y: middle.Y}, 3.4, p.theme.Worse)
		p.textMiddle(vg.Point{X: middle.X - w/2 + 13, Y: middle.Y}, why, small, alignLeft)
	case c.baseline:
		p.fillRect(p.theme.Background, box)
		p.stroke(lineStyle{width: 1.6, color: p.theme.Ink}, grow(box, -1).Path())
		p.textMiddle(middle, formatShort(m, e.Center), textStyle{size: sizeLabel, color: p.theme.Ink}, alignCentre)
	case !compared || !drawable(r.Center):
		p.fillRect(p.theme.Shade, box)
		p.textMiddle(middle, formatShort(m, e.Center), textStyle{size: sizeLabel, color: p.theme.Ink}, alignCentre)
	default:
		decided := r.Verdict == analysis.Better || r.Verdict == analysis.Worse
		fill := heat(p.theme, goodness(m, r.Center)/reach)
		p.fillRect(fill, box)
		p.textMiddle(middle, change(r.Center), textStyle{size: sizeLabel + 0.5, bold: decided, color: readable(p.theme, fill)}, alignCentre)
	}
}

// goodness is the log ratio with the sign of an improvement.
func goodness(m string, ratio float64) float64 {
	if strings.HasPrefix(direction(m), "←") {
		return -math.Log(ratio)
	}
	return math.Log(ratio)
}

// heat is a diverging colour for -1 (worst) to 1 (best).
func heat(t Theme, v float64) color.NRGBA {
	c := t.Better
	if v < 0 {
		c = t.Worse
	}
	return mix(t.Background, c, 0.06+0.74*min(math.Abs(v), 1))
}

// readable is ink or paper, whichever stands out from a fill.
func readable(t Theme, fill color.NRGBA) color.NRGBA {
	if contrastOf(t.Ink, fill) >= contrastOf(t.Background, fill) {
		return t.Ink
	}
	return t.Background
}

func formatShort(m string, v float64) string {
	return strings.TrimSuffix(say.Metric(m, v), " tok/s")
}

// records are all configurations of the pairs at every point of the load.
func (d pairsPlot) records(in Input, load string) [][]string {
	header := []string{"a", "a_level", "b", "b_level", "cell", "configuration", "load_point", "point", "why"}
	for _, m := range d.metrics {
		header = append(header, m, m+"_lo", m+"_hi", m+"_n", m+"_ratio", m+"_ratio_lo", m+"_ratio_hi", m+"_verdict")
	}
	out := [][]string{header}
	base, _ := in.Plan.Baseline()
	for _, q := range pairsOf(in, base) {
		for _, c := range in.Plan.Configurations {
			if !onlyChanges(c, q.a.parameter, q.b.parameter) {
				continue
			}
			for _, cell := range mapped(in) {
				if cell.Configuration != c.ID || cell.Load != load {
					continue
				}
				why := ""
				if len(cell.Estimates) == 0 {
					why = missingText(in, c)
				}
				row := []string{q.a.parameter, levelName(c, q.a.parameter), q.b.parameter, levelName(c, q.b.parameter), cell.ID, c.ID, cell.LoadPoint, cell.PointLabel, why}
				for _, m := range d.metrics {
					row = append(row, optionalEstimate(cell, m)...)
					row = append(row, optionalRatio(cell, m)...)
				}
				out = append(out, row)
			}
		}
	}
	return out
}
