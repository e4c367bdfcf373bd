package launchertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/launcher"
)

// Recording is what a real server said: its log until it was ready, and its
// answers by path. Other paths are answered 404.
type Recording struct {
	Log     string
	Answers map[string]string
}

// Effective replays a recording as the start of a server named model, of which
// the flags were asked for, and returns what came of each flag: "confirmed",
// "contradicted", "parsed" or "unconfirmed". A contradicted flag fails the
// start, and nothing else does.
func Effective(t *testing.T, e *launcher.Engine, r Recording, model string, asked map[string]string) (map[string]string, *launcher.Effective) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer, ok := r.Answers[req.URL.Path]
		if !ok && req.URL.Path != "/health" {
			http.NotFound(w, req)
			return
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer s.Close()
	log := filepath.Join(t.TempDir(), "server.log")
	if err := os.WriteFile(log, []byte(r.Log), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := launcher.Start(t.Context(), Launched{Handle: replayed{server: s}}, launcher.Spec{
		RunID: "r", StartID: "s", ModelName: model, LogPath: log, Engine: e, Asked: asked, ReadyTimeout: time.Minute, StopTimeout: time.Second,
	}, nil)
	var effective *launcher.Effective
	var failure *launcher.Failure
	switch {
	case err == nil:
		effective = server.Effective
	case errors.As(err, &failure) && failure.Diagnosis.Class == launcher.ClassNotApplied:
		effective = failure.Effective
	default:
		t.Fatal(err)
	}
	if failed := failure != nil; failed != (len(effective.Contradicted) > 0) {
		t.Errorf("failure %v, contradicted %v", failure, effective.Contradicted)
	}
	return verdicts(effective), effective
}

// verdicts are the flags with the list that each is in.
func verdicts(e *launcher.Effective) map[string]string {
	out := map[string]string{}
	for name, list := range map[string][]string{"confirmed": e.Confirmed, "parsed": e.Parsed, "unconfirmed": e.Unconfirmed} {
		for _, flag := range list {
			out[flag] += name
		}
	}
	for _, d := range e.Contradicted {
		out[d.Flag] += "contradicted"
	}
	return out
}

// Verdicts checks what came of the flags.
func Verdicts(t *testing.T, name string, got, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// replayed is the server of a recording. It is its own, and never ends by
// itself.
type replayed struct {
	launcher.Handle
	server *httptest.Server
}

func (r replayed) BaseURL() string          { return r.server.URL }
func (replayed) ID() string                 { return "recorded" }
func (replayed) Command() []string          { return nil }
func (replayed) Facts() map[string]string   { return nil }
func (replayed) Exited() <-chan struct{}    { return nil }
func (replayed) Owns(context.Context) error { return nil }

func (r replayed) Stop(context.Context, time.Duration) error {
	r.server.Close()
	return nil
}
