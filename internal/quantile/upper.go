package quantile

import "gonum.org/v1/gonum/mathext"

// Upper is a value of the sorted sample that the p-quantile it was drawn from
// does not exceed, with 99 % confidence: MLPerf's early-stopping estimate. It
// is the order statistic with t samples above it, t the most for which
// I_p(n-t, t+1) <= 1-Confidence. It is false below Floor(p), where only the
// maximum or nothing would do. Requests are taken to be independent; where
// they queue behind each other they are not, and the confidence is lower.
func Upper(sorted []float64, p float64) (float64, bool) {
	n := len(sorted)
	if floor := Floor(p); floor == 0 || n < floor {
		return 0, false
	}
	allowed := func(t int) bool { return mathext.RegIncBeta(float64(n-t), float64(t+1), p) <= 1-Confidence }
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
