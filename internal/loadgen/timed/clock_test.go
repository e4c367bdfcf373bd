package timed

import (
	"testing"
	"time"
)

// Stamps from before a step of the wall clock would move arrivals by as much.
func TestClockSteps(t *testing.T) {
	const ms = time.Millisecond
	base := time.Unix(1_800_000_000, 0)
	for name, step := range map[string]time.Duration{"none": 0, "slewed": ms / 2, "forward": 500 * ms, "back": -500 * ms, "forward a little": 3 * ms} {
		c := Clock{base: base, read: true}
		wall := func(since time.Duration) int64 { return base.Add(since).UnixNano() }
		if lag, ok := c.lag(wall(100*ms), 100*ms, wall(98*ms)); !ok || lag != 2*ms {
			t.Errorf("%s: before: %s %v", name, lag, ok)
		}
		stepped := step > ms || step < -ms
		// Came at 150 ms, the clock was set at 151 ms, read at 152 ms.
		lag, ok := c.lag(wall(152*ms+step), 152*ms, wall(150*ms))
		if ok == stepped || ok && (lag < 2*ms || lag > 3*ms) {
			t.Errorf("%s: across the step: %s %v", name, lag, ok)
		}
		// Another connection's bytes of the same time, read after the first.
		if lag, ok = c.lag(wall(153*ms+step), 153*ms, wall(150*ms)); ok == stepped || ok && lag > 4*ms {
			t.Errorf("%s: read later: %s %v", name, lag, ok)
		}
		// Came and read after the step.
		if lag, ok = c.lag(wall(163*ms+step), 163*ms, wall(160*ms+step)); !ok || lag != 3*ms {
			t.Errorf("%s: after: %s %v", name, lag, ok)
		}
	}
	if _, ok := new(Clock).Lag(time.Now(), 0); ok {
		t.Error("no stamp has a lag")
	}
	if lag, ok := new(Clock).Lag(time.Now(), time.Now().Add(-time.Millisecond).UnixNano()); !ok || lag > time.Second {
		t.Errorf("%s %v", lag, ok)
	}
}
