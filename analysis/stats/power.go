package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Level and Power of the comparisons that are planned for: a difference of the
// size given is found in four of five experiments, by a two-sided test at 5%.
const (
	Level = 0.05
	Power = 0.8
)

// Detectable is the smallest ratio, less 1, of two geometric means that is found
// with that power. sd is the standard deviation of one value's logarithm, n the
// number of values of each side, df the degrees of freedom of the variance, and
// comparisons how many share the level: the smallest p-value of Holm's method is
// held against Level / comparisons. It is infinite without degrees of freedom.
func Detectable(sd float64, n int, df float64, comparisons int) float64 {
	if n < 1 || !(df >= 1) || sd < 0 {
		return math.Inf(1)
	}
	t := distuv.StudentsT{Sigma: 1, Nu: df}
	alpha := Level / float64(max(1, comparisons))
	delta := (t.Quantile(1-alpha/2) + t.Quantile(Power)) * sd * math.Sqrt(2/float64(n))
	return math.Expm1(delta)
}

// Trials is how many values of each side it takes to find a difference of delta
// (of logarithms) with that power, before correction: 2 (z₁₋α⸝₂ + z₀.₈)² (sd/delta)², which is
// 15.7 (sd/delta)².
func Trials(sd, delta float64) float64 {
	z := distuv.UnitNormal.Quantile(1-Level/2) + distuv.UnitNormal.Quantile(Power)
	return math.Ceil(2 * z * z * (sd / delta) * (sd / delta))
}

// Repeats is the number of repeats inside a group that gives the narrowest
// interval for the cost of a group and of a repeat (in the same unit), where groups
// differ by one standard deviation and repeats by another (Cochran 1977, Sampling
// Techniques, 10.6). It is a number to be rounded, and infinite where groups do not
// differ.
func Repeats(group, repeat, between, within float64) float64 {
	return math.Sqrt(group / repeat * within * within / (between * between))
}
