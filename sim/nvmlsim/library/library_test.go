//go:build cgo

package library

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/vllm-sweep/sweep/sim/nvmlsim"
)

// open builds the library and loads it through go-nvml's own loader.
func open(t *testing.T, s nvmlsim.State) (lib nvml.Interface, path string) {
	t.Helper()
	so, path := build(t, s)
	lib = nvml.New(nvml.WithLibraryPath(so))
	if ret := lib.Init(); ret != nvml.SUCCESS {
		t.Fatalf("init: %v", ret)
	}
	t.Cleanup(func() { lib.Shutdown() })
	return lib, path
}

// build builds the library and writes the state that it answers from.
func build(t *testing.T, s nvmlsim.State) (so, path string) {
	t.Helper()
	dir := t.TempDir()
	so, err := Build(t.Context(), dir)
	if errors.Is(err, ErrNoCompiler) {
		t.Skip("NOT TESTED: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "gpus")
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	t.Setenv(nvmlsim.Environment, path)
	return so, path
}

// want compares the answer of one query.
func want[T comparable](t *testing.T, what string, expected T) func(T, nvml.Return) {
	t.Helper()
	return func(got T, ret nvml.Return) {
		t.Helper()
		if ret != nvml.SUCCESS || got != expected {
			t.Errorf("%s: %v (return %d), want %v", what, got, ret, expected)
		}
	}
}

func script() nvmlsim.State {
	return nvmlsim.State{Driver: "580.12", GPUs: []nvmlsim.GPU{
		{
			Name: "NVIDIA H100 80GB HBM3", UUID: "GPU-0", MemoryTotal: 80 << 30, MemoryUsed: 3 << 30, Temperature: 70.4,
			SMClock: 1755, MaxClock: 1980, MemoryClock: 2619, Power: 612.5, PowerLimit: 700, Utilisation: 0.97, MemoryBusy: 0.5,
			EventReasons: nvmlsim.ReasonThermal, Energy: 1234.5, Corrected: 7, Uncorrected: 1,
			Processes: []nvmlsim.Process{{PID: 4711, Memory: 2 << 30}, {PID: 4712, Memory: 1 << 30}},
		},
		{Name: "NVIDIA H100 80GB HBM3", UUID: "GPU-1", MemoryTotal: 80 << 30},
	}}
}

// TestQueries: what the file says comes back through go-nvml.
func TestQueries(t *testing.T) {
	lib, _ := open(t, script())
	want(t, "driver", "580.12")(lib.SystemGetDriverVersion())
	want(t, "GPUs", 2)(lib.DeviceGetCount())
	d, ret := lib.DeviceGetHandleByUUID("GPU-0")
	if ret != nvml.SUCCESS {
		t.Fatal(ret)
	}
	want(t, "index", 0)(d.GetIndex())
	want(t, "name", "NVIDIA H100 80GB HBM3")(d.GetName())
	want(t, "UUID", "GPU-0")(d.GetUUID())
	want(t, "memory", nvml.Memory{Total: 80 << 30, Free: 77 << 30, Used: 3 << 30})(d.GetMemoryInfo())
	want(t, "temperature", uint32(70))(d.GetTemperature(nvml.TEMPERATURE_GPU))
	want(t, "utilisation", nvml.Utilization{Gpu: 97, Memory: 50})(d.GetUtilizationRates())
	want(t, "power", uint32(612500))(d.GetPowerUsage())
	want(t, "power limit", uint32(700000))(d.GetPowerManagementLimit())
	want(t, "enforced power limit", uint32(700000))(d.GetEnforcedPowerLimit())
	want(t, "energy", uint64(1234500))(d.GetTotalEnergyConsumption())
	want(t, "SM clock", uint32(1755))(d.GetClockInfo(nvml.CLOCK_SM))
	want(t, "largest SM clock", uint32(1980))(d.GetMaxClockInfo(nvml.CLOCK_SM))
	want(t, "memory clock", uint32(2619))(d.GetClockInfo(nvml.CLOCK_MEM))
	want(t, "event reasons", uint64(nvml.ClocksEventReasonSwThermalSlowdown))(d.GetCurrentClocksEventReasons())
	want(t, "throttle reasons", uint64(nvml.ClocksEventReasonSwThermalSlowdown))(d.GetCurrentClocksThrottleReasons())
	want(t, "corrected errors", uint64(7))(d.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.VOLATILE_ECC))
	want(t, "uncorrected errors", uint64(1))(d.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC))
	list, ret := d.GetComputeRunningProcesses()
	if ret != nvml.SUCCESS || len(list) != 2 || list[1].Pid != 4712 || list[1].UsedGpuMemory != 1<<30 {
		t.Errorf("processes %+v, %v", list, ret)
	}
	if _, ret := lib.DeviceGetHandleByIndex(2); ret != nvml.ERROR_INVALID_ARGUMENT {
		t.Errorf("third GPU: %v", ret)
	}
}

// TestReload: a new file shows at the next query: memory that is released
// late, a GPU that cools, one that is lost.
func TestReload(t *testing.T) {
	s := script()
	lib, path := open(t, s)
	d, ret := lib.DeviceGetHandleByIndex(0)
	if ret != nvml.SUCCESS {
		t.Fatal(ret)
	}
	g := &s.GPUs[0]
	g.MemoryUsed, g.Processes = 0, nil
	g.Held = []nvmlsim.Held{{Memory: 9 << 30, Until: time.Now().Add(time.Hour)}, {Memory: 1 << 30, Until: time.Now().Add(-time.Second)}}
	g.Temperature, g.Idle, g.Tau, g.Since = 80, 30, 1, time.Now().Add(-time.Hour)
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	want(t, "held memory", nvml.Memory{Total: 80 << 30, Free: 71 << 30, Used: 9 << 30})(d.GetMemoryInfo())
	want(t, "temperature after an hour", uint32(30))(d.GetTemperature(nvml.TEMPERATURE_GPU))
	if list, ret := d.GetComputeRunningProcesses(); ret != nvml.SUCCESS || len(list) != 0 {
		t.Errorf("processes %+v, %v", list, ret)
	}
	g.Lost = true
	if err := s.Write(path); err != nil {
		t.Fatal(err)
	}
	if _, ret := d.GetTemperature(nvml.TEMPERATURE_GPU); ret != nvml.ERROR_GPU_IS_LOST {
		t.Errorf("lost GPU: %v", ret)
	}
}

// TestUsersAreCounted: the library stays ready while anybody who has opened it
// has not shut it down.
func TestUsersAreCounted(t *testing.T) {
	so, _ := build(t, script())
	var users []nvml.Interface
	for range 2 {
		lib := nvml.New(nvml.WithLibraryPath(so))
		if ret := lib.Init(); ret != nvml.SUCCESS {
			t.Fatal(ret)
		}
		users = append(users, lib)
	}
	if ret := users[1].Shutdown(); ret != nvml.SUCCESS {
		t.Fatal(ret)
	}
	want(t, "GPUs", 2)(users[0].DeviceGetCount())
	if ret := users[0].Shutdown(); ret != nvml.SUCCESS {
		t.Fatal(ret)
	}
}
