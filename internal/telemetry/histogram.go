package telemetry

import (
	"math"
	"slices"
)

// Histogram is a Prometheus histogram: counts of observations at or below
// rising bounds.
type Histogram struct {
	Bounds []float64 // rising; the last is +Inf
	Counts []float64 // cumulative
	Sum    float64
	Count  float64
}

// usable says whether figures can be made of the histogram; if not, why.
func (h Histogram) usable() (why string, ok bool) {
	for _, v := range []float64{h.Sum, h.Count} {
		if why, ok := usable(v); !ok {
			return why, false
		}
	}
	for i, b := range h.Bounds {
		if why, ok := usable(b); !ok && !(i == len(h.Bounds)-1 && math.IsInf(b, 1)) {
			return "a bound of its buckets: " + why, false
		}
	}
	if !slices.IsSorted(h.Bounds) || !slices.IsSorted(h.Counts) {
		return "its buckets are not in order", false
	}
	return "", true
}

// plus adds the histogram of another engine. Different bounds cannot be added;
// then only sum and count remain.
func (h Histogram) plus(o Histogram) Histogram {
	sum := Histogram{Sum: h.Sum + o.Sum, Count: h.Count + o.Count}
	if slices.Equal(h.Bounds, o.Bounds) {
		sum.Bounds = h.Bounds
		for i := range h.Counts {
			sum.Counts = append(sum.Counts, h.Counts[i]+o.Counts[i])
		}
	}
	return sum
}

// Since is what was observed after the earlier state e. It is false when the
// two cannot be subtracted: counts that fell, which a restart does.
func (h Histogram) Since(e Histogram) (Histogram, bool) {
	if h.Count < e.Count || h.Sum < e.Sum && h.Count > e.Count {
		return Histogram{}, false
	}
	d := Histogram{Sum: h.Sum - e.Sum, Count: h.Count - e.Count}
	if !slices.Equal(h.Bounds, e.Bounds) {
		return d, true
	}
	d.Bounds = h.Bounds
	for i := range h.Counts {
		if h.Counts[i] < e.Counts[i] {
			return Histogram{}, false
		}
		d.Counts = append(d.Counts, h.Counts[i]-e.Counts[i])
	}
	return d, true
}

// Mean is the mean observation; false when there is none.
func (h Histogram) Mean() (float64, bool) {
	return h.Sum / h.Count, h.Count > 0
}

// Quantile interpolates inside the bucket that holds the p-quantile, as
// Prometheus' histogram_quantile does, so it is no finer than the buckets are:
// width is that of the bucket. It is false without observations, when the
// quantile lies beyond the last finite bound, and when it lies in the first
// bucket: that has no lower bound, and half of 0 to 0.3 s says nothing of
// requests that waited 20 µs. Their mean does.
func (h Histogram) Quantile(p float64) (value, width float64, ok bool) {
	if h.Count <= 0 || len(h.Counts) == 0 {
		return 0, 0, false
	}
	rank := p * h.Counts[len(h.Counts)-1]
	i, _ := slices.BinarySearch(h.Counts, rank)
	if i == 0 || i >= len(h.Bounds) || math.IsInf(h.Bounds[i], 1) {
		return 0, 0, false
	}
	low, below := h.Bounds[i-1], h.Counts[i-1]
	width = h.Bounds[i] - low
	if inside := h.Counts[i] - below; inside > 0 {
		return low + width*(rank-below)/inside, width, true
	}
	return h.Bounds[i], width, true
}
