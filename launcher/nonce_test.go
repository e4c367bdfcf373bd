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
