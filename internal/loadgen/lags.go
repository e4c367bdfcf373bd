package loadgen

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// lagSteps divides each power of two of a lags histogram: its quantiles are at
// most 1/lagSteps too high.
const lagSteps = 16

// lags is a histogram of short times (1 ns to 2^40 ns, 18 minutes) that many goroutines
// add to while it is on.
type lags struct {
	on      atomic.Bool
	counts  [40 * lagSteps]atomic.Uint32
	stamped atomic.Uint64 // of the times added, those that rest on a kernel stamp
	all     atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

// add counts a time.
func (l *lags) add(d time.Duration, stamped bool) {
	if !l.on.Load() {
		return
	}
	l.all.Add(1)
	l.sum.Add(int64(d))
	if stamped {
		l.stamped.Add(1)
	}
	l.counts[lagBucket(d)].Add(1)
}

func lagBucket(d time.Duration) int {
	v := uint64(max(d, lagSteps))
	power := bits.Len64(v) - 5 // v >> power is within lagSteps..2*lagSteps-1
	return min(power*lagSteps+int(v>>power)-lagSteps, 40*lagSteps-1)
}

// quantile is the upper end of the bucket that holds the p-quantile, 0 when
// nothing was counted.
func (l *lags) quantile(p float64) time.Duration {
	var total uint64
	for i := range l.counts {
		total += uint64(l.counts[i].Load())
	}
	need := uint64(math.Ceil(p * float64(total)))
	var sum uint64
	for i := range l.counts {
		if sum += uint64(l.counts[i].Load()); sum >= need && sum > 0 {
			return time.Duration(uint64(i%lagSteps+lagSteps+1) << (i / lagSteps))
		}
	}
	return 0
}

// mean is the mean of the times, 0 when nothing was counted.
func (l *lags) mean() time.Duration {
	if n := l.all.Load(); n > 0 {
		return time.Duration(l.sum.Load() / int64(n))
	}
	return 0
}

// share is the part of the times that rest on a kernel stamp, 0..1.
func (l *lags) share() float64 {
	if n := l.all.Load(); n > 0 {
		return float64(l.stamped.Load()) / float64(n)
	}
	return 0
}
