package loadgen

import "time"

// Limits on the generator itself. Beyond them the client shaped the result and
// the run is invalid.
type Limits struct {
	// LagFloor and LagShare bound the dispatch lag p99 and the write lag p99 in
	// open loop: a share of the median time to first token, but at least the floor.
	LagFloor time.Duration
	LagShare float64
	CPU      float64 // share of the processors that the process may use, 0..1
	// HandoverFloor and HandoverShare bound the mean hand-over lag of a closed
	// loop: a share of the mean time of a request, or the floor if that is more, but
	// no more than idleMost times that share.
	HandoverFloor time.Duration
	HandoverShare float64
	Merged        float64 // share of the gaps between chunks that the client's late reads made, 0..1
	// Shared: the limits are those of a machine that the server shares.
	Shared bool
}

// Strict are the limits for a client that has its processors to itself: with
// them the client's part of a median time to first token, and of a closed
// loop's throughput, is at most 1 %, or the floors if those are more. 250 µs is
// twice what a slot takes on two idle cores.
func Strict() Limits {
	return Limits{LagFloor: time.Millisecond, LagShare: 0.01, CPU: 0.7, HandoverFloor: 250 * time.Microsecond, HandoverShare: 0.01, Merged: 0.01}
}

// Shared are the limits for a client on the processors of the server, where
// timers are late because the server runs: 5 ms is what two shared cores were
// seen to overshoot without the generator being at fault. A simulated server
// is such a case; the numbers then describe a simulation anyway.
func Shared() Limits {
	return Limits{
		LagFloor: 5 * time.Millisecond, LagShare: 0.05, CPU: 0.9,
		HandoverFloor: 5 * time.Millisecond, HandoverShare: 0.1, Merged: 0.2, Shared: true,
	}
}

func (c *Config) limits() Limits {
	if c.Limits == (Limits{}) {
		return Strict()
	}
	return c.Limits
}
