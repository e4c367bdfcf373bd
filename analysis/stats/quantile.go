package stats

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// quantileConfidence is that of the sample floor, as MLPerf Inference sets it for
// its early-stopping estimates.
const quantileConfidence = 0.99

// Quantile is the p-quantile of a sorted sample by linear interpolation between
// order statistics (Hyndman and Fan 1996, type 7; the default of numpy and R).
// p is clamped to 0..1. It is NaN for an empty sample and for a p that is NaN.
func Quantile(sorted []float64, p float64) float64 {
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

// Median is the quantile of 1/2 of a sample in any order, which is not changed.
func Median(x []float64) float64 { return Quantile(slices.Sorted(slices.Values(x)), 0.5) }

// Mean is the arithmetic mean, NaN for an empty sample.
func Mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// QuantileFloor is the size of the smallest sample from which the p-quantile may
// be reported: with n = QuantileFloor(p) samples an order statistic inside the
// sample (not its maximum) bounds the quantile from above with 99% confidence.
//
// That is the rule of MLPerf's early stopping (mlcommons/inference,
// loadgen/early_stopping.cc) with one sample allowed over the limit: the least
// h+1 with I_p(h, 2) <= 0.01, I being the regularized incomplete beta
// function. It gives 11, 24, 64, 130, 662 and 6636 for p50, p75, p90, p95, p99
// and p99.9. It is 0 for p outside the open interval 0..1.
func QuantileFloor(p float64) int {
	if !(p > 0 && p < 1) {
		return 0
	}
	enough := func(h int) bool { return mathext.RegIncBeta(float64(h), 2, p) <= 1-quantileConfidence }
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

// QuantileUpper is a value of the sorted sample that the p-quantile it was drawn from
// does not exceed, with 99% confidence: MLPerf's early-stopping estimate. It
// is the order statistic with t samples above it, t the most for which
// I_p(n-t, t+1) <= 0.01. It is false below QuantileFloor(p), where only the
// maximum or nothing would do. Requests are taken to be independent; where
// they queue behind each other they are not, and the confidence is lower.
func QuantileUpper(sorted []float64, p float64) (float64, bool) {
	n := len(sorted)
	if floor := QuantileFloor(p); floor == 0 || n < floor {
		return 0, false
	}
	allowed := func(t int) bool { return mathext.RegIncBeta(float64(n-t), float64(t+1), p) <= 1-quantileConfidence }
	lo, hi := 1, n-1 // allowed(1) by the floor; the more lie above, the less is allowed
	for lo < hi {
		mid := lo + (hi-lo+1)/2
		if allowed(mid) {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return sorted[n-1-lo], true
}
