package loadgen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
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
	if trip.Written >= 0 {
		s.written(shift+trip.Ready, shift+trip.Written, shift+max(trip.Handed, trip.Written))
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

// overHTTP does the same by package net/http.
func (c *client) overHTTP(ctx context.Context, body []byte, s *response) error {
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
	var conn *timed.Conn
	var shift, ready time.Duration // from the connection's base to the run's start; the connection was there
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			ready = c.now()
			if conn, _ = info.Conn.(*timed.Conn); conn != nil {
				shift = conn.Base().Sub(c.start)
				conn.Arm()
			}
		},
	}))
	resp, err := c.transport.RoundTrip(req)
	if conn != nil {
		if at, ok := conn.Written(); ok {
			s.written(ready, shift+at, shift+at)
		}
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s.head(resp.StatusCode, resp.Status, resp.Header)
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	var last time.Duration // when the last read that was counted returned
	for {
		n, err := resp.Body.Read(*buf)
		at, lag := c.now(), time.Duration(0)
		if conn != nil && n > 0 {
			received, returned, stamped := conn.Arrival()
			if returned != last {
				last = returned
				c.readLags.add(returned-received, stamped)
			}
			at, lag = shift+received, returned-received
		}
		if fault := s.feed((*buf)[:n], at, lag); fault != nil {
			return fault
		}
		if err == io.EOF {
			s.ended = at
			if conn != nil {
				received, _, _ := conn.Arrival()
				s.ended = shift + received
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}
