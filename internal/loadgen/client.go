package loadgen

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/sse"
	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
)

const (
	// readBuffer of a connection takes some fifty events in one system call;
	// scratch is what is scanned at a time. Larger ones were no faster, and cost
	// memory for each stream.
	readBuffer = 16 << 10
	scratch    = 4 << 10
	// idleTimeout closes idle connections before the server does: uvicorn, which
	// vLLM runs on, drops them after 5 s, and a request sent in that moment would
	// be lost.
	idleTimeout = 3 * time.Second
	dialTimeout = 10 * time.Second
	// excerpt is how much of an unexpected body goes into Request.Error.
	excerpt = 300
)

// client sends requests and times their streams.
type client struct {
	url       *url.URL
	header    http.Header
	transport *http.Transport
	timeout   time.Duration
	exact     bool      // outputs must have the length asked for
	start     time.Time // offset 0
	buffers   sync.Pool

	readLags  lags // arrival in the kernel to the read, of reads inside the window
	writeLags lags // connection ready to the first byte written, of requests inside the window

	mu       sync.Mutex
	noStamps string // why time stamps are taken in user space
}

func newClient(c *Config) (*client, error) {
	base := strings.TrimRight(c.BaseURL, "/")
	path := "/v1/completions"
	if c.API == Chat {
		path = "/v1/chat/completions"
	}
	u, err := url.Parse(base + path)
	if err != nil {
		return nil, err
	}
	l := &client{
		url:     u,
		header:  headers(c),
		timeout: c.timeout(),
		exact:   c.IgnoreEOS,
		buffers: sync.Pool{New: func() any { b := make([]byte, scratch); return &b }},
	}
	plain := u.Scheme == "http"
	if !plain {
		l.unstamped(errors.New("they are inside TLS records"))
	}
	l.transport = newTransport(c.connections(), plain, l.unstamped)
	l.transport.TLSClientConfig = c.TLS
	return l, nil
}

// unstamped notes why there are no kernel time stamps.
func (c *client) unstamped(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noStamps = why.Error()
}

func headers(c *Config) http.Header {
	h := http.Header{
		"Content-Type": {"application/json"},
		"Accept":       {"text/event-stream"},
		"User-Agent":   {"sweep"},
	}
	if c.APIKey != "" {
		h.Set("Authorization", "Bearer "+c.APIKey)
	}
	for k, v := range c.Headers {
		h.Set(k, v)
	}
	return h
}

// newTransport speaks HTTP/1.1, one request a connection at a time, without
// compression or proxy, and keeps up to idle connections for reuse. stamps asks
// for kernel time stamps; unstamped is told why a connection has none.
func newTransport(idle int, stamps bool, unstamped func(error)) *http.Transport {
	return &http.Transport{
		DialContext:         dial(stamps, unstamped),
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
		DisableCompression:  true,
		MaxIdleConns:        0,
		MaxIdleConnsPerHost: idle,
		IdleConnTimeout:     idleTimeout,
		TLSHandshakeTimeout: dialTimeout,
		ReadBufferSize:      readBuffer,
	}
}

func dial(stamps bool, unstamped func(error)) func(context.Context, string, string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c, why := timed.New(conn, stamps)
		if why != nil {
			unstamped(why)
		}
		return c, nil
	}
}

func (c *client) now() time.Duration { return time.Since(c.start) }

// do sends one request and fills in its record. It returns when the response
// has been read to its end, or failed.
func (c *client) do(ctx context.Context, j *job, rec *Request) {
	reqCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req := (&http.Request{
		Method:        http.MethodPost,
		URL:           c.url,
		Host:          c.url.Host,
		Header:        c.header,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Body:          io.NopCloser(bytes.NewReader(j.body)),
		ContentLength: int64(len(j.body)),
	})
	s := response{rec: rec, keep: j.keep}
	req = req.WithContext(httptrace.WithClientTrace(reqCtx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { s.got(info.Conn, c) },
	}))

	rec.Sent = c.now()
	resp, err := c.transport.RoundTrip(req)
	s.sent(c)
	if err != nil {
		rec.End = c.now()
		class, text := interruption(ctx, reqCtx, ClassConnect), cause(err)
		if class == ClassTimeout {
			text = fmt.Sprintf("no answer within %s", c.timeout)
		}
		rec.fail(class, text)
		return
	}
	defer resp.Body.Close()
	rec.Status = resp.StatusCode
	if resp.StatusCode != http.StatusOK {
		c.refuse(rec, resp.Body, ClassHTTP, resp.Status)
		return
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		c.refuse(rec, strings.NewReader(""), ClassProtocol, fmt.Sprintf("the answer is compressed (%s), though nobody asked for it", coding))
		return
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "text/event-stream" {
		c.refuse(rec, resp.Body, ClassProtocol, fmt.Sprintf("not an event stream but content type %q", resp.Header.Get("Content-Type")))
		return
	}
	err = c.read(resp.Body, &s)
	rec.End = c.now()
	s.judge(err, interruption(ctx, reqCtx, ClassTruncated), c.exact)
}

// refuse records a response that is no stream, with the start of its body.
func (c *client) refuse(rec *Request, body io.Reader, class Class, what string) {
	text, _ := io.ReadAll(io.LimitReader(body, 16<<10)) // what can be read; the status is the finding
	io.Copy(io.Discard, io.LimitReader(body, 1<<20))    // to the end, so that the connection can be reused
	rec.End = c.now()
	if said := excerptOf(text); said != "" {
		what += ": " + said
	}
	rec.fail(class, what)
}

// read consumes the response. All events of one read share its time.
func (c *client) read(body io.Reader, s *response) error {
	buf := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(buf)
	for {
		n, err := body.Read(*buf)
		at := s.arrival(c, n)
		s.split.Feed((*buf)[:n])
		for s.split.Next() {
			s.event(at)
		}
		if err == nil {
			err = s.split.Err()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// response is the state of one response stream.
type response struct {
	rec     *Request
	split   sse.Splitter
	done    bool        // [DONE] or a finish reason was seen
	usage   bool        // token counts were sent
	failed  bool        // an error event was seen
	badness error       // first payload that could not be read
	keep    *answerText // where the text goes; nil: it is not kept

	conn  *timed.Conn   // nil: not known, time stamps are taken here
	shift time.Duration // from the connection's base to the run's start
	ready time.Duration // the connection was there
	read  time.Duration // when the last read that was counted returned
}

// got notes the connection of the request, before anything is written.
func (s *response) got(conn net.Conn, c *client) {
	s.ready = c.now()
	if s.conn, _ = conn.(*timed.Conn); s.conn != nil {
		s.shift = s.conn.Base().Sub(c.start)
		s.conn.Arm()
	}
}

// sent corrects the time of the send to the first byte written: before lie the
// making of a connection and the transport's own goroutine.
func (s *response) sent(c *client) {
	if s.conn == nil {
		return
	}
	if at, ok := s.conn.Written(); ok {
		s.rec.Sent = s.shift + at
		c.writeLags.add(s.rec.Sent-s.ready, false)
	}
}

// arrival is when the n bytes that were just read arrived.
func (s *response) arrival(c *client, n int) time.Duration {
	if s.conn == nil {
		return c.now()
	}
	received, returned, stamped := s.conn.Arrival()
	if n > 0 && returned != s.read {
		s.read = returned
		c.readLags.add(returned-received, stamped)
	}
	return max(s.shift+received, s.rec.Last)
}

// event handles one event that arrived at the given offset.
func (s *response) event(at time.Duration) {
	chunk, err := sse.Parse(s.split.Data())
	rec := s.rec
	switch {
	case err != nil:
		if s.badness == nil {
			s.badness = err
		}
		return
	case chunk.IsError:
		if !s.failed {
			s.failed, rec.Error = true, chunk.Error
		}
		return
	}
	if chunk.Token {
		if s.keep != nil {
			s.keep.add(s.split.Data())
		}
		if rec.Chunks == 0 {
			rec.First = at
			rec.Gaps = make([]uint32, 0, max(0, min(rec.OutputAsked-1, 1<<16)))
		} else {
			rec.Gaps = append(rec.Gaps, uint32(at.Microseconds()-rec.Last.Microseconds()))
		}
		rec.Chunks++
		rec.Last = at
	}
	if chunk.HasUsage {
		s.usage = true
		rec.PromptTokens, rec.OutputTokens = chunk.PromptTokens, chunk.CompletionTokens
	}
	s.done = s.done || chunk.Done || chunk.Finish
}

// tolerance of the output length with ignore_eos: MLPerf accepts 90 % to 110 %.
const tolerance = 0.10

// judge gives the request its class. readErr is nil at the regular end of the
// response; cut is the class of a response that broke off.
func (s *response) judge(readErr error, cut Class, exact bool) {
	rec := s.rec
	if !s.usage {
		rec.OutputTokens = rec.Chunks
	}
	off := rec.OutputTokens - rec.OutputAsked
	switch {
	case s.failed:
		rec.fail(ClassStream, rec.Error)
	case s.badness != nil:
		rec.fail(ClassProtocol, s.badness.Error())
	case errors.Is(readErr, sse.ErrTooLong):
		rec.fail(ClassProtocol, readErr.Error())
	case readErr != nil && !(s.done && rec.Chunks > 0):
		rec.fail(cut, fmt.Sprintf("after %d chunks: %v", rec.Chunks, readErr))
	case rec.Chunks == 0 && rec.OutputTokens > 0:
		rec.fail(ClassEmpty, fmt.Sprintf("no text in the stream, though the server counts %d tokens", rec.OutputTokens))
	case rec.Chunks == 0:
		rec.fail(ClassEmpty, "no token in the stream")
	case !s.done:
		rec.fail(ClassTruncated, fmt.Sprintf("ended after %d chunks without [DONE] or finish_reason", rec.Chunks))
	case exact && s.usage && max(off, -off) > int(tolerance*float64(rec.OutputAsked)):
		rec.fail(ClassTokens, fmt.Sprintf("%d output tokens, %d asked for", rec.OutputTokens, rec.OutputAsked))
	default:
		rec.Class = ClassOK
	}
}

// interruption tells why a request broke off: the run ended, its time was up,
// or else the class given.
func interruption(run, req context.Context, other Class) Class {
	switch {
	case run.Err() != nil:
		return ClassUnfinished
	case req.Err() != nil:
		return ClassTimeout
	default:
		return other
	}
}

func (r *Request) fail(class Class, text string) {
	if len(text) > 2*excerpt {
		text = strings.ToValidUTF8(text[:2*excerpt], "") + "…"
	}
	r.Class, r.Error = class, text
}
