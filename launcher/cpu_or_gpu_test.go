package launcher

import (
	"os"
	"path/filepath"
	"testing"
)

// What a server says of itself counts more than what was expected of it.
func TestComputeOf(t *testing.T) {
	for name, c := range map[string]struct {
		expected, logged, told, version, want string
	}{
		"nothing told":        {"", "", "", "0.32.0", ""},
		"expected":            {ComputeCPU, "", "", "0.32.0", ComputeCPU},
		"its version":         {"", "", "", "0.28.0+cpu", ComputeCPU},
		"another version":     {"", "", "", "0.28.0+cu130", ""},
		"its log":             {ComputeCPU, "cuda", "", "", ComputeGPU},
		"an index":            {"", "cuda:0", "", "", ComputeGPU},
		"its answer":          {ComputeGPU, "", "cpu", "", ComputeCPU},
		"the answer, the log": {"", "cuda", "cpu", "", ComputeCPU},
	} {
		got := computeOf(Spec{Compute: c.expected}, Logged{Device: c.logged}, Told{Device: c.told}, Identity{Version: c.version})
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A server without GPUs that wants memory wants the host's.
func TestMemoryOfAServerWithoutGPUs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.log")
	if err := os.WriteFile(path, []byte("Traceback (most recent call last):\n  File \"/x.py\", line 1, in f\ntorch.OutOfMemoryError: out of memory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for expected, want := range map[string]Class{ComputeCPU: ClassHostMemory, ComputeGPU: ClassGPUMemory, "": ClassGPUMemory} {
		if d := Diagnose(Spec{LogPath: path, Compute: expected}, Exit{Code: 1}); d.Class != want {
			t.Errorf("expected on %q: %s, want %s", expected, d.Class, want)
		}
	}
}
