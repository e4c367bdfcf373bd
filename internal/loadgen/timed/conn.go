// Package timed knows when the bytes of a connection moved: a TCP connection
// on Linux takes the kernel's receive time stamps (SO_TIMESTAMPING), any other
// the time at which they were read.
package timed

import (
	"net"
	"sync/atomic"
	"time"
)

// early is how long before New the first bytes may have come: a server accepts
// connections late when it is busy.
const early = time.Second

// Conn is a connection that knows when its bytes moved: when the kernel
// received what the last Read returned (or, without kernel time stamps, when
// Read returned), and when the first Write after Arm began. HTTP libraries
// hand both to other goroutines; time stamps taken here are free of that delay.
//
// Times are offsets from base. The fields are atomic because the transport
// reads and writes in goroutines of its own.
type Conn struct {
	net.Conn
	base   time.Time
	kernel *stamper // nil: time stamps are taken in user space
	clock  Clock

	received atomic.Int64 // when the newest bytes arrived, ns since base
	returned atomic.Int64 // when Read returned them
	stamped  atomic.Bool  // received is the kernel's
	armed    atomic.Bool
	written  atomic.Int64
}

// New wraps a connection. With stamps it asks for kernel time stamps; without
// them, or when unstamped says why there are none, times are taken in user
// space. The connection is usable either way.
func New(conn net.Conn, stamps bool) (c *Conn, unstamped error) {
	c = &Conn{Conn: conn, base: time.Now()}
	if stamps {
		c.kernel, unstamped = newStamper(conn)
	}
	return c, unstamped
}

// Base is the instant that offsets count from.
func (c *Conn) Base() time.Time { return c.base }

// Arrival is when the newest bytes that Read returned arrived, when Read
// returned them, and whether the former is the kernel's word.
func (c *Conn) Arrival() (received, returned time.Duration, stamped bool) {
	return time.Duration(c.received.Load()), time.Duration(c.returned.Load()), c.stamped.Load()
}

// Read reads as net.Conn does and books the arrival of what it returns.
func (c *Conn) Read(p []byte) (int, error) {
	if c.kernel == nil {
		n, err := c.Conn.Read(p)
		if n > 0 {
			c.book(time.Now(), 0, false)
		}
		return n, err
	}
	n, stamp, err := c.kernel.read(p)
	if n > 0 {
		now := time.Now()
		lag, ok := c.clock.Lag(now, stamp)
		if ok = ok && lag <= now.Sub(c.base)+early; !ok {
			lag = 0
		}
		c.book(now, lag, ok)
	}
	return n, err
}

// book notes a read that returned now what had arrived lag ago.
func (c *Conn) book(now time.Time, lag time.Duration, stamped bool) {
	at := int64(now.Sub(c.base))
	c.returned.Store(at)
	c.received.Store(at - int64(lag))
	c.stamped.Store(stamped)
}

// Arm makes the next Write note its beginning.
func (c *Conn) Arm() {
	c.written.Store(-1)
	c.armed.Store(true)
}

// Written is when the first Write after Arm began, and false before.
func (c *Conn) Written() (time.Duration, bool) {
	at := c.written.Load()
	return time.Duration(at), at >= 0
}

// Write writes as net.Conn does.
func (c *Conn) Write(p []byte) (int, error) {
	if c.armed.CompareAndSwap(true, false) {
		c.written.Store(int64(time.Since(c.base)))
	}
	return c.Conn.Write(p)
}
