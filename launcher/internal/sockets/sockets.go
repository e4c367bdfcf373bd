// Package sockets answers two questions about TCP ports of this machine:
// which port is free, and whose processes listen on one.
package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// FreePort returns a port of the loopback interface that nobody listens on
// now. The kernel picks it, a different one each time.
func FreePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// Listening reports whether something accepts connections at host:port.
func Listening(ctx context.Context, host string, port int) bool {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		// A full backlog or a time-out is still somebody's port.
		var timeout net.Error
		return errors.As(err, &timeout) && timeout.Timeout() && ctx.Err() == nil
	}
	c.Close()
	return true
}

// WaitFree waits until nobody listens at host:port, for at most the time
// given, and reports whether that came true.
func WaitFree(ctx context.Context, host string, port int, atMost time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	for {
		if !Listening(ctx, host, port) && ctx.Err() == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ErrUnknown says that this platform does not tell who listens.
var ErrUnknown = errors.New("the owner of a listening port cannot be read on this platform")

// Listener is one listening socket with the processes that hold it.
type Listener struct {
	Address string // local address and port
	UID     int    // user that opened it
	PIDs    []int  // empty when the processes may not be looked into
}
