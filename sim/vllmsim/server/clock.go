package server

import (
	"context"
	"time"
)

// clock maps wall time to simulated seconds since the server's start.
type clock struct {
	start   time.Time
	speedup float64 // simulated seconds per real second
}

// now is the simulated time.
func (c clock) now() float64 { return time.Since(c.start).Seconds() * c.speedup }

// wall is the real duration of simulated seconds.
func (c clock) wall(seconds float64) time.Duration {
	return time.Duration(seconds / c.speedup * float64(time.Second))
}

// coarse is how late the runtime's timers may fire: the poller waits in whole
// milliseconds.
const coarse = 1500 * time.Microsecond

// until sleeps until the simulated time t: by timer first, which ctx can cut
// short, then by the precise sleep of the system. It returns how late it
// woke, in simulated seconds.
func (c clock) until(ctx context.Context, t float64) float64 {
	left := c.wall(t - c.now())
	if left > coarse {
		timer := time.NewTimer(left - coarse)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return 0
		}
		left = c.wall(t - c.now())
	}
	if left > 0 {
		preciseSleep(left)
	}
	return c.now() - t
}

// sleep waits for simulated seconds unless ctx ends first.
func (c clock) sleep(ctx context.Context, seconds float64) error {
	timer := time.NewTimer(c.wall(seconds))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
