//go:build cgo

package telemetry

import (
	"context"
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// OpenGPUs connects to NVML. Where the library or the driver is missing the
// error wraps ErrNoGPU.
func OpenGPUs(_ context.Context) (GPUs, error) { return openNVML(nvml.New()) }

type nvmlGPUs struct {
	lib     nvml.Interface
	driver  string
	handles []nvml.Device
	devices []Device
}

func openNVML(lib nvml.Interface) (*nvmlGPUs, error) {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return nil, fmt.Errorf("%w: NVML: %s", ErrNoGPU, nvmlText(ret))
	}
	g := &nvmlGPUs{lib: lib}
	if err := g.enumerate(); err != nil {
		lib.Shutdown()
		return nil, err
	}
	return g, nil
}

// nvmlText words a return code. The library's own text is not used because it
// cannot be asked for when the library did not load.
func nvmlText(ret nvml.Return) string {
	if ret == nvml.ERROR_LIBRARY_NOT_FOUND {
		return "libnvidia-ml.so.1 not found (no NVIDIA driver on this host)"
	}
	return ret.Error()
}

func (g *nvmlGPUs) enumerate() error {
	g.driver, _ = g.lib.SystemGetDriverVersion()
	n, ret := g.lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return fmt.Errorf("NVML: count GPUs: %s", nvmlText(ret))
	}
	for i := range n {
		h, ret := g.lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			return fmt.Errorf("NVML: GPU %d: %s", i, nvmlText(ret))
		}
		d := Device{Index: i}
		d.Name, _ = h.GetName()
		d.UUID, _ = h.GetUUID()
		if m, ret := h.GetMemoryInfo(); ret == nvml.SUCCESS {
			d.MemoryBytes = m.Total
		}
		g.handles = append(g.handles, h)
		g.devices = append(g.devices, d)
	}
	return nil
}

func (g *nvmlGPUs) Source() string    { return "nvml" }
func (g *nvmlGPUs) Driver() string    { return g.driver }
func (g *nvmlGPUs) Devices() []Device { return g.devices }

func (g *nvmlGPUs) Sample(context.Context) ([]Sample, error) {
	out := make([]Sample, 0, len(g.handles))
	for i, h := range g.handles {
		s := Sample{Index: i}
		m, ret := h.GetMemoryInfo()
		if ret != nvml.SUCCESS {
			return nil, fmt.Errorf("NVML: memory of GPU %d: %s", i, nvmlText(ret))
		}
		s.MemoryUsed = m.Used
		t, ret := h.GetTemperature(nvml.TEMPERATURE_GPU)
		if ret != nvml.SUCCESS {
			return nil, fmt.Errorf("NVML: temperature of GPU %d: %s", i, nvmlText(ret))
		}
		s.Temperature = float64(t)
		if u, ret := h.GetUtilizationRates(); ret == nvml.SUCCESS {
			s.Utilisation = float64(u.Gpu) / 100
		}
		if p, ret := h.GetPowerUsage(); ret == nvml.SUCCESS {
			s.Power = float64(p) / 1000
		}
		if c, ret := h.GetClockInfo(nvml.CLOCK_SM); ret == nvml.SUCCESS {
			s.SMClock = float64(c)
		}
		out = append(out, s)
	}
	return out, nil
}

func (g *nvmlGPUs) Close() error {
	if ret := g.lib.Shutdown(); ret != nvml.SUCCESS {
		return fmt.Errorf("NVML: shut down: %s", nvmlText(ret))
	}
	return nil
}
