package runner

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher/endpoint"
)

// A load that every configuration refuses ends the run at its first start, with
// the server's words and what to change; a resumed run does the same.
func TestALoadThatEveryConfigurationRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.Replace(small, "prompt_tokens: 64", "prompt_tokens: 5000", 1))
	for session := 1; session <= 2; session++ {
		res, err := b.run(t.Context())
		if !errors.Is(err, ErrRefused) || res.Failed != 2*session {
			t.Fatalf("session %d: result %+v, %v", session, res, err)
		}
		for _, want := range []string{"load chat", "maximum context length is 4096", "loads.chat", "max-model-len"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("session %d: %v: want %q", session, err, want)
			}
		}
		run := b.read()
		if len(run.Starts) != session {
			t.Errorf("session %d: %d starts", session, len(run.Starts))
		}
		for _, s := range run.Starts {
			if !s.Released || s.Stopped == nil {
				t.Errorf("session %d: the server of %s was left: %+v", session, s.ID, s)
			}
		}
		for _, tr := range run.Trials {
			if tr.Outcome != rundir.OutcomeFailed || !strings.Contains(tr.Refused, "maximum context length") || !strings.Contains(notice.Join(tr.Reasons), tr.Refused) {
				t.Errorf("session %d: %s: %s %q", session, tr.ID, tr.Outcome, tr.Reasons)
			}
		}
	}
}

// A refusal that is one configuration's own fails its trials of that load alone.
func TestALoadThatOneConfigurationRefuses(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(small, "max-num-seqs: [64, 8]", "max-model-len: [4096, 512]", 1)
	yaml = strings.Replace(yaml, "repeat: 2", "repeat: 1", 1)
	yaml = strings.Replace(yaml, "loads:\n", "loads:\n  long: {prompt_tokens: 600, output_tokens: 8, arrivals: {concurrency: 2}, requests: 20}\n", 1)
	b := newBench(t, yaml)
	res, err := b.run(t.Context())
	if err != nil || res.Failed != 1 || res.OK+res.Invalid != 5 {
		t.Fatalf("result %+v, %v\n%s", res, err, strings.Join(b.watch.messages, "\n"))
	}
	for _, tr := range b.read().Trials {
		point, _ := b.plan.LoadPoint(tr.LoadPoint)
		conf, _ := b.plan.Configuration(tr.Configuration)
		refused := point.Load == "long" && strings.Contains(conf.Label, "512")
		if refused != (tr.Refused != "") {
			t.Errorf("%s at %s: refused %q", conf.Label, point.Label, tr.Refused)
		}
	}
}

// Whatever kind of refusal it is, one start and no load are enough. What is no
// refusal is left to the load.
func TestKindsOfRefusal(t *testing.T) {
	event := func(data string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "data: %s\n\ndata: [DONE]\n\n", data)
		}
	}
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   []string // of the error; none: it is no refusal
	}{
		"vocabulary in the stream": {event(`{"error":{"message":"Token id 9992 is out of vocabulary","code":400}}`), []string{"Token id 9992 is out of vocabulary", "api: chat in loads.chat"}},
		"chat only":                {status(404, `{"detail":"Not Found"}`), []string{"POST /v1/completions: 404", "api: chat in loads.chat"}},
		"an option":                {status(400, `{"error":{"message":"Unrecognized request argument supplied: ignore_eos"}}`), []string{"ignore_eos: false in loads.chat"}},
		"a key":                    {status(403, `{"error":"Unauthorized"}`), []string{"server.api_key"}},
		"text only":                {status(422, `{"detail":"prompt: Input should be a valid string"}`), []string{"api: chat in loads.chat"}},
		"a web page":               {status(200, "<html>hello</html>"), []string{"a web page", "loads.chat"}},
		"not implemented":          {status(501, `{"error":{"message":"This server does not support completions"}}`), []string{"501", "api: chat in loads.chat"}},
		"overloaded":               {status(503, `{"error":{"message":"No available backend"}}`), nil},
		"too many":                 {status(429, `{"error":{"message":"slow down"}}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodGet && r.URL.Path == "/health":
				case r.Method == http.MethodGet && r.URL.Path == "/v1/models":
					fmt.Fprint(w, `{"data":[{"id":"m","max_model_len":4096}]}`)
				case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/v1/"):
					requests.Add(1)
					c.answer(w, r)
				default:
					http.NotFound(w, r)
				}
			}))
			defer s.Close()
			b := newBench(t, fmt.Sprintf(`
version: 1
name: refusal
server: {endpoint: {url: %s}, ready_timeout: 10s}
loads:
  chat: {prompt_tokens: 8, output_tokens: 4, arrivals: {concurrency: [1, 2]}, requests: 20, timeout: 5s}
trials: {repeat: 2, warmup: 0s}
gates: {requeue: 0}
`, s.URL))
			d, err := rundir.Open(b.dir)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			res, err := Run(t.Context(), Options{Experiment: b.e, Plan: b.plan, Dir: d, Observer: b.watch,
				LookupEnv: os.LookupEnv, Server: b.server(endpoint.New(s.URL))})
			if len(c.want) == 0 {
				if errors.Is(err, ErrRefused) || requests.Load() < 20 {
					t.Errorf("%v after %d requests, result %+v", err, requests.Load(), res)
				}
				return
			}
			if !errors.Is(err, ErrRefused) || requests.Load() >= 20 || len(b.read().Starts) != 1 {
				t.Fatalf("%v after %d requests, result %+v", err, requests.Load(), res)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v: want %q", err, want)
				}
			}
		})
	}
}

// Loads that send the same requests are asked for once.
func TestShapes(t *testing.T) {
	base := experiment.Load{Name: "a", API: "chat", Prompt: experiment.Lengths{Kind: experiment.Fixed, Mean: 9}}
	same := base
	same.Name, same.Arrivals.Kind, same.Requests = "b", experiment.Poisson, 7
	if shapeOf(base) != shapeOf(same) {
		t.Errorf("%s\n%s", shapeOf(base), shapeOf(same))
	}
	base.Prompt.Mean, same.Prompt.Mean = math.Inf(1), math.Inf(1) // JSON does not have it
	if shapeOf(base) == shapeOf(same) {
		t.Errorf("two loads of no known shape share %q", shapeOf(base))
	}
	base.Prompt.Mean = 9
	for name, change := range map[string]func(*experiment.Load){
		"api":     func(l *experiment.Load) { l.API = "completions" },
		"length":  func(l *experiment.Load) { l.Prompt.Mean = 10 },
		"options": func(l *experiment.Load) { l.Body = `{"top_k": 3}` },
		"headers": func(l *experiment.Load) { l.Headers = []experiment.Header{{Name: "X", Value: "y"}} },
		"dataset": func(l *experiment.Load) { l.Dataset = &experiment.Dataset{File: "f"} },
		"tool":    func(l *experiment.Load) { l.Benchmark = &experiment.Benchmark{Tool: experiment.ToolVLLM} },
	} {
		other := base
		change(&other)
		if shapeOf(base) == shapeOf(other) {
			t.Errorf("%s makes no difference", name)
		}
	}
}

// A first request that failed for a reason that may pass says nothing about the
// load: the configurations that refuse it can still end the run.
func TestAnOutageIsNoAnswer(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"m","max_model_len":4096}]}`)
		case r.Method == http.MethodGet:
		case down.Load():
			w.WriteHeader(http.StatusBadGateway)
		default:
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer s.Close()
	b := newBench(t, fmt.Sprintf(`
version: 1
name: outage
server: {endpoint: {url: %s}, ready_timeout: 10s}
loads:
  chat: {prompt_tokens: 8, output_tokens: 4, arrivals: {concurrency: 1}, requests: 4, timeout: 5s}
trials: {repeat: 2, warmup: 0s}
gates: {requeue: 0}
`, s.URL))
	d, err := rundir.Open(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	// The first start meets the outage, the second the refusal.
	_, err = Run(t.Context(), Options{Experiment: b.e, Plan: b.plan, Dir: d, Observer: b.watch, LookupEnv: os.LookupEnv,
		Server: b.server(endpoint.New(s.URL)), TrialDone: func(rundir.Trial) { down.Store(false) }})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("%v\n%s", err, strings.Join(b.watch.messages, "\n"))
	}
}
