package vllm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/launcher"
)

func TestCorpus(t *testing.T) {
	if len(corpus) < 40 {
		t.Errorf("%d cases", len(corpus))
	}
	for _, c := range corpus {
		t.Run(c.name, func(t *testing.T) {
			asked := map[string]string{}
			for _, f := range strings.Fields(c.asked) {
				name, value, _ := strings.Cut(f, "=")
				asked[name] = value
			}
			d := launcher.Diagnose(launcher.Spec{LogPath: logFile(t, c.log), Engine: Engine(), Asked: asked}, launcher.Exit{Code: c.exit})
			if d.Class != c.class {
				t.Errorf("class %q, want %q", d.Class, c.class)
			}
			if !strings.HasPrefix(d.Cause.Text(), c.cause) {
				t.Errorf("cause %q, want it to begin with %q", d.Cause.Text(), c.cause)
			}
			if !strings.Contains(d.Remedy.Text(), c.remedy) {
				t.Errorf("remedy %q does not contain %q", d.Remedy.Text(), c.remedy)
			}
			if strings.Contains(d.Remedy.Text(), "${") || strings.Contains(d.Remedy.Text(), "  ") {
				t.Errorf("remedy %q has a gap", d.Remedy.Text())
			}
			for _, w := range wrappers {
				if strings.Contains(d.Cause.Text(), w) {
					t.Errorf("cause %q is the wrapper %q", d.Cause.Text(), w)
				}
			}
			if strings.HasPrefix(d.Cause.Text(), "(") {
				t.Errorf("cause %q has a prefix", d.Cause.Text())
			}
			if d.Exit == nil || d.Exit.Code != c.exit {
				t.Errorf("exit %+v", d.Exit)
			}
		})
	}
}

func logFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.log")
	if err := os.WriteFile(path, []byte(strings.TrimPrefix(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func BenchmarkDiagnose(b *testing.B) {
	line := "(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346]   File \"/usr/lib/python3/site-packages/vllm/v1/engine/core.py\", line 1300, in run_engine_core\n"
	path := filepath.Join(b.TempDir(), "server.log")
	if err := os.WriteFile(path, []byte(strings.Repeat(line, 1<<20/len(line))), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1 << 20)
	for b.Loop() {
		launcher.Diagnose(launcher.Spec{LogPath: path, Engine: Engine()}, launcher.Exit{Code: 1})
	}
}
