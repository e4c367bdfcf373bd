package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// feasibilityPlot is a map of configurations by load points: what could be
// measured, and why the rest could not.
type feasibilityPlot struct {
	points []matrix.LoadPoint
	rows   []feasibilityRow
}

// feasibilityRow is one configuration, or all those without a fault.
type feasibilityRow struct {
	name  rowName
	cells []feasibility
	why   string
	grave bool
}

// feasibility is the state of one cell and the trials behind it.
type feasibility struct {
	state string
	text  string // "2/3"; empty when all count
}

// States of a cell, from the best.
const (
	cellCounts  = "all trials valid"
	cellPartly  = "some trials valid"
	cellMissing = "not run yet"
	cellInvalid = "no valid trial"
	cellDied    = "died under load"
	cellNever   = "did not start"
	cellRefused = "no request succeeded"
	cellNone    = "not planned" // at this load point
	cellSkipped = "skipped: cannot start"
)

// feasibilityFigure makes the figure, or returns the reason why there is none.
func feasibilityFigure(in Input, name string) (Figure, string) {
	f := Figure{Name: name, Kind: "feasibility"}
	if len(in.Findings.Cells) == 0 {
		return f, "the plan has no configurations at any load"
	}
	d, whole, never := newFeasibility(in)
	n := len(in.Plan.Configurations)
	switch {
	case never > 0:
		f.Title = fmt.Sprintf("%d of %s could not start, died or failed under load", never, say.Count(n, "configuration"))
		if !slices.ContainsFunc(in.Findings.Failures, func(q analysis.Failure) bool { return len(q.Trials) > 0 }) {
			f.Title = fmt.Sprintf("%d of %s could not start or died", never, say.Count(n, "configuration"))
		}
	case whole == n:
		f.Title = fmt.Sprintf("All %s started and completed their loads", say.Count(n, "configuration"))
	default:
		f.Title = fmt.Sprintf("%d of %s %s all planned trials", whole, say.Count(n, "configuration"), map[bool]string{true: "has", false: "have"}[whole == 1])
	}
	f.Subtitle = "Rows: configurations. Columns: load points. Numbers: valid trials of those planned. " + rowNote
	left := 0
	if len(d.rows) > maxRows {
		left, d.rows = len(d.rows)-maxRows, d.rows[:maxRows]
	}
	f.Caption = runCaption(in)
	if left > 0 {
		f.Caption = say.Count(left, "more configuration") + " with failures only in the data · " + f.Caption
	}
	f.framed(draw.WideWidth, 0, d.height())
	f.body = d.draw
	f.records = feasibilityRecords(in)
	return f, ""
}

// newFeasibility also counts the configurations that have all their trials,
// and those that never became ready or died.
func newFeasibility(in Input) (d feasibilityPlot, whole, never int) {
	d.points = in.Plan.LoadPoints
	cells := map[[2]string]analysis.Cell{}
	for _, c := range mapped(in) {
		cells[[2]string{c.Configuration, c.LoadPoint}] = c
	}
	var good []feasibilityRow
	short, ids := shortLabels(in.Plan.Configurations), in.identities()
	collapse := len(in.Plan.Configurations) > 24 // the faults are what the map is for
	for i, c := range in.Plan.Configurations {
		id := ids[c.ID]
		row := feasibilityRow{name: rowName{short[i], &id}}
		failure, failed := failureOf(in, c)
		row.grave = failed
		faulty := false
		for _, lp := range d.points {
			cell, ok := cells[[2]string{c.ID, lp.ID}]
			q := feasibility{state: cellNone}
			if ok {
				q = stateOf(cell, failure, failed)
			}
			faulty = faulty || q.state != cellCounts && q.state != cellNone
			row.cells = append(row.cells, q)
		}
		if failed {
			never++
			row.why = failure.Class + ": " + failure.Cause()
		}
		if !faulty && !failed {
			whole++
			if collapse {
				good = append(good, row)
				continue
			}
		}
		d.rows = append(d.rows, row)
	}
	if collapse {
		slices.SortStableFunc(d.rows, func(a, b feasibilityRow) int { return cmp.Compare(yes(b.grave), yes(a.grave)) })
		if len(good) > 0 {
			good[0].name = rowName{text: "the other " + say.Count(len(good), "configuration")}
			d.rows = append(d.rows, good[0])
		}
	}
	return d, whole, never
}

// mapped are the cells of the blocks, and those that the confirm stage alone
// measured: combinations of single changes.
func mapped(in Input) []analysis.Cell {
	out := slices.Clone(in.Findings.Cells)
	if in.Findings.Confirm == nil {
		return out
	}
	for _, c := range in.Findings.Confirm.Cells {
		if !slices.ContainsFunc(in.Findings.Cells, func(o analysis.Cell) bool { return o.ID == c.ID }) {
			out = append(out, c)
		}
	}
	return out
}

func yes(b bool) int {
	if b {
		return 1
	}
	return 0
}

func failureOf(in Input, c matrix.Configuration) (analysis.Failure, bool) {
	for _, f := range in.Findings.Failures {
		if f.Configuration == c.ID || f.Configuration == "" && f.Label == c.Label {
			return f, true
		}
	}
	return analysis.Failure{}, false
}

func stateOf(c analysis.Cell, failure analysis.Failure, failed bool) feasibility {
	planned := c.Planned()
	q := feasibility{state: cellCounts}
	if c.Trials < planned || planned == 0 {
		q.text = fmt.Sprintf("%d/%d", c.Trials, planned)
	}
	switch {
	case planned > 0 && c.Trials >= planned:
	case c.Trials > 0:
		q.state = cellPartly
	case c.FailedBy[rundir.FailedDied] > 0, c.Failed > 0 && failed && failure.AfterReady:
		q.state = cellDied
	case c.FailedBy != nil && c.FailedBy[rundir.FailedStart] == 0:
		q.state = cellRefused
	case c.Failed > 0:
		q.state = cellNever
	case c.Skipped > 0:
		q.state = cellSkipped
	case c.Invalid > 0:
		q.state = cellInvalid
	default:
		q.state = cellMissing
	}
	return q
}

func (d feasibilityPlot) rowHeight() vg.Length { return min(max(430/vg.Length(len(d.rows)), 12), 24) }

const feasibilityHead vg.Length = 74 // legend, names of loads and points

func (d feasibilityPlot) height() vg.Length {
	return feasibilityHead + vg.Length(len(d.rows))*d.rowHeight() + 4
}

// crossed says whether a state means that nothing could be measured.
func crossed(state string) bool {
	return state == cellNever || state == cellDied || state == cellRefused || state == cellSkipped
}

func stateColor(t draw.Theme, state string) color.NRGBA {
	switch state {
	case cellCounts:
		return draw.Mix(t.Better, t.Background, 0.72)
	case cellPartly:
		return draw.Mix(t.Hue(4), t.Background, 0.5)
	case cellNone:
		return t.Background
	case cellMissing:
		return t.Shade
	case cellInvalid:
		return draw.Mix(t.Hue(3), t.Background, 0.35)
	case cellSkipped:
		return draw.Mix(t.Worse, t.Background, 0.4)
	}
	return t.Worse
}

func (d feasibilityPlot) draw(p *draw.Pen, area vg.Rectangle) {
	d.legend(p, area)
	h := d.rowHeight()
	style := draw.TextStyle{Size: min(draw.SizeLabel, h*0.75), Color: p.Theme.Ink}
	gutter := vg.Length(0)
	for _, r := range d.rows {
		gutter = max(gutter, r.name.width(p, style, 250))
	}
	why := vg.Length(330)
	if !slices.ContainsFunc(d.rows, func(r feasibilityRow) bool { return r.why != "" }) {
		why = 0
	}
	left := area.Min.X + gutter + 12
	w := min((area.Max.X-left-why)/vg.Length(len(d.points)), 64)
	top := area.Max.Y - feasibilityHead
	d.heads(p, left, w, top)
	number := draw.TextStyle{Size: min(draw.SizeNumber, h*0.6), Color: p.Theme.Ink}
	note := draw.TextStyle{Size: min(draw.SizeNumber+0.5, h*0.75), Color: p.Theme.Worse}
	for i, r := range d.rows {
		y := top - (vg.Length(i)+0.5)*h
		r.name.draw(p, vg.Point{X: left - 8, Y: y}, style, gutter)
		for j, c := range r.cells {
			box := vg.Rectangle{Min: vg.Point{X: left + vg.Length(j)*w + 1, Y: y - h/2 + 1}, Max: vg.Point{X: left + vg.Length(j+1)*w - 1, Y: y + h/2 - 1}}
			p.FillRect(stateColor(p.Theme, c.state), box)
			middle := vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: y}
			switch {
			case crossed(c.state):
				p.Cross(middle, min(h*0.2, 4), p.Theme.Background)
			case p.Width(c.text, number)+2 < w:
				p.TextMiddle(middle, c.text, number, draw.AlignCentre)
			}
		}
		x := left + vg.Length(len(d.points))*w + 10
		lines := p.Wrap(r.why, note, area.Max.X-x, max(1, int(h/note.Size*0.9)))
		for k, line := range lines {
			p.TextMiddle(
				vg.Point{X: x, Y: y + note.Size*1.1*(vg.Length(len(lines)-1)/2-vg.Length(k))}, line, note,
				draw.AlignLeft,
			)
		}
	}
}

// heads name the loads and their points above the columns.
func (d feasibilityPlot) heads(p *draw.Pen, left, w, top vg.Length) {
	small := draw.TextStyle{Size: draw.SizeNumber + 0.5, Color: p.Theme.Muted}
	bold := draw.TextStyle{Size: draw.SizeLabel, Bold: true, Color: p.Theme.Ink}
	last := vg.Length(-1)
	for j, lp := range d.points {
		x := left + vg.Length(j)*w
		if name := pointName(lp); x > last && p.Width(name, small) < w*1.4 {
			p.Text(vg.Point{X: x + w/2, Y: top + 6}, name, small, draw.AlignCentre)
			last = x + (p.Width(name, small)-w)/2
		}
		if j == 0 || d.points[j-1].Load != lp.Load {
			n := 1
			for j+n < len(d.points) && d.points[j+n].Load == lp.Load {
				n++
			}
			p.Text(vg.Point{X: x + 1, Y: top + 22}, p.Fit(lp.Load, bold, vg.Length(n)*w-4), bold, draw.AlignLeft)
			p.Line(
				draw.LineStyle{Width: 0.8, Color: p.Theme.Muted}, vg.Point{X: x + 1, Y: top + 18},
				vg.Point{X: x + vg.Length(n)*w - 1, Y: top + 18},
			)
		}
	}
}

func (d feasibilityPlot) legend(p *draw.Pen, area vg.Rectangle) {
	x, y := area.Min.X, area.Max.Y-8
	style := draw.TextStyle{Size: draw.SizeNumber + 1, Color: p.Theme.Muted}
	for _, state := range []string{cellCounts, cellPartly, cellMissing, cellInvalid, cellDied, cellRefused, cellNever, cellSkipped} {
		if !slices.ContainsFunc(d.rows, func(r feasibilityRow) bool {
			return slices.ContainsFunc(r.cells, func(c feasibility) bool { return c.state == state })
		}) {
			continue
		}
		p.FillRect(
			stateColor(p.Theme, state), vg.Rectangle{Min: vg.Point{X: x, Y: y - 5}, Max: vg.Point{X: x + 16, Y: y + 5}},
		)
		if crossed(state) {
			p.Cross(vg.Point{X: x + 8, Y: y}, 3.2, p.Theme.Background)
		}
		p.TextMiddle(vg.Point{X: x + 21, Y: y}, state, style, draw.AlignLeft)
		x += 21 + p.Width(state, style) + 18
	}
}

func feasibilityRecords(in Input) [][]string {
	out := [][]string{{"cell", "configuration", "label", "load_point", "point", "state", "trials", "invalid", "failed", "skipped", "missing", "class", "cause"}}
	for _, c := range mapped(in) {
		conf := configurationOf(in, c.Configuration)
		failure, failed := failureOf(in, conf)
		state := stateOf(c, failure, failed)
		out = append(out, []string{
			c.ID, c.Configuration, c.Label, c.LoadPoint, c.PointLabel, state.state,
			fmt.Sprint(c.Trials), fmt.Sprint(c.Invalid), fmt.Sprint(c.Failed), fmt.Sprint(c.Skipped), fmt.Sprint(c.Missing), failure.Class, strings.TrimSpace(failure.Cause()),
		})
	}
	return out
}
