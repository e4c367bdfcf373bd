//go:build linux && (amd64 || arm64)

package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
)

// serve is a client of a real HTTP server, and how many connections that took.
func serve(t *testing.T, h http.HandlerFunc) (*Client, *atomic.Int32) {
	t.Helper()
	var conns atomic.Int32
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return client(t, s.Listener.Addr().String()), &conns
}

func client(t *testing.T, address string) *Client {
	t.Helper()
	c, err := New(Options{Address: address, DialTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxIdle: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if n := len(c.loop.conns); n != 0 {
			t.Errorf("%d connections left", n)
		}
	})
	return c
}

// raw is a client of a server that gets the bare connections, one at a time.
func raw(t *testing.T, h func(net.Conn)) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h(conn)
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return client(t, l.Addr().String())
}

func request(body []byte) []byte {
	return append(fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", len(body)), body...)
}

// echo reads first: net/http's server does not do both at once.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Write(body)
}

// Connections are used again, bodies larger than any buffer arrive whole, and
// exchanges side by side do not mix.
func TestDo(t *testing.T) {
	c, conns := serve(t, echo)
	for i, size := range []int{0, 1, 1 << 10, 300 << 10, 9 << 20} {
		body := bytes.Repeat([]byte{byte('a' + i)}, size)
		var got tape
		trip, err := c.Do(t.Context(), request(body), &got)
		if err != nil || got.head.Status != 200 || !bytes.Equal(got.body, body) {
			t.Fatalf("%d bytes: %d came, status %d, %v", size, len(got.body), got.head.Status, err)
		}
		if trip.Ready <= 0 || trip.Written < trip.Ready {
			t.Errorf("%+v", trip)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections for requests one after the other", n)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 20 {
				body := bytes.Repeat(fmt.Appendf(nil, "%d/%d ", i, j), 100*j)
				var got tape
				if _, err := c.Do(t.Context(), request(body), &got); err != nil || !bytes.Equal(got.body, body) {
					t.Errorf("%d/%d: %d bytes of %d, %v", i, j, len(got.body), len(body), err)
				}
			}
		})
	}
	wg.Wait()
	if n := conns.Load(); n > 50 {
		t.Errorf("%d connections for 50 at a time", n)
	}
}

// The stamp is when the bytes came, not when somebody looked.
func TestArrival(t *testing.T) {
	release, sent := make(chan bool), make(chan time.Time, 1)
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-release
		io.WriteString(w, "late")
		w.(http.Flusher).Flush()
		sent <- time.Now()
	})
	if c.Unstamped() != nil {
		t.Skip("no kernel time stamps: ", c.Unstamped())
	}
	const busy = 60 * time.Millisecond
	late := &slow{begun: func() {
		close(release)
		<-time.After(busy) // the reader is busy while the bytes come
	}}
	trip, err := c.Do(t.Context(), request(nil), late)
	if err != nil {
		t.Fatal(err)
	}
	written := (<-sent).Sub(c.Base())
	switch at := late.at; {
	case !at.Stamped:
		t.Skip("the kernel has not begun to stamp")
	case at.Returned-at.Received < busy/2:
		t.Errorf("received %s, read %s: want a lag of about %s", at.Received, at.Returned, busy)
	case at.Received > written+5*time.Millisecond:
		t.Errorf("received %s, written before %s", at.Received, written)
	case trip.Ended < at.Received || trip.Ended > written+busy/2:
		t.Errorf("the end received %s, the last bytes %s and written before %s", trip.Ended, at.Received, written)
	}
	if trip.Written < trip.Ready || trip.Handed < trip.Written {
		t.Errorf("%+v", trip)
	}
}

type slow struct {
	begun func()
	at    Arrival
}

func (s *slow) Head(Head) { s.begun() }

func (s *slow) Body(_ []byte, at Arrival) error { s.at = at; return nil }

// A response that breaks off is an error, and each kind its own.
func TestBrokenResponses(t *testing.T) {
	for name, test := range map[string]struct {
		serve func(net.Conn)
		want  error
		heads int
	}{
		"closed before":  {func(net.Conn) {}, nil, 0}, // reset or end, as the bytes crossed
		"closed at once": {func(c net.Conn) { take(c) }, io.ErrUnexpectedEOF, 0},
		"closed in the header": {func(c net.Conn) {
			take(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-")
		}, io.ErrUnexpectedEOF, 0},
		"closed in a chunk": {func(c net.Conn) {
			take(c)
			io.WriteString(c, streamHead+"5\r\nhel")
		}, io.ErrUnexpectedEOF, 1},
		"closed behind a chunk": {func(c net.Conn) {
			take(c)
			io.WriteString(c, streamHead+"5\r\nhello\r\n")
		}, io.ErrUnexpectedEOF, 1},
		"reset in the body": {func(c net.Conn) {
			take(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel")
			<-time.After(20 * time.Millisecond)
			c.(*net.TCPConn).SetLinger(0)
		}, syscall.ECONNRESET, 1},
		"no HTTP": {func(c net.Conn) {
			take(c)
			io.WriteString(c, "220 smtp ready\r\n\r\n")
		}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := raw(t, test.serve)
			var got tape
			_, err := c.Do(t.Context(), request([]byte("x")), &got)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || got.heads != test.heads {
				t.Errorf("%v after %d heads, want %v after %d", err, got.heads, test.want, test.heads)
			}
		})
	}
}

// take reads a request as far as it has come.
func take(c net.Conn) { c.Read(make([]byte, 4096)) }

// An answer that comes before the request has been read counts, and the writer
// does not wait for the rest to be taken.
func TestEarlyAnswer(t *testing.T) {
	hold := make(chan bool)
	c := raw(t, func(c net.Conn) {
		take(c)
		io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
		<-hold
	})
	var got tape
	_, err := c.Do(t.Context(), request(make([]byte, 64<<20)), &got)
	close(hold)
	if err != nil || got.head.Status != 413 || string(got.body) != "big" {
		t.Errorf("%d %q %v", got.head.Status, got.body, err)
	}
}

// A server that closes an idle connection costs nothing: the next request goes
// over a new one.
func TestIdleConnections(t *testing.T) {
	c, conns := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Connection", "close"); echo(w, r) })
	for range 5 {
		var got tape
		if _, err := c.Do(t.Context(), request([]byte("x")), &got); err != nil || string(got.body) != "x" {
			t.Fatalf("%q %v", got.body, err)
		}
	}
	if n := conns.Load(); n != 5 {
		t.Errorf("%d connections, want 5", n)
	}

	c = raw(t, func(c net.Conn) {
		take(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny") // and closes without having said so
	})
	for range 5 {
		var got tape
		if _, err := c.Do(t.Context(), request([]byte("x")), &got); err != nil {
			t.Fatal(err)
		}
		for len(c.idle) > 0 && c.idle[0].usable() {
			<-time.After(time.Millisecond) // until its end has been noticed
		}
	}

	c, conns = serve(t, echo)
	c.opt.IdleTimeout = -1 // older than allowed at once
	for range 3 {
		if _, err := c.Do(t.Context(), request([]byte("x")), &tape{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := conns.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// Giving up ends an exchange in each of its phases at once.
func TestCancel(t *testing.T) {
	hold := make(chan bool)
	defer close(hold)
	for name, h := range map[string]func(net.Conn){
		"writing": func(net.Conn) { <-hold },
		"waiting": func(c net.Conn) { io.CopyN(io.Discard, c, 32<<20); <-hold },
		"reading": func(c net.Conn) {
			io.CopyN(io.Discard, c, 32<<20)
			io.WriteString(c, streamHead+"1\r\na\r\n")
			<-hold
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() { // ends with hold
				if conn, err := l.Accept(); err == nil {
					defer conn.Close()
					h(conn)
				}
			}()
			c := client(t, l.Addr().String())
			why, request := errors.New("time is up"), request(make([]byte, 32<<20))
			ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, why)
			defer cancel()
			var got tape
			if _, err := c.Do(ctx, request, &got); !errors.Is(err, why) {
				t.Errorf("%v, want the cause", err)
			}
		})
	}
	if _, err := client(t, "127.0.0.1:1").Do(t.Context(), request(nil), &tape{}); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v, want connection refused", err)
	}
}

// The handler's own error ends the exchange and the connection.
func TestHandlerError(t *testing.T) {
	c, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, strings.Repeat("x", 1<<20)) })
	enough := errors.New("enough")
	if _, err := c.Do(t.Context(), request(nil), &tape{fail: enough}); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
	if len(c.idle) > 0 {
		t.Error("the connection was kept")
	}
}

// Close ends what is under way, and no file stays open.
func TestClose(t *testing.T) {
	before := files(t)
	begun, hold := make(chan bool), make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { begun <- true; <-hold }))
	c, err := New(Options{Address: s.Listener.Addr().String(), DialTimeout: time.Second, MaxIdle: 1})
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		_, err := c.Do(t.Context(), request(nil), &tape{})
		failed <- err
	}()
	<-begun
	c.Close()
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want closed", err)
	}
	if _, err := c.Do(t.Context(), request(nil), &tape{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v after Close", err)
	}
	close(hold)
	s.Close()
	if after := files(t); after > before+1 { // Go's own poller
		t.Errorf("%d open files, %d before", after, before)
	}
}

func files(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// panicking is a handler that fails on the body of every answer.
type panicking struct{ nothing }

func (panicking) Body(p []byte, _ Arrival) error {
	_ = p[len(p)]
	return nil
}

type nothing struct{}

func (nothing) Head(Head)                  {}
func (nothing) Body([]byte, Arrival) error { return nil }

// A handler that panics fails its own exchange, on the goroutine that reads for
// all: neither the process nor another exchange ends with it.
func TestAHandlerThatPanics(t *testing.T) {
	c, _ := serve(t, echo)
	for range 3 {
		_, err := c.Do(t.Context(), request([]byte("hello")), panicking{})
		var fault *boundary.PanicError
		if !errors.As(err, &fault) || !strings.Contains(string(fault.Stack), "panicking") {
			t.Fatalf("got %v", err)
		}
		if _, err := c.Do(t.Context(), request([]byte("hello")), nothing{}); err != nil {
			t.Errorf("the exchange after it: %v", err)
		}
	}
}
