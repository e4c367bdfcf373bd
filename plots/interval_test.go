package plots

import (
	"bytes"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/plots/draw"
)

// heads are the ends of intervals that continue beyond their axis.
func heads(d drawing) (out []vg.Point) {
	for _, l := range d.lines {
		if len(l) == 3 && draw.Dist(
			l[0], l[1],
		) < 6 && draw.Dist(l[0], l[2]) == 6 && draw.Dist(l[0], l[1]) == draw.Dist(l[1], l[2]) {
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
		cut := len(heads(drawingOf(f, draw.Light()))) > 0
		if told := strings.HasPrefix(f.Caption, cutNote); told != cut {
			t.Errorf("%s: heads drawn %v, told %v: %s", f.Name, cut, told, f.Caption)
		}
		var svg bytes.Buffer
		if err := f.WriteSVG(&svg, draw.Light()); err != nil {
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
		if n := len(heads(drawingOf(f, draw.Light()))); n > 0 || strings.Contains(f.Caption, cutNote) {
			t.Errorf("%s: %d ends cut: %s", f.Name, n, f.Caption)
		}
	}
}
