package analysis

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// observation is one value of the block model: y = cell + block + error.
type observation struct {
	cell, block int // from 0
	y           float64
}

// blockFit is the least-squares fit of cell + block to unbalanced data, by
// elimination of the cells from the normal equations (the intra-block analysis
// of an incomplete block design): with n_cb observations of cell c in block b,
// the blocks solve M β = q, M = diag(n_b) - Σ_c n_c n_cᵀ / n_c., and the cells
// follow as mean of y less the mean of their blocks. M is small (blocks by
// blocks) and at least once singular, so its pseudo-inverse is used; contrasts
// that the data do not connect are found by it too.
type blockFit struct {
	n       []float64   // observations of each cell
	mean    []float64   // plain mean of each cell
	profile [][]float64 // share of each block in a cell's observations
	beta    []float64   // block effects, summing to zero where connected
	m, pinv *mat.Dense  // block information and its pseudo-inverse

	mse float64 // residual mean square; 0 without df
	df  float64 // its degrees of freedom
	// keeps is the share of its variance that a residual keeps on average: df of
	// this fit over its observations.
	keeps float64

	ssb, rank float64 // sum of squares of the blocks and its degrees of freedom

	within   float64 // variance inside cells, blocks counted as noise; 0 without withinDF
	withinDF float64 // Satterthwaite: blocks are shared by all cells
}

func fitBlocks(obs []observation, cells, blocks int) *blockFit {
	f := &blockFit{
		n: make([]float64, cells), mean: make([]float64, cells),
		profile: make([][]float64, cells), beta: make([]float64, blocks),
		m: mat.NewDense(blocks, blocks, nil),
	}
	for c := range f.profile {
		f.profile[c] = make([]float64, blocks)
	}
	for _, o := range obs {
		f.n[o.cell]++
		f.mean[o.cell] += o.y
		f.profile[o.cell][o.block]++
	}
	for c := range f.mean {
		if f.n[c] == 0 {
			continue
		}
		f.mean[c] /= f.n[c]
		for b := range f.profile[c] {
			f.profile[c][b] /= f.n[c]
		}
	}
	rank := f.solveBlocks(obs)
	f.residuals(obs, rank)
	return f
}

// solveBlocks fills m, pinv and beta and returns the rank of m.
func (f *blockFit) solveBlocks(obs []observation) int {
	nb := len(f.beta)
	q := make([]float64, nb)
	for _, o := range obs {
		f.m.Set(o.block, o.block, f.m.At(o.block, o.block)+1)
		q[o.block] += o.y - f.mean[o.cell]
	}
	for c, p := range f.profile {
		for i := range nb {
			for j := range nb {
				f.m.Set(i, j, f.m.At(i, j)-f.n[c]*p[i]*p[j])
			}
		}
	}
	var rank int
	f.pinv, rank = pseudoInverse(f.m)
	var beta mat.VecDense
	beta.MulVec(f.pinv, mat.NewVecDense(nb, q))
	copy(f.beta, beta.RawVector().Data)
	return rank
}

// pseudoInverse returns the Moore-Penrose inverse and the rank of a symmetric
// positive semi-definite matrix.
func pseudoInverse(m *mat.Dense) (*mat.Dense, int) {
	n, _ := m.Dims()
	sym := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			sym.SetSym(i, j, m.At(i, j))
		}
	}
	out := mat.NewDense(n, n, nil)
	var eig mat.EigenSym
	if !eig.Factorize(sym, true) {
		return out, 0
	}
	values := eig.Values(nil)
	var vectors mat.Dense
	eig.VectorsTo(&vectors)
	rank := 0
	for k, v := range values {
		if v <= 1e-9*math.Max(1, values[n-1]) {
			continue
		}
		rank++
		for i := range n {
			for j := range n {
				out.Set(i, j, out.At(i, j)+vectors.At(i, k)*vectors.At(j, k)/v)
			}
		}
	}
	return out, rank
}

// residuals fills the mean squares. The variance inside cells is
// (SSblocks + SSE) / (N - C): a mean of the two mean squares weighted by their
// degrees of freedom, and its own degrees of freedom follow from those of its
// parts by Satterthwaite's formula.
func (f *blockFit) residuals(obs []observation, rank int) {
	var sse, ssw float64
	for _, o := range obs {
		d := o.y - f.mean[o.cell]
		ssw += d * d
		r := f.residual(o)
		sse += r * r
	}
	cells := 0
	for _, n := range f.n {
		if n > 0 {
			cells++
		}
	}
	inside := len(obs) - cells
	if inside <= 0 {
		return
	}
	f.df = float64(inside - rank)
	if f.df > 0 {
		f.mse = sse / f.df
		f.keeps = f.df / float64(len(obs))
	}
	f.within = ssw / float64(inside)
	f.withinDF = float64(inside)
	f.ssb, f.rank = math.Max(ssw-sse, 0), float64(rank)
	if rank == 0 {
		return
	}
	spread := f.ssb * f.ssb / f.rank
	if f.df > 0 {
		spread += sse * sse / f.df
	}
	if spread > 0 {
		f.withinDF = (f.ssb + sse) * (f.ssb + sse) / spread
	}
}

func (f *blockFit) residual(o observation) float64 {
	return o.y - f.mean[o.cell] - f.beta[o.block] + dot(f.profile[o.cell], f.beta)
}

// contrast is the difference of two cells in the model and the factor of the
// residual variance in its variance. It is false where the blocks do not
// connect the two.
func (f *blockFit) contrast(a, b int) (d, factor float64, ok bool) {
	nb := len(f.beta)
	v := mat.NewVecDense(nb, nil)
	for i := range nb {
		v.SetVec(i, f.profile[a][i]-f.profile[b][i])
	}
	var w, back mat.VecDense
	w.MulVec(f.pinv, v)
	back.MulVec(f.m, &w)
	for i := range nb {
		if math.Abs(back.AtVec(i)-v.AtVec(i)) > 1e-6 {
			return 0, 0, false
		}
	}
	d = f.mean[a] - f.mean[b] - mat.Dot(v, mat.NewVecDense(nb, f.beta))
	return d, 1/f.n[a] + 1/f.n[b] + mat.Dot(v, &w), true
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}
