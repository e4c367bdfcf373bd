package plots

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// identity is how a configuration looks in every figure of a run: one color
// and one marker shape. Marks that say something else by color (the phase of a
// launch, the state of a cell, a change in a heat map) are no marks of a
// configuration; such figures have its mark beside its name.
type identity struct {
	baseline  bool
	hue, tone int // of the theme, see [Theme.level]
	shape     draw.Shape
}

// tones is how many tones of one hue can be told apart.
const tones = 3

func (id identity) color(t draw.Theme) color.NRGBA {
	if id.baseline {
		return t.Ink
	}
	return t.Level(id.hue, id.tone)
}

// identities gives each configuration of a run its identity, in plan order,
// and depends on nothing else: neither on what a figure shows nor on results,
// and configurations that a later stage appends change none before them. The
// baseline has the ink. Values of one parameter share its hue; configurations
// that change several get a hue each, as long as there are any. No two have the
// same color and shape, up to hues x tones x shapes (90) of them; then they
// repeat.
func identities(plan *matrix.Plan) map[string]identity {
	hues := len(draw.Light().Hues)
	out, taken := map[string]identity{}, map[identity]bool{}
	values, combined := map[string]int{}, 0
	for _, c := range plan.Configurations {
		id := identity{baseline: c.Baseline}
		if !c.Baseline {
			hue, nth := 0, 0
			if parameter := slices.Index(plan.Parameters, panelOf(c)); parameter >= 0 {
				hue, nth = parameter, values[panelOf(c)]
				values[panelOf(c)]++
				id.tone = nth % tones
			} else {
				hue, nth = len(plan.Parameters)+combined, combined
				combined++
			}
			id.hue, id.shape = hue%hues, draw.Shape(nth+1)%draw.Shapes
			id = free(id, taken, hues)
		}
		out[c.ID], taken[id] = id, true
	}
	return out
}

// free is the identity that is nearest to want and not taken: another shape
// before another tone, another tone before another hue. Where all are taken it
// is want.
func free(want identity, taken map[identity]bool, hues int) identity {
	for i := range hues * tones * int(draw.Shapes) {
		id := want
		id.shape = (want.shape + draw.Shape(i)) % draw.Shapes
		id.tone = (want.tone + i/int(draw.Shapes)) % tones
		id.hue = (want.hue + i/int(draw.Shapes)/tones) % hues
		if !taken[id] {
			return id
		}
	}
	return want
}

// wholePlan is the plan of the run, also where in is a part of it.
func (in Input) wholePlan() *matrix.Plan {
	if in.whole != nil {
		return in.whole
	}
	return in.Plan
}

// identities are those of the configurations of the run.
func (in Input) identities() map[string]identity { return identities(in.wholePlan()) }

// hueOf is the hue that the values of a parameter share, for what belongs to
// the parameter and to no single value of it.
func (in Input) hueOf(parameter string) int {
	return max(slices.Index(in.wholePlan().Parameters, parameter), 0) % len(draw.Light().Hues)
}

// rowName is the name of a row with the mark of its configuration, as far as it
// stands for one.
type rowName struct {
	text string
	id   *identity // nil: the row stands for several
}

// rowMark is the room that the mark of a row takes right of the name.
const rowMark vg.Length = 12

// rowNote explains the marks of [rowName].
const rowNote = "Marks next to the names: the color and shape of each configuration in this run’s figures."

// draw writes the name, at most width wide with its mark, so that it ends at
// right.
func (n rowName) draw(p *draw.Pen, right vg.Point, s draw.TextStyle, width vg.Length) {
	if n.id != nil {
		p.Marker(n.id.shape, vg.Point{X: right.X - 3.5, Y: right.Y}, min(3.4, s.Size*0.33), n.id.color(p.Theme), true)
	}
	right.X -= rowMark
	p.TextMiddle(right, p.Fit(n.text, s, width-rowMark), s, draw.AlignRight)
}

// width is the room that the name takes with its mark, at most limit.
func (n rowName) width(p *draw.Pen, s draw.TextStyle, limit vg.Length) vg.Length {
	return min(p.Width(n.text, s), limit) + rowMark
}
