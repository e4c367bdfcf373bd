package plots

import (
	"cmp"
	"fmt"
	"image/color"
	"slices"
	"time"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// startupPlot is the startup time of each configuration, split into phases.
type startupPlot struct {
	rows   []startupRow
	phases []string
}

// startupRow is one configuration. The bar is its median start; the dots are
// all of its starts.
type startupRow struct {
	name   rowName
	id     string
	phases []phaseSpan
	ready  []time.Duration // of each start that became ready
	failed []time.Duration // launch to end of each start that failed
	class  string
}

// phaseSpan is a phase of one start.
type phaseSpan struct {
	name string
	took time.Duration
}

// startupFigure makes the figure, or returns the reason why there is none.
func startupFigure(in Input, name string) (Figure, string) {
	f := Figure{Name: name, Kind: "startup"}
	d := newStartup(in)
	if len(d.rows) == 0 {
		return f, "the run has no server launches"
	}
	left := 0
	if len(d.rows) > maxRows {
		left = len(d.rows) - maxRows
		d.rows = d.rows[:maxRows]
	}
	f.Title = d.title()
	f.Subtitle = "Bar: median launch of a configuration, split into the phases in its log. Dots: its launches, until ready. " + rowNote
	f.Caption = runCaption(in)
	if left > 0 {
		f.Caption = say.Count(left, "faster configuration") + " not shown · " + f.Caption
	}
	f.framed(draw.FigureWidth, 0, d.height())
	f.body = d.draw
	f.records = startupRecords(in)
	return f, ""
}

// maxRows is the most configurations in a figure with a row for each.
const maxRows = 60

func newStartup(in Input) startupPlot {
	var d startupPlot
	short, ids := shortLabels(in.Plan.Configurations), in.identities()
	for i, c := range in.Plan.Configurations {
		id := ids[c.ID]
		r := startupRow{name: rowName{short[i], &id}, id: c.ID}
		var ready []rundir.Start
		for _, s := range in.Starts {
			switch {
			case s.Configuration != c.ID:
			case s.Outcome == rundir.StartReady && s.Ready <= 0: // imported: how long it took is not known
			case s.Outcome == rundir.StartReady:
				ready = append(ready, s)
				r.ready = append(r.ready, s.Ready)
			case s.Outcome == rundir.StartFailed:
				r.failed = append(r.failed, untilFailure(s))
				if s.Diagnosis != nil {
					r.class = string(s.Diagnosis.Class)
				}
			}
		}
		if len(ready) > 0 {
			slices.SortStableFunc(ready, func(a, b rundir.Start) int { return cmp.Compare(a.Ready, b.Ready) })
			r.phases = phasesOf(ready[len(ready)/2])
		}
		if len(r.ready)+len(r.failed) > 0 {
			d.rows = append(d.rows, r)
		}
		for _, p := range r.phases {
			if !slices.Contains(d.phases, p.name) {
				d.phases = append(d.phases, p.name)
			}
		}
	}
	slices.SortStableFunc(d.rows, func(a, b startupRow) int { return cmp.Compare(b.median(), a.median()) })
	return d
}

// untilFailure is the time from the launch to the end of a failed start: its
// exit, else the request to stop it, else the last phase that its log told.
func untilFailure(s rundir.Start) time.Duration {
	at := time.Millisecond
	for _, p := range s.Phases {
		at = max(at, p.At)
	}
	switch {
	case s.Diagnosis != nil && s.Diagnosis.Exit != nil && s.Diagnosis.Exit.At.After(s.Began):
		return max(at, s.Diagnosis.Exit.At.Sub(s.Began))
	case s.Stopped != nil:
		return max(at, s.Stopped.Sub(s.Began)-s.StopTook)
	}
	return at
}

// phasesOf are the durations of the phases that the log names: each lasts from
// its first line to the next phase's.
func phasesOf(s rundir.Start) []phaseSpan {
	var out []phaseSpan
	name, from := "process", time.Duration(0)
	end := func(at time.Duration) {
		if at > from {
			out = append(out, phaseSpan{name, at - from})
		}
	}
	for _, p := range s.Phases {
		if p.At > s.Ready || p.Name == "ready" {
			break
		}
		end(p.At)
		name, from = p.Name, max(p.At, from)
		if name == "launched" {
			name = "process"
		}
	}
	end(s.Ready)
	return joined(out)
}

// joined adds up neighbouring phases of the same name.
func joined(all []phaseSpan) []phaseSpan {
	var out []phaseSpan
	for _, p := range all {
		if n := len(out); n > 0 && out[n-1].name == p.name {
			out[n-1].took += p.took
			continue
		}
		out = append(out, p)
	}
	return out
}

func (r startupRow) median() time.Duration {
	sum := time.Duration(0)
	for _, p := range r.phases {
		sum += p.took
	}
	return sum
}

func (d startupPlot) title() string {
	lo, hi := time.Duration(0), time.Duration(0)
	failed := 0
	for _, r := range d.rows {
		if m := r.median(); m > 0 {
			if lo == 0 || m < lo {
				lo = m
			}
			hi = max(hi, m)
		}
		if len(r.ready) == 0 {
			failed++
		}
	}
	if hi == 0 {
		return "No server became ready"
	}
	out := fmt.Sprintf("Ready after %s to %s", say.Duration(lo), say.Duration(hi))
	if say.Duration(lo) == say.Duration(hi) {
		out = "Ready after " + say.Duration(lo)
	}
	out += ", median per configuration"
	if failed > 0 {
		out += fmt.Sprintf("; %s never became ready", say.Count(failed, "configuration"))
	}
	return out
}

func (d startupPlot) rowHeight() vg.Length { return min(max(460/vg.Length(len(d.rows)), 10), 26) }

func (d startupPlot) height() vg.Length {
	return 26 + vg.Length(len(d.rows))*d.rowHeight() + draw.RoomXTicks + draw.RoomXTitle
}

func phaseColor(t draw.Theme, i int) color.NRGBA {
	if i == 0 {
		return t.Context
	}
	return t.Hue(i - 1)
}

func (d startupPlot) draw(p *draw.Pen, area vg.Rectangle) {
	d.legend(p, area)
	h := d.rowHeight()
	style := draw.TextStyle{Size: min(draw.SizeLabel, h*0.8), Color: p.Theme.Ink}
	gutter, longest := vg.Length(0), time.Duration(0)
	for _, r := range d.rows {
		gutter = max(gutter, r.name.width(p, style, 210))
		for _, v := range slices.Concat(r.ready, r.failed) {
			longest = max(longest, v)
		}
	}
	s := draw.Scale{Max: longest.Seconds() * 1.04, Lo: area.Min.X + gutter + 12, Hi: area.Max.X - 10}
	top, bottom := area.Max.Y-26, area.Min.Y+draw.RoomXTicks+draw.RoomXTitle
	for _, v := range s.Ticks(8) {
		p.Line(
			draw.LineStyle{Width: 0.8, Color: p.Theme.Grid}, vg.Point{X: s.At(v), Y: bottom},
			vg.Point{X: s.At(v), Y: top},
		)
		p.Text(
			vg.Point{X: s.At(v), Y: bottom - draw.RoomXTicks + 3}, draw.Number(v), draw.TickStyle(p.Theme),
			draw.AlignCentre,
		)
	}
	p.Text(
		vg.Point{X: (s.Lo + s.Hi) / 2, Y: area.Min.Y + 3}, "Seconds since the launch", draw.AxisStyle(p.Theme),
		draw.AlignCentre,
	)
	for i, r := range d.rows {
		y := top - (vg.Length(i)+0.5)*h
		r.name.draw(p, vg.Point{X: s.Lo - 8, Y: y}, style, gutter)
		at := time.Duration(0)
		for _, q := range r.phases {
			c := phaseColor(p.Theme, slices.Index(d.phases, q.name))
			p.FillRect(c, vg.Rectangle{
				Min: vg.Point{X: s.At(at.Seconds()), Y: y - h*0.3},
				Max: vg.Point{X: s.At((at + q.took).Seconds()), Y: y + h*0.3},
			})
			at += q.took
		}
		for _, v := range r.ready {
			p.Marker(draw.Circle, vg.Point{X: s.At(v.Seconds()), Y: y}, min(2.4, h*0.14), p.Theme.Ink, true)
		}
		d.failures(p, s, r, y, min(3.6, h*0.25))
	}
}

// failures marks the ends of failed starts, and names their class where no
// start was ready.
func (d startupPlot) failures(p *draw.Pen, s draw.Scale, r startupRow, y, size vg.Length) {
	last := vg.Length(0)
	for _, v := range r.failed {
		at := vg.Point{X: s.At(v.Seconds()), Y: y}
		p.Cross(at, size, p.Theme.Worse)
		last = max(last, at.X)
	}
	if len(r.ready) == 0 && len(r.failed) > 0 {
		style := draw.TextStyle{Size: min(draw.SizeLabel, d.rowHeight()*0.8) - 0.5, Color: p.Theme.Worse}
		text, align, x := "failed: "+r.class, draw.AlignLeft, last+8
		if x+p.Width(text, style) > s.Hi {
			align, x = draw.AlignRight, s.At(slices.Min(r.failed).Seconds())-8
		}
		p.TextMiddle(vg.Point{X: x, Y: y}, text, style, align)
	}
}

func (d startupPlot) legend(p *draw.Pen, area vg.Rectangle) {
	x, y := area.Min.X, area.Max.Y-8
	style := draw.TextStyle{Size: draw.SizeNumber + 1, Color: p.Theme.Muted}
	for i, name := range d.phases {
		p.FillRect(
			phaseColor(p.Theme, i), vg.Rectangle{Min: vg.Point{X: x, Y: y - 4}, Max: vg.Point{X: x + 12, Y: y + 4}},
		)
		p.TextMiddle(vg.Point{X: x + 17, Y: y}, name, style, draw.AlignLeft)
		x += 17 + p.Width(name, style) + 18
	}
}

// startupRecords are the phases of every start.
func startupRecords(in Input) [][]string {
	out := [][]string{{"start", "configuration", "label", "block", "outcome", "class", "phase", "took_s"}}
	for _, s := range in.Starts {
		class := ""
		if s.Diagnosis != nil {
			class = string(s.Diagnosis.Class)
		}
		head := []string{s.ID, s.Configuration, s.Label, fmt.Sprint(s.Block), s.Outcome, class}
		for _, p := range phasesOf(s) {
			out = append(out, append(slices.Clone(head), p.name, float(p.took.Seconds())))
		}
		if s.Outcome == rundir.StartFailed {
			out = append(out, append(head, "until failure", float(untilFailure(s).Seconds())))
		}
	}
	return out
}
