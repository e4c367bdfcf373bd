//go:build cgo

package vllmsim

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/vllm-sweep/sweep/sim/nvmlsim"
	"github.com/vllm-sweep/sweep/sim/nvmlsim/library"
	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
)

// TestThroughNVML: the simulated server's GPU as NVML shows it.
func TestThroughNVML(t *testing.T) {
	dir := t.TempDir()
	so, err := library.Build(t.Context(), dir)
	if errors.Is(err, library.ErrNoCompiler) {
		t.Skip("NOT TESTED: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "gpus")
	t.Setenv(nvmlsim.Environment, path)
	s := serve(t, "--sim-gpu-state", path, "--sim-temp-start", "71", "--sim-temp-tau", "1e6", "--sim-gpus", "2")
	lib := nvml.New(nvml.WithLibraryPath(so))
	if ret := lib.Init(); ret != nvml.SUCCESS {
		t.Fatal(ret)
	}
	defer lib.Shutdown()
	if n, ret := lib.DeviceGetCount(); ret != nvml.SUCCESS || n != 2 {
		t.Errorf("%d GPUs, %v", n, ret)
	}
	d, ret := lib.DeviceGetHandleByIndex(0)
	if ret != nvml.SUCCESS {
		t.Fatal(ret)
	}
	if name, _ := d.GetName(); name != "NVIDIA H100 80GB HBM3" {
		t.Errorf("name %q", name)
	}
	if celsius, ret := d.GetTemperature(nvml.TEMPERATURE_GPU); ret != nvml.SUCCESS || celsius < 70 || celsius > 72 {
		t.Errorf("%d °C, %v", celsius, ret)
	}
	if m, ret := d.GetMemoryInfo(); ret != nvml.SUCCESS || m.Used < 60*catalog.GiB {
		t.Errorf("memory %+v, %v", m, ret)
	}
	if list, ret := d.GetComputeRunningProcesses(); ret != nvml.SUCCESS || len(list) != 1 {
		t.Errorf("processes %+v, %v", list, ret)
	}
	s.stop()
	for deadline := time.Now().Add(20 * time.Second); ; {
		m, ret := d.GetMemoryInfo()
		if ret == nvml.SUCCESS && m.Used == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("memory after the end %+v, %v", m, ret)
		}
	}
}
