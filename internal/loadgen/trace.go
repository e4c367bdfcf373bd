package loadgen

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/vllm-sweep/sweep/internal/workload"
)

// traceTime is when a row is due in the run: Speed 2 plays twice as fast.
func (c *Config) traceTime(i int) time.Duration {
	speed := c.Arrivals.Speed
	if speed == 0 {
		speed = 1
	}
	return time.Duration(float64(c.Trace[i].At) / speed)
}

// traceRow is the row of a request. The warm-up plays the trace's beginning,
// the window goes on from there.
func (c *Config) traceRow(phase Phase, i int) *workload.Arrival {
	if phase == PhaseWindow {
		i += c.traceWarm()
	}
	return &c.Trace[i]
}

// traceWarm is the number of rows due in the warm-up.
func (c *Config) traceWarm() int {
	return sort.Search(len(c.Trace), func(i int) bool { return c.traceTime(i) >= c.Warmup })
}

// traceArrivals are the offsets of a phase, as arrivals returns them. After
// the last row of the trace the window stays open for one mean gap.
func (c *Config) traceArrivals(phase Phase, limit time.Duration, n int) []time.Duration {
	from, to, origin := 0, c.traceWarm(), time.Duration(0)
	if phase == PhaseWindow {
		from, to, origin = to, len(c.Trace), c.Warmup
	}
	var out []time.Duration
	for i := from; i < to; i++ {
		at := c.traceTime(i) - origin
		if limit > 0 && at >= limit {
			return append(out, limit)
		}
		out = append(out, at)
		if n > 0 && len(out) == n+1 {
			return out
		}
	}
	if phase == PhaseWarmup {
		return append(out, limit)
	}
	last := out[len(out)-1]
	end := last + max(last/time.Duration(max(len(out)-1, 1)), time.Millisecond)
	if limit > 0 {
		end = min(end, limit)
	}
	return append(out, end)
}

func (c *Config) validateTrace() error {
	switch {
	case c.Arrivals.Speed < 0 || (c.Arrivals.Speed > 0 && !positive(c.Arrivals.Speed)):
		return fmt.Errorf("trace: speed %v: want more than 0", c.Arrivals.Speed)
	case len(c.Trace) == 0:
		return errors.New("trace without requests")
	case !slices.IsSortedFunc(c.Trace, func(a, b workload.Arrival) int { return cmp.Compare(a.At, b.At) }) || c.Trace[0].At < 0:
		return errors.New("trace is not in order of time")
	case c.traceWarm() == len(c.Trace):
		return fmt.Errorf("the warm-up of %s is longer than the trace", c.Warmup)
	}
	return nil
}
