package loadgen

import (
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/sim/mock"
)

// Every way to go wrong must be told from success and from the others.
func TestFaultClasses(t *testing.T) {
	for name, c := range map[string]struct {
		fault  mock.Fault
		class  Class
		text   string // part of Request.Error
		chunks int
	}{
		"none":        {mock.Fault{}, ClassOK, "", 10},
		"bad request": {mock.Fault{Kind: mock.Status, Code: 400, Body: `{"error":{"message":"too long"}}`}, ClassHTTP, "too long", 0},
		"unavailable": {mock.Fault{Kind: mock.Status, Code: 503}, ClassHTTP, "503 Service Unavailable", 0},
		"redirect":    {mock.Fault{Kind: mock.Status, Code: 302}, ClassHTTP, "302", 0},
		"reset":       {mock.Fault{Kind: mock.Reset}, ClassConnect, "closed the connection without an answer", 0},
		"hang":        {mock.Fault{Kind: mock.Hang}, ClassTimeout, "no answer within 1s", 0},
		"hang late":   {mock.Fault{Kind: mock.Hang, After: 3}, ClassTimeout, "after 3 chunks", 3},
		"error first": {mock.Fault{Kind: mock.ErrorEvent}, ClassStream, "EngineCore encountered an issue.", 0},
		"error late":  {mock.Fault{Kind: mock.ErrorEvent, After: 4}, ClassStream, "EngineCore encountered an issue.", 4},
		"cut":         {mock.Fault{Kind: mock.Cut, After: 2}, ClassTruncated, "after 2 chunks", 2},
		"no done":     {mock.Fault{Kind: mock.NoDone, After: 5}, ClassTruncated, "without [DONE]", 5},
		"empty":       {mock.Fault{Kind: mock.Empty}, ClassEmpty, "no token", 0},
		"early":       {mock.Fault{Kind: mock.Early, After: 8}, ClassTokens, "8 output tokens, 10 asked", 8},
		"early by 1":  {mock.Fault{Kind: mock.Early, After: 9}, ClassOK, "", 9},
		"not SSE":     {mock.Fault{Kind: mock.NotSSE}, ClassProtocol, "application/json", 0},
		"bad JSON":    {mock.Fault{Kind: mock.BadJSON, After: 1}, ClassProtocol, "not a JSON object", 1},
		"no usage":    {mock.Fault{Kind: mock.NoUsage}, ClassOK, "", 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, mock.Options{Fault: func(int) mock.Fault { return c.fault }})
			cfg := config(s, Arrivals{Kind: Throughput, Concurrency: 1})
			cfg.Requests, cfg.Timeout = 1, time.Second
			check := func(t *testing.T, r *Result) { checkFault(t, r, c.class, c.text, c.chunks) }
			t.Run("wire", func(t *testing.T) { check(t, mustRun(t, cfg)) })
			t.Run("net/http", func(t *testing.T) { check(t, overNetHTTP(t, cfg)) })
		})
	}
}

// overNetHTTP runs a load the way that TLS and other systems go.
func overNetHTTP(t *testing.T, cfg Config) *Result {
	t.Helper()
	r, err := prepare(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.client.close()
	if r.client.wire != nil {
		r.client.wire.Close()
		r.client.wire = nil
	}
	r.drive(t.Context())
	return r.result()
}

func checkFault(t *testing.T, r *Result, class Class, text string, chunks int) {
	t.Helper()
	q := r.Requests[0]
	if q.Class != class || !strings.Contains(q.Error, text) || q.Chunks != chunks {
		t.Errorf("class %s, %d chunks, %q; want %s, %d, %q", q.Class, q.Chunks, q.Error, class, chunks, text)
	}
	if (q.First >= 0) != (chunks > 0) || q.End < q.Sent || q.Sent < 0 {
		t.Errorf("times %+v", q)
	}
	ok := 0
	if class == ClassOK {
		ok = 1
	}
	if sum := Summarize(r, SummaryOptions{}); sum.Requests[ClassOK] != ok || sum.Metrics["error_rate"] != float64(1-ok) || int(r.WindowCompleted) != ok {
		t.Errorf("counts %v, error rate %v, completed %d", sum.Requests, sum.Metrics["error_rate"], r.WindowCompleted)
	}
	if class != ClassOK && (r.WindowTokens != 0 || !strings.Contains(notice.Join(r.Warnings), "("+string(class)+")")) {
		t.Errorf("tokens %d, warnings %q", r.WindowTokens, r.Warnings)
	}
}

// A server that dies is no reason to stop, nor to flood its port.
func TestServerDies(t *testing.T) {
	s := start(t, mock.Options{})
	cfg := config(s, Arrivals{Kind: Concurrency, Concurrency: 2})
	cfg.Duration = 1200 * time.Millisecond
	timer := time.AfterFunc(300*time.Millisecond, s.Close)
	defer timer.Stop()
	r := mustRun(t, cfg)
	got := classes(r)
	if got[ClassOK] == 0 || got[ClassConnect] == 0 || got[ClassConnect] > 30 {
		t.Errorf("classes %v: want successes, then some refused connections", got)
	}
}

func TestUnreachable(t *testing.T) {
	s := start(t, mock.Options{})
	cfg := config(s, Arrivals{Kind: Constant, Rate: 1})
	cfg.Requests = 1
	s.Close()
	r, err := Run(t.Context(), cfg)
	if r != nil || err == nil || !strings.Contains(err.Error(), "cannot reach "+s.URL+": connection refused") {
		t.Errorf("%v, %v", r, err)
	}
}

func TestRequestsCarryTheirFields(t *testing.T) {
	s := start(t, mock.Options{})
	cfg := config(s, Arrivals{Kind: Throughput})
	cfg.Requests, cfg.APIKey = 3, "secret"
	cfg.Headers = map[string]string{"X-Team": "a"}
	cfg.Body = map[string]any{"top_p": 0.5, "temperature": 0.7}
	mustRun(t, cfg)
	seen := s.Seen()
	if len(seen) != 3 {
		t.Fatalf("%d requests, want 3", len(seen))
	}
	for _, q := range seen {
		h, b := q.Header, q.Body
		if h.Get("Authorization") != "Bearer secret" || h.Get("X-Team") != "a" || h.Get("Accept-Encoding") != "" || h.Get("Content-Type") != "application/json" {
			t.Errorf("header %v", h)
		}
		usage, _ := b["stream_options"].(map[string]any)
		if b["model"] != "m" || b["stream"] != true || b["temperature"] != 0.7 || b["top_p"] != 0.5 ||
			b["ignore_eos"] != true || b["max_tokens"] != 10.0 || b["min_tokens"] != 10.0 || usage["include_usage"] != true {
			t.Errorf("body %v", b)
		}
	}
	if s.Peak() < 1 || s.Peak() > 3 {
		t.Errorf("peak %d", s.Peak())
	}
}
