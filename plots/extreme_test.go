package plots

import (
	"bytes"
	"math"
	"testing"

	"gonum.org/v1/plot/vg"
)

// TestExtremeValuesAreDrawnAndEnd: values that no run can have, as a foreign
// file may hold them, neither keep the rasteriser busy for ever nor put words
// into a drawing that are no numbers.
func TestExtremeValuesAreDrawnAndEnd(t *testing.T) {
	for _, v := range []float64{1e300, 5e-324, math.Inf(1)} {
		in := rich()
		for i := range in.Trials {
			for m := range in.Trials[i].Metrics {
				if (i+len(m))%2 == 0 {
					in.Trials[i].Metrics[m] = v
				}
			}
		}
		for i := range in.Findings.Cells {
			for m, e := range in.Findings.Cells[i].Estimates {
				if i%3 == 0 {
					e.Center, e.Lo, e.Hi = v, v/2, v*2
					in.Findings.Cells[i].Estimates[m] = e
				}
			}
		}
		for _, f := range Figures(in) {
			var png, svg bytes.Buffer
			if err := f.WritePNG(&png, Light()); err != nil {
				t.Errorf("%g: %s: %v", v, f.Name, err)
			}
			if err := f.WriteSVG(&svg, Light()); err != nil {
				t.Errorf("%g: %s: %v", v, f.Name, err)
			}
			if bytes.Contains(svg.Bytes(), []byte("NaN")) || bytes.Contains(svg.Bytes(), []byte("Inf")) {
				t.Errorf("%g: %s holds what is no number", v, f.Name)
			}
		}
	}
}

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
