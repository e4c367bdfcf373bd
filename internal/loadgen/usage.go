package loadgen

import (
	"math"
	"runtime/metrics"
	"time"
)

// usage is what the process has spent since it began.
type usage struct {
	at     time.Time
	cpu    time.Duration // user and system
	known  bool          // cpu could be read
	pauses *metrics.Float64Histogram
	sched  *metrics.Float64Histogram
}

// readUsage takes a snapshot; it costs some tens of microseconds.
func readUsage() usage {
	samples := []metrics.Sample{
		{Name: "/sched/pauses/total/gc:seconds"},
		{Name: "/sched/latencies:seconds"},
	}
	metrics.Read(samples)
	u := usage{at: time.Now(), pauses: histogram(samples[0]), sched: histogram(samples[1])}
	u.cpu, u.known = processCPU()
	return u
}

func histogram(s metrics.Sample) *metrics.Float64Histogram {
	if s.Value.Kind() != metrics.KindFloat64Histogram {
		return nil
	}
	return s.Value.Float64Histogram()
}

// since is the difference to an earlier snapshot.
func (u usage) since(b usage) usage {
	return usage{
		at: b.at, cpu: u.cpu - b.cpu, known: u.known && b.known,
		pauses: subtract(u.pauses, b.pauses), sched: subtract(u.sched, b.sched),
	}
}

// subtract returns the counts of a that are not in b; both have the same buckets.
func subtract(a, b *metrics.Float64Histogram) *metrics.Float64Histogram {
	if a == nil || b == nil || len(a.Counts) != len(b.Counts) {
		return nil
	}
	d := &metrics.Float64Histogram{Counts: make([]uint64, len(a.Counts)), Buckets: a.Buckets}
	for i := range a.Counts {
		d.Counts[i] = a.Counts[i] - b.Counts[i]
	}
	return d
}

// upper is the upper end of the bucket that holds the p-quantile; p = 1 gives
// the maximum. 0 without counts.
func upper(h *metrics.Float64Histogram, p float64) time.Duration {
	if h == nil {
		return 0
	}
	var total uint64
	for _, c := range h.Counts {
		total += c
	}
	if total == 0 {
		return 0
	}
	need := uint64(math.Ceil(p * float64(total)))
	var sum uint64
	for i, c := range h.Counts {
		if sum += c; sum >= need && c > 0 {
			edge := h.Buckets[i+1]
			if math.IsInf(edge, 1) {
				edge = h.Buckets[i]
			}
			return time.Duration(edge * 1e9)
		}
	}
	return 0
}
