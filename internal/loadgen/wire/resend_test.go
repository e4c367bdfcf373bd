//go:build linux && (amd64 || arm64)

package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const yes = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"

// answers is a client of a server that treats request n, from 1, on the
// connection of its arrival as do says. The server takes connections side by side.
func answers(t *testing.T, do func(n int, c *net.TCPConn)) (c *Client, requests, conns *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests, conns = new(atomic.Int32), new(atomic.Int32)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			wg.Go(func() {
				defer conn.Close()
				for b := make([]byte, 4096); ; {
					if _, err := conn.Read(b); err != nil {
						return
					}
					do(int(requests.Add(1)), conn.(*net.TCPConn))
				}
			})
		}
	})
	c = client(t, l.Addr().String())
	t.Cleanup(func() { l.Close(); c.Close(); wg.Wait() })
	return c, requests, conns
}

// A request goes out twice only where its connection had served before and
// ended without a byte of the answer, and the second time on a new connection.
func TestResend(t *testing.T) {
	say := func(text string) func(*net.TCPConn) { return func(c *net.TCPConn) { io.WriteString(c, text) } }
	end := func(c *net.TCPConn) { c.Close() }
	reset := func(c *net.TCPConn) { c.SetLinger(0); c.Close() }
	broken := func(c *net.TCPConn) { io.WriteString(c, "H"); c.Close() }
	for name, c := range map[string]struct {
		does            []func(*net.TCPConn) // to one request after the other
		sent            int32
		resent, answers bool // the last call of Do
	}{
		"end":                   {[]func(*net.TCPConn){say(yes), end, say(yes)}, 3, true, true},
		"reset":                 {[]func(*net.TCPConn){say(yes), reset, say(yes)}, 3, true, true},
		"end, twice":            {[]func(*net.TCPConn){say(yes), end, end}, 3, true, false},
		"end, then reset":       {[]func(*net.TCPConn){say(yes), end, reset}, 3, true, false},
		"after a byte":          {[]func(*net.TCPConn){say(yes), broken}, 2, false, false},
		"after information":     {[]func(*net.TCPConn){say(yes), func(c *net.TCPConn) { say("HTTP/1.1 100 Continue\r\n\r\n")(c); c.Close() }}, 2, false, false},
		"on a new connection":   {[]func(*net.TCPConn){end}, 1, false, false},
		"reset on a new one":    {[]func(*net.TCPConn){reset}, 1, false, false},
		"nothing wrong":         {[]func(*net.TCPConn){say(yes), say(yes)}, 2, false, true},
		"not what HTTP says":    {[]func(*net.TCPConn){say(yes), say("no\r\n\r\n")}, 2, false, false},
		"the handler's refusal": {[]func(*net.TCPConn){say(yes), say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")}, 2, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			cl, requests, conns := answers(t, func(n int, conn *net.TCPConn) {
				if n <= len(c.does) {
					c.does[n-1](conn)
				}
			})
			var trip Trip
			var err error
			for range min(2, len(c.does)) {
				got := &tape{}
				if trip.Ready > 0 && name == "the handler's refusal" {
					got.fail = errors.New("no")
				}
				trip, err = cl.Do(t.Context(), request([]byte("x")), got)
			}
			if (err == nil) != c.answers || trip.Resent != c.resent || requests.Load() != c.sent {
				t.Errorf("%v, resent %v, %d requests reached the server; want answered %v, resent %v, %d", err, trip.Resent, requests.Load(), c.answers, c.resent, c.sent)
			}
			want := int32(1)
			if c.resent {
				want = 2
				if trip.First < 0 || trip.Written <= trip.First || trip.Asked <= trip.First || trip.Ready < trip.Asked {
					t.Errorf("times %+v", trip)
				}
			} else if trip.First != trip.Written {
				t.Errorf("times %+v", trip)
			}
			if n := conns.Load(); n != want {
				t.Errorf("%d connections, want %d", n, want)
			}
		})
	}
}

// The second time goes by a new connection although others lie idle, which may
// have ended as well.
func TestResendTakesANewConnection(t *testing.T) {
	const idle = 4
	var together sync.WaitGroup
	together.Add(idle)
	c, requests, conns := answers(t, func(n int, conn *net.TCPConn) {
		switch {
		case n <= idle:
			together.Done()
			together.Wait() // so that each has a connection of its own
			io.WriteString(conn, yes)
		case n == idle+1:
			conn.Close()
		default:
			io.WriteString(conn, yes)
		}
	})
	var wg sync.WaitGroup
	for range idle {
		wg.Go(func() {
			if _, err := c.Do(t.Context(), request(nil), &tape{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	trip, err := c.Do(t.Context(), request(nil), &tape{})
	if err != nil || !trip.Resent || conns.Load() != idle+1 || requests.Load() != idle+2 {
		t.Errorf("%v, resent %v, %d connections, %d requests", err, trip.Resent, conns.Load(), requests.Load())
	}
}

// Who gives up sends nothing again.
func TestNoResendAfterTheEnd(t *testing.T) {
	reached := make(chan bool)
	c, requests, _ := answers(t, func(n int, conn *net.TCPConn) {
		if n == 1 {
			io.WriteString(conn, yes)
			return
		}
		reached <- true
	})
	if _, err := c.Do(t.Context(), request(nil), &tape{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	if trip, err := c.Do(ctx, request(nil), &tape{}); !errors.Is(err, context.Canceled) || trip.Resent || requests.Load() != 2 {
		t.Errorf("%v, resent %v, %d requests", err, trip.Resent, requests.Load())
	}
}

// The server gone for good is told as what it is.
func TestResendToNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		take(conn)
		io.WriteString(conn, yes)
		take(conn)
		l.Close()
		conn.Close()
	}()
	c := client(t, l.Addr().String())
	if _, err := c.Do(t.Context(), request(nil), &tape{}); err != nil {
		t.Fatal(err)
	}
	if trip, err := c.Do(t.Context(), request(nil), &tape{}); !errors.Is(err, syscall.ECONNREFUSED) || !trip.Resent || trip.First < 0 || trip.Written >= 0 {
		t.Errorf("%v, %+v", err, trip)
	}
}

// An end that has come is seen before a connection is used again, although the
// loop has not come to read it.
func TestEndIsSeenBeforeReuse(t *testing.T) {
	closed := make(chan bool)
	c, requests, conns := answers(t, func(n int, conn *net.TCPConn) {
		io.WriteString(conn, yes)
		if n == 1 {
			<-closed
			conn.CloseWrite()
			closed <- true
		}
	})
	if _, err := c.Do(t.Context(), request(nil), &tape{}); err != nil {
		t.Fatal(err)
	}
	k := c.idle[0]
	c.loop.mu.Lock()
	delete(c.loop.conns, k.id) // the loop no longer knows it
	c.loop.mu.Unlock()
	if !k.alive() {
		t.Error("a connection that is open")
	}
	closed <- true
	<-closed
	for end := time.Now().Add(10 * time.Second); k.alive() && time.Now().Before(end); {
		<-time.After(time.Millisecond) // the way over the loopback
	}
	trip, err := c.Do(t.Context(), request(nil), &tape{})
	if err != nil || trip.Resent || requests.Load() != 2 || conns.Load() != 2 {
		t.Errorf("%v, resent %v, %d requests, %d connections", err, trip.Resent, requests.Load(), conns.Load())
	}
}
