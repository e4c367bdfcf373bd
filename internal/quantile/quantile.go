// Package quantile holds the two rules about quantiles that the load generator
// and the analysis share: how a quantile of a sample is interpolated, and how
// many samples it takes before one may be reported at all.
package quantile

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Confidence of the sample floor, as MLPerf Inference sets it for its
// early-stopping estimates.
const Confidence = 0.99

// Type7 is the p-quantile of a sorted sample by linear interpolation between
// order statistics (Hyndman and Fan 1996, type 7; the default of numpy and R).
// p is clamped to 0..1. It is NaN for an empty sample and for a p that is NaN.
func Type7(sorted []float64, p float64) float64 {
	n := len(sorted)
	if n == 0 || math.IsNaN(p) {
		return math.NaN()
	}
	h := math.Max(0, math.Min(1, p)) * float64(n-1)
	i := int(h)
	if i >= n-1 {
		return sorted[n-1]
	}
	lo, hi := sorted[i], sorted[i+1]
	if lo == hi {
		return lo
	}
	return lo + (h-float64(i))*(hi-lo)
}

// Floor is the smallest sample from which the p-quantile may be reported:
// with n = Floor(p) samples an order statistic inside the sample (not its
// maximum) bounds the quantile from above with 99 % confidence.
//
// That is the rule of MLPerf's early stopping (mlcommons/inference,
// loadgen/early_stopping.cc) with one sample allowed over the limit: the least
// h+1 with I_p(h, 2) <= 1-Confidence, I being the regularised incomplete beta
// function. It gives 11, 24, 64, 130, 662 and 6636 for p50, p75, p90, p95, p99
// and p99.9. It is 0 for p outside the open interval 0..1.
func Floor(p float64) int {
	if !(p > 0 && p < 1) {
		return 0
	}
	enough := func(h int) bool { return mathext.RegIncBeta(float64(h), 2, p) <= 1-Confidence }
	hi := 1
	for !enough(hi) {
		if hi > math.MaxInt32 {
			return math.MaxInt
		}
		hi *= 2
	}
	lo := hi / 2 // not enough, or 0
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; enough(mid) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi + 1
}
