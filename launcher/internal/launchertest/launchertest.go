// Package launchertest is what the tests of all backends share: a start of the
// test server, and what is asserted of one that fails.
package launchertest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllm"
)

// Model is what the test server serves.
const Model = "test/model"

// Spec is a start of the test server in the mode.
func Spec(t testing.TB, mode string) launcher.Spec {
	return launcher.Spec{
		RunID: "run-" + strconv.Itoa(os.Getpid()), StartID: strings.NewReplacer("/", "-", "=", "-").Replace(t.Name()),
		Model: Model, ModelName: Model,
		Args: []string{"--mode", mode}, LogPath: filepath.Join(t.TempDir(), "server.log"),
		ReadyTimeout: 60 * time.Second, StopTimeout: 20 * time.Second, Engine: vllm.Engine(),
	}
}

// Start starts a server, which is stopped when the test ends.
func Start(t testing.TB, b launcher.Backend, s launcher.Spec) (*launcher.Server, error) {
	t.Helper()
	srv, err := launcher.Start(t.Context(), b, s, nil)
	if srv != nil {
		t.Cleanup(func() { srv.Stop(context.Background()) })
	}
	return srv, err
}

// Failure asserts the class of a failed start.
func Failure(t testing.TB, err error, want launcher.Class) *launcher.Failure {
	t.Helper()
	var f *launcher.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a failure", err)
	}
	if f.Diagnosis.Class != want {
		t.Fatalf("got class %q (%s), want %q", f.Diagnosis.Class, f.Diagnosis.Cause.Text(), want)
	}
	return f
}

// Launched is a backend whose server has been launched already.
type Launched struct {
	launcher.Backend
	Handle launcher.Handle
}

// Launch returns that server.
func (l Launched) Launch(context.Context, launcher.Spec) (launcher.Handle, error) {
	return l.Handle, nil
}
