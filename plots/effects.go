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
	"github.com/vllm-sweep/sweep/plots/draw"
)

// effectsPlot is a forest plot: one row a parameter level, one column a
// metric, at the highest load that most levels reached. The load is the highest
// because below saturation an open loop's throughput is the rate asked for,
// whatever the flags.
type effectsPlot struct {
	point   matrix.LoadPoint
	metrics []string
	rows    []effectRow
	scales  []draw.Scale // ratio axis of each column
	margin  float64
}

// effectRow is one level of one parameter.
type effectRow struct {
	parameter, level string
	id               identity
	first            bool   // of its parameter
	note             string // instead of ratios: why there are none
	ratios           map[string]analysis.Ratio
	trials           int
}

// effectColumns are the metrics of the columns; of each list the first that
// was measured.
func effectColumns() [][]string {
	return [][]string{
		{"output_throughput", "total_throughput", "request_throughput"},
		{"ttft_p95", "ttft_p50", "ttft_mean"}, {"tpot_p50", "tpot_mean", "itl_p50"}, {"e2e_p95", "e2e_p50", "e2e_mean"},
	}
}

// effectsFigure makes the figure, or returns the reason why there is none.
func effectsFigure(in Input, name, load string) (Figure, string) {
	f := Figure{Name: name, Kind: "effects", Load: load}
	effects := map[string][]analysis.Effect{} // by load point
	for _, e := range in.Findings.Effects {
		if len(e.Ratios) > 0 {
			effects[e.LoadPoint] = append(effects[e.LoadPoint], e)
		}
	}
	d := effectsPlot{margin: in.Findings.Margin}
	n := 0
	d.point, n = highestCommon(pointsOf(in.Plan, load), func(id string) int { return len(effects[id]) })
	if n == 0 {
		return f, "no value of a parameter can be compared with the baseline at load " + load
	}
	d.rows = effectRows(in, d.point, effects[d.point.ID])
	for _, choices := range effectColumns() {
		if m, ok := firstCompared(d.rows, choices); ok {
			d.metrics = append(d.metrics, m)
			d.scales = append(d.scales, ratioScale(d.rows, m, d.margin))
		}
	}
	if len(d.metrics) == 0 {
		return f, "no throughput or latency can be compared with the baseline at load " + load
	}
	f.Title = effectsTitle(d)
	f.Subtitle = d.subtitle(in)
	f.Caption = d.caption(in, load)
	f.framed(d.width(), 0, d.height())
	f.body = d.draw
	f.records = effectRecords(in, load)
	return f, ""
}

// highestCommon is the load point where the count is greatest, the highest
// load of those.
func highestCommon(points []matrix.LoadPoint, count func(id string) int) (best matrix.LoadPoint, n int) {
	for _, lp := range points {
		if k := count(lp.ID); k > n || k == n && k > 0 && lp.Value > best.Value {
			best, n = lp, k
		}
	}
	return best, n
}

// effectRows are the levels in plan order, those without a result too.
func effectRows(in Input, lp matrix.LoadPoint, effects []analysis.Effect) []effectRow {
	var out []effectRow
	ids := in.identities()
	parameters := slices.Clone(in.Plan.Parameters)
	for _, e := range effects { // a list names none
		if !slices.Contains(parameters, e.Parameter) {
			parameters = append(parameters, e.Parameter)
		}
	}
	for _, parameter := range parameters {
		first := true
		for _, c := range in.Plan.Configurations {
			if panelOf(c) != parameter || c.Baseline {
				continue
			}
			row := effectRow{parameter: parameter, level: shortValue(c.Changed[0]), id: ids[c.ID], first: first}
			for _, e := range effects {
				if e.Configuration == c.ID {
					row.ratios = e.Ratios
				}
			}
			for _, cell := range in.Findings.Cells {
				if cell.Configuration == c.ID && cell.LoadPoint == lp.ID {
					row.trials = cell.Trials
				}
			}
			if row.ratios == nil {
				row.note = missingText(in, c)
			}
			out, first = append(out, row), false
		}
	}
	return out
}

// missingText says why a configuration has no result.
func missingText(in Input, c matrix.Configuration) string {
	for _, f := range in.Findings.Failures {
		if f.Configuration == c.ID || f.Label == c.Label {
			if f.Skipped {
				return "skipped: " + f.Class
			}
			return "failed: " + f.Class
		}
	}
	return "not measured"
}

func firstCompared(rows []effectRow, metrics []string) (string, bool) {
	for _, m := range metrics {
		for _, r := range rows {
			if q, ok := r.ratios[m]; ok && drawable(q.Center) {
				return m, true
			}
		}
	}
	return "", false
}

// ratioScale is a logarithmic axis about 1 that holds all ratios, and their
// intervals within reach.
func ratioScale(rows []effectRow, m string, margin float64) draw.Scale {
	lo, hi := 1-1.6*margin, 1+1.6*margin
	for _, r := range rows {
		if q, ok := r.ratios[m]; ok && drawable(q.Center) {
			lo, hi = min(lo, q.Center), max(hi, q.Center)
		}
	}
	lo, hi = draw.Widened(lo, hi, func(yield func(lo, hi float64) bool) {
		for _, r := range rows {
			if q, ok := r.ratios[m]; ok && drawable(q.Center) && !yield(q.Lo, q.Hi) {
				return
			}
		}
	})
	pad := math.Pow(hi/lo, 0.06)
	return draw.Scale{Log: true, Min: lo / pad, Max: hi * pad}
}

// ratioTicks are ticks of a ratio axis: 1, and round changes on both sides that
// are at least gap apart, the coarse ones first.
func ratioTicks(s draw.Scale, gap vg.Length) []float64 {
	var out []float64
	for _, v := range []float64{1, 0.5, 2, 0.2, 5, 0.1, 10, 0.01, 100, 0.7, 1.5, 0.8, 1.2, 0.9, 1.1, 0.95, 1.05, 0.98, 1.02} {
		room := v >= s.Min && v <= s.Max
		for _, o := range out {
			room = room && max(s.At(v)-s.At(o), s.At(o)-s.At(v)) >= gap
		}
		if room {
			out = append(out, v)
		}
	}
	return out
}

// effectsTitle counts the verdicts on the first metric and names the level with
// the largest estimate of those shown to be better. Levels are not compared
// with each other, so that it claims no order among them.
func effectsTitle(d effectsPlot) string {
	m := d.metrics[0]
	count, n := map[string]int{}, 0
	var best *effectRow
	for i, r := range d.rows {
		q, ok := r.ratios[m]
		if !ok || !drawable(q.Center) {
			continue
		}
		n++
		count[q.Verdict]++
		if q.Verdict == analysis.Better && (best == nil || math.Abs(math.Log(q.Center)) > math.Abs(math.Log(best.ratios[m].Center))) {
			best = &d.rows[i]
		}
	}
	out := fmt.Sprintf("%s at %s: %s", capital(metric.Short(m)), pointName(d.point), verdictCounts(count, n, "value"))
	switch {
	case best == nil:
		return out
	case count[analysis.Better] == 1:
		return fmt.Sprintf("%s (better: %s=%s, %s)", out, best.parameter, best.level, change(best.ratios[m].Center))
	}
	return fmt.Sprintf("%s (largest estimate: %s=%s, %s)", out, best.parameter, best.level, change(best.ratios[m].Center))
}

func (d effectsPlot) subtitle(in Input) string {
	parts := []string{
		fmt.Sprintf("Each value alone against the baseline at %s.", pointName(d.point)),
		fmt.Sprintf("Point: ratio. Bar: %s interval. Open point: no interval.", say.Percent(in.Findings.Confidence)),
		fmt.Sprintf("Band: changes within ±%s do not matter.", say.Percent(d.margin)),
	}
	return strings.Join(parts, " ")
}

func (d effectsPlot) caption(in Input, load string) string {
	var points []point
	for _, r := range d.rows {
		if r.trials > 0 {
			points = append(points, point{cell: analysis.Cell{Trials: r.trials}})
		}
	}
	if len(points) == 0 {
		points = []point{{}}
	}
	notes := []string{"log scale"}
	if len(pointsOf(in.Plan, load)) > 1 {
		notes = append(notes, "other load points only in the data")
	}
	return caption(in, load, points, notes)
}

// Sizes of the forest plot.
const (
	effectHead  vg.Length = 40 // column titles
	effectFoot  vg.Length = 22 // tick labels
	effectGap   vg.Length = 9  // between parameters
	effectWords vg.Length = 90 // result in words, right of each column
	tickGap     vg.Length = 30 // least distance of tick labels
)

func (d effectsPlot) width() vg.Length {
	if len(d.metrics) > 3 {
		return draw.WideWidth
	}
	return draw.FigureWidth
}

func (d effectsPlot) rowHeight() vg.Length {
	if len(d.rows) > 30 {
		return 17
	}
	return 25
}

func (d effectsPlot) height() vg.Length {
	h := effectHead + effectFoot + vg.Length(len(d.rows))*d.rowHeight()
	for _, r := range d.rows {
		if r.first {
			h += effectGap
		}
	}
	return h
}

func (d effectsPlot) draw(p *draw.Pen, area vg.Rectangle) {
	name := draw.TextStyle{Size: draw.SizeLabel, Color: p.Theme.Muted}
	level := draw.TextStyle{Size: draw.SizeLabel, Bold: true, Color: p.Theme.Ink}
	nameWidth, levelWidth := vg.Length(0), vg.Length(0)
	for _, r := range d.rows {
		nameWidth = max(nameWidth, min(p.Width(r.parameter, name), 190))
		levelWidth = max(levelWidth, p.Width(r.level, level))
	}
	gutter := nameWidth + levelWidth + 30
	columnWidth := (area.Max.X - area.Min.X - gutter) / vg.Length(len(d.metrics))

	tops := d.rowTops(area.Max.Y - effectHead)
	bottom := area.Min.Y + effectFoot
	d.stripes(p, area, tops)
	for i, m := range d.metrics {
		left := area.Min.X + gutter + vg.Length(i)*columnWidth
		s := d.scales[i]
		s.Lo, s.Hi = left, left+columnWidth-effectWords
		d.column(p, m, s, tops, area.Max.Y, bottom)
	}
	for i, r := range d.rows {
		y := tops[i] - d.rowHeight()/2
		if r.first {
			p.TextMiddle(vg.Point{X: area.Min.X, Y: y}, p.Fit(r.parameter, name, nameWidth), name, draw.AlignLeft)
		}
		p.TextMiddle(vg.Point{X: area.Min.X + nameWidth + 14 + levelWidth, Y: y}, r.level, level, draw.AlignRight)
		if r.note != "" {
			style := draw.TextStyle{Size: draw.SizeLabel - 0.5, Color: p.Theme.Muted}
			x, w := area.Min.X+gutter, p.Width(r.note, style)
			p.FillRect(
				p.Theme.Background,
				vg.Rectangle{Min: vg.Point{X: x - 2, Y: y - 8}, Max: vg.Point{X: x + w + 4, Y: y + 8}},
			)
			p.TextMiddle(vg.Point{X: x, Y: y}, r.note, style, draw.AlignLeft)
		}
	}
}

// rowTops are the upper edges of the rows from top downwards.
func (d effectsPlot) rowTops(top vg.Length) []vg.Length {
	var out []vg.Length
	for _, r := range d.rows {
		if r.first {
			top -= effectGap
		}
		out = append(out, top)
		top -= d.rowHeight()
	}
	return out
}

// stripes separate the parameters by thin lines.
func (d effectsPlot) stripes(p *draw.Pen, area vg.Rectangle, tops []vg.Length) {
	for i, r := range d.rows {
		if r.first {
			y := tops[i] + effectGap/2
			p.Line(
				draw.LineStyle{Width: 0.8, Color: p.Theme.Grid}, vg.Point{X: area.Min.X, Y: y},
				vg.Point{X: area.Max.X, Y: y},
			)
		}
	}
}

// column draws one metric: title, margin band, ticks, and a row for each level.
func (d effectsPlot) column(p *draw.Pen, m string, s draw.Scale, tops []vg.Length, top, bottom vg.Length) {
	p.Text(
		vg.Point{X: s.Lo, Y: top - 13}, capital(metric.Short(m)),
		draw.TextStyle{Size: draw.SizeLabel + 0.5, Bold: true, Color: p.Theme.Ink}, draw.AlignLeft,
	)
	p.Text(
		vg.Point{X: s.Lo, Y: top - 27}, direction(m), draw.TextStyle{Size: draw.SizeNumber + 0.5, Color: p.Theme.Muted},
		draw.AlignLeft,
	)
	first := tops[0] + effectGap/2
	p.FillRect(
		p.Theme.Shade,
		vg.Rectangle{Min: vg.Point{X: s.At(1 - d.margin), Y: bottom}, Max: vg.Point{X: s.At(1 + d.margin), Y: first}},
	)
	for _, v := range ratioTicks(s, tickGap) {
		line := draw.LineStyle{Width: 0.8, Color: p.Theme.Grid}
		if v == 1 {
			line = draw.LineStyle{Width: 1.1, Color: p.Theme.Muted}
		}
		p.Line(line, vg.Point{X: s.At(v), Y: bottom}, vg.Point{X: s.At(v), Y: first})
		p.Text(
			vg.Point{X: s.At(v), Y: bottom - 14}, ratioTick(s, v),
			draw.TextStyle{Size: draw.SizeNumber + 0.5, Color: p.Theme.Muted}, draw.AlignCentre,
		)
	}
	for i, r := range d.rows {
		if q, ok := r.ratios[m]; ok && drawable(q.Center) {
			d.row(p, s, tops[i]-d.rowHeight()/2, q, r)
		}
	}
}

// row draws one ratio with its interval, in its configuration's color, and its
// verdict in words.
func (d effectsPlot) row(p *draw.Pen, s draw.Scale, y vg.Length, q analysis.Ratio, r effectRow) {
	c := r.id.color(p.Theme)
	at := vg.Point{X: s.Clamped(q.Center), Y: y}
	size := change(q.Center)
	words := size + " " + q.Verdict
	if q.HasInterval() {
		p.Interval(
			draw.LineStyle{Width: 2, Color: draw.Mix(c, p.Theme.Background, 0.25)}, s, q.Lo, q.Hi,
			func(x vg.Length) vg.Point { return vg.Point{X: x, Y: y} },
		)
	} else {
		words = fmt.Sprintf("%s  n=%d", size, r.trials)
	}
	p.Marker(r.id.shape, at, 3.5, c, q.HasInterval())
	style := draw.TextStyle{
		Size: draw.SizeNumber + 0.8, Color: verdictColor(p.Theme, q.Verdict), Bold: decided(q.Verdict),
	}
	p.TextMiddle(vg.Point{X: s.Hi + 7, Y: y}, words, style, draw.AlignLeft)
}

// decided says whether a verdict is one of a difference.
func decided(verdict string) bool { return verdict == analysis.Better || verdict == analysis.Worse }

// verdictColor is the color of a verdict in words.
func verdictColor(t draw.Theme, verdict string) color.NRGBA {
	switch verdict {
	case analysis.Better:
		return t.Better
	case analysis.Worse:
		return t.Worse
	}
	return t.Muted
}

// inFactors reports whether a ratio axis is labelled in factors.
func inFactors(s draw.Scale) bool { return s.Max > 3 || s.Min < 1.0/3 }

// ratioTick is a tick of a ratio axis. An axis that reaches ×3 or a third is
// labelled in factors throughout, any other in percent.
func ratioTick(s draw.Scale, v float64) string {
	switch {
	case inFactors(s):
		return draw.Number(v) + "×"
	case v == 1:
		return "0%"
	}
	pc := draw.Number(draw.Tidy(math.Round((v-1)*1000) / 10))
	if v > 1 {
		pc = "+" + pc
	}
	return pc + "%"
}

// direction says which way is better.
func direction(name string) string {
	if m, err := metric.Parse(name); err == nil && m.Better == metric.Lower {
		return "← lower is better"
	}
	return "higher is better →"
}
