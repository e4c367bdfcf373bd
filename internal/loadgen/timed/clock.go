package timed

import "time"

// stepLimit is how far the wall clock and the monotonic one may drift apart
// between two readings: NTP slews by half a millisecond a second at most, and
// more in a shorter time is a step. After a pause of seconds a slew may be taken
// for a step: one read then goes without a stamp.
const stepLimit = time.Millisecond

// Clock turns the kernel's time stamps, which are by the wall clock, into
// delays. Only the distance to now is used, so that a clock that is adjusted
// during the run does no harm; what came before a step of the clock has no
// delay that could be told. It is used by one goroutine at a time.
type Clock struct {
	base    time.Time // first reading
	read    bool
	offset  time.Duration // wall less monotonic time since base, at the last reading
	trusted time.Duration // since base: nothing from before has a stamp of this clock
}

// Lag is how long before now, a reading of time.Now, the kernel stamped. ok is
// false without a stamp, and when the wall clock was set between the two.
func (c *Clock) Lag(now time.Time, stamp int64) (lag time.Duration, ok bool) {
	if !c.read {
		c.base, c.read = now, true
	}
	return c.lag(now.UnixNano(), now.Sub(c.base), stamp)
}

// lag is Lag by a wall clock (ns since 1970) and the monotonic time since base.
func (c *Clock) lag(wall int64, since time.Duration, stamp int64) (time.Duration, bool) {
	offset := time.Duration(wall - c.base.UnixNano() - int64(since))
	if step := offset - c.offset; step > stepLimit || step < -stepLimit {
		c.trusted = since
	}
	c.offset = offset
	lag := time.Duration(wall - stamp)
	if stamp <= 0 || lag < 0 || c.trusted > 0 && since-lag < c.trusted {
		return 0, false
	}
	return lag, true
}
