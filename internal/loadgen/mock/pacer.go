package mock

import (
	"bufio"
	"bytes"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
)

// Pacer is the mock for measurements of speed: completions alone, no faults,
// and one goroutine that writes every chunk of every stream when it is due. It
// takes a fraction of the CPU time of Server and knows how late it was itself.
type Pacer struct {
	URL string

	ttft, itl time.Duration
	listener  net.Listener
	wg        sync.WaitGroup
	quit      chan struct{}
	arrivals  chan *paced

	mu    sync.Mutex
	conns map[net.Conn]bool
	late  []time.Duration // of each chunk, against its due time
}

// paced is a stream under way.
type paced struct {
	conn       net.Conn
	start      time.Time // arrival of the request
	due        time.Time // of the next chunk
	sent, want int
}

// StartPacer listens on a free port of 127.0.0.1.
func StartPacer(ttft, itl time.Duration) (*Pacer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start mock server: %w", err)
	}
	p := &Pacer{
		URL: "http://" + l.Addr().String(), ttft: ttft, itl: itl, listener: l,
		quit: make(chan struct{}), arrivals: make(chan *paced, 1<<14), conns: map[net.Conn]bool{},
	}
	p.wg.Go(p.accept)
	p.wg.Go(p.pace)
	return p, nil
}

// Close ends all connections and waits for the server's goroutines.
func (p *Pacer) Close() {
	close(p.quit)
	p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// Late is the q-quantile of how much after its due time a chunk was written;
// it is known after Close.
func (p *Pacer) Late(q float64) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.late) == 0 {
		return 0
	}
	slices.Sort(p.late)
	return p.late[int(q*float64(len(p.late)-1))]
}

func (p *Pacer) accept() {
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
func (p *Pacer) serve(conn *timed.Conn) {
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
		select {
		case p.arrivals <- &paced{conn: conn, start: start, due: start.Add(p.ttft), want: want}:
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
func (p *Pacer) pace() {
	const idle = 500 * time.Microsecond
	var streams byDue
	for {
		for taken := true; taken; {
			select {
			case s := <-p.arrivals:
				heap.Push(&streams, s)
			case <-p.quit:
				return
			default:
				taken = false
			}
		}
		wait := idle
		now := time.Now()
		for len(streams) > 0 {
			s := streams[0]
			if wait = min(idle, s.due.Sub(now)); wait > 0 {
				break
			}
			p.write(&streams, s, now)
			now = time.Now()
		}
		timed.Sleep(max(wait, time.Microsecond))
	}
}

// write sends the next chunk of the first stream and puts it in its new place.
func (p *Pacer) write(streams *byDue, s *paced, now time.Time) {
	p.late = append(p.late, now.Sub(s.due))
	s.sent++
	var out []byte
	switch {
	case s.sent == 1:
		out = append(append(make([]byte, 0, 512), pacedHead...), pacedChunk...)
	default:
		out = pacedChunk
	}
	if s.sent >= s.want {
		out = append(bytes.Clone(out), chunked(fmt.Sprintf(
			`data: {"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"mock","choices":[],"usage":{"prompt_tokens":0,"total_tokens":%d,"completion_tokens":%d}}`+"\n\ndata: [DONE]\n\n", s.sent, s.sent))...)
		out = append(out, "0\r\n\r\n"...)
	}
	_, err := s.conn.Write(out)
	if err != nil || s.sent >= s.want {
		heap.Pop(streams)
		return
	}
	s.due = s.start.Add(p.ttft + time.Duration(s.sent)*p.itl)
	heap.Fix(streams, 0)
}

var pacedChunk = chunked(`data: {"id":"cmpl-00000000000000000000000000000001","object":"text_completion","created":1700000000,"model":"mock","choices":[{"index":0,"text":" token","logprobs":null,"finish_reason":null,"stop_reason":null}],"usage":null}` + "\n\n")

// chunked frames one chunk of a chunked body.
func chunked(s string) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(s), s) }

// byDue is a heap of streams.
type byDue []*paced

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h byDue) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byDue) Push(x any)        { *h = append(*h, x.(*paced)) }
func (h *byDue) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
