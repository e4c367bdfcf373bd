// Package reference is the server that the load generator is measured against:
// part of the instrument, as a reference weight is part of a balance. It sends
// every chunk at a time that is known in advance, and tells how late it was
// itself; what the load generator reports beyond that is its own error. It
// answers completions and nothing else.
package reference

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
)

// Server is a running reference server. One goroutine writes every chunk of
// every stream when it is due.
type Server struct {
	URL string

	ttft, itl time.Duration
	listener  net.Listener
	wg        sync.WaitGroup
	quit      chan struct{}
	arrivals  chan *paced

	mu       sync.Mutex
	conns    map[net.Conn]bool
	requests []*paced

	late *hdrhistogram.Histogram // of each chunk, against its due time, ns
}

// Served is what the server did with a request, by the wall clock.
type Served struct {
	Arrived time.Time // in the kernel
	First   time.Time // right before its first chunk was written; zero: none was
}

// paced is a stream under way.
type paced struct {
	to         *socket
	start      time.Time // arrival of the request
	due        time.Time // of the next chunk
	first      time.Time // the first chunk was written
	sent, want int
}

// Start listens on a free port of 127.0.0.1. A request gets its first chunk
// ttft after it arrived in the kernel, and another every itl.
func Start(ttft, itl time.Duration) (*Server, error) {
	// Connections inherit the time stamps: what arrives before they are accepted
	// has one too. Where there are none, the time of the read must do.
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { timed.Ask(raw); return nil }}
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the reference server: %w", err)
	}
	p := &Server{
		URL: "http://" + l.Addr().String(), ttft: ttft, itl: itl, listener: l,
		quit: make(chan struct{}), arrivals: make(chan *paced, 1<<14), conns: map[net.Conn]bool{},
		late: hdrhistogram.New(1, int64(time.Hour), 3),
	}
	p.wg.Go(p.accept)
	p.wg.Go(p.pace)
	return p, nil
}

// Close ends all connections and waits for the server's goroutines.
func (p *Server) Close() {
	close(p.quit)
	p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// Late is the q-quantile of how much after its due time a chunk was written, to
// three digits; 0 when none was. It is known after Close.
func (p *Server) Late(q float64) time.Duration {
	return time.Duration(p.late.ValueAtQuantile(100 * q))
}

// Served lists the requests. It is known after Close.
func (p *Server) Served() []Served {
	list := make([]Served, 0, len(p.requests))
	for _, s := range p.requests {
		list = append(list, Served{Arrived: s.start, First: s.first})
	}
	return list
}

func (p *Server) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns[conn] = true
		p.mu.Unlock()
		p.wg.Go(func() {
			stamped, _ := timed.New(conn, true) // else the time of its read
			p.serve(stamped)
			conn.Close()
			p.mu.Lock()
			delete(p.conns, conn)
			p.mu.Unlock()
		})
	}
}

const pacedHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

// serve reads the requests of a connection.
func (p *Server) serve(conn *timed.Conn) {
	to, err := newSocket(conn.Conn)
	if err != nil {
		return
	}
	in := bufio.NewReaderSize(conn, 4<<10)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		// The request counts from its arrival, not from when this goroutine ran.
		arrived, _, _ := conn.Arrival()
		start := conn.Base().Add(arrived)
		want, err := maxTokens(body)
		if err != nil {
			fmt.Fprintf(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		s := &paced{to: to, start: start, due: start.Add(p.ttft), want: want}
		p.mu.Lock()
		p.requests = append(p.requests, s)
		p.mu.Unlock()
		select {
		case p.arrivals <- s:
		case <-p.quit:
			return
		}
	}
}

func maxTokens(body []byte) (int, error) {
	_, rest, found := bytes.Cut(body, []byte(`"max_tokens":`))
	if !found {
		return 0, errors.New("no max_tokens")
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	return strconv.Atoi(string(rest[:n]))
}

// pace writes what is due. Between it sleeps in the kernel, at most idle, since
// the timers of the Go runtime are exact to a millisecond only.
func (p *Server) pace() {
	const idle = 500 * time.Microsecond
	// Streams that wait for their first chunk all wait equally long, and so do
	// those that wait for a later one: whoever came first is due first.
	var fresh, running queue
	for {
		for taken := true; taken; {
			select {
			case s := <-p.arrivals:
				fresh.push(s)
			case <-p.quit:
				return
			default:
				taken = false
			}
		}
		wait := idle
		// Not without end: whoever arrives meanwhile has to be taken up.
		for range 64 {
			next := &running
			if running.empty() || !fresh.empty() && fresh.first().due.Before(running.first().due) {
				next = &fresh
			}
			if next.empty() {
				break
			}
			now := time.Now()
			if d := next.first().due.Sub(now); d > 0 {
				wait = min(idle, d)
				break
			}
			wait = 0
			if s := next.pop(); p.write(s, now) {
				running.push(s)
			}
		}
		if wait > 0 {
			timed.Sleep(wait)
		}
	}
}

// write sends the next chunk of a stream and reports whether more are to come.
func (p *Server) write(s *paced, now time.Time) bool {
	p.late.RecordValue(int64(max(now.Sub(s.due), 0))) // within an hour
	s.sent++
	out := pacedChunk
	if s.sent == 1 {
		s.first = now
		out = append([]byte(pacedHead), pacedChunk...)
	}
	if s.sent >= s.want {
		out = append(bytes.Clone(out), chunked(fmt.Sprintf(
			`data: {"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"reference","choices":[],"usage":{"prompt_tokens":0,"total_tokens":%d,"completion_tokens":%d}}`+"\n\ndata: [DONE]\n\n", s.sent, s.sent))...)
		out = append(out, "0\r\n\r\n"...)
	}
	if err := s.to.write(out); err != nil || s.sent >= s.want {
		return false
	}
	s.due = s.start.Add(p.ttft + time.Duration(s.sent)*p.itl)
	return true
}

var pacedChunk = chunked(`data: {"id":"cmpl-00000000000000000000000000000001","object":"text_completion","created":1700000000,"model":"reference","choices":[{"index":0,"text":" token","logprobs":null,"finish_reason":null,"stop_reason":null}],"usage":null}` + "\n\n")

// chunked frames one chunk of a chunked body.
func chunked(s string) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(s), s) }

// queue holds streams in the order in which they are due.
type queue struct {
	items []*paced
	head  int
}

func (q *queue) empty() bool   { return q.head == len(q.items) }
func (q *queue) first() *paced { return q.items[q.head] }
func (q *queue) push(s *paced) { q.items = append(q.items, s) }

func (q *queue) pop() *paced {
	s := q.items[q.head]
	if q.head++; q.head == 1<<12 { // the front is used again
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	return s
}
