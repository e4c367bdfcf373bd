package stats

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// SmallestP keeps a p-value that underflows apart from "not tested", which is 0
// in results that leave it out.
const SmallestP = 1e-300

// TinyVariance is what rounding leaves of no variance at all, for logarithms of
// measurements.
const TinyVariance = 1e-20

// Estimate is a value with its standard error, which has DF degrees of freedom:
// (Value - truth) / SE follows Student's t.
type Estimate struct {
	Value, SE, DF float64
}

// MeanOf is the mean of a sample. It is false with fewer than two values or
// without variation.
func MeanOf(x []float64) (Estimate, bool) {
	if len(x) < 2 {
		return Estimate{}, false
	}
	mean, variance := stat.MeanVariance(x, nil)
	n := float64(len(x))
	return Estimate{mean, math.Sqrt(variance / n), n - 1}, variance >= TinyVariance
}

func (e Estimate) student() distuv.StudentsT { return distuv.StudentsT{Sigma: 1, Nu: e.DF} }

// P is the two-sided p-value of the t-test against zero, at least SmallestP.
func (e Estimate) P() float64 {
	return math.Max(2*e.student().CDF(-math.Abs(e.Value/e.SE)), SmallestP)
}

// Interval holds the truth with the confidence given, such as 0.95.
func (e Estimate) Interval(confidence float64) (lo, hi float64) {
	h := TQuantile(confidence, e.DF) * e.SE
	return e.Value - h, e.Value + h
}

// Equivalence is the p-value of the truth lying beyond ±margin: the larger one of
// two one-sided tests (TOST, Schuirmann 1987). A small one shows equivalence.
func (e Estimate) Equivalence(margin float64) float64 {
	return math.Max(e.student().CDF(-(e.Value+margin)/e.SE), e.student().CDF((e.Value-margin)/e.SE))
}

// Below is the probability that the truth is below a limit, by Student's t.
func (e Estimate) Below(limit float64) float64 { return e.student().CDF((limit - e.Value) / e.SE) }

// Above is the probability that the truth is above a limit.
func (e Estimate) Above(limit float64) float64 { return e.student().CDF((e.Value - limit) / e.SE) }

// TQuantile is the two-sided critical value of Student's t: 4.30 for a confidence
// of 0.95 and 2 degrees of freedom.
func TQuantile(confidence, df float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(0.5 + confidence/2)
}

// WelchDF is the number of degrees of freedom of the sum of two independent
// variance estimates v1 and v2 with df1 and df2 (Welch 1947, Satterthwaite
// 1946). At equal variances and sizes it is df1 + df2; the smaller is the floor.
func WelchDF(v1, df1, v2, df2 float64) float64 {
	return (v1 + v2) * (v1 + v2) / (v1*v1/df1 + v2*v2/df2)
}
