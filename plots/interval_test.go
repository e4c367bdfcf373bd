package plots

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/recorder"
)

// heads are the ends of intervals that continue beyond their axis.
func heads(d drawing) (out []vg.Point) {
	for _, l := range d.lines {
		if len(l) == 3 && dist(l[0], l[1]) < 6 && dist(l[0], l[2]) == 6 && dist(l[0], l[1]) == dist(l[1], l[2]) {
			out = append(out, l[1])
		}
	}
	return out
}

// Every figure with intervals says of those that it cannot show whole that they
// continue: in the drawing, and in the caption, which is the alternative text.
func TestCutIntervalsAreMarked(t *testing.T) {
	kinds := map[string]bool{}
	in := noisy()
	scatter, _ := Chosen(in, "e2e_p50", "output_throughput")
	for _, f := range append(Figures(in), scatter...) {
		cut := len(heads(drawingOf(f, Light()))) > 0
		if told := strings.HasPrefix(f.Caption, cutNote); told != cut {
			t.Errorf("%s: heads drawn %v, told %v: %s", f.Name, cut, told, f.Caption)
		}
		var svg bytes.Buffer
		if err := f.WriteSVG(&svg, Light()); err != nil {
			t.Fatal(err)
		}
		if desc, _, _ := strings.Cut(svg.String(), "</desc>"); strings.Contains(desc, cutNote) != cut {
			t.Errorf("%s: the description does not say what the caption says", f.Name)
		}
		kinds[f.Kind] = kinds[f.Kind] || cut
	}
	for kind, want := range map[string]bool{
		"frontier": true, "scatter": true, "curve": true, "goodput": true, "effects": true, "parameters": true,
		"dots":         true,
		"distribution": false, "feasibility": false, "timeline": false, "drift": false, "startup": false,
	} {
		if got, drawn := kinds[kind]; got != want || !drawn {
			t.Errorf("%s: intervals cut %v (drawn %v), want %v", kind, got, drawn, want)
		}
	}
}

// Intervals that reach up to twice the greatest value, and down to half the
// least, are whole.
func TestUsualIntervalsAreWhole(t *testing.T) {
	in := noisy()
	for i := range in.Findings.Cells {
		c := &in.Findings.Cells[i]
		for m, e := range c.Estimates {
			e.Lo, e.Hi = e.Center/1.9, e.Center*1.9
			c.Estimates[m] = e
		}
		for m, r := range c.Ratios {
			r.Lo, r.Hi = r.Center/1.9, r.Center*1.9
			c.Ratios[m] = r
		}
	}
	for i, e := range in.Findings.Effects {
		for m, r := range e.Ratios {
			r.Lo, r.Hi = r.Center/1.9, r.Center*1.9
			in.Findings.Effects[i].Ratios[m] = r
		}
	}
	for _, f := range Figures(in) {
		if n := len(heads(drawingOf(f, Light()))); n > 0 || strings.Contains(f.Caption, cutNote) {
			t.Errorf("%s: %d ends cut: %s", f.Name, n, f.Caption)
		}
	}
}

// The ends of an interval: where it says, or at the edge with a head that
// points outward.
func TestIntervalEnds(t *testing.T) {
	s := scale{min: 10, max: 20, lo: 100, hi: 200}
	up := func(y vg.Length) vg.Point { return vg.Point{X: 7, Y: y} }
	for _, c := range []struct {
		lo, hi   float64
		from, to vg.Length
		heads    []vg.Point
	}{
		{12, 18, 120, 180, nil},
		{10, 20, 100, 200, nil},
		{9, 18, 100, 180, []vg.Point{{X: 7, Y: 100}}},
		{12, 1e9, 120, 200, []vg.Point{{X: 7, Y: 200}}},
		{-5, 21, 100, 200, []vg.Point{{X: 7, Y: 100}, {X: 7, Y: 200}}},
	} {
		var canvas recorder.Canvas
		p := newPen(&canvas, Light())
		from, to := p.interval(lineStyle{width: 1}, s, c.lo, c.hi, up)
		d := drawing{}
		for _, a := range canvas.Actions {
			if stroke, ok := a.(*recorder.Stroke); ok {
				var pts []vg.Point
				for _, q := range stroke.Path {
					pts = append(pts, q.Pos)
				}
				d.lines = append(d.lines, pts)
			}
		}
		if got := heads(d); !slices.Equal(got, c.heads) || p.cut != (len(c.heads) > 0) {
			t.Errorf("%g..%g: heads %v, want %v", c.lo, c.hi, got, c.heads)
		}
		if from != up(c.from) || to != up(c.to) || !slices.Equal(d.lines[0], []vg.Point{from, to}) {
			t.Errorf("%g..%g: drawn from %v to %v", c.lo, c.hi, from, to)
		}
		for _, l := range d.lines[1:] {
			if l[0].Y < s.lo || l[0].Y > s.hi {
				t.Errorf("%g..%g: a head lies outside the axis: %v", c.lo, c.hi, l)
			}
		}
	}
}

func TestWidened(t *testing.T) {
	for _, c := range []struct {
		intervals map[float64]float64
		lo, hi    float64
	}{
		{nil, 2, 3},
		{map[float64]float64{1.5: 4}, 1.5, 4},
		{map[float64]float64{0.1: 100}, 1, 6},
		{map[float64]float64{2.5: 2.5, 9: 0}, 2, 3}, // no intervals
	} {
		if lo, hi := widened(2, 3, maps.All(c.intervals)); lo != c.lo || hi != c.hi {
			t.Errorf("%v: %g..%g, want %g..%g", c.intervals, lo, hi, c.lo, c.hi)
		}
	}
}
