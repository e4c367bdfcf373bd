package analysis

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// combine is the weighted sum of cells in the model, the weights adding up to
// zero, with the factor of the residual variance in its variance. It is false
// where the blocks do not connect the cells.
func (f *blockFit) combine(weights map[int]float64) (d, factor float64, ok bool) {
	nb := len(f.beta)
	v := mat.NewVecDense(nb, nil)
	for c, w := range weights {
		if f.n[c] == 0 {
			return 0, 0, false
		}
		for i := range nb {
			v.SetVec(i, v.AtVec(i)+w*f.profile[c][i])
		}
		d += w * f.mean[c]
		factor += w * w / f.n[c]
	}
	var w, back mat.VecDense
	w.MulVec(f.pinv, v)
	back.MulVec(f.m, &w)
	for i := range nb {
		if math.Abs(back.AtVec(i)-v.AtVec(i)) > 1e-6 {
			return 0, 0, false
		}
	}
	d -= mat.Dot(v, mat.NewVecDense(nb, f.beta))
	return d, factor + mat.Dot(v, &w), true
}

// contrastOf is a weighted sum of log means, the weights adding up to zero:
// inside the block model where all cells share it, else with the blocks that
// all of them have as the samples, else from the plain means.
func contrastOf(weights map[*series]float64) difference {
	c := difference{n: math.MaxInt, valid: true}
	var family *family
	pooled, same := true, true
	places := map[int]float64{}
	for s, w := range weights {
		c.n = min(c.n, len(s.reps))
		c.oneSeat = c.oneSeat || s.withinStart
		for other := range weights {
			if len(unlikeSeries(s, other)) > 0 { // which of the cells differ, their own notes say
				c.unlike, c.reasons = true, []notice.Notice{notice.New("lengths-differ", nil)}
			}
		}
		if s.arithmetic {
			return difference{reasons: []notice.Notice{notice.New("zero-values", nil)}}
		}
		if family == nil {
			family = s.family
		}
		same = same && s.family == family
		pooled = pooled && s.family.pooled && !s.apart
		places[s.place] += w
		c.d += w * stat.Mean(s.logs, nil)
	}
	if family == nil {
		return difference{}
	}
	if c.unlike {
		return c
	}
	if same && pooled {
		if d, factor, ok := family.fit.combine(places); ok {
			c.d, c.se, c.df, c.sd = d, math.Sqrt(family.fit.mse*factor), family.fit.df, math.Sqrt(family.fit.mse)
			return c
		}
	}
	if same && blockContrast(&c, weights) {
		return c
	}
	var variance, spread float64
	for s, w := range weights {
		sp, ok := s.spread()
		if !ok {
			c.because(notice.New("no-spread", nil))
			return c
		}
		v := w * w * sp.variance / float64(len(s.logs))
		variance += v
		spread += v * v / sp.df
	}
	if variance > 0 {
		c.se, c.df = math.Sqrt(variance), variance*variance/spread
	}
	return c
}

// blockContrast forms the contrast in every block that all cells have and
// takes these as a sample. It is false with fewer than three.
func blockContrast(c *difference, weights map[*series]float64) bool {
	sums, counts := map[int]float64{}, map[int]int{}
	for s, w := range weights {
		for _, r := range s.reps {
			sums[r.block] += w * r.log
			counts[r.block]++
		}
	}
	var ds []float64
	for b, n := range counts {
		if n == len(weights) {
			ds = append(ds, sums[b])
		}
	}
	if len(ds) < 3 {
		return false
	}
	mean, variance := stat.MeanVariance(ds, nil)
	n := float64(len(ds))
	if variance < tinyVariance {
		return false
	}
	c.d, c.se, c.df, c.n = mean, math.Sqrt(variance/n), n-1, len(ds)
	return true
}
