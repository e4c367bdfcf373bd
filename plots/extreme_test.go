package plots

import (
	"bytes"
	"math"
	"testing"

	"github.com/vllm-sweep/sweep/plots/draw"
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
			if err := f.WritePNG(&png, draw.Light()); err != nil {
				t.Errorf("%g: %s: %v", v, f.Name, err)
			}
			if err := f.WriteSVG(&svg, draw.Light()); err != nil {
				t.Errorf("%g: %s: %v", v, f.Name, err)
			}
			if bytes.Contains(svg.Bytes(), []byte("NaN")) || bytes.Contains(svg.Bytes(), []byte("Inf")) {
				t.Errorf("%g: %s holds what is no number", v, f.Name)
			}
		}
	}
}
