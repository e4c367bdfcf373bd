package stats

import (
	"math"
	"sort"
)

// Holm adjusts p-values for their number (Holm 1979): sorted ascending, the
// i-th of m is multiplied by m-i+1, made monotone and capped at 1. Results are
// in the order of p. An adjusted value below 5% keeps the chance of any false
// one in the family below 5%, however the tests depend on each other.
func Holm(p []float64) []float64 {
	out := make([]float64, len(p))
	last := 0.0
	for rank, i := range ascending(p) {
		last = math.Max(last, math.Min(1, p[i]*float64(len(p)-rank)))
		out[i] = last
	}
	return out
}

// BenjaminiHochberg adjusts p-values for exploration (Benjamini and Hochberg
// 1995): of the comparisons whose adjusted value is below q, a share of about q
// is false. The i-th smallest of m is multiplied by m/i and made monotone.
func BenjaminiHochberg(p []float64) []float64 {
	order, out := ascending(p), make([]float64, len(p))
	last := 1.0
	for rank := len(order) - 1; rank >= 0; rank-- {
		i := order[rank]
		last = math.Min(last, p[i]*float64(len(p))/float64(rank+1))
		out[i] = last
	}
	return out
}

// ascending are the places of the values, the smallest first.
func ascending(x []float64) []int {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return x[order[i]] < x[order[j]] })
	return order
}
