package stats

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// BrownForsythe tests equal variances of groups by an analysis of variance of
// the distances from the group medians (Brown and Forsythe 1974). It is false
// where the test cannot be made.
func BrownForsythe(groups [][]float64) (f, p float64, ok bool) {
	k, n := len(groups), 0
	dist := make([][]float64, k)
	var sum float64
	for i, g := range groups {
		if len(g) == 0 {
			return 0, 0, false
		}
		m := Median(g)
		for _, y := range g {
			z := math.Abs(y - m)
			dist[i] = append(dist[i], z)
			sum += z
		}
		n += len(g)
	}
	if k < 2 || n <= k {
		return 0, 0, false
	}
	grand := sum / float64(n)
	var between, inside float64
	for _, z := range dist {
		m := stat.Mean(z, nil)
		between += float64(len(z)) * (m - grand) * (m - grand)
		for _, v := range z {
			inside += (v - m) * (v - m)
		}
	}
	if inside <= 0 {
		return 0, 0, false
	}
	d1, d2 := float64(k-1), float64(n-k)
	f = (between / d1) / (inside / d2)
	return f, distuv.F{D1: d1, D2: d2}.Survival(f), true
}
