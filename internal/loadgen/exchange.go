package loadgen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
	"github.com/vllm-sweep/sweep/internal/loadgen/wire"
)

// overWire sends a request by package wire and returns when its response has
// been handled. The error is that of the connection.
func (c *client) overWire(ctx context.Context, body []byte, s *response) error {
	shift := c.wire.Base().Sub(c.start)
	request := fmt.Appendf(make([]byte, 0, len(c.head)+24+len(body)), "%sContent-Length: %d\r\n\r\n", c.head, len(body))
	trip, err := c.wire.Do(ctx, append(request, body...), overWire{s, shift})
	s.rec.Resent = trip.Resent
	if trip.First >= 0 {
		s.rec.Sent = shift + trip.First
	}
	if trip.Written >= 0 {
		s.written(trip.Ready-trip.Asked, max(trip.Handed, trip.Written)-trip.Ready)
	}
	if trip.Ended >= 0 {
		s.ended = shift + trip.Ended
	}
	return err
}

// overWire hands a response on, with its times counted from the run's start.
type overWire struct {
	*response
	shift time.Duration
}

func (o overWire) Head(h wire.Head) { o.response.head(h.Status, h.Text, h.Header) }

func (o overWire) Body(p []byte, at wire.Arrival) error {
	lag := at.Returned - at.Received
	o.client.readLags.add(lag, at.Stamped)
	return o.response.feed(p, o.shift+at.Received, lag)
}

// requestHead is the part of a request's header that is the same for all.
func requestHead(host, path string, h http.Header) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\n", path, host)
	h.Write(&b) // replaces line ends inside values
	return b.Bytes()
}

// overHTTP does the same by package net/http. What package wire says of a
// connection that the server ends holds here too.
func (c *client) overHTTP(ctx context.Context, body []byte, s *response) error {
	resp, w, err := c.send(ctx, c.transport, body, s)
	if err != nil && w.lost() && ctx.Err() == nil {
		s.rec.Resent = true
		resp, w, err = c.send(ctx, c.fresh, body, s)
	}
	if err != nil {
		return err
	}
	return c.receive(resp, w, s)
}

// way is what is known of the connection of a request.
type way struct {
	conn   *timed.Conn
	shift  time.Duration // from the connection's base to the run's start
	ready  time.Duration // it was there
	reused bool          // by this request, that is
	heard  atomic.Bool   // a byte of the response came
}

// lost reports, of a request that failed, that its connection had been used
// before and ended without a byte of the response.
func (w *way) lost() bool { return w.reused && !w.heard.Load() }

// send sends a request and waits for the beginning of its response.
func (c *client) send(ctx context.Context, by *http.Transport, body []byte, s *response) (*http.Response, *way, error) {
	req := (&http.Request{
		Method:        http.MethodPost,
		URL:           c.url,
		Host:          c.url.Host,
		Header:        c.header,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	})
	w, asked := &way{}, c.now()
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			w.ready, w.reused = c.now(), info.Reused
			if w.conn, _ = info.Conn.(*timed.Conn); w.conn != nil {
				w.shift = w.conn.Base().Sub(c.start)
				w.conn.Arm()
			}
		},
		GotFirstResponseByte: func() { w.heard.Store(true) },
	}))
	resp, err := by.RoundTrip(req)
	if w.conn != nil {
		if at, ok := w.conn.Written(); ok {
			if !s.rec.Resent {
				s.rec.Sent = w.shift + at
			}
			s.written(w.ready-asked, w.shift+at-w.ready)
		}
	}
	return resp, w, err
}

// receive handles the response.
func (c *client) receive(resp *http.Response, w *way, s *response) error {
	defer resp.Body.Close()
	s.head(resp.StatusCode, resp.Status, resp.Header)
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	var last time.Duration // when the last read that was counted returned
	for {
		n, err := resp.Body.Read(*buf)
		at, lag := c.now(), time.Duration(0)
		if w.conn != nil && n > 0 {
			received, returned, stamped := w.conn.Arrival()
			if returned != last {
				last = returned
				c.readLags.add(returned-received, stamped)
			}
			at, lag = w.shift+received, returned-received
		}
		if fault := s.feed((*buf)[:n], at, lag); fault != nil {
			return fault
		}
		if err == io.EOF {
			s.ended = at
			if w.conn != nil {
				received, _, _ := w.conn.Arrival()
				s.ended = w.shift + received
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}
