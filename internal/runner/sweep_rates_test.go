package runner

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher/endpoint"
)

// Rates that cannot be found, although the server lives, are looked for again;
// then their load fails, and the run goes on with the others.
func TestRatesThatCannotBeFound(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
		case "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"m","max_model_len":4096}]}`)
		case "/v1/completions":
			http.Error(w, "try later", http.StatusTooManyRequests)
		case "/v1/chat/completions":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, `data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"length"}],"usage":{"prompt_tokens":8,"completion_tokens":1}}`+"\n\ndata: [DONE]\n\n")
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	b := newBench(t, fmt.Sprintf(`
version: 1
name: swept
server: {endpoint: %s}
loads:
  swept: {prompt_tokens: 8, output_tokens: 1, arrivals: {sweep: 3, max_concurrency: 4}, duration: 200ms}
  talk: {api: chat, prompt_tokens: 8, output_tokens: 1, arrivals: {constant: 50}, duration: 200ms}
trials: {repeat: 1, warmup: 100ms}
gates: {requeue: 0}
confirm: false
`, s.URL))
	d, err := rundir.Open(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	res, err := Run(t.Context(), Options{Experiment: b.e, Plan: b.plan, Dir: d, Observer: b.watch,
		LookupEnv: os.LookupEnv, Server: b.server(endpoint.New(s.URL))})
	if err != nil || res.Failed != 3 || res.OK+res.Invalid != 1 {
		t.Fatalf("result %+v, %v; want the three points of the sweep failed, the other load measured", res, err)
	}
	const last = "Attempt 3 of 3 to find the rates of load swept failed: " +
		"measure the synchronous rate: no request completed"
	if text := strings.Join(b.watch.messages, "\n"); !strings.Contains(text, last) {
		t.Errorf("messages %s", text)
	}
	for _, tr := range b.read().Trials {
		if tr.Outcome == rundir.OutcomeFailed && !notice.Has(tr.Reasons, "rates-not-found") {
			t.Errorf("reasons %q", tr.Reasons)
		}
	}
}
