//go:build cgo

package telemetry

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/google/go-cmp/cmp"
)

// oldDriver has none of the younger symbols: whoever calls one anyway would
// end the process.
type oldDriver struct{ nvml.ExtendedInterface }

func (oldDriver) LookupSymbol(name string) error { return errors.New(name + " not found") }

func TestNVMLThroughItsMock(t *testing.T) {
	device := &mock.Device{
		GetNameFunc:                         func() (string, nvml.Return) { return "NVIDIA H100", nvml.SUCCESS },
		GetUUIDFunc:                         func() (string, nvml.Return) { return "GPU-1", nvml.SUCCESS },
		GetMemoryInfoFunc:                   func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 80 << 30, Used: 3 << 30}, nvml.SUCCESS },
		GetTemperatureFunc:                  func(nvml.TemperatureSensors) (uint32, nvml.Return) { return 44, nvml.SUCCESS },
		GetUtilizationRatesFunc:             func() (nvml.Utilization, nvml.Return) { return nvml.Utilization{Gpu: 50}, nvml.SUCCESS },
		GetPowerUsageFunc:                   func() (uint32, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED },
		GetClockInfoFunc:                    func(nvml.ClockType) (uint32, nvml.Return) { return 1980, nvml.SUCCESS },
		GetCurrentClocksThrottleReasonsFunc: func() (uint64, nvml.Return) { return 0x24, nvml.SUCCESS },
		GetTotalEnergyConsumptionFunc:       func() (uint64, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED },
		GetTotalEccErrorsFunc: func(nvml.MemoryErrorType, nvml.EccCounterType) (uint64, nvml.Return) {
			return 0, nvml.ERROR_NOT_SUPPORTED
		},
		GetComputeRunningProcessesFunc: func() ([]nvml.ProcessInfo, nvml.Return) {
			return []nvml.ProcessInfo{{Pid: 7, UsedGpuMemory: math.MaxUint64}}, nvml.SUCCESS
		},
	}
	lib := &mock.Interface{
		InitFunc:                   func() nvml.Return { return nvml.SUCCESS },
		ShutdownFunc:               func() nvml.Return { return nvml.SUCCESS },
		SystemGetDriverVersionFunc: func() (string, nvml.Return) { return "570.10", nvml.SUCCESS },
		DeviceGetCountFunc:         func() (int, nvml.Return) { return 1, nvml.SUCCESS },
		ExtensionsFunc:             func() nvml.ExtendedInterface { return oldDriver{} },
		DeviceGetHandleByIndexFunc: func(int) (nvml.Device, nvml.Return) { return device, nvml.SUCCESS },
	}
	g, err := openNVML(lib)
	if err != nil {
		t.Fatal(err)
	}
	if d := g.Devices(); len(d) != 1 || d[0].Name != "NVIDIA H100" || d[0].MemoryBytes != 80<<30 || g.Driver() != "570.10" {
		t.Errorf("devices %+v, driver %q", d, g.Driver())
	}
	s, err := g.Sample(t.Context())
	want := []Sample{{
		Values: map[string]float64{
			MemoryUsed: 3 << 30, Temperature: 44, SMUtilisation: 0.5, MemoryUtilisation: 0,
			SMClock: 1980, MemoryClock: 1980, ThrottleReasons: 0x24,
		},
		Processes: []Process{{PID: 7}}, ProcessesKnown: true,
	}}
	if diff := cmp.Diff(want, s); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if s, _ := g.Sample(t.Context()); s[0].ProcessesKnown {
		t.Error("the processes were asked for again at once")
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestNVMLMissingLibrary(t *testing.T) {
	_, err := openNVML(nvml.New(nvml.WithLibraryPath("libnvidia-ml-not-here.so.1")))
	if !errors.Is(err, ErrNoGPU) || !strings.Contains(err.Error(), "no NVIDIA driver") {
		t.Errorf("err = %v", err)
	}
}
