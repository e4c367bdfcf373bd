package draw

import (
	"testing"

	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"
)

// Placed labels are inside the bounds and overlap neither each other, nor a
// blocked box, nor the halo of any point.
func TestPlacedLabelsNeverOverlap(t *testing.T) {
	pen := NewPen(nil, Light())
	style := TextStyle{Size: SizeLabel}
	rapid.Check(t, func(t *rapid.T) {
		pl := &Placer{Bounds: vg.Rectangle{Max: vg.Point{X: 400, Y: 300}}}
		blocked := vg.Rectangle{Min: vg.Point{X: 10, Y: 250}, Max: vg.Point{X: 90, Y: 290}}
		pl.Boxes = append(pl.Boxes, blocked)
		var labels []Label
		coordinate := rapid.Float64Range(0, 1)
		for i := range rapid.IntRange(1, 30).Draw(t, "points") {
			at := vg.Point{X: vg.Length(400 * coordinate.Draw(t, "x")), Y: vg.Length(300 * coordinate.Draw(t, "y"))}
			pl.Marks = append(pl.Marks, Mark{At: at, R: 5})
			l := Label{Lines: []string{"16"}, Styles: []TextStyle{style}, Anchor: at, Clear: 4, Near: true}
			if i%2 == 0 {
				l = Label{Lines: []string{"max-num-seqs=256"}, Styles: []TextStyle{style}, Anchor: at, Clear: 4}
			}
			if i%5 == 0 {
				l.Lines, l.Styles = append(l.Lines, "second line"), append(l.Styles, style)
			}
			labels = append(labels, l)
		}
		out := pl.PlaceAll(pen, labels)
		for i, a := range out {
			if a.Box.Min.X < 0 || a.Box.Min.Y < 0 || a.Box.Max.X > 400 || a.Box.Max.Y > 300 {
				t.Fatalf("label out of bounds: %v", a.Box)
			}
			if Overlap(a.Box, blocked) {
				t.Fatalf("label over the blocked box: %v", a.Box)
			}
			for _, b := range out[:i] {
				if Overlap(a.Box, b.Box) {
					t.Fatalf("labels overlap: %v and %v", a.Box, b.Box)
				}
			}
			for _, m := range pl.Marks {
				if m.At != a.Anchor && Dist(nearest(a.Box, m.At), m.At) < m.R {
					t.Fatalf("label %v over the point at %v", a.Box, m.At)
				}
			}
		}
	})
}

func TestLabelWithRoomIsPlacedNear(t *testing.T) {
	pl := &Placer{Bounds: vg.Rectangle{Max: vg.Point{X: 400, Y: 300}}}
	at := vg.Point{X: 200, Y: 150}
	pl.Marks = []Mark{{At: at, R: 5}}
	got, ok := pl.place(
		NewPen(nil, Light()), Label{Lines: []string{"baseline"}, Styles: []TextStyle{{Size: 11}}, Anchor: at, Clear: 4},
	)
	if !ok || got.leader || got.Box.Min.X < at.X || Dist(nearest(got.Box, at), at) > 12 {
		t.Errorf("placed %v, ok %v, leader %v", got.Box, ok, got.leader)
	}
}

func TestLabelWithoutRoomIsDropped(t *testing.T) {
	pl := &Placer{Bounds: vg.Rectangle{Max: vg.Point{X: 60, Y: 20}}}
	at := vg.Point{X: 30, Y: 10}
	pl.Marks = []Mark{{At: at, R: 5}}
	if got, ok := pl.place(
		NewPen(nil, Light()),
		Label{Lines: []string{"gpu-memory-utilization"}, Styles: []TextStyle{{Size: 11}}, Anchor: at, Clear: 4},
	); ok {
		t.Errorf("placed at %v", got.Box)
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
