//go:build cgo

package telemetry

import (
	"errors"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
)

func TestNVMLThroughItsMock(t *testing.T) {
	device := &mock.Device{
		GetNameFunc:             func() (string, nvml.Return) { return "NVIDIA H100", nvml.SUCCESS },
		GetUUIDFunc:             func() (string, nvml.Return) { return "GPU-1", nvml.SUCCESS },
		GetMemoryInfoFunc:       func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 80 << 30, Used: 3 << 30}, nvml.SUCCESS },
		GetTemperatureFunc:      func(nvml.TemperatureSensors) (uint32, nvml.Return) { return 44, nvml.SUCCESS },
		GetUtilizationRatesFunc: func() (nvml.Utilization, nvml.Return) { return nvml.Utilization{Gpu: 50}, nvml.SUCCESS },
		GetPowerUsageFunc:       func() (uint32, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED },
		GetClockInfoFunc:        func(nvml.ClockType) (uint32, nvml.Return) { return 1980, nvml.SUCCESS },
	}
	lib := &mock.Interface{
		InitFunc:                   func() nvml.Return { return nvml.SUCCESS },
		ShutdownFunc:               func() nvml.Return { return nvml.SUCCESS },
		SystemGetDriverVersionFunc: func() (string, nvml.Return) { return "570.10", nvml.SUCCESS },
		DeviceGetCountFunc:         func() (int, nvml.Return) { return 1, nvml.SUCCESS },
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
	want := Sample{MemoryUsed: 3 << 30, Temperature: 44, Utilisation: 0.5, SMClock: 1980}
	if err != nil || len(s) != 1 || s[0] != want {
		t.Errorf("sample %+v, %v; want %+v", s, err, want)
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
