package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen"
)

// spoken is one event of a recorded stream and when it is sent, counted from
// the arrival of the request.
type spoken struct {
	at   time.Duration
	data string
}

// replay is a server that answers every request with the same stream.
func replay(t *testing.T, stream []spoken) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived := time.Now()
		switch r.Method + " " + r.URL.Path {
		case "GET /v1/models":
			io.WriteString(w, `{"object":"list","data":[{"id":"tiny","object":"model"}]}`)
			return
		case "POST /v1/completions", "POST /v1/chat/completions":
		default:
			http.NotFound(w, r)
			return
		}
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, e := range stream {
			select {
			case <-time.After(time.Until(arrived.Add(e.at))):
			case <-r.Context().Done():
				return
			}
			fmt.Fprintf(w, "data: %s\n\n", e.data)
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// benched loads a server by `sweep bench` with one request at a time, and returns
// what it printed and the requests that it kept.
func benched(t *testing.T, url string, args ...string) (benchOutput, []loadgen.Request) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "requests.parquet")
	var out, errs bytes.Buffer
	code := Main(&System{
		Args: append([]string{"bench", url, "--concurrency", "1", "--warmup", "0s", "--shared-machine", "--json", "--save-requests", path}, args...), Stdout: &out, Stderr: &errs,
		LookupEnv: func(string) (string, bool) { return "", false }, Exit: func(int) {},
	})
	if code != 0 && code != exitSomeFailed { // a busy machine may make the client late
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var printed benchOutput
	if err := json.Unmarshal(out.Bytes(), &printed); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := loadgen.ReadParquet(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return printed, kept.Requests
}

// TestReplayedStreams loads a server that plays streams as vLLM 0.32 wrote them,
// with pauses that tell apart what is a token in time and what is none: chunks
// without text are, the role before them and the usage after them are not.
func TestReplayedStreams(t *testing.T) {
	const (
		role  = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1796075136,"model":"tiny","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null,"prompt_text":null}`
		delta = `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1796075136,"model":"tiny","choices":[{"index":0,"delta":{"content":"%s"},"logprobs":null,"finish_reason":null,"token_ids":null}]}`
		text  = `{"id":"cmpl-1","object":"text_completion","created":1796075136,"model":"tiny","choices":[{"index":0,"text":"%s","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}`
		usage = `{"id":"cmpl-1","object":"text_completion","created":1796075136,"model":"tiny","choices":[],"usage":{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d},"system_fingerprint":"vllm-0.32.0"}`
	)
	said := func(chunk, words string) string { return fmt.Sprintf(chunk, words) }
	ends := func(chunk string) string {
		return strings.Replace(said(chunk, ""), `"finish_reason":null`, `"finish_reason":"length"`, 1)
	}
	counted := func(prompt, tokens int) string { return fmt.Sprintf(usage, prompt, prompt+tokens, tokens) }
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		args   []string
		stream []spoken
		tokens []time.Duration // when each token comes
		prompt int
	}{
		"completions, the last five without text": {
			args: []string{"--prompt-tokens", "5", "--output-tokens", "8"},
			stream: []spoken{
				{100 * ms, said(text, " relative")}, {110 * ms, said(text, " relative")}, {120 * ms, said(text, " relative")},
				{150 * ms, said(text, "")}, {180 * ms, said(text, "")}, {220 * ms, said(text, "")}, {270 * ms, said(text, "")},
				{320 * ms, ends(text)}, {480 * ms, counted(5, 8)}, {500 * ms, "[DONE]"},
			},
			tokens: []time.Duration{100 * ms, 110 * ms, 120 * ms, 150 * ms, 180 * ms, 220 * ms, 270 * ms, 320 * ms},
			prompt: 5,
		},
		"chat, first and last without text": {
			args: []string{"--api", "chat", "--prompt-tokens", "12", "--output-tokens", "4"},
			stream: []spoken{
				{20 * ms, role}, {120 * ms, said(delta, "")}, {140 * ms, said(delta, " double")}, {180 * ms, said(delta, " flagSet")},
				{260 * ms, ends(delta)}, {420 * ms, counted(12, 4)}, {440 * ms, "[DONE]"},
			},
			tokens: []time.Duration{120 * ms, 140 * ms, 180 * ms, 260 * ms},
			prompt: 12,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 6
			out, requests := benched(t, replay(t, c.stream).URL, append(c.args, "--requests", fmt.Sprint(n))...)
			if out.Requests[loadgen.ClassOK] != n || out.Chunk != 1 || len(requests) != n {
				t.Fatalf("%v, %g tokens per chunk, %d requests kept, warnings %q", out.Requests, out.Chunk, len(requests), out.Warnings)
			}
			first, last := c.tokens[0], c.tokens[len(c.tokens)-1]
			const late = 15 * ms // of the timers of a busy machine, for the best of the requests
			near := func(what string, got, want time.Duration) {
				if got < want-late || got > want+late {
					t.Errorf("%s %s, want %s", what, got, want)
				}
			}
			ttft, e2e := time.Hour, time.Hour
			gaps := make([][]uint32, len(c.tokens)-1) // of each request, in µs
			for i := range requests {
				q := &requests[i]
				if q.Class != loadgen.ClassOK || q.OutputTokens != len(c.tokens) || q.Chunks != len(c.tokens) || q.PromptTokens != c.prompt || len(q.Gaps) != len(gaps) {
					t.Fatalf("%+v, want %d tokens in as many chunks", q, len(c.tokens))
				}
				if q.TTFTSent() < first || q.E2ESent() < last {
					t.Errorf("request %d: TTFT %s, E2E %s, before the server sent it", i, q.TTFTSent(), q.E2ESent())
				}
				ttft, e2e = min(ttft, q.TTFTSent()), min(e2e, q.E2ESent())
				for k, gap := range q.Gaps {
					gaps[k] = append(gaps[k], gap)
				}
				if tpot, ok := q.TPOT(); !ok || tpot != (q.Last-q.First)/time.Duration(len(gaps)) {
					t.Errorf("request %d: TPOT %s, want (%s - %s) / %d", i, tpot, q.Last, q.First, len(gaps))
				}
			}
			near("TTFT", ttft, first)
			near("E2E", e2e, last) // not the usage, which comes 160 ms later
			for k, of := range gaps {
				slices.Sort(of)
				near(fmt.Sprintf("median gap %d", k+1), time.Duration(of[n/2])*time.Microsecond, c.tokens[k+1]-c.tokens[k])
			}
			near("TPOT", time.Duration(out.Metrics["tpot_mean"]*1e9), (last-first)/time.Duration(len(gaps)))
			near("ITL", time.Duration(out.Metrics["itl_mean"]*1e9), (last-first)/time.Duration(len(gaps)))
			if got, want := out.Metrics["output_throughput"]*out.Window, float64(n*len(c.tokens)); math.Abs(got-want) > 0.01*want {
				t.Errorf("%g output tokens in the window, want %g", got, want)
			}
		})
	}
}
