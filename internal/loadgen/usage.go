package loadgen

import (
	"math"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// usage is what the process has spent since it began.
type usage struct {
	at     time.Time
	cpu    time.Duration // user and system
	known  bool          // cpu could be read
	busy   time.Duration // of all processors of the machine, added up; 0: not known
	all    time.Duration // busy and idle
	others float64       // of a difference: the share of all that was busy, but for this process
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
	u.busy, u.all = machineCPU()
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
	d := usage{
		at: b.at, cpu: u.cpu - b.cpu, known: u.known && b.known,
		pauses: subtract(u.pauses, b.pauses), sched: subtract(u.sched, b.sched),
		busy: u.busy - b.busy, all: u.all - b.all,
	}
	if d.known && d.all > 0 && b.all != 0 {
		d.others = min(1, max(0, float64(d.busy-d.cpu)/float64(d.all)))
	}
	return d
}

// machineCPU is the time that this machine's processors were busy and that they
// were there, since its start; 0 where /proc/stat does not say.
func machineCPU() (busy, all time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	f := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal, in hundredths of a second
	if len(f) < 9 || f[0] != "cpu" {
		return 0, 0
	}
	for i, field := range f[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0
		}
		took := time.Duration(n) * 10 * time.Millisecond
		if all += took; i != 3 && i != 4 {
			busy += took
		}
	}
	return busy, all
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
