//go:build cgo && linux

package library

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// TestTelemetry: sweep's own telemetry finds the simulated GPUs through
// LD_LIBRARY_PATH, which only a new process heeds.
func TestTelemetry(t *testing.T) {
	if os.Getenv("NVMLSIM_TEST_CHILD") == "" {
		_, path := open(t, script())
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTelemetry$", "-test.v")
		child.Env = append(os.Environ(), "NVMLSIM_TEST_CHILD=1", "LD_LIBRARY_PATH="+filepath.Dir(path))
		if text, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		return
	}
	gpus, err := telemetry.OpenGPUs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer gpus.Close()
	if gpus.Source() != "nvml" || gpus.Driver() != script().Driver || len(gpus.Devices()) != 2 {
		t.Errorf("%s, driver %s: %+v", gpus.Source(), gpus.Driver(), gpus.Devices())
	}
	samples, err := gpus.Sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := telemetry.Sample{MemoryUsed: 3 << 30, Temperature: 70, Utilisation: 0.97, Power: 612.5, SMClock: 1755}
	if len(samples) != 2 || samples[0] != want {
		t.Errorf("sample %+v, want %+v", samples, want)
	}
}
