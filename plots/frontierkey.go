package plots

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots/draw"
	"gonum.org/v1/plot/vg"
)

// Where points crowd, names and load numbers find no room. So that every cell
// of the frontier can be told nevertheless, the picture is laid out once
// without a canvas; if one of them stayed without its words, all of them get a
// letter, and a key below the axes says which cells these are.

// keyEntry is a cell of the frontier with its letter and what it stands for.
type keyEntry struct {
	letter string
	s      series
	q      point
	text   string
}

// letterOf counts A, B, ... Z, AA, AB, ...
func letterOf(i int) string {
	s := string(rune('A' + i%26))
	if i >= 26 {
		return letterOf(i/26-1) + s
	}
	return s
}

// keyed is d with a key where one is needed.
func (d frontierPlot) keyed(area vg.Rectangle) frontierPlot {
	shown := map[string]bool{}
	for _, l := range d.draw(draw.NewPen(nil, draw.Light()), area) {
		shown[l.Says] = true
	}
	type member struct {
		s series
		q point
	}
	members := map[string]member{}
	complete := true
	for _, s := range d.all {
		for _, q := range s.points {
			if !q.frontier || d.picked(q) && shown[sayPick+q.cell.ID] {
				continue
			}
			members[q.cell.ID] = member{s, q}
			complete = complete && shown[sayName+s.config.ID] && (len(s.points) == 1 || shown[sayNumber+q.cell.ID])
		}
	}
	if complete {
		return d
	}
	for _, id := range d.front.Cells { // from left to right
		m, ok := members[id]
		if !ok {
			continue
		}
		d.key = append(d.key, keyEntry{
			letter: letterOf(len(d.key)), s: m.s, q: m.q,
			text: fmt.Sprintf("%s, %s: %s, %s", keyName(m.s), pointName(m.q.load), say.Metric(d.front.X, m.q.x.Center), say.Metric(d.front.Y, m.q.y.Center)),
		})
	}
	return d
}

// keyName is a configuration's short label, or, where that hides a value, the
// whole one if it is not much longer.
func keyName(s series) string {
	if strings.Contains(s.short, "…") && len(s.config.Label) < 60 {
		return s.config.Label
	}
	return s.short
}

const (
	keyLine   = draw.SizeNumber * 1.45
	keyGap    = vg.Length(10) // above the key
	keyColumn = vg.Length(22) // between columns
)

func keyStyle(t draw.Theme) draw.TextStyle {
	return draw.TextStyle{Size: draw.SizeNumber + 0.5, Color: t.Ink}
}

func letterStyle(t draw.Theme, s series) draw.TextStyle {
	return draw.TextStyle{Size: draw.SizeNumber + 0.5, Bold: true, Color: t.Text(s.color(t))}
}

// keyColumns is in how many columns the key fits, and how wide one is.
func (d frontierPlot) keyColumns(p *draw.Pen, width vg.Length) (columns int, w vg.Length) {
	for _, e := range d.key {
		w = max(w, keyIndent+p.Width(e.text, keyStyle(p.Theme)))
	}
	w = min(w, width)
	return max(1, int((width+keyColumn)/(w+keyColumn))), w
}

const keyIndent vg.Length = 20 // room of the letters

// keyHeight is the room that the key needs below the axes.
func (d frontierPlot) keyHeight(width vg.Length) vg.Length {
	if len(d.key) == 0 {
		return 0
	}
	columns, _ := d.keyColumns(draw.NewPen(nil, draw.Light()), width)
	return keyGap + vg.Length((len(d.key)+columns-1)/columns)*keyLine
}

// drawKey writes the key, column by column, at the foot of area.
func (d frontierPlot) drawKey(p *draw.Pen, area vg.Rectangle) {
	columns, w := d.keyColumns(p, area.Max.X-area.Min.X)
	rows := (len(d.key) + columns - 1) / columns
	top := area.Min.Y + vg.Length(rows)*keyLine
	for i, e := range d.key {
		at := vg.Point{X: area.Min.X + vg.Length(i/rows)*(w+keyColumn), Y: top - (vg.Length(i%rows)+0.5)*keyLine}
		p.TextMiddle(at, e.letter, letterStyle(p.Theme, e.s), draw.AlignLeft)
		p.TextMiddle(
			vg.Point{X: at.X + keyIndent, Y: at.Y}, p.Fit(e.text, keyStyle(p.Theme), w-keyIndent), keyStyle(p.Theme),
			draw.AlignLeft,
		)
	}
}

// keyLabels are the letters beside their points.
func (d frontierPlot) keyLabels(p *draw.Pen, a draw.Axes) []draw.Label {
	var out []draw.Label
	for _, e := range d.key {
		out = append(out, draw.Label{
			Lines: []string{e.letter}, Styles: []draw.TextStyle{letterStyle(p.Theme, e.s)},
			Anchor: place(a, e.q), Clear: d.radius + 1, Must: true, Says: sayLetter + e.q.cell.ID,
		})
	}
	return out
}

// lettered says whether a point has a letter instead of its load number.
func (d frontierPlot) lettered(id string) bool {
	return slices.ContainsFunc(d.key, func(e keyEntry) bool { return e.q.cell.ID == id })
}
