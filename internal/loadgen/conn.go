package loadgen

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// timedConn is a connection that knows when its bytes moved: when the kernel
// received what the last Read returned (or, without kernel time stamps, when
// Read returned), and when the first Write after arm began. HTTP libraries
// hand both to other goroutines; time stamps taken here are free of that delay.
//
// Times are offsets from base. The fields are atomic because the transport
// reads and writes in goroutines of its own.
type timedConn struct {
	net.Conn
	base   time.Time
	kernel *stamper // nil: time stamps are taken in user space

	received atomic.Int64 // when the newest bytes arrived, ns since base
	returned atomic.Int64 // when Read returned them
	stamped  atomic.Bool  // received is the kernel's
	armed    atomic.Bool
	written  atomic.Int64
}

// dialTimed returns a DialContext that makes timedConns. want asks for kernel
// time stamps; why is told once a connection cannot have them.
func dialTimed(dialer *net.Dialer, want bool, why func(error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &timedConn{Conn: conn, base: time.Now()}
		if want {
			if c.kernel, err = newStamper(conn); err != nil {
				why(err)
			}
		}
		return c, nil
	}
}

// Read reads as net.Conn does and books the arrival of what it returns.
func (c *timedConn) Read(p []byte) (int, error) {
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
		lag := time.Duration(now.UnixNano() - stamp)
		// A negative lag means that the wall clock was set back meanwhile.
		ok := stamp > 0 && lag >= 0 && lag <= now.Sub(c.base)
		if !ok {
			lag = 0
		}
		c.book(now, lag, ok)
	}
	return n, err
}

// book notes a read that returned now what had arrived lag ago. The kernel
// stamps by the wall clock; as only the distance to now is taken from it, a
// clock that is adjusted during the run does no harm.
func (c *timedConn) book(now time.Time, lag time.Duration, stamped bool) {
	at := int64(now.Sub(c.base))
	c.returned.Store(at)
	c.received.Store(at - int64(lag))
	c.stamped.Store(stamped)
}

// arm makes the next Write note its beginning.
func (c *timedConn) arm() {
	c.written.Store(-1)
	c.armed.Store(true)
}

// Write writes as net.Conn does.
func (c *timedConn) Write(p []byte) (int, error) {
	if c.armed.CompareAndSwap(true, false) {
		c.written.Store(int64(time.Since(c.base)))
	}
	return c.Conn.Write(p)
}
