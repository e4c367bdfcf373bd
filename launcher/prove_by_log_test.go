package launcher

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// remote is a server on another machine, a fake: its port cannot be looked at.
type remote struct{ url string }

func (r remote) BaseURL() string                         { return r.url }
func (remote) ID() string                                { return "container abc" }
func (remote) Command() []string                         { return nil }
func (remote) Exited() <-chan struct{}                   { return nil }
func (remote) Exit() Exit                                { return Exit{} }
func (remote) Owns(context.Context) error                { return ErrOwnerUnknown }
func (remote) Stop(context.Context, time.Duration) error { return nil }
func (remote) Facts() map[string]string                  { return nil }

// A server on another machine proves itself by the questions in its log.
func TestNonce(t *testing.T) {
	for name, logs := range map[string]bool{"logs questions": true, "is another one, or logs none": false} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "server.log")
			log, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if logs { // as uvicorn does
					fmt.Fprintf(log, "INFO:     127.0.0.1:1 - %q 200 OK\n", "GET "+r.URL.RequestURI()+" HTTP/1.1")
				}
				fmt.Fprint(w, `{"data":[{"id":"m"}]}`)
			}))
			defer srv.Close()
			p := newProber(remote{srv.URL}, Spec{ModelName: "m", LogPath: path, ReadyTimeout: time.Minute})
			id, err := p.once(t.Context())
			if err != nil || strings.HasPrefix(id.Owner, "container abc, by a nonce") != logs || !logs && id.Owner != "" {
				t.Errorf("identity %+v, %v", id, err)
			}
		})
	}
}

// What only the server that was launched can say of itself would be said again
// at the next launch; what may have come from another server may not, nor what
// a router says before its servers have come.
func TestWhichRefusalsRepeat(t *testing.T) {
	const models, none = `{"data":[{"id":"other"}]}`, `{"data":[]}`
	for name, c := range map[string]struct {
		answer string
		status int
		owner  string
		log    string
		want   bool
	}{
		"another model of our server":       {models, 200, "pid 7", "server.log", true},
		"another model of an endpoint":      {models, 200, "", "", true},
		"another model, nobody knows whose": {models, 200, "", "server.log", false},
		"no model yet":                      {none, 200, "pid 7", "server.log", false},
		"our server refuses the key":        {"{}", 401, "pid 7", "server.log", true},
		"somebody refuses the key":          {"{}", 401, "", "server.log", false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.answer)
			}))
			defer srv.Close()
			p := newProber(remote{srv.URL}, Spec{ModelName: "m", LogPath: c.log})
			err := p.model(t.Context(), &Identity{Owner: c.owner})
			d := diagnoseIdentity(err, srv.URL)
			if d.Class != ClassIdentity || d.Repeats(false) != c.want {
				t.Errorf("%s repeats %v, want %v: %s", d.Class, d.Repeats(false), c.want, d.Cause.Text())
			}
		})
	}
}
