package stats

import (
	"math"
	"slices"
)

// MannWhitney is the exact two-sided Mann-Whitney test of two samples: U counts
// the pairs in which x is the larger, half for ties. With ties the distribution
// is that over all ways to deal the observed values to the two samples, as
// without. It is false for samples too large to count the ways (more than 60
// values) or empty ones. With three values a side the smallest p is 0.1: it takes
// four of each to tell anything at 5%.
func MannWhitney(x, y []float64) (u, p float64, ok bool) {
	n, m := len(x), len(y)
	if n == 0 || m == 0 || n+m > 60 {
		return 0, 0, false
	}
	all := slices.Concat(x, y)
	slices.Sort(all)
	double := map[float64]int{} // twice the mid-rank of a value
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		double[all[i]] = i + j + 1
		i = j
	}
	sum := 0
	for _, v := range x {
		sum += double[v]
	}
	// ways[k][s]: how often k of the values have twice the rank sum s.
	ways := make([][]float64, n+1)
	most := (n + m) * (n + m + 1)
	for k := range ways {
		ways[k] = make([]float64, most+1)
	}
	ways[0][0] = 1
	for _, v := range all {
		r := double[v]
		for k := n; k >= 1; k-- {
			for s := most; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	var total, low, high float64
	for s, w := range ways[n] {
		total += w
		if s <= sum {
			low += w
		}
		if s >= sum {
			high += w
		}
	}
	u = float64(sum)/2 - float64(n*(n+1))/2
	return u, math.Min(1, 2*math.Min(low, high)/total), true
}
