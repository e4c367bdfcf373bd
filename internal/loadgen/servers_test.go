package loadgen

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/sim/mock"
)

const (
	tokenEvent = `data: {"choices":[{"index":0,"text":" a","finish_reason":null}]}` + "\n\n"
	endEvent   = `data: {"choices":[{"index":0,"text":"","finish_reason":"length"}]}` + "\n\n"
	usageEvent = `data: {"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":%d}}` + "\n\n"
	doneEvent  = "data: [DONE]\n\n"
)

// odd is a server that answers every request with the same bytes, and keeps
// the connection open or closes it.
func odd(t *testing.T, answer string, keep bool) *mock.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, r.Body)
					io.WriteString(conn, answer)
					if !keep {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return &mock.Server{URL: "http://" + l.Addr().String()}
}

func chunked(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(p), p)
	}
	return b.String() + "0\r\n"
}

// What servers do that the common one does not must leave the counts right,
// whichever client reads it.
func TestOddServers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	usage := func(n int) string { return fmt.Sprintf(usageEvent, n) }
	ten := strings.Repeat(tokenEvent, 10) + endEvent + usage(10) + doneEvent
	for name, c := range map[string]struct {
		answer         string
		keep           bool
		class          Class
		chunks, tokens int
	}{
		"content length":   {head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(ten)) + ten, true, ClassOK, 10, 10},
		"HTTP/1.0":         {strings.Replace(head, "1.1", "1.0", 1) + "\r\n" + ten, false, ClassOK, 10, 10},
		"until the close":  {head + "Connection: close\r\n\r\n" + ten, false, ClassOK, 10, 10},
		"trailers":         {head + "Transfer-Encoding: chunked\r\nTrailer: X-Took\r\n\r\n" + chunked(ten) + "X-Took: 1\r\n\r\n", true, ClassOK, 10, 10},
		"cut trailers":     {head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(ten), false, ClassOK, 10, 10},
		"role first":       {head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(`data: {"choices":[{"delta":{"role":"assistant","content":""}}]}`+"\n\n", ten) + "\r\n", true, ClassOK, 10, 10},
		"all in one chunk": {head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(tokenEvent+endEvent+usage(10)+doneEvent) + "\r\n", true, ClassOK, 1, 10},
		"usage says 0":     {head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(strings.Repeat(tokenEvent, 10)+endEvent+usage(0)+doneEvent) + "\r\n", true, ClassOK, 10, 10},
		"usage on the way": {head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(tokenEvent+usage(1), strings.Repeat(tokenEvent, 9), usage(10)+endEvent+doneEvent) + "\r\n", true, ClassOK, 10, 10},
		"given up":         {head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(strings.Repeat(tokenEvent, 10)+strings.Replace(endEvent, "length", "abort", 1)+usage(10)+doneEvent) + "\r\n", true, ClassStream, 10, 10},
		"cut in a chunk":   {head + "Transfer-Encoding: chunked\r\n\r\n" + "400\r\n" + strings.Repeat(tokenEvent, 3), false, ClassTruncated, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(odd(t, c.answer, c.keep), Arrivals{Kind: Throughput, Concurrency: 1})
			cfg.Requests, cfg.Timeout = 3, 5*time.Second
			check := func(t *testing.T, r *Result) {
				for i := range r.Requests {
					q := &r.Requests[i]
					if q.Class != c.class || q.Chunks != c.chunks || q.OutputTokens != c.tokens {
						t.Fatalf("class %s, %d chunks, %d tokens, %q; want %s, %d, %d", q.Class, q.Chunks, q.OutputTokens, q.Error, c.class, c.chunks, c.tokens)
					}
					if q.First < q.Sent || q.Last < q.First || q.End < q.Last {
						t.Fatalf("times %+v", q)
					}
				}
				if n := len(r.Requests); n != 3 {
					t.Errorf("%d requests, want 3", n)
				}
			}
			t.Run("wire", func(t *testing.T) { check(t, mustRun(t, cfg)) })
			t.Run("net/http", func(t *testing.T) { check(t, overNetHTTP(t, cfg)) })
		})
	}
}

// Tokens that come all at once do not show how fast they were made: 0 would be
// the best time per token of any configuration.
func TestAllAtOnceHasNoTPOT(t *testing.T) {
	r := &Result{WindowEnd: time.Second, Requests: []Request{{
		Phase: PhaseWindow, Class: ClassOK, First: 100 * ms, Last: 100 * ms, End: 100 * ms, Chunks: 1, OutputTokens: 10,
	}}}
	s := Summarize(r, SummaryOptions{Goodput: map[string]float64{"tpot": 1}})
	if _, has := s.Metrics["tpot_mean"]; has || s.Absent["tpot_mean"] == "" || s.Metrics["goodput"] != 0 {
		t.Errorf("tpot %v, %q, goodput %v", s.Metrics["tpot_mean"], s.Absent["tpot_mean"], s.Metrics["goodput"])
	}
}

func TestCheckRoom(t *testing.T) {
	for _, c := range []struct {
		a            Arrivals
		files, ports int
		want         string
	}{
		{Arrivals{Kind: Concurrency, Concurrency: 1000}, 1024, 28_000, "may open 1024 files"},
		{Arrivals{Kind: Concurrency, Concurrency: 900}, 1024, 28_000, ""},
		{Arrivals{Kind: Poisson, Rate: 1, MaxConcurrency: 1000}, 1024, 28_000, "may open 1024 files"},
		{Arrivals{Kind: Poisson, Rate: 1}, 1024, 28_000, ""},
		{Arrivals{Kind: Throughput, Concurrency: 30_000}, 0, 28_000, "28000 ports"},
		{Arrivals{Kind: Throughput, Concurrency: 30_000}, 0, 0, ""},
	} {
		cfg := Config{Arrivals: c.a}
		if err := cfg.checkRoom(c.files, c.ports); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.a, err, c.want)
		}
	}
	s := start(t, mock.Options{})
	cfg := config(s, Arrivals{Kind: Throughput})
	cfg.Requests = 100_000 // more than there are ports or files on any machine
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "100000 requests at a time") {
		t.Errorf("%v", err)
	}
}

// A name is looked up once: all connections go to the address that answered,
// while the server is asked for by its name.
func TestAddressIsSettled(t *testing.T) {
	host := make(chan string, 10)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host <- r.Host
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, strings.Repeat(tokenEvent, 10)+endEvent+fmt.Sprintf(usageEvent, 10)+doneEvent)
	})}
	go server.Serve(l)
	defer server.Close()
	port := l.Addr().(*net.TCPAddr).Port
	cfg := config(&mock.Server{URL: fmt.Sprintf("http://localhost:%d", port)}, Arrivals{Kind: Throughput, Concurrency: 1})
	cfg.Requests = 1
	for _, over := range []string{"wire", "net/http"} {
		r, err := prepare(t.Context(), &cfg)
		if err != nil {
			t.Fatal(err)
		}
		if want := l.Addr().String(); r.client.peer != want {
			t.Fatalf("peer %s, want %s", r.client.peer, want)
		}
		if over != "wire" && r.client.wire != nil {
			r.client.wire.Close()
			r.client.wire = nil
		}
		want := fmt.Sprintf("localhost:%d", port)
		if over != "wire" { // whoever looked the name up again would not find it
			want = fmt.Sprintf("nowhere.invalid:%d", port)
			r.client.url.Host = want
		}
		r.drive(t.Context())
		res := r.result()
		r.client.close()
		if got := classes(res); got[ClassOK] != 1 {
			t.Errorf("%s: %v %v", over, got, res.Requests[0].Error)
		}
		if got := <-host; got != want {
			t.Errorf("%s: asked for %s, want %s", over, got, want)
		}
	}
}
