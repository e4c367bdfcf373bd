package loadgen

import (
	"math"
	"time"
)

// due is one planned request of an open loop.
type due struct {
	at    time.Duration // intended send
	phase Phase
	index int // number within its phase
}

// schedule is the whole plan of an open loop, fixed before the first send.
type schedule struct {
	dues       []due
	start, end time.Duration // of the window
}

// newSchedule plans the arrivals of an open loop. The warm-up is a process of
// its own over 0..Warmup at the same rate, so that the arrivals of the window
// do not depend on the warm-up's length.
func newSchedule(c *Config) schedule {
	s := schedule{start: c.Warmup}
	for i, at := range arrivals(c, PhaseWarmup, c.Warmup, 0) {
		s.dues = append(s.dues, due{at, PhaseWarmup, i})
	}
	if len(s.dues) > 0 && s.dues[len(s.dues)-1].at >= c.Warmup {
		s.dues = s.dues[:len(s.dues)-1]
	}
	times := arrivals(c, PhaseWindow, c.Duration, c.Requests)
	last := len(times) - 1 // the one that closes the window is not sent
	s.end = c.Warmup + times[last]
	for i, at := range times[:last] {
		s.dues = append(s.dues, due{c.Warmup + at, PhaseWindow, i})
	}
	return s
}

// arrivals draws offsets from the start of a phase until a limit is reached
// (0: no limit; one is always given or the phase is empty). The last entry is
// the end of the phase: the limit in time, or the arrival after the last of n.
//
// A constant process begins with a send at once; gaps of a Poisson process
// are exponential, the first too, and never rescaled to fit.
func arrivals(c *Config, phase Phase, limit time.Duration, n int) []time.Duration {
	if limit == 0 && n == 0 {
		return nil
	}
	r := stream(c.Seed, streamArrivals, phase, 0)
	var out []time.Duration
	for sum, i := 0.0, 0; ; i++ {
		if c.Arrivals.Kind == Poisson {
			sum += r.ExpFloat64() / c.Arrivals.Rate
		} else {
			sum = float64(i) / c.Arrivals.Rate
		}
		at := time.Duration(math.Round(sum * 1e9))
		if limit > 0 && at >= limit {
			return append(out, limit)
		}
		out = append(out, at)
		if n > 0 && i == n {
			return out
		}
	}
}
