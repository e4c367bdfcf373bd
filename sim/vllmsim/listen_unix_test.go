//go:build unix

package vllmsim

import (
	"net"
	"testing"
)

// TestBoundBeforeReady: while the engine starts, the port is taken but
// refuses connections.
func TestBoundBeforeReady(t *testing.T) {
	sock, err := bind("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	address, err := sock.address()
	if err != nil {
		t.Fatal(err)
	}
	var d net.Dialer
	if conn, err := d.DialContext(t.Context(), "tcp", address); err == nil {
		conn.Close()
		t.Error("a connection was accepted before listen")
	}
	l, err := sock.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}
