package loadgen

import (
	"sync/atomic"
	"time"
)

// lateRead is the read lag above which chunks that share a read may have been
// brought together by the client, not by the server.
const lateRead = time.Millisecond

// gaps counts the gaps between chunks that were read while it is on.
type gaps struct {
	on                         atomic.Bool
	all, zero, late, lateZeros atomic.Int64
}

// add counts a gap: whether both chunks came with one read, and how much later
// than its arrival the second was read.
func (g *gaps) add(zero bool, lag time.Duration) {
	if !g.on.Load() {
		return
	}
	g.all.Add(1)
	if zero {
		g.zero.Add(1)
	}
	if lag > lateRead {
		g.late.Add(1)
		if zero {
			g.lateZeros.Add(1)
		}
	}
}

// merged is the share of the gaps that are 0 because the client read late:
// those of late reads beyond what timely reads show the server to send
// together anyway.
func (g *gaps) merged() float64 {
	all, zero, late, lateZeros := float64(g.all.Load()), float64(g.zero.Load()), float64(g.late.Load()), float64(g.lateZeros.Load())
	if all == 0 {
		return 0
	}
	bundled := 0.0
	if all > late {
		bundled = (zero - lateZeros) / (all - late)
	}
	return max(0, lateZeros-bundled*late) / all
}
