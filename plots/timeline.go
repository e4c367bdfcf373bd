package plots

import (
	"fmt"
	"image/color"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// timelinePlot is the run in time: a lane per configuration, and what was measured
// of the GPUs and the engine beneath.
type timelinePlot struct {
	began  time.Time
	took   time.Duration
	zone   *time.Location
	lanes  []lane
	blocks []span2
	traces []Trace
}

// lane is one row of the timeline.
type lane struct {
	name  rowName
	spans []stretch
	fails []time.Duration // failed starts and deaths
}

// Kinds of stretches, in the order of the legend.
const (
	stretchLoading  = "loading and startup"
	stretchWarmup   = "warm-up"
	stretchTrial    = "trial"
	stretchInvalid  = "discarded trial"
	stretchStop     = "stop and release"
	stretchCooldown = "cool-down"
	stretchFailed   = "failed launch"
	stretchSkipped  = "skipped launch"
)

// stretch is a part of a lane, from and to since the run began.
type stretch struct {
	kind     string
	start    string // ID
	trial    string // ID, of warm-ups and trials
	from, to time.Duration
}

// span2 is a named part of the time axis.
type span2 struct {
	name     string
	from, to time.Duration
}

// maxLanes is the most configurations that get a lane each; more share one.
const maxLanes = 80

// timelineFigure makes the figure, or returns the reason why there is none.
func timelineFigure(in Input, name string) (Figure, string) {
	f := Figure{Name: name, Kind: "timeline"}
	if len(in.Starts) == 0 {
		return f, "the run has no server launches"
	}
	d := newTimeline(in)
	f.Title = d.title(in)
	f.Subtitle = d.subtitle(in)
	f.Caption = runCaption(in)
	f.framed(draw.WideWidth, 0, d.height())
	f.body = d.draw
	f.records = d.records()
	return f, ""
}

func newTimeline(in Input) timelinePlot {
	starts := slices.SortedStableFunc(slices.Values(in.Starts), func(a, b rundir.Start) int { return a.Began.Compare(b.Began) })
	d := timelinePlot{began: starts[0].Began, zone: starts[0].Began.Location(), traces: in.Traces}
	trials := map[string][]rundir.Trial{}
	for _, t := range in.Trials {
		trials[t.Start] = append(trials[t.Start], t)
	}
	short, ids := shortLabels(in.Plan.Configurations), in.identities()
	lanes := map[string]*lane{}
	for i, c := range in.Plan.Configurations {
		id := ids[c.ID]
		name := rowName{short[i], &id}
		if len(in.Plan.Configurations) > maxLanes {
			name = rowName{text: say.Count(len(in.Plan.Configurations), "configuration")}
		}
		if i == 0 || len(in.Plan.Configurations) <= maxLanes {
			d.lanes = append(d.lanes, lane{name: name})
		}
	}
	for i, c := range in.Plan.Configurations {
		lanes[c.ID] = &d.lanes[min(i, len(d.lanes)-1)]
	}
	for _, s := range starts {
		l, ok := lanes[s.Configuration]
		if !ok {
			continue
		}
		parts := d.stretches(s, trials[s.ID], in.Facts.Warmup)
		l.spans = append(l.spans, parts...)
		if s.Outcome == rundir.StartFailed || s.Diagnosis != nil {
			at := s.Began.Sub(d.began)
			if len(parts) > 0 {
				at = parts[0].to
				if s.Outcome != rundir.StartFailed {
					at = parts[len(parts)-1].to
				}
			}
			l.fails = append(l.fails, at)
		}
		for _, p := range parts {
			d.took = max(d.took, p.to)
		}
		d.addBlock(s, parts)
	}
	for _, t := range d.traces {
		for _, s := range t.Series {
			for _, at := range s.Times {
				d.took = max(d.took, min(at.Sub(d.began), d.took+time.Minute))
			}
		}
	}
	d.took = max(d.took, time.Second)
	return d
}

// addBlock lengthens the block of a start.
func (d *timelinePlot) addBlock(s rundir.Start, parts []stretch) {
	name := fmt.Sprintf("round %d", s.Block)
	switch s.Purpose {
	case matrix.PurposeFindRates:
		name = "calibration"
	case matrix.PurposeConfirm:
		name = "confirmation"
	}
	if len(parts) == 0 {
		return
	}
	from, to := parts[0].from, parts[len(parts)-1].to
	if n := len(d.blocks); n > 0 && d.blocks[n-1].name == name {
		d.blocks[n-1].to = max(d.blocks[n-1].to, to)
		return
	}
	d.blocks = append(d.blocks, span2{name, from, to})
}

// stretches splits a start into its parts.
func (d *timelinePlot) stretches(s rundir.Start, trials []rundir.Trial, warmup time.Duration) []stretch {
	began := s.Began.Sub(d.began)
	var out []stretch
	add := func(kind, trial string, from, to time.Duration) {
		if to > from {
			out = append(out, stretch{kind, s.ID, trial, from, to})
		}
	}
	if s.Outcome == rundir.StartSkipped {
		add(stretchSkipped, "", began, began+time.Millisecond)
		return out
	}
	if s.Outcome == rundir.StartFailed {
		add(stretchFailed, "", began, began+untilFailure(s))
	} else {
		add(stretchLoading, "", began, began+s.Ready)
		for _, t := range trials {
			if !t.Ended.After(t.Began) {
				continue // never loaded
			}
			from, to := t.Began.Sub(d.began), t.Ended.Sub(d.began)
			w := min(warmup, max(to-from-time.Duration(t.Window*1e9), 0))
			add(stretchWarmup, t.ID, from, from+w)
			kind := stretchTrial
			if t.Outcome != rundir.OutcomeOK {
				kind = stretchInvalid
			}
			add(kind, t.ID, from+w, to)
		}
	}
	if s.Stopped != nil {
		stopped := s.Stopped.Sub(d.began)
		add(stretchStop, "", stopped-s.StopTook, stopped)
		add(stretchCooldown, "", stopped, stopped+s.Cooldown)
	}
	return out
}

// title counts; a timeline claims nothing about configurations.
func (d timelinePlot) title(in Input) string {
	failed, counted, invalid, other, skipped := 0, 0, 0, 0, 0
	for _, s := range in.Starts {
		if s.Outcome == rundir.StartFailed {
			failed++
		}
		if s.Outcome == rundir.StartSkipped {
			skipped++
		}
	}
	for _, t := range in.Trials {
		switch t.Outcome {
		case rundir.OutcomeOK:
			counted++
		case rundir.OutcomeSkipped: // with the start, or because the load was too much already
		case rundir.OutcomeInvalid:
			invalid++
		default:
			other++
		}
	}
	out := fmt.Sprintf("%s and %s in %s", say.Count(len(in.Starts)-skipped, "server launch", "server launches"), say.Count(counted, "valid trial"), say.Duration(d.took))
	var bad []string
	if failed > 0 {
		bad = append(bad, say.Count(failed, "launch", "launches")+" failed")
	}
	if skipped > 0 {
		bad = append(bad, say.Count(skipped, "launch", "launches")+" skipped")
	}
	if invalid > 0 {
		bad = append(bad, say.Count(invalid, "trial")+" discarded")
	}
	if other > 0 {
		bad = append(bad, say.Count(other, "trial")+" failed")
	}
	if len(bad) > 0 {
		out += "; " + strings.Join(bad, ", ")
	}
	return out
}

func (d timelinePlot) subtitle(in Input) string {
	out := "One row per configuration, in plan order. The run began on " + d.began.In(d.zone).Format("2006-01-02 15:04") + "."
	if len(in.Plan.Configurations) > maxLanes {
		out = "All configurations share one row. The run began on " + d.began.In(d.zone).Format("2006-01-02 15:04") + "."
	}
	if len(d.lanes) > 0 && d.lanes[0].name.id != nil {
		out += " " + rowNote
	}
	if len(d.traces) == 0 {
		out += " The run has no GPU or engine telemetry."
	}
	return out
}

// Sizes of the timeline.
const (
	timelineTop    vg.Length = 42 // legend and names of the blocks
	timelineFoot   vg.Length = 24 // tick labels
	timelineGap    vg.Length = 12 // above each trace
	timelineTrace  vg.Length = 52
	timelineGutter vg.Length = 190
)

func (d timelinePlot) laneHeight() vg.Length {
	return min(max(420/vg.Length(len(d.lanes)), 8.5), 22)
}

func (d timelinePlot) height() vg.Length {
	return timelineTop + vg.Length(len(d.lanes))*d.laneHeight() + timelineFoot + vg.Length(len(d.traces))*(timelineTrace+timelineGap)
}

func stretchColor(t draw.Theme, kind string) color.NRGBA {
	switch kind {
	case stretchLoading:
		return t.Hue(4)
	case stretchWarmup:
		return draw.Mix(t.Hue(0), t.Background, 0.55)
	case stretchTrial:
		return t.Hue(0)
	case stretchInvalid:
		return t.Hue(3)
	case stretchStop:
		return t.Muted
	case stretchCooldown:
		return t.Context
	}
	return t.Worse
}

func (d timelinePlot) draw(p *draw.Pen, area vg.Rectangle) {
	s := draw.Scale{Max: d.took.Seconds(), Lo: area.Min.X + timelineGutter, Hi: area.Max.X}
	d.legend(p, area)
	top := area.Max.Y - timelineTop
	bottom := top - vg.Length(len(d.lanes))*d.laneHeight()
	d.blockBands(p, s, top, bottom)
	ticks, labels := timeTicks(d.took)
	low := area.Min.Y + timelineFoot
	for i, v := range ticks {
		x := s.At(v)
		p.Line(draw.LineStyle{Width: 0.8, Color: p.Theme.Grid}, vg.Point{X: x, Y: low}, vg.Point{X: x, Y: top})
		align := draw.AlignCentre
		if i == 0 {
			align = draw.AlignLeft
		} else if s.Hi-x < 14 {
			align = draw.AlignRight
		}
		p.Text(vg.Point{X: x, Y: area.Min.Y + 6}, labels[i], draw.TickStyle(p.Theme), align)
	}
	d.drawLanes(p, s, area.Min.X, top)
	for i, t := range d.traces {
		y := bottom - vg.Length(i)*(timelineTrace+timelineGap) - timelineGap
		drawTrace(p, t, d.began, s, area.Min.X, y, i == 0)
	}
}

func (d timelinePlot) legend(p *draw.Pen, area vg.Rectangle) {
	x, y := area.Min.X, area.Max.Y-8
	style := draw.TextStyle{Size: draw.SizeNumber + 1, Color: p.Theme.Muted}
	for _, kind := range []string{stretchLoading, stretchWarmup, stretchTrial, stretchInvalid, stretchStop, stretchCooldown, stretchFailed, stretchSkipped} {
		if !slices.ContainsFunc(d.lanes, func(l lane) bool {
			return slices.ContainsFunc(l.spans, func(s stretch) bool { return s.kind == kind })
		}) {
			continue
		}
		p.FillRect(
			stretchColor(p.Theme, kind),
			vg.Rectangle{Min: vg.Point{X: x, Y: y - 4}, Max: vg.Point{X: x + 12, Y: y + 4}},
		)
		if kind == stretchFailed || kind == stretchSkipped {
			p.Cross(vg.Point{X: x + 6, Y: y}, 3.2, p.Theme.Background)
		}
		p.TextMiddle(vg.Point{X: x + 17, Y: y}, kind, style, draw.AlignLeft)
		x += 17 + p.Width(kind, style) + 18
	}
}

// blockBands shade every second block and name those that have room.
func (d timelinePlot) blockBands(p *draw.Pen, s draw.Scale, top, bottom vg.Length) {
	style := draw.TextStyle{Size: draw.SizeNumber + 0.5, Color: p.Theme.Muted}
	for i, b := range d.blocks {
		x0, x1 := s.At(b.from.Seconds()), s.Clamped(b.to.Seconds())
		if i%2 == 0 {
			p.FillRect(p.Theme.Shade, vg.Rectangle{Min: vg.Point{X: x0, Y: bottom}, Max: vg.Point{X: x1, Y: top}})
		}
		if p.Width(b.name, style)+4 < x1-x0 {
			p.Text(vg.Point{X: x0 + 2, Y: top + 5}, b.name, style, draw.AlignLeft)
		}
	}
}

func (d timelinePlot) drawLanes(p *draw.Pen, s draw.Scale, left, top vg.Length) {
	h := d.laneHeight()
	style := draw.TextStyle{Size: min(draw.SizeLabel, h*0.82), Color: p.Theme.Ink}
	for i, l := range d.lanes {
		y := top - (vg.Length(i)+0.5)*h
		l.name.draw(p, vg.Point{X: s.Lo - 8, Y: y}, style, timelineGutter-12)
		p.Line(
			draw.LineStyle{Width: 0.5, Color: p.Theme.Grid}, vg.Point{X: s.Lo, Y: y - h/2},
			vg.Point{X: s.Hi, Y: y - h/2},
		)
		half := h * 0.34
		for _, q := range l.spans {
			x0, x1 := s.At(q.from.Seconds()), s.At(q.to.Seconds())
			height := half
			if q.kind == stretchStop || q.kind == stretchCooldown {
				height = half * 0.45
			}
			p.FillRect(
				stretchColor(p.Theme, q.kind),
				vg.Rectangle{Min: vg.Point{X: x0, Y: y - height}, Max: vg.Point{X: max(x1, x0+0.6), Y: y + height}},
			)
		}
		for _, at := range l.fails {
			p.Cross(vg.Point{X: s.Clamped(at.Seconds()) + 4, Y: y}, min(3.4, half), p.Theme.Worse)
		}
	}
}

// timeTicks are ticks in seconds since the start with their labels.
func timeTicks(took time.Duration) (ticks []float64, labels []string) {
	for _, step := range []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
		15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 72 * time.Hour, 24 * 14 * time.Hour,
	} {
		if took/step > 10 && step < 24*14*time.Hour {
			continue
		}
		for at := time.Duration(0); at <= took; at += step {
			text := fmt.Sprintf("%d h", int(at.Hours()))
			switch {
			case step < time.Minute && took < 3*time.Minute:
				text = fmt.Sprintf("%d s", int(at.Seconds()))
			case step < time.Minute:
				text = fmt.Sprintf("%d:%02d", int(at.Minutes()), int(at.Seconds())%60)
			case step < time.Hour && took < 3*time.Hour:
				text = fmt.Sprintf("%d min", int(at.Minutes()))
			case step < time.Hour:
				text = fmt.Sprintf("%d:%02d h", int(at.Hours()), int(at.Minutes())%60)
			}
			ticks, labels = append(ticks, at.Seconds()), append(labels, text)
		}
		return ticks, labels
	}
	return nil, nil
}

// records are the stretches of all lanes.
func (d timelinePlot) records() [][]string {
	out := [][]string{{"configuration", "start", "trial", "part", "from_s", "to_s"}}
	for _, l := range d.lanes {
		for _, s := range l.spans {
			out = append(out, []string{l.name.text, s.start, s.trial, s.kind, float(s.from.Seconds()), float(s.to.Seconds())})
		}
	}
	return out
}
