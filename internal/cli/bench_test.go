package cli

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Whatever is wrong with a server: one line that names the cause, perhaps a
// hint, exit code 1, and nothing that hangs.
func TestBenchNamesWhatIsWrong(t *testing.T) {
	models := `{"data":[{"id":"m"}]}`
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		args    []string
		want    string
		hint    string
	}{
		"wants a key": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			io.WriteString(w, `{"error":"Unauthorized"}`)
		}, nil, "refuses the API key, or wants one: GET /v1/models answered 401 Unauthorized: Unauthorized", "--api-key-env"},
		"wrong key": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"error":{"message":"not %s"}}`, r.Header.Get("Authorization"))
		}, []string{"--api-key-env", "THE_KEY"}, "401 Unauthorized: not Bearer [redacted]", "--api-key-env"},
		"wrong model": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(404)
			io.WriteString(w, "{\"error\":{\"message\":\"The model `x` does not exist.\"}}")
		}, []string{"--model", "x"}, "POST /v1/completions: 404 Not Found: The model `x` does not exist.", "--model"},
		"web page": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<html><title>nginx</title></html>")
		}, nil, `does not speak the OpenAI API: GET /v1/models: no list of models but content type "text/html": a web page titled "nginx"`, ""},
		"page for a stream": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			if r.URL.Path == "/v1/models" {
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, models)
				return
			}
			io.WriteString(w, "<html><title>Blocked</title></html>")
		}, nil, `POST /v1/completions: not an event stream but content type "text/html": a web page titled "Blocked"`, ""},
		"compressed": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Type", "text/event-stream")
			z := gzip.NewWriter(w)
			io.WriteString(z, "data: [DONE]\n\n")
			z.Close()
		}, []string{"--model", "m"}, "the answer is compressed (gzip), though nobody asked for it", ""},
		"whole answer": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"choices":[{"text":"all at once"}]}`)
		}, []string{"--model", "m"}, `not an event stream but content type "application/json"`, ""},
		"never answers": {func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, []string{"--model", "m", "--timeout", "300ms"}, "does not answer: POST /v1/completions: no answer within 300ms", "server's log"},
		"empty stream": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
		}, []string{"--model", "m"}, "no token in the stream", ""},
		"chat only": {func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/v1/models":
				io.WriteString(w, models)
			case "/v1/chat/completions":
				w.Header().Set("Content-Type", "text/event-stream")
				io.WriteString(w, `data: {"choices":[{"delta":{"content":"a"},"finish_reason":"length"}]}`+"\n\ndata: [DONE]\n\n")
			default:
				w.WriteHeader(404)
				io.WriteString(w, `{"detail":"Not Found"}`)
			}
		}, nil, "chat requests work (api: chat). POST /v1/completions: 404 Not Found", "--api chat"},
		"text only": {func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.URL.Path == "/v1/chat/completions" || bytes.Contains(body, []byte(`"prompt":[`)) {
				w.WriteHeader(400)
				io.WriteString(w, `{"error":{"message":"prompt: input should be a valid string"}}`)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, `data: {"choices":[{"text":"a","finish_reason":"length"}]}`+"\n\ndata: [DONE]\n\n")
		}, []string{"--model", "m"}, "takes prompts as text only, not as token IDs; a dataset of prompts works.", "--dataset"},
		"no model": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"data":[]}`)
		}, nil, "lists no model: name one with --model", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(c.handler)
			defer s.Close()
			var out, errs bytes.Buffer
			begun := time.Now()
			code := Main(&System{
				Args: append([]string{"bench", s.URL, "--duration", "1s", "--warmup", "0s"}, c.args...), Stdout: &out, Stderr: &errs,
				LookupEnv: func(name string) (string, bool) { return "sk-secret", name == "THE_KEY" },
				Exit:      func(int) {},
			})
			lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
			if code != exitFailed || out.Len() > 0 || time.Since(begun) > 20*time.Second {
				t.Errorf("exit code %d after %s, stdout %q", code, time.Since(begun), out.String())
			}
			if !strings.HasPrefix(lines[0], "sweep: "+s.URL) || !strings.Contains(lines[0], c.want) || len(lines) > 2 {
				t.Errorf("stderr %q, want %q", errs.String(), c.want)
			}
			if (len(lines) == 2) != (c.hint != "") || len(lines) == 2 && !strings.Contains(lines[1], c.hint) {
				t.Errorf("hint %q, want %q", lines[1:], c.hint)
			}
			for _, raw := range []string{"dial tcp", "context deadline", "EOF", "sk-secret", "json:", "invalid character"} {
				if strings.Contains(errs.String(), raw) {
					t.Errorf("stderr holds %q: %s", raw, errs.String())
				}
			}
		})
	}
}
