package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
)

func TestEndpoint(t *testing.T) {
	running := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/models":
			if r.URL.RawQuery != "" {
				t.Errorf("asked for %s: there is no log in which that could be found", r.URL)
			}
			fmt.Fprint(w, `{"data":[{"id":"lora"},{"id":"m","max_model_len":2048}]}`)
		case "/version":
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer running.Close()
	s := launcher.Spec{Model: "m", ModelName: "m", ReadyTimeout: 30 * time.Second, StopTimeout: time.Second, LogPath: filepath.Join(t.TempDir(), "server.log")}
	srv, err := launcher.Start(t.Context(), New(running.URL+"/v1/"), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := (launcher.Identity{Model: "m", MaxModelLen: 2048}); srv.Identity != want {
		t.Errorf("identity %+v, want %+v", srv.Identity, want)
	}
	if r, err := srv.Stop(t.Context()); err != nil || !r.LeftOn || r.Gone {
		t.Errorf("release %+v, %v", r, err)
	}
	if _, err := http.Get(running.URL + "/health"); err != nil {
		t.Errorf("the server was not left alone: %v", err)
	}

	s.ModelName = "other"
	_, err = launcher.Start(t.Context(), New(running.URL), s, nil)
	var f *launcher.Failure
	if !errors.As(err, &f) || f.Diagnosis.Class != launcher.ClassIdentity || !strings.Contains(f.Diagnosis.Cause.Text(), "lora") || !f.Diagnosis.Repeats(false) {
		t.Errorf("other model: %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	nobody := httptest.NewServer(nil)
	nobody.Close()
	// There is no log, so its silence says nothing.
	s := launcher.Spec{ModelName: "m", ReadyTimeout: 500 * time.Millisecond, LogPath: filepath.Join(t.TempDir(), "server.log"), SilenceTimeout: 100 * time.Millisecond}
	_, err := launcher.Start(t.Context(), New(nobody.URL), s, nil)
	var f *launcher.Failure
	if !errors.As(err, &f) || f.Diagnosis.Class != launcher.ClassTimeout || !strings.Contains(f.Err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:8000", "ftp://a", "http://"} {
		if New(url).Check(t.Context()) == nil {
			t.Errorf("%q is accepted", url)
		}
	}
	server := httptest.NewServer(nil)
	if err := New(server.URL).Check(t.Context()); err != nil {
		t.Errorf("a server that runs: %v", err)
	}
	server.Close()
	if err := New(server.URL).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot reach") {
		t.Errorf("a server that has ended: %v", err)
	}
}
