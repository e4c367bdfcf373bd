package plots

import (
	"testing"

	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"
)

// Placed labels are inside the bounds and overlap neither each other, nor a
// blocked box, nor the halo of any point.
func TestPlacedLabelsNeverOverlap(t *testing.T) {
	pen := newPen(nil, Light())
	style := textStyle{size: sizeLabel}
	rapid.Check(t, func(t *rapid.T) {
		pl := &placer{bounds: vg.Rectangle{Max: vg.Point{X: 400, Y: 300}}}
		blocked := vg.Rectangle{Min: vg.Point{X: 10, Y: 250}, Max: vg.Point{X: 90, Y: 290}}
		pl.boxes = append(pl.boxes, blocked)
		var labels []label
		coordinate := rapid.Float64Range(0, 1)
		for i := range rapid.IntRange(1, 30).Draw(t, "points") {
			at := vg.Point{X: vg.Length(400 * coordinate.Draw(t, "x")), Y: vg.Length(300 * coordinate.Draw(t, "y"))}
			pl.marks = append(pl.marks, mark{at: at, r: 5})
			l := label{lines: []string{"16"}, styles: []textStyle{style}, anchor: at, clear: 4, near: true}
			if i%2 == 0 {
				l = label{lines: []string{"max-num-seqs=256"}, styles: []textStyle{style}, anchor: at, clear: 4}
			}
			if i%5 == 0 {
				l.lines, l.styles = append(l.lines, "second line"), append(l.styles, style)
			}
			labels = append(labels, l)
		}
		out := pl.placeAll(pen, labels)
		for i, a := range out {
			if a.box.Min.X < 0 || a.box.Min.Y < 0 || a.box.Max.X > 400 || a.box.Max.Y > 300 {
				t.Fatalf("label out of bounds: %v", a.box)
			}
			if overlap(a.box, blocked) {
				t.Fatalf("label over the blocked box: %v", a.box)
			}
			for _, b := range out[:i] {
				if overlap(a.box, b.box) {
					t.Fatalf("labels overlap: %v and %v", a.box, b.box)
				}
			}
			for _, m := range pl.marks {
				if m.at != a.anchor && dist(nearest(a.box, m.at), m.at) < m.r {
					t.Fatalf("label %v over the point at %v", a.box, m.at)
				}
			}
		}
	})
}

func TestLabelWithRoomIsPlacedNear(t *testing.T) {
	pl := &placer{bounds: vg.Rectangle{Max: vg.Point{X: 400, Y: 300}}}
	at := vg.Point{X: 200, Y: 150}
	pl.marks = []mark{{at: at, r: 5}}
	got, ok := pl.place(newPen(nil, Light()), label{lines: []string{"baseline"}, styles: []textStyle{{size: 11}}, anchor: at, clear: 4})
	if !ok || got.leader || got.box.Min.X < at.X || dist(nearest(got.box, at), at) > 12 {
		t.Errorf("placed %v, ok %v, leader %v", got.box, ok, got.leader)
	}
}

func TestLabelWithoutRoomIsDropped(t *testing.T) {
	pl := &placer{bounds: vg.Rectangle{Max: vg.Point{X: 60, Y: 20}}}
	at := vg.Point{X: 30, Y: 10}
	pl.marks = []mark{{at: at, r: 5}}
	if got, ok := pl.place(newPen(nil, Light()), label{lines: []string{"gpu-memory-utilization"}, styles: []textStyle{{size: 11}}, anchor: at, clear: 4}); ok {
		t.Errorf("placed at %v", got.box)
	}
}

func TestCrosses(t *testing.T) {
	box := vg.Rectangle{Min: vg.Point{X: 10, Y: 10}, Max: vg.Point{X: 20, Y: 20}}
	for _, c := range []struct {
		a, b vg.Point
		want bool
	}{
		{vg.Point{X: 0, Y: 15}, vg.Point{X: 30, Y: 15}, true},
		{vg.Point{X: 0, Y: 0}, vg.Point{X: 30, Y: 30}, true},
		{vg.Point{X: 12, Y: 12}, vg.Point{X: 13, Y: 13}, true},
		{vg.Point{X: 0, Y: 25}, vg.Point{X: 30, Y: 25}, false},
		{vg.Point{X: 0, Y: 15}, vg.Point{X: 9, Y: 15}, false},
		{vg.Point{X: 0, Y: 18}, vg.Point{X: 8, Y: 30}, false},
	} {
		if got := crosses(c.a, c.b, box); got != c.want {
			t.Errorf("crosses(%v, %v) = %v", c.a, c.b, got)
		}
	}
}
