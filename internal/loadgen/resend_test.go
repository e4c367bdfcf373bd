package loadgen

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
)

const (
	streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	tenTokens  = tokenEvent + tokenEvent + tokenEvent + tokenEvent + tokenEvent + tokenEvent + tokenEvent + tokenEvent + tokenEvent + tokenEvent
)

// whole is a complete answer of ten tokens.
var whole = streamHead + chunked(tenTokens+endEvent+fmt.Sprintf(usageEvent, 10)+doneEvent) + "\r\n"

// leaving is a server that leaves connections whenever its script says so.
type leaving struct {
	listener net.Listener
	tls      *tls.Config // nil: plain
	// script treats the n-th request of a connection, from 1, and reports
	// whether the connection goes on.
	script func(conn net.Conn, n int) bool

	mu    sync.Mutex
	seen  map[string]int // bodies
	conns int
	wg    sync.WaitGroup
}

func leave(t *testing.T, secure bool, script func(conn net.Conn, n int) bool) (*leaving, Config) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &leaving{listener: l, script: script, seen: map[string]int{}}
	cfg := config(&mock.Server{URL: "http://" + l.Addr().String()}, Arrivals{Kind: Concurrency, Concurrency: 1})
	if secure {
		made := httptest.NewUnstartedServer(nil) // for its certificate
		made.StartTLS()
		s.tls = &tls.Config{Certificates: made.TLS.Certificates}
		made.Close()
		cfg.BaseURL = "https://" + l.Addr().String()
		cfg.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); s.wg.Wait() })
	return s, cfg
}

func (s *leaving) serve(conn net.Conn) {
	defer conn.Close()
	if s.tls != nil {
		conn = tls.Server(conn, s.tls)
		defer conn.Close()
	}
	in := bufio.NewReader(conn)
	for n := 1; ; n++ {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.seen[string(body)]++; n == 1 {
			s.conns++
		}
		s.mu.Unlock()
		if !s.script(conn, n) {
			return
		}
	}
}

// ways are the transports: package wire, and package net/http plain and over TLS.
func ways(t *testing.T, check func(t *testing.T, secure bool, run func(Config) *Result)) {
	t.Run("wire", func(t *testing.T) { check(t, false, func(c Config) *Result { return mustRun(t, c) }) })
	t.Run("net/http", func(t *testing.T) { check(t, false, func(c Config) *Result { return overNetHTTP(t, c) }) })
	t.Run("TLS", func(t *testing.T) { check(t, true, func(c Config) *Result { return mustRun(t, c) }) })
}

// A server that closes kept connections whenever it likes (llama-server does so
// 10 to 40 µs after each answer) fails no request: each is answered, is
// sent twice at most, and what the first time took is part of its latency.
func TestServerClosesKeptConnections(t *testing.T) {
	const held = 20 * time.Millisecond
	ways(t, func(t *testing.T, secure bool, run func(Config) *Result) {
		var mu sync.Mutex
		draw := rand.New(rand.NewPCG(1, 2))
		random := func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return draw.IntN(n)
		}
		swallowed := 0
		s, cfg := leave(t, secure, func(conn net.Conn, n int) bool {
			switch how := random(6); {
			case n > 1 && how == 0: // took the request and goes
				time.Sleep(held)
				mu.Lock()
				swallowed++
				mu.Unlock()
				return false
			case how == 1:
				io.WriteString(conn, whole)
				return false
			case how == 2:
				io.WriteString(conn, whole)
				time.Sleep(time.Duration(random(200)) * time.Microsecond)
				return false
			}
			io.WriteString(conn, whole)
			return true
		})
		cfg.Arrivals.Concurrency, cfg.Requests, cfg.Limits = 4, 300, Shared()
		r := run(cfg)
		s.mu.Lock()
		defer s.mu.Unlock()
		if got := classes(r); got[ClassOK] != 300 {
			t.Errorf("%v, the first: %s", got, r.firstError(ClassConnect))
		}
		resent, late := 0, 0
		for i := range r.Requests {
			q := &r.Requests[i]
			if q.Phase != PhaseWindow {
				continue
			}
			if q.Scheduled != q.Sent || q.Ready > q.Sent && q.Ready != q.Sent || q.First < q.Sent || q.End < q.Last {
				t.Fatalf("times %+v", q)
			}
			if q.Resent {
				resent++
			}
			if q.Resent && q.TTFT() >= held {
				late++
			}
		}
		for body, n := range s.seen {
			if n > 2 {
				t.Errorf("%d times: %s", n, body)
			}
		}
		if swallowed == 0 || late < swallowed-4 || resent < late { // at most one a slot is of the tail
			t.Errorf("%d requests were swallowed, %d sent twice, %d of them with the time of the first", swallowed, resent, late)
		}
		if r.Client.Resent != resent || !slices.ContainsFunc(r.Warnings, notice.New("requests-resent", notice.Args{"n": notice.Count(resent)}).Equal) {
			t.Errorf("%d sent twice, booked %d, warnings %q", resent, r.Client.Resent, r.Warnings)
		}
		t.Logf("%d connections, %d swallowed, %d sent twice", s.conns, swallowed, resent)
	})
}

// What is not the end of a kept connection is a failure as ever, and is sent once.
func TestNothingElseIsSentTwice(t *testing.T) {
	say := func(text string) func(net.Conn) { return func(c net.Conn) { io.WriteString(c, text) } }
	quiet := func(net.Conn) {}
	for name, c := range map[string]struct {
		does   []func(net.Conn) // to each request; behind the last the connection is closed
		one    bool             // one request of the load, else two
		class  Class            // of the last request
		resent bool
		sent   int
	}{
		"a new connection":            {[]func(net.Conn){quiet}, true, ClassConnect, false, 1},
		"a kept one, and the new one": {[]func(net.Conn){say(whole), quiet, quiet}, false, ClassConnect, true, 3},
		"a byte came":                 {[]func(net.Conn){say(whole), say("H")}, false, ClassConnect, false, 2},
		"a head came":                 {[]func(net.Conn){say(whole), say(streamHead)}, false, ClassTruncated, false, 2},
		"a token came":                {[]func(net.Conn){say(whole), say(streamHead + fmt.Sprintf("%x\r\n%s\r\n", len(tokenEvent), tokenEvent))}, false, ClassTruncated, false, 2},
		"no HTTP":                     {[]func(net.Conn){say(whole), say("+PONG\r\n\r\n")}, false, ClassConnect, false, 2},
		"busy":                        {[]func(net.Conn){say(whole), say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")}, false, ClassHTTP, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			ways(t, func(t *testing.T, secure bool, run func(Config) *Result) {
				var mu sync.Mutex
				sent := 0
				_, cfg := leave(t, secure, func(conn net.Conn, n int) bool {
					mu.Lock()
					defer mu.Unlock()
					if sent++; sent <= len(c.does) {
						c.does[sent-1](conn)
					}
					return n == 1 && !c.one && sent == 1
				})
				cfg.Requests = 2
				if c.one {
					cfg.Requests = 1
				}
				cfg.Arrivals.Kind = Throughput
				r := run(cfg)
				q := r.Requests[len(r.Requests)-1]
				if q.Class != c.class || q.Resent != c.resent || sent != c.sent || len(r.Requests) != cfg.Requests {
					t.Errorf("%s (%s), resent %v, the server saw %d requests; want %s, %v, %d", q.Class, q.Error, q.Resent, sent, c.class, c.resent, c.sent)
				}
				if c.resent != (r.Client.Resent == 1) {
					t.Errorf("%d booked as sent twice", r.Client.Resent)
				}
			})
		})
	}
}

// HTTP/2 is not spoken, so that its ways to send a request back (GOAWAY,
// REFUSED_STREAM) cannot be met: not even with a server that offers it.
func TestNoHTTP2(t *testing.T) {
	protocol := make(chan string, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol <- r.Proto
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, tenTokens+endEvent+fmt.Sprintf(usageEvent, 10)+doneEvent)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quietLog()
	s.StartTLS()
	defer s.Close()
	cfg := config(&mock.Server{URL: s.URL}, Arrivals{Kind: Throughput, Concurrency: 1})
	cfg.TLS, cfg.Requests = &tls.Config{InsecureSkipVerify: true}, 2
	if got := classes(mustRun(t, cfg)); got[ClassOK] != 2 {
		t.Errorf("%v", got)
	}
	if p := <-protocol; p != "HTTP/1.1" {
		t.Errorf("spoke %s", p)
	}
}

// The questions that precede a load meet the same servers.
func TestQuestionsMeetTheEndOfKeptConnections(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	_, cfg := leave(t, false, func(conn net.Conn, n int) bool {
		mu.Lock()
		defer mu.Unlock()
		if asked++; n > 1 {
			return false
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"count\": 3}")
		return true
	})
	c, err := newClient(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.reach(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if n, err := (tokenizer{client: c, model: "m"}).text(t.Context(), "a b c"); err != nil || n != 3 {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if asked != 5 {
		t.Errorf("%d questions reached the server, want 5", asked)
	}
}
