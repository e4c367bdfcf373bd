package loadgen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
	"github.com/vllm-sweep/sweep/internal/loadgen/wire"
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
	root      string // path before /v1
	peer      string // address of the server that reach found
	idle      int    // connections kept for reuse
	header    http.Header
	head      []byte          // of every request, but for the length
	wire      *wire.Client    // plain HTTP on Linux; nil: transport
	transport *http.Transport // TLS, other systems, and questions besides the load
	fresh     *http.Transport // the same, over new connections alone
	timeout   time.Duration
	exact     bool      // outputs must have the length asked for
	start     time.Time // offset 0
	buffers   sync.Pool

	lastToken atomic.Int64 // offset of the newest token of any stream, nanoseconds

	readLags  lags // arrival in the kernel to the read, of reads inside the window
	writeLags lags // connection ready to the first byte written, of requests inside the window
	handovers lags // end of an answer to the slot's next request being taken up, of closed loops inside the window

	slow   atomic.Int64 // connections that took longer than slowConnect to make
	unable atomic.Int64 // requests that this machine had no connection for
	gaps   gaps         // between chunks, inside the window

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
		root:    strings.TrimSuffix(u.Path, path),
		header:  headers(c),
		timeout: c.timeout(),
		exact:   c.IgnoreEOS,
		idle:    c.connections(),
		head:    requestHead(u.Host, u.RequestURI(), headers(c)),
		buffers: sync.Pool{New: func() any { b := make([]byte, scratch); return &b }},
	}
	if u.Scheme != "http" {
		l.unstamped(errors.New("they are inside TLS records"))
	}
	l.transport = l.newTransport()
	l.transport.TLSClientConfig = c.TLS
	l.fresh = l.transport.Clone()
	l.fresh.MaxIdleConnsPerHost = -1 // none is kept
	return l, nil
}

// openWire makes the client of plain HTTP, where the system has what it needs.
func (c *client) openWire() (err error) {
	c.wire, err = wire.New(wire.Options{
		Address: c.peer, DialTimeout: dialTimeout, IdleTimeout: idleTimeout, MaxIdle: c.idle,
	})
	if errors.Is(err, wire.ErrUnsupported) {
		return nil
	}
	return err
}

// close ends the connections.
func (c *client) close() {
	c.transport.CloseIdleConnections()
	if c.wire != nil {
		c.wire.Close()
	}
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
// compression or proxy.
func (c *client) newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         c.dial,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
		DisableCompression:  true,
		MaxIdleConns:        0,
		MaxIdleConnsPerHost: c.idle,
		IdleConnTimeout:     idleTimeout,
		TLSHandshakeTimeout: dialTimeout,
		ReadBufferSize:      readBuffer,
	}
}

// dial connects to the server that reach found, with kernel time stamps but for TLS.
func (c *client) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, network, c.peer)
	if err != nil {
		return nil, err
	}
	timedConn, why := timed.New(conn, c.url.Scheme == "http")
	if why != nil {
		c.unstamped(why)
	}
	return timedConn, nil
}

func (c *client) now() time.Duration { return time.Since(c.start) }

// do sends one request and fills in its record. It returns when the response
// has been read to its end, or failed.
func (c *client) do(ctx context.Context, j *job, rec *Request) {
	reqCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	s := response{client: c, rec: rec, keep: j.keep}
	rec.Sent = c.now()
	err := boundary.Guard("the server's answer", func() error {
		if c.wire != nil {
			return c.overWire(reqCtx, j.body, &s)
		}
		return c.overHTTP(reqCtx, j.body, &s)
	})
	rec.End = c.now()
	if err == nil && s.ended > 0 { // the delay of this goroutine is no time of the server
		rec.End = max(s.ended, rec.Last, rec.Sent)
	}
	var fault *boundary.PanicError
	switch {
	case errors.As(err, &fault):
		rec.fail(ClassProtocol, fault.Error())
	case rec.Status == 0:
		class, text := interruption(ctx, reqCtx, ClassConnect), cause(err)
		if class == ClassConnect && ownFault(err) {
			c.unable.Add(1)
		}
		if class == ClassTimeout {
			text = fmt.Sprintf("no answer within %s", c.timeout)
		}
		rec.fail(class, text)
	case s.refused != "":
		if said := excerptOf(s.body); said != "" {
			s.what += ": " + said
		}
		rec.fail(s.refused, s.what)
	default:
		s.judge(err, interruption(ctx, reqCtx, ClassTruncated), c.exact)
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
