package stats

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// Nine groups of 21 after NIST StRD's SmLs01: a mean of 1.4, 1.3 or 1.5, one
// value on it and twenty 0.1 off. Certified: F = 21 with 8 and 180 df, residual
// mean square 0.01.
func TestOneWayNIST(t *testing.T) {
	var obs []Observation
	for c, mean := range []float64{1.4, 1.3, 1.5, 1.3, 1.5, 1.3, 1.5, 1.3, 1.5} {
		for i := range 21 {
			y := mean
			if i > 0 {
				y += 0.1 * float64(1-2*(i%2))
			}
			obs = append(obs, Observation{Group: c, Y: y})
		}
	}
	f := FitBlocks(obs, 9, 1)
	near(t, "MSE", f.MSE, 0.01, 1e-12)
	near(t, "df", f.DF, 180, 0)
	near(t, "variance inside cells", f.Within, 0.01, 1e-12)
	near(t, "df inside cells", f.WithinDF, 180, 1e-9)
	between := 0.0
	for _, m := range f.Mean {
		between += 21 * (m - 1.4) * (m - 1.4)
	}
	near(t, "F", between/8/f.MSE, 21, 1e-9)
}

// Montgomery, Design and Analysis of Experiments, vascular graft experiment:
// 4 pressures (cells) on 6 batches (blocks). SSblocks 192.25, SSE 109.89 with
// 15 df, MSE 7.33.
func TestRandomisedBlocks(t *testing.T) {
	y := [][]float64{
		{90.3, 89.2, 98.2, 93.9, 87.4, 97.9},
		{92.5, 89.5, 90.6, 94.7, 87.0, 95.8},
		{85.5, 90.8, 89.6, 86.2, 88.0, 93.4},
		{82.5, 89.5, 85.6, 87.4, 78.9, 90.7},
	}
	var obs []Observation
	for c, row := range y {
		for b, v := range row {
			obs = append(obs, Observation{c, b, v})
		}
	}
	f := FitBlocks(obs, 4, 6)
	near(t, "SSE", f.MSE*f.DF, 109.89, 0.005)
	near(t, "df", f.DF, 15, 0)
	near(t, "SSblocks", f.Within*20-f.MSE*f.DF, 192.25, 0.005)
	d, factor, ok := f.Contrast(Term{0, 1}, Term{3, -1})
	if !ok {
		t.Fatal("contrast not estimable in a complete design")
	}
	near(t, "contrast", d, 556.9/6-514.6/6, 1e-9)
	near(t, "variance factor", factor, 2.0/6, 1e-9)
	// Satterthwaite by hand from the two sums of squares.
	ssb, sse := 192.2521, 109.8863
	near(t, "df inside cells", f.WithinDF, (ssb+sse)*(ssb+sse)/(ssb*ssb/5+sse*sse/15), 0.01)
}

// Two paired cells are the paired t-test: differences 1, 2, 6 have mean 3 and
// variance 7, so the standard error is sqrt(7/3) with 2 df.
func TestTwoCellsArePaired(t *testing.T) {
	f := FitBlocks([]Observation{{0, 0, 11}, {1, 0, 10}, {0, 1, 7}, {1, 1, 5}, {0, 2, 26}, {1, 2, 20}}, 2, 3)
	d, factor, ok := f.Contrast(Term{0, 1}, Term{1, -1})
	if !ok {
		t.Fatal("not estimable")
	}
	near(t, "difference", d, 3, 1e-9)
	near(t, "standard error", math.Sqrt(f.MSE*factor), math.Sqrt(7.0/3), 1e-9)
	near(t, "df", f.DF, 2, 0)
}

// Cells without a common block, directly or through others, have no contrast.
func TestDisconnected(t *testing.T) {
	f := FitBlocks([]Observation{{0, 0, 1}, {1, 0, 2}, {2, 1, 3}, {3, 1, 4}, {0, 2, 1.5}, {1, 2, 2}}, 4, 3)
	if _, _, ok := f.Contrast(Term{0, 1}, Term{2, -1}); ok {
		t.Error("contrast across disconnected blocks")
	}
	if d, _, ok := f.Contrast(Term{0, 1}, Term{1, -1}); !ok || math.Abs(d+0.75) > 1e-9 {
		t.Errorf("contrast inside = %g, %v, want -0.75", d, ok)
	}
}

// Incomplete designs agree with a least-squares solution of the full design
// matrix by QR.
func TestFitAgainstQR(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.IntRange(2, 6).Draw(t, "cells")
		blocks := rapid.IntRange(2, 5).Draw(t, "blocks")
		var obs []Observation
		for c := range cells {
			for b := range blocks {
				// Cell 0 and block 0 are complete, which connects everything.
				if c == 0 || b == 0 || rapid.Bool().Draw(t, "there") {
					obs = append(obs, Observation{c, b, rapid.Float64Range(-5, 5).Draw(t, "y")})
				}
			}
		}
		p := cells + blocks - 1
		if len(obs) <= p {
			t.Skip("saturated")
		}
		x, y := mat.NewDense(len(obs), p, nil), mat.NewDense(len(obs), 1, nil)
		for i, o := range obs {
			x.Set(i, o.Group, 1)
			if o.Block > 0 {
				x.Set(i, cells+o.Block-1, 1)
			}
			y.Set(i, 0, o.Y)
		}
		var beta, res, xtx, inv mat.Dense
		if err := beta.Solve(x, y); err != nil {
			t.Fatal(err)
		}
		res.Mul(x, &beta)
		res.Sub(y, &res)
		xtx.Mul(x.T(), x)
		if err := inv.Inverse(&xtx); err != nil {
			t.Fatal(err)
		}
		f := FitBlocks(obs, cells, blocks)
		mse := mat.Dot(res.ColView(0), res.ColView(0)) / float64(len(obs)-p)
		if f.DF != float64(len(obs)-p) || math.Abs(f.MSE-mse) > 1e-8*(1+mse) {
			t.Fatalf("mse %g df %g, want %g %d", f.MSE, f.DF, mse, len(obs)-p)
		}
		for c := 1; c < cells; c++ {
			d, factor, ok := f.Contrast(Term{c, 1}, Term{0, -1})
			if !ok {
				t.Fatalf("cell %d not connected", c)
			}
			wantFactor := inv.At(c, c) + inv.At(0, 0) - 2*inv.At(c, 0)
			if math.Abs(d-beta.At(c, 0)+beta.At(0, 0)) > 1e-8 || math.Abs(factor-wantFactor) > 1e-8 {
				t.Fatalf("contrast %d: %g (%g), want %g (%g)", c, d, factor, beta.At(c, 0)-beta.At(0, 0), wantFactor)
			}
		}
	})
}
