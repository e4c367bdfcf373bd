package loadgen

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/sim/mock"
)

// answering is a server with one answer for everything.
func answering(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quietLog()
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func probeConfig(url string) Config {
	return Config{
		BaseURL: url, Model: "m", API: Completions, Arrivals: Arrivals{Kind: Concurrency, Concurrency: 1}, Requests: 1,
		Prompt: Lengths{Kind: Fixed, Mean: 5}, Output: Lengths{Kind: Fixed, Mean: 5}, IgnoreEOS: true,
	}
}

// Whatever is wrong with a server shows before any load, in one line without
// Go's words.
func TestProbe(t *testing.T) {
	vllm404 := `{"error":{"message":"The model ` + "`m`" + ` does not exist.","type":"NotFoundError","param":"model","code":404}}`
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string // of the error
		models  string // of the error of Models, "" for the same
	}{
		"wrong model": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			io.WriteString(w, vllm404)
		}, "404 Not Found: The model `m` does not exist.", ""},
		"no key": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			io.WriteString(w, `{"error":"Unauthorized"}`)
		}, "refuses the API key, or wants one: ", ""},
		"page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<!doctype html><html><head><title>Welcome &amp; hello</title></head><body>"+strings.Repeat("x", 5000))
		}, `content type "text/html": a web page titled "Welcome & hello"`, ""},
		"compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, "data: [DONE]\n\n")
			z.Close()
		}, "the answer is compressed (gzip), though nobody asked for it", ""},
		"silent": {func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // else the server does not notice that the client left
			<-r.Context().Done()
		}, "does not answer: POST /v1/completions: no answer within 300ms", "does not answer: GET /v1/models: no answer within 300ms"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"the server closed the connection without an answer", ""},
		"plain": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }, `content type "text/plain; charset=utf-8": ok`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := answering(t, c.handler)
			check := func(route string, err error, want string) {
				t.Helper()
				if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), s.URL) {
					t.Errorf("%s: %v, want %q", route, err, want)
				}
				for _, raw := range []string{"dial tcp", "context deadline", "EOF", "\n", "net/http", "json:"} {
					if err != nil && strings.Contains(err.Error(), raw) {
						t.Errorf("%s: Go's own words: %v", route, err)
					}
				}
			}
			limit := 20 * time.Second
			if c.models != "" { // the one that is waited for in vain
				limit = 300 * time.Millisecond
			}
			check("completions", Probe(t.Context(), probeConfig(s.URL), limit), c.want)
			_, err := Models(t.Context(), probeConfig(s.URL), limit)
			want := c.want
			if c.models != "" {
				want = c.models
			}
			check("models", err, want)
		})
	}
}

// A server that takes connections and never speaks, one that speaks something
// else, and names and ports that lead nowhere.
func TestProbeBelowHTTP(t *testing.T) {
	listen := func(talk func(net.Conn)) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			var conns []net.Conn
			for {
				conn, err := l.Accept()
				if err != nil {
					break
				}
				conns = append(conns, conn)
				talk(conn)
			}
			for _, conn := range conns {
				conn.Close()
			}
		}()
		t.Cleanup(func() { l.Close(); <-done })
		return l.Addr().String()
	}
	mute := listen(func(net.Conn) {})
	other := listen(func(c net.Conn) { io.WriteString(c, "220 mail ready\r\n\r\n"); c.Close() })
	for url, want := range map[string]string{
		"http://" + mute:              "no answer within 200ms",
		"http://" + other:             "does not speak HTTP",
		"https://" + other:            "it does not speak TLS: the address should begin with http://",
		"http://no-such-host.invalid": "cannot resolve host no-such-host.invalid",
		"http://127.0.0.1:1":          "connection refused: nothing listens there",
	} {
		limit := 20 * time.Second
		if strings.HasSuffix(url, mute) {
			limit = 200 * time.Millisecond
		}
		err := Probe(t.Context(), probeConfig(url), limit)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

func TestProbePasses(t *testing.T) {
	s := start(t, mock.Options{})
	for _, api := range []API{Completions, Chat} {
		c := probeConfig(s.URL)
		c.API = api
		if err := Probe(t.Context(), c, 0); err != nil {
			t.Error(err)
		}
	}
	if n := len(s.Seen()); n != 2 || s.Seen()[0].MaxTokens != probeTokens {
		t.Errorf("%d requests, the first for %d tokens", n, s.Seen()[0].MaxTokens)
	}
}

// TLS: an unknown authority is named, its CA or the waiver makes it work, a
// client certificate is asked for and given.
func TestTLS(t *testing.T) {
	var client string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client = fmt.Sprint(len(r.TLS.PeerCertificates))
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, `data: {"choices":[{"index":0,"text":"a","finish_reason":"length"}],"usage":{"prompt_tokens":16,"completion_tokens":2}}`+"\n\ndata: [DONE]\n\n")
	}))
	s.Config.ErrorLog = quietLog()
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c := probeConfig(s.URL)
	for _, step := range []struct {
		name, want string
		tls        *tls.Config
	}{
		{"no trust", "signed by an unknown authority: name the file of its CA", nil},
		{"no client certificate", "it ended the TLS handshake: certificate required", &tls.Config{RootCAs: pool}},
		{"both", "", &tls.Config{RootCAs: pool, Certificates: s.TLS.Certificates}},
		{"waived", "", &tls.Config{InsecureSkipVerify: true, Certificates: s.TLS.Certificates}},
	} {
		c.TLS = step.tls
		err := Probe(t.Context(), c, 5*time.Second)
		if (err == nil) != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("%s: %v, want %q", step.name, err, step.want)
		}
	}
	if client != "1" {
		t.Errorf("%s client certificates", client)
	}
	r := mustRun(t, c)
	if r.Requests[0].Status != 200 || r.Client.StampSource != StampUser {
		t.Errorf("%+v, stamps %s", r.Requests[0], r.Client.StampSource)
	}
}

// Keys and headers reach the server, and no text of the result.
func TestSecretsStayOut(t *testing.T) {
	const key, token = "sk-very-secret", "tenant-secret"
	s := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(403)
		fmt.Fprintf(w, `{"error":{"message":"bad key %s for %s %s"}}`, r.Header.Get("Authorization"), r.Header.Get("X-Tenant"), r.Header.Get("X-Plain"))
	})
	c := probeConfig(s.URL)
	c.APIKey, c.Headers, c.Secrets = key, map[string]string{"x-tenant": token, "X-Plain": "blue"}, []string{token}
	err := Probe(t.Context(), c, time.Second)
	var refused *Refusal
	if !errors.As(err, &refused) || refused.Status != 403 || !strings.Contains(err.Error(), "bad key Bearer [redacted] for [redacted] blue") {
		t.Errorf("%v", err)
	}
	_, modelsErr := Models(t.Context(), c, time.Second)
	r := mustRun(t, c)
	texts := fmt.Sprint(err, modelsErr, r.Requests, r.Warnings)
	if strings.Contains(texts, key) || strings.Contains(texts, token) || !strings.Contains(r.Requests[0].Error, "blue") {
		t.Errorf("%s", texts)
	}
	c.Headers = map[string]string{"X-Tenant": "two\nlines " + token}
	if err := c.Validate(); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("%v", err)
	}
	c.Headers = map[string]string{"content-type": "text/plain"}
	if c.Validate() == nil {
		t.Error("a content type was accepted")
	}
}

// A run does not hang past its time-outs on a server that never answers.
func TestSilentServerEnds(t *testing.T) {
	s := start(t, mock.Options{Fault: func(int) mock.Fault { return mock.Fault{Kind: mock.Hang} }})
	c := config(s, Arrivals{Kind: Constant, Rate: 20})
	c.Duration, c.Timeout = 200*time.Millisecond, 300*time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := Run(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := classes(r); got[ClassTimeout] != 4 || r.End > 10*time.Second {
		t.Errorf("classes %v after %s", got, r.End)
	}
}

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }
