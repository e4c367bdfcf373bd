// Package wire is the HTTP/1.1 client of the load generator for plain TCP on
// Linux. One goroutine reads all connections from one epoll instance and hands
// the bytes of each response to its Handler, with the kernel's time stamp of
// their arrival; a request costs a goroutine only while it is written and
// waited for. Package net/http wakes two goroutines for a chunk instead.
//
// What it does not do is TLS, proxies, redirects, compression, cookies and
// HTTP/2: package net/http serves where those are asked for.
package wire

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// ErrUnsupported is reported by New on systems without epoll.
var ErrUnsupported = errors.New("this system has no epoll (Linux on amd64 or arm64 does)")

// Handler takes one response. Its methods are called one at a time, and never
// after the call of Do that it was given to has returned.
type Handler interface {
	// Head is the status and the header of the response.
	Head(h Head)
	// Body is some of the body, in order, valid until it returns. An error ends
	// the exchange and is what Do returns.
	Body(p []byte, at Arrival) error
}

// Arrival tells when bytes came, as offsets from the client's base.
type Arrival struct {
	Received time.Duration // by the kernel, or Returned where it did not say
	Returned time.Duration // to this program
	Stamped  bool          // Received is the kernel's word
}

// Options of a client.
type Options struct {
	Address     string        // host:port
	DialTimeout time.Duration // of one connection
	IdleTimeout time.Duration // an idle connection older than that is not used again
	MaxIdle     int           // connections kept for later requests
}

// Client sends requests to one address.
type Client struct {
	opt  Options
	loop *loop

	mu     sync.Mutex
	idle   []*conn // the newest last
	closed bool
}

// New starts the goroutine that reads. Close ends it.
func New(o Options) (*Client, error) {
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	return &Client{opt: o, loop: l}, nil
}

// Base is the instant that the offsets of arrivals count from.
func (c *Client) Base() time.Time { return c.loop.base }

// Unstamped tells why the kernel does not stamp, nil when it was asked to.
func (c *Client) Unstamped() error { return c.loop.unstamped() }

// Close closes the idle connections and ends the reading. Exchanges that are
// still going on fail.
func (c *Client) Close() error {
	c.mu.Lock()
	idle := c.idle
	c.idle, c.closed = nil, true
	c.mu.Unlock()
	for _, k := range idle {
		k.shut(net.ErrClosed)
	}
	return c.loop.close()
}

// Trip is what is known of the way of a request, as offsets from Base. It is
// that of the last time that the request was sent, but for First.
type Trip struct {
	Asked   time.Duration // a connection was wanted
	Ready   time.Duration // the connection was there
	Written time.Duration // the first byte went to the kernel; -1: none did
	Handed  time.Duration // the kernel had taken it; -1: it did not
	Ended   time.Duration // the kernel received the end of the response; -1: there was none
	First   time.Duration // the first byte went to the kernel for the first time; -1: none did
	Resent  bool          // the request was sent twice: its first connection ended before it answered
}

// Do sends a request, header lines and body, and returns when its response has been handled to the end. An error before
// Handler.Head means that there was no response; after it, that the response
// broke off. When ctx ends, the connection is closed.
//
// A connection that the server has closed is passed over before anything is
// written to it. A server may close one in the very moment that the request is
// on its way (RFC 9112, 9.3): a request on a connection that was used before,
// and that ended without a byte of the response, is sent once more, on a new
// connection. Nothing is sent a third time, nor after a byte of the response.
func (c *Client) Do(ctx context.Context, request []byte, h Handler) (Trip, error) {
	first := time.Duration(-1)
	for resent := false; ; {
		trip := Trip{Asked: c.loop.now(), Written: -1, Handed: -1, Ended: -1, First: first, Resent: resent}
		k, err := c.take(ctx, resent)
		if err != nil {
			return trip, err
		}
		trip.Ready = c.loop.now()
		fate, err := k.exchange(ctx, request, h, &trip)
		if first < 0 {
			first, trip.First = trip.Written, trip.Written
		}
		if err == nil && k.usable() {
			c.keep(k)
		}
		if fate == answered || ctx.Err() != nil {
			return trip, err
		}
		resent = resent || fate == lost
	}
}

// take is an idle connection, or a new one where there is none or fresh is asked for.
func (c *Client) take(ctx context.Context, fresh bool) (*conn, error) {
	oldest := c.loop.now() - c.opt.IdleTimeout
	for !fresh {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, net.ErrClosed
		}
		n := len(c.idle)
		if n == 0 {
			c.mu.Unlock()
			break
		}
		k := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		if k.since > oldest && k.alive() {
			return k, nil
		}
		k.shut(net.ErrClosed)
	}
	dialer := net.Dialer{Timeout: c.opt.DialTimeout}
	tcp, err := dialer.DialContext(ctx, "tcp", c.opt.Address)
	if err != nil {
		return nil, err
	}
	return c.loop.add(tcp.(*net.TCPConn))
}

// keep puts a connection aside for a later request.
func (c *Client) keep(k *conn) {
	k.since = c.loop.now()
	c.mu.Lock()
	full := c.closed || len(c.idle) >= c.opt.MaxIdle
	if !full {
		c.idle = append(c.idle, k)
	}
	c.mu.Unlock()
	if full {
		k.shut(net.ErrClosed)
	}
}
