package analysis

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// smallestP keeps a p-value that underflows apart from "not tested".
const smallestP = 1e-300

// twoSided is the p-value of a t statistic.
func twoSided(t, df float64) float64 {
	dist := distuv.StudentsT{Sigma: 1, Nu: df}
	return math.Max(2*dist.CDF(-math.Abs(t)), smallestP)
}

// tQuantile is the two-sided critical value of Student's t.
func tQuantile(confidence, df float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(0.5 + confidence/2)
}

// holm adjusts p-values for their number (Holm 1979): sorted ascending, the
// i-th of m is multiplied by m-i+1, made monotone and capped at 1.
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return p[order[i]] < p[order[j]] })
	out := make([]float64, len(p))
	last := 0.0
	for rank, i := range order {
		last = math.Max(last, math.Min(1, p[i]*float64(len(p)-rank)))
		out[i] = last
	}
	return out
}

// benjaminiHochberg adjusts p-values for exploration (Benjamini and Hochberg
// 1995): of the comparisons whose adjusted value is below q, a share of about q
// is false. The i-th smallest of m is multiplied by m/i and made monotone.
func benjaminiHochberg(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return p[order[i]] < p[order[j]] })
	out := make([]float64, len(p))
	last := 1.0
	for rank := len(order) - 1; rank >= 0; rank-- {
		i := order[rank]
		last = math.Min(last, p[i]*float64(len(p))/float64(rank+1))
		out[i] = last
	}
	return out
}

// brownForsythe tests equal variances of groups by an analysis of variance of
// the distances from the group medians (Brown and Forsythe 1974). It is false
// where the test cannot be made.
func brownForsythe(groups [][]float64) (f, p float64, ok bool) {
	k, n := len(groups), 0
	dist := make([][]float64, k)
	var sum float64
	for i, g := range groups {
		if len(g) == 0 {
			return 0, 0, false
		}
		m := median(g)
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

func median(x []float64) float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	h := len(s) / 2
	if len(s)%2 == 1 {
		return s[h]
	}
	return (s[h-1] + s[h]) / 2
}

// welchDF is the Welch-Satterthwaite number of degrees of freedom of a sum of
// two independent variance estimates v1 and v2.
func welchDF(v1, df1, v2, df2 float64) float64 {
	return (v1 + v2) * (v1 + v2) / (v1*v1/df1 + v2*v2/df2)
}
