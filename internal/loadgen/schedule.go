package loadgen

import (
	"math"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// due is one planned request of an open loop.
type due struct {
	at    time.Duration // intended send
	phase Phase
	index int // number within its phase
}

// longest is beyond any run, in seconds, and fits a Duration.
const longest = 1e9

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
// are exponential (of a gamma process, gamma), the first too, and never rescaled
// to fit.
func arrivals(c *Config, phase Phase, limit time.Duration, n int) []time.Duration {
	if c.Arrivals.Kind == Trace && (phase == PhaseWindow || limit > 0) {
		return c.traceArrivals(phase, limit, n)
	}
	if limit == 0 && n == 0 {
		return nil
	}
	next := process(c, phase)
	var out []time.Duration
	for i := 0; ; i++ {
		at := time.Duration(math.Round(min(next(i), longest) * 1e9))
		if limit > 0 && at >= limit {
			return append(out, limit)
		}
		out = append(out, at)
		if n > 0 && i == n {
			return out
		}
	}
}

// process returns the function of successive arrivals, in seconds from the
// start of the phase; it is called with 0, 1, 2 and so on.
func process(c *Config, phase Phase) func(i int) float64 {
	r := stream(c.Seed, streamArrivals, phase, 0)
	a := c.Arrivals
	sum := 0.0
	switch {
	case a.Kind == Constant:
		return func(i int) float64 { return float64(i) / a.Rate }
	case a.Kind == Gamma:
		gap := distuv.Gamma{Alpha: a.Burstiness, Beta: a.Burstiness * a.Rate, Src: r}
		return func(int) float64 {
			sum += gap.Rand()
			return sum
		}
	case a.Kind == Ramp && phase == PhaseWindow:
		return func(int) float64 {
			sum += r.ExpFloat64()
			return rampTime(a.Rate, a.RateTo, c.Duration.Seconds(), sum)
		}
	default: // Poisson, and the warm-up of a ramp
		return func(int) float64 {
			sum += r.ExpFloat64() / a.Rate
			return sum
		}
	}
}

// rampTime is when the expected number of arrivals reaches n, if the rate goes
// linearly from a to b over d seconds: the root of a t + (b-a) t^2 / 2d = n,
// in the form that does not cancel for b near a. +Inf where a falling ramp
// never gets there.
func rampTime(a, b, d, n float64) float64 {
	slope := (b - a) / d
	disc := a*a + 2*slope*n
	if disc < 0 {
		return math.Inf(1)
	}
	return 2 * n / (a + math.Sqrt(disc))
}

// askedRate is the mean rate that was asked for over the window.
func (c *Config) askedRate(res *Result) float64 {
	switch {
	case c.Arrivals.Kind == Ramp && c.Sessions == nil:
		return (c.Arrivals.Rate + c.Arrivals.RateTo) / 2
	case c.Arrivals.Kind == Trace, c.Sessions != nil:
		if window := res.WindowEnd - res.WindowStart; window > 0 {
			return float64(res.windowRequests()) / window.Seconds()
		}
		return 0
	default:
		return c.Arrivals.Rate
	}
}
