package timed

import (
	"io"
	"net"
	"testing"
	"time"
)

// pipe is a TCP connection on loopback with a Conn at one end.
func pipe(t *testing.T, stamps bool) (client *Conn, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c, why := New(conn, stamps)
	if why != nil {
		t.Skip("no kernel time stamps: ", why)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return c, server
}

// waitForStamps lasts until the kernel stamps: it begins to a moment after the
// first socket has asked.
func waitForStamps(t *testing.T) {
	t.Helper()
	c, server := pipe(t, true)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if _, err := server.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if c.stamped.Load() {
			return
		}
	}
	t.Fatal("no read was stamped")
}

// A reader that comes late must not make the bytes look late: with kernel
// stamps the arrival is the time of the write, and the lag is known.
func TestLateRead(t *testing.T) {
	const late = 50 * time.Millisecond
	waitForStamps(t)
	for _, stamps := range []bool{true, false} {
		c, server := pipe(t, stamps)
		before := time.Since(c.base)
		if _, err := io.WriteString(server, "hello"); err != nil {
			t.Fatal(err)
		}
		after := time.Since(c.base)
		<-time.After(late) // the reader is busy
		var buf [64]byte
		n, err := c.Read(buf[:])
		if n != 5 || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		received, returned := time.Duration(c.received.Load()), time.Duration(c.returned.Load())
		if returned < after+late {
			t.Errorf("read returned at %s, not before %s", returned, after+late)
		}
		// Loopback delivers within the write; 5 ms are left for other processes
		// between the call and its return.
		if stamps && (!c.stamped.Load() || received < before-time.Millisecond || received > after+5*time.Millisecond) {
			t.Errorf("arrived at %s (stamped %v), was written between %s and %s", received, c.stamped.Load(), before, after)
		}
		if !stamps && (c.stamped.Load() || received != returned) {
			t.Errorf("arrival %s of a read at %s, without stamps", received, returned)
		}
	}
}

// The wrapper must behave as a connection: partial reads, end, deadline, close.
func TestConn(t *testing.T) {
	c, server := pipe(t, true)
	if _, err := io.WriteString(server, "hello"); err != nil {
		t.Fatal(err)
	}
	var buf [3]byte
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("empty read: %d, %v", n, err)
	}
	for _, want := range []string{"hel", "lo"} {
		if n, err := c.Read(buf[:]); string(buf[:n]) != want || err != nil {
			t.Errorf("%q, %v; want %q", buf[:n], err, want)
		}
	}
	c.SetReadDeadline(time.Now())
	if _, err := c.Read(buf[:]); err == nil || !err.(net.Error).Timeout() {
		t.Errorf("after the deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	server.Close()
	if n, err := c.Read(buf[:]); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	c.Close()
	if _, err := c.Read(buf[:]); err == nil {
		t.Error("a closed connection was read")
	}
}
