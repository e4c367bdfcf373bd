package runner

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher/endpoint"
	"github.com/vllm-sweep/sweep/matrix"
)

const kinds = `
version: 1
name: kinds
server:
  model: Qwen/Qwen2.5-0.5B-Instruct
  flags: {max-num-seqs: 64, max-model-len: 4096}
  simulated: {}
  ready_timeout: 30s
  stop_timeout: 5s
loads:
  gamma: {prompt_tokens: 64, output_tokens: 4, arrivals: {gamma: {rate: 40, burstiness: 0.5}}, duration: 500ms}
  ramp: {prompt_tokens: 64, output_tokens: 4, arrivals: {ramp: {from: 20, to: 60}}, duration: 500ms}
  trace: {arrivals: {trace: {file: TRACE, format: mooncake, speed: 4}}, max_tokens: 5}
  prefix: {prompt_tokens: 200, output_tokens: 4, prefix: {tokens: 160}, arrivals: {constant: 40}, duration: 500ms, body: {top_p: 0.90}}
  dataset: {api: chat, dataset: {file: DATASET}, arrivals: {constant: 40}, duration: 500ms, min_tokens: 2, max_tokens: 6}
  sessions:
    api: chat
    prompt_tokens: 100
    output_tokens: 8
    sessions: {turns: 3, think_time: 20ms, follow_up_tokens: 20}
    arrivals: {concurrency: 4}
    duration: 700ms
trials: {repeat: 1, warmup: 100ms}
gates: {requeue: 0}
confirm: false
`

// Every kind of load that the file can name reaches the server as it says.
func TestLoadsOfTheFileReachTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trace, dataset := filepath.Join(dir, "trace.jsonl"), filepath.Join(dir, "prompts.json")
	var rows strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rows, `{"timestamp": %d, "input_length": 1100, "output_length": 50, "hash_ids": [1, 2, %d]}`+"\n", 100*i, i+10)
	}
	var turns []string
	for i := range 30 {
		turns = append(turns, fmt.Sprintf(`{"conversations":[{"from":"human","value":"question %d"},{"from":"gpt","value":"%s"}]}`, i, strings.Repeat("word ", i+1)))
	}
	if err := os.WriteFile(trace, []byte(rows.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dataset, []byte("["+strings.Join(turns, ",")+"]"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, strings.NewReplacer("TRACE", trace, "DATASET", dataset).Replace(kinds))
	res, err := b.run(t.Context())
	if err != nil || res.OK+res.Invalid != 6 {
		t.Fatalf("%v, %+v\n%s", err, res, strings.Join(b.watch.messages, "\n"))
	}
	labels := map[string]string{"sessions": loadgen.LabelClosedSessions}
	for _, tr := range b.read().Trials {
		cell, _ := b.plan.Cell(tr.Cell)
		point, _ := b.plan.LoadPoint(cell.LoadPoint)
		want := labels[point.Load]
		if want == "" {
			want = loadgen.LabelOpen
		}
		if tr.LoadLabel != want || tr.Requests["ok"] < 8 || tr.TokensPerChunk < 1 || tr.TokensPerChunk > 2 || !tr.Client.SharedLimits {
			t.Errorf("%s: label %q, requests %v, %v tokens a chunk, %q", point.Label, tr.LoadLabel, tr.Requests, tr.TokensPerChunk, tr.Warnings)
		}
		requests := records(t, filepath.Join(b.dir, "trials", tr.ID, "requests.parquet"))
		hits := 0.0
		if tr.Engine != nil && tr.Engine.PrefixCacheHits != nil {
			hits = *tr.Engine.PrefixCacheHits
		}
		shared := map[string]float64{"trace": 512, "prefix": 128, "sessions": 64}[point.Load] * float64(len(requests)) / 2
		if hits < shared || shared == 0 && point.Load != "dataset" && hits > 0 {
			t.Errorf("%s: %v of %d requests' prompt tokens came from the prefix cache, want at least %v", point.Label, hits, len(requests), shared)
		}
		deepest := 0
		for _, q := range requests {
			deepest = max(deepest, q.Turn)
			switch {
			case point.Load == "trace" && (q.PromptTokens != 1100 || q.OutputAsked != 5):
				t.Fatalf("trace: %+v", q)
			case point.Load == "dataset" && (q.OutputAsked < 2 || q.OutputAsked > 6):
				t.Fatalf("dataset asked for %d tokens", q.OutputAsked)
			case point.Load == "sessions" && q.Class == loadgen.ClassOK && q.PromptTokens < 85+(q.Turn-1)*20:
				t.Fatalf("turn %d has %d prompt tokens: it does not hold the conversation", q.Turn, q.PromptTokens)
			}
		}
		if want := map[string]int{"sessions": 3}[point.Load]; deepest != want {
			t.Errorf("%s: up to %d turns, want %d", point.Label, deepest, want)
		}
	}
}

func records(t *testing.T, path string) []loadgen.Request {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := loadgen.ReadParquet(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return r.Requests
}

// Points above one that saturated the server are not run, and are no failures.
func TestLadderStops(t *testing.T) {
	b := newBench(t, `
version: 1
name: ladder
server:
  model: Qwen/Qwen2.5-0.5B-Instruct
  flags: {max-num-seqs: 1, max-model-len: 4096}
  simulated: {}
  ready_timeout: 30s
  stop_timeout: 5s
loads:
  chat: {prompt_tokens: 64, output_tokens: 32, arrivals: {constant: [2, 300, 400, 500]}, duration: 600ms, timeout: 10s, stop_when_saturated: true}
trials: {repeat: 2, warmup: 200ms, seed: 7}
confirm: false
`)
	res, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res.Skipped != 4 || res.Finished() != 8 {
		t.Errorf("%+v\n%s", res, strings.Join(b.watch.messages, "\n"))
	}
	for _, tr := range b.read().Trials {
		cell, _ := b.plan.Cell(tr.Cell)
		point, _ := b.plan.LoadPoint(cell.LoadPoint)
		skipped := tr.Outcome == rundir.OutcomeSkipped
		if skipped != (point.Value > 300) || tr.Saturated != (point.Value == 300) {
			t.Errorf("%s: %s, saturated %v: %q", point.Label, tr.Outcome, tr.Saturated, tr.Warnings)
		}
		if skipped && !tr.Reasons[0].Equal(notice.New("lower-point-saturated", notice.Args{"point": notice.Text("chat constant 300/s")})) {
			t.Errorf("reasons %q", tr.Reasons)
		}
	}
	again, err := b.run(t.Context())
	if err != nil || again != res {
		t.Errorf("%v, %+v after %+v: a skipped trial was taken up again", err, again, res)
	}
}

// A header from the environment reaches the server and nothing that is kept,
// not even where the server repeats it.
func TestHeaderSecretsAreNotRecorded(t *testing.T) {
	const secret, key = "hush-hush-4711", "sk-quiet-0815"
	t.Setenv("TEST_GATEWAY_TOKEN", secret)
	t.Setenv("TEST_API_KEY", key)
	var mu sync.Mutex
	seen := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
		case "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"m","max_model_len":4096}]}`)
		case "/v1/completions":
			mu.Lock()
			seen[r.Header.Get("X-Gateway-Token")+" "+r.Header.Get("X-Tenant")+" "+r.Header.Get("Authorization")]++
			mu.Unlock()
			w.WriteHeader(503) // a 403 would end the run before its load
			fmt.Fprintf(w, `{"error":{"message":"%s and %s may not"}}`, r.Header.Get("X-Gateway-Token"), r.Header.Get("Authorization"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	yaml := fmt.Sprintf(`
version: 1
name: secrets
server: {endpoint: %s, api_key: {from_env: TEST_API_KEY}}
loads:
  chat:
    prompt_tokens: 8
    output_tokens: 8
    headers: {X-Gateway-Token: {from_env: TEST_GATEWAY_TOKEN}, X-Tenant: blue}
    arrivals: {constant: 20}
    duration: 300ms
trials: {repeat: 1, warmup: 100ms}
gates: {requeue: 0}
`, s.URL)
	b := newBench(t, yaml)
	d, err := rundir.Open(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	res, err := Run(t.Context(), Options{Experiment: b.e, Plan: b.plan, Dir: d, Observer: b.watch,
		LookupEnv: os.LookupEnv, Server: b.server(endpoint.New(s.URL))})
	d.Close()
	if err != nil || res.Failed != 1 {
		t.Fatalf("%v %+v", err, res)
	}
	if n := seen[secret+" blue Bearer "+key]; n < 6 || len(seen) != 1 {
		t.Errorf("the server saw %v", seen)
	}
	kept := strings.Join(b.watch.messages, "\n")
	filepath.WalkDir(b.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kept += string(raw)
		if filepath.Base(path) == "requests.parquet" {
			for _, q := range records(t, path) {
				kept += q.Error
			}
		}
		return nil
	})
	if strings.Contains(kept, secret) || strings.Contains(kept, key) {
		t.Error("a secret was kept")
	}
	if !strings.Contains(kept, "[redacted] and Bearer [redacted] may not") || !strings.Contains(kept, "TEST_GATEWAY_TOKEN") {
		t.Errorf("the cause is not told: %.2000s", kept)
	}
	// A variable that is not set is told before anything starts.
	os.Unsetenv("TEST_GATEWAY_TOKEN")
	if err := CheckHeaders(b.e.Loads, os.LookupEnv); err == nil || !strings.Contains(err.Error(), "TEST_GATEWAY_TOKEN") {
		t.Errorf("%v", err)
	}
}

// A file that changes between the check and the run is refused.
func TestChangedTraceIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	write := func(rows string) {
		if err := os.WriteFile(path, []byte(rows), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"timestamp": 0, "input_length": 10, "output_length": 5}` + "\n" + `{"timestamp": 60000, "input_length": 10, "output_length": 5}`)
	e, ds := experiment.Parse("x.yaml", []byte("version: 1\nname: x\nserver: {model: m, simulated: {}}\nloads:\n  t: {arrivals: {trace: {file: "+path+", format: mooncake}}}\n"))
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	p, err := matrix.New(e)
	if err != nil {
		t.Fatal(err)
	}
	if p.Estimate.Measuring < time.Minute {
		t.Errorf("measuring %s", p.Estimate.Measuring)
	}
	if _, err := gather(e.Loads, os.LookupEnv); err != nil {
		t.Error(err)
	}
	write(`{"timestamp": 0, "input_length": 11, "output_length": 5}`)
	if _, err := gather(e.Loads, os.LookupEnv); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("%v", err)
	}
}

// An endpoint over TLS is probed, watched and loaded by its own trust.
func TestEndpointOverTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
		case "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"m","max_model_len":4096}]}`)
		case "/metrics":
			fmt.Fprint(w, "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running 1\n")
		case "/v1/completions":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, `data: {"choices":[{"index":0,"text":"a","finish_reason":"length"}],"usage":{"prompt_tokens":8,"completion_tokens":1}}`+"\n\ndata: [DONE]\n\n")
		default:
			http.NotFound(w, r)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, fmt.Sprintf(`
version: 1
name: tls
server: {endpoint: {url: %s, tls: {ca: %s}}, ready_timeout: 10s}
loads:
  chat: {prompt_tokens: 8, output_tokens: 1, arrivals: {concurrency: 2}, requests: 20}
trials: {repeat: 1, warmup: 100ms}
gates: {requeue: 0}
`, s.URL, ca))
	d, err := rundir.Open(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	res, err := Run(t.Context(), Options{Experiment: b.e, Plan: b.plan, Dir: d, Observer: b.watch,
		LookupEnv: os.LookupEnv, Server: b.server(endpoint.New(s.URL))})
	if err != nil || res.OK+res.Invalid != 1 {
		t.Fatalf("%v %+v\n%s", err, res, strings.Join(b.watch.messages, "\n"))
	}
	if tr := b.read().Trials[0]; tr.Requests["ok"] != 20 || tr.Client.StampSource != loadgen.StampUser {
		t.Errorf("requests %v, %+v", tr.Requests, tr.Client)
	}
}
