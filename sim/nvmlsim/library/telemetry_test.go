//go:build cgo && linux

package library

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/sim/nvmlsim"
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
	want := map[string]float64{
		telemetry.MemoryUsed: 3 << 30, telemetry.Temperature: 70, telemetry.SMUtilisation: 0.97, telemetry.MemoryUtilisation: 0.5,
		telemetry.Power: 612.5, telemetry.Energy: 1234.5, telemetry.SMClock: 1755, telemetry.MemoryClock: 2619,
		telemetry.ThrottleReasons: nvmlsim.ReasonThermal, telemetry.ECCCorrected: 7, telemetry.ECCUncorrected: 1,
	}
	if len(samples) != 2 {
		t.Fatalf("samples %+v", samples)
	}
	if diff := cmp.Diff(want, samples[0].Values); diff != "" {
		t.Error(diff)
	}
	if p := samples[0].Processes; len(p) != 2 || p[0] != (telemetry.Process{PID: 4711, Memory: 2 << 30}) {
		t.Errorf("processes %+v", p)
	}
}
