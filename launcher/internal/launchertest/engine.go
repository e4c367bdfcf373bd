package launchertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/launcher"
)

// End is the log of a server that failed to start and what is to be made of
// it: the class, how the cause begins, and what the remedy holds.
type End struct {
	Log           string
	Class         launcher.Class
	Cause, Remedy string
}

// Diagnoses checks what an engine's rules make of logs; asked are the flags
// that were asked for.
func Diagnoses(t *testing.T, e *launcher.Engine, asked map[string]string, ends map[string]End) {
	t.Helper()
	for name, c := range ends {
		path := filepath.Join(t.TempDir(), "server.log")
		if err := os.WriteFile(path, []byte(c.Log), 0o600); err != nil {
			t.Fatal(err)
		}
		d := launcher.Diagnose(launcher.Spec{LogPath: path, Engine: e, Asked: asked}, launcher.Exit{Code: 1})
		if d.Class != c.Class || !strings.HasPrefix(d.Cause.Text(), c.Cause) || !strings.Contains(d.Remedy.Text(), c.Remedy) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// Phases checks the phase that each line stands for, "" for none.
func Phases(t *testing.T, e *launcher.Engine, lines map[string]string) {
	t.Helper()
	r := e.NewReader()
	for line, want := range lines {
		if got := r.Read(line); got != want {
			t.Errorf("%q: phase %q, want %q", line, got, want)
		}
	}
}
