package facts

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// worker is an engine that answers with a number of tokens and counts them.
type worker struct {
	requests, tokens atomic.Int64
	begun            float64 // Unix time; 0: not offered, as by llama.cpp
	histogram        bool
}

func (w *worker) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/metrics" {
		w.requests.Add(1)
		w.tokens.Add(8)
		return
	}
	fmt.Fprintf(rw, "# TYPE vllm:generation_tokens_total counter\nvllm:generation_tokens_total %d\n", w.tokens.Load())
	if n := w.requests.Load(); w.histogram {
		fmt.Fprintf(rw, "# TYPE vllm:e2e_request_latency_seconds histogram\nvllm:e2e_request_latency_seconds_bucket{le=\"+Inf\"} %d\n"+
			"vllm:e2e_request_latency_seconds_sum %d\nvllm:e2e_request_latency_seconds_count %d\n", n, n, n)
	}
	if w.begun > 0 {
		fmt.Fprintf(rw, "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %f\n", w.begun)
	}
}

// proxy sends requests to the workers by turns; the metrics too, or always the first's.
func proxy(t *testing.T, byTurns bool, workers ...*worker) string {
	t.Helper()
	var targets []*httputil.ReverseProxy
	for _, w := range workers {
		s := httptest.NewServer(w)
		t.Cleanup(s.Close)
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, httputil.NewSingleHostReverseProxy(u))
	}
	var loads, pages atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		next := loads.Add(1)
		if r.URL.Path == "/metrics" {
			loads.Add(-1)
			if next = 0; byTurns {
				next = pages.Add(1) - 1
			}
		}
		targets[int(next)%len(targets)].ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// The engine's figures count only if they are those of the load.
func TestEngineFiguresOfOneOfTwoWorkers(t *testing.T) {
	now := float64(time.Now().Unix())
	for name, tc := range map[string]struct {
		byTurns bool
		workers []*worker
		foreign int // requests of others, straight to the address, during the load
		failed  int // of the requests
		scrapes int // 0: 4
		want    string
	}{
		"one server":                                {workers: []*worker{{histogram: true, begun: now - 600}}},
		"one server, without histograms":            {workers: []*worker{{}}},
		"one server, some requests failed":          {workers: []*worker{{histogram: true}}, failed: 5},
		"the metrics of the first":                  {workers: []*worker{{histogram: true}, {histogram: true}}, want: "counted 10 requests, the client completed 20: its metrics are those of one of several workers"},
		"the metrics of the first, no histograms":   {workers: []*worker{{}, {}}, want: "counted 80 generated tokens, the client received 160: its metrics are those of one"},
		"metrics by turns":                          {byTurns: true, workers: []*worker{{begun: now - 900}, {begun: now - 600}}, want: "several servers answer by turns"},
		"metrics by turns, read twice":              {byTurns: true, scrapes: 2, workers: []*worker{{begun: now - 900}, {begun: now - 600}}, want: "several servers answer by turns"},
		"metrics by turns, the start is not known":  {byTurns: true, scrapes: 2, workers: []*worker{{}, {}}, want: "several servers answer by turns"},
		"others load the server too":                {workers: []*worker{{histogram: true}}, foreign: 20, want: "counted 40 requests, the client completed 20: others load it too"},
		"one request more, as a probe by a gateway": {workers: []*worker{{histogram: true}}, foreign: 1},
	} {
		t.Run(name, func(t *testing.T) {
			tc.workers[0].requests.Store(50) // of before
			tc.workers[0].tokens.Store(400)
			address := proxy(t, tc.byTurns, tc.workers...)
			var rec telemetry.Recorded
			scrape := func() {
				e, err := telemetry.ScrapeEngine(t.Context(), address)
				if err != nil {
					t.Fatal(err)
				}
				rec.Scrapes = append(rec.Scrapes, e)
			}
			scrape()
			load := &Load{Began: time.Now()}
			all, scrapes := 20+tc.foreign, max(2, tc.scrapes)
			if tc.scrapes == 0 {
				scrapes = 4
			}
			for i := range all {
				resp, err := http.Post(address+"/v1/completions", "application/json", strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if i < 20 {
					load.Sent++
				}
				if i < 20-tc.failed {
					load.Completed++
					load.Tokens += 8
				}
				if scrapes > 2 && i == all/2 {
					scrape()
					scrape()
				}
			}
			scrape()
			got := Derive(rec, Trial{From: load.Began, To: time.Now(), Load: load})
			switch {
			case tc.want == "" && (got.ServerAbsent != "" || got.Server == nil || got.Server.RestartedInWindow):
				t.Errorf("left out: %q, %+v", got.ServerAbsent, got.Server)
			case tc.want != "" && (got.Server != nil || !strings.Contains(got.ServerAbsent, tc.want)):
				t.Errorf("%q, %+v; want %q", got.ServerAbsent, got.Server, tc.want)
			}
		})
	}
}

// A server that really began anew under load is told as that.
func TestRestartIsNotASecondServer(t *testing.T) {
	start := time.Now()
	scrape := func(s int, begun time.Time, tokens float64) telemetry.Engine {
		return telemetry.Engine{At: start.Add(time.Duration(s) * time.Second), Values: map[string]float64{
			telemetry.GenerationTokens: tokens, telemetry.ProcessStart: float64(begun.UnixMilli()) / 1e3,
		}}
	}
	rec := telemetry.Recorded{Scrapes: []telemetry.Engine{
		scrape(0, start.Add(-time.Hour), 5000), scrape(30, start.Add(20*time.Second), 10), scrape(31, start.Add(20*time.Second), 40),
	}}
	got := Derive(rec, Trial{From: start, To: start.Add(31 * time.Second), Load: &Load{Began: start, Sent: 9, Completed: 6, Tokens: 90}})
	if got.ServerAbsent != "" || got.Server == nil || !got.Server.RestartedInWindow {
		t.Errorf("%q, %+v", got.ServerAbsent, got.Server)
	}
}
