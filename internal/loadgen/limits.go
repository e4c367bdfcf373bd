package loadgen

import (
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

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
	// Mean bounds the client's own lag on average: a LagShare of the median time to
	// first token, but at least this; 0: not judged. With it, lags are held
	// against the other limits at the highest percentile that there are requests
	// enough for, as no metric shows a higher one: the p99 of thirty is the worst.
	Mean time.Duration
	// Shared: the limits are those of a machine that the server shares. Why says
	// how that is known, for people: a sentence without its end.
	Shared bool
	Why    *notice.Notice
}

// Strict are the limits for a client that has its processors to itself: with
// them the client's part of a median time to first token, and of a closed
// loop's throughput, is at most 1%, or the floors if those are more. 250 µs is
// twice what a slot takes on two idle cores.
func Strict() Limits {
	return Limits{LagFloor: time.Millisecond, LagShare: 0.01, CPU: 0.7, HandoverFloor: 250 * time.Microsecond, HandoverShare: 0.01, Merged: 0.01}
}

// Shared are the limits for a client on the processors of the server, where
// timers are late because the server runs: 5 ms is what two shared cores were
// seen to overshoot without the generator being at fault. On average it is held
// to 1 ms or 5% all the same, so that means and medians stay right. A simulated
// server is such a case; the numbers then describe a simulation anyway.
func Shared() Limits {
	return Limits{
		LagFloor: 5 * time.Millisecond, LagShare: 0.05, Mean: time.Millisecond, CPU: 0.9,
		HandoverFloor: 5 * time.Millisecond, HandoverShare: 0.1, Merged: 0.2, Shared: true,
	}
}

// The share of this machine's processors, kept busy by others than the client,
// from which a server on this machine counts as one that computes on them. An
// engine on a GPU takes one or two for itself; where there is none, only a
// tunnel to another machine takes next to nothing.
const (
	busyNeighbors    = 0.25
	busyNeighborsCPU = 0.05 // on a machine without an accelerator
)

// limits are those that the run is judged by. others is the share of this
// machine's processors that other processes kept busy.
func (c *Config) limits(others float64) Limits {
	busy := busyNeighbors
	if !Accelerated() {
		busy = busyNeighborsCPU
	}
	switch {
	case c.Limits == (Limits{}) && c.Beside && others >= busy:
		l := Shared()
		l.Why = new(notice.New("server-busy-here", notice.Args{"busy": notice.Fraction(others)}))
		return l
	case c.Limits == (Limits{}):
		return Strict()
	default:
		return c.Limits
	}
}

// Advise completes the reasons why a run is invalid with how the user declares
// that client and server share a machine, where that would help: where the
// limits are not those of a shared machine already.
func (l Limits) Advise(reasons []notice.Notice, declare string) []notice.Notice {
	out := slices.Clone(reasons)
	for i := range out {
		if !l.Shared {
			out[i] = out[i].With("allow", notice.Text(declare))
		}
	}
	return out
}
