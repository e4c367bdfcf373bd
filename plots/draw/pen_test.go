package draw

import (
	"math"
	"testing"

	"gonum.org/v1/plot/vg"
)

func TestOnPage(t *testing.T) {
	for _, at := range []vg.Point{{X: vg.Length(math.NaN())}, {Y: vg.Length(math.Inf(1))}, {X: -1e6}} {
		if onPage(at) {
			t.Errorf("%v is on the page", at)
		}
	}
	if !onPage(vg.Point{X: 1000, Y: -3}) {
		t.Error("a common point is not on the page")
	}
}
