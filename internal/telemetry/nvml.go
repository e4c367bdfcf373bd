//go:build cgo

package telemetry

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// OpenGPUs connects to NVML. Where the library or the driver is missing the
// error wraps ErrNoGPU.
func OpenGPUs(_ context.Context) (GPUs, error) { return openNVML(nvml.New()) }

// OpenLibrary connects to the NVML at a path, where it is not where the loader
// looks.
func OpenLibrary(path string) (GPUs, error) { return openNVML(nvml.New(nvml.WithLibraryPath(path))) }

// slowEvery is the time between two looks at what changes slowly or costs
// more: processes, error counters, link counters, memory temperature.
const slowEvery = time.Second

// The name of the query changed with driver 535.
const eventReasonsSymbol = "nvmlDeviceGetCurrentClocksEventReasons"

type nvmlGPUs struct {
	lib     nvml.Interface
	driver  string
	handles []nvml.Device
	devices []Device
	events  nvml.EventSet // of Xid errors; nil: not offered
	slow    time.Time     // of the last slow look
	reasons func(nvml.Device) (uint64, nvml.Return)
	fields  bool // nvmlDeviceGetFieldValues exists
}

func openNVML(lib nvml.Interface) (*nvmlGPUs, error) {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return nil, fmt.Errorf("%w: NVML: %s", ErrNoGPU, nvmlText(ret))
	}
	g := &nvmlGPUs{lib: lib, reasons: nvml.Device.GetCurrentClocksThrottleReasons}
	if err := g.enumerate(); err != nil {
		lib.Shutdown()
		return nil, err
	}
	// A call of a symbol that the driver does not have ends the process, so the
	// younger ones are looked up first.
	has := func(symbol string) bool { return lib.Extensions().LookupSymbol(symbol) == nil }
	if has(eventReasonsSymbol) {
		g.reasons = nvml.Device.GetCurrentClocksEventReasons
	}
	g.fields = has("nvmlDeviceGetFieldValues")
	if has("nvmlEventSetCreate") && has("nvmlDeviceRegisterEvents") {
		g.listen()
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

// listen asks for Xid errors. Where the driver does not offer them, none come.
func (g *nvmlGPUs) listen() {
	set, ret := g.lib.EventSetCreate()
	if ret != nvml.SUCCESS {
		return
	}
	any := false
	for _, h := range g.handles {
		any = h.RegisterEvents(nvml.EventTypeXidCriticalError, set) == nvml.SUCCESS || any
	}
	if !any {
		set.Free()
		return
	}
	g.events = set
}

func (g *nvmlGPUs) Source() string       { return "nvml" }
func (g *nvmlGPUs) Driver() string       { return g.driver }
func (g *nvmlGPUs) Devices() []Device    { return g.devices }
func (g *nvmlGPUs) Least() time.Duration { return 20 * time.Millisecond } // NVML refreshes no faster

func (g *nvmlGPUs) Sample(context.Context) ([]Sample, error) {
	slow := time.Since(g.slow) >= slowEvery
	if slow {
		g.slow = time.Now()
	}
	xids := g.pollXids()
	out := make([]Sample, 0, len(g.handles))
	for i, h := range g.handles {
		s := Sample{Index: i, Values: make(map[string]float64, 16), Xids: xids[i]}
		m, ret := h.GetMemoryInfo()
		if ret != nvml.SUCCESS {
			return nil, fmt.Errorf("NVML: memory of GPU %d: %s", i, nvmlText(ret))
		}
		s.Values[MemoryUsed] = float64(m.Used)
		t, ret := h.GetTemperature(nvml.TEMPERATURE_GPU)
		if ret != nvml.SUCCESS {
			return nil, fmt.Errorf("NVML: temperature of GPU %d: %s", i, nvmlText(ret))
		}
		s.Values[Temperature] = float64(t)
		g.quick(h, s.Values)
		if slow {
			g.slowly(h, &s)
		}
		out = append(out, s)
	}
	return out, nil
}

// quick reads what moves from sample to sample and may not be offered.
func (g *nvmlGPUs) quick(h nvml.Device, v map[string]float64) {
	if u, ret := h.GetUtilizationRates(); ret == nvml.SUCCESS {
		v[SMUtilisation], v[MemoryUtilisation] = float64(u.Gpu)/100, float64(u.Memory)/100
	}
	if p, ret := h.GetPowerUsage(); ret == nvml.SUCCESS {
		v[Power] = float64(p) / 1000
	}
	if e, ret := h.GetTotalEnergyConsumption(); ret == nvml.SUCCESS {
		v[Energy] = float64(e) / 1000
	}
	if c, ret := h.GetClockInfo(nvml.CLOCK_SM); ret == nvml.SUCCESS {
		v[SMClock] = float64(c)
	}
	if c, ret := h.GetClockInfo(nvml.CLOCK_MEM); ret == nvml.SUCCESS {
		v[MemoryClock] = float64(c)
	}
	if r, ret := g.reasons(h); ret == nvml.SUCCESS {
		v[ThrottleReasons] = float64(r)
	}
}

// slowly reads what is looked at once a second.
func (g *nvmlGPUs) slowly(h nvml.Device, s *Sample) {
	if list, ret := h.GetComputeRunningProcesses(); ret == nvml.SUCCESS {
		s.ProcessesKnown = true
		for _, p := range list {
			memory := p.UsedGpuMemory
			if memory == math.MaxUint64 { // NVML_VALUE_NOT_AVAILABLE
				memory = 0
			}
			s.Processes = append(s.Processes, Process{PID: int(p.Pid), Memory: memory})
		}
	}
	if n, ret := h.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.VOLATILE_ECC); ret == nvml.SUCCESS {
		s.Values[ECCCorrected] = float64(n)
	}
	if n, ret := h.GetTotalEccErrors(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC); ret == nvml.SUCCESS {
		s.Values[ECCUncorrected] = float64(n)
	}
	if g.fields {
		readFields(h, s)
	}
}

// fieldUnits are the field values asked for: counters of the links (the call
// for PCIe throughput instead would block for 20 ms) and memory temperature.
var fieldUnits = []struct {
	id     uint32
	metric string
	unit   float64
}{
	{nvml.FI_DEV_MEMORY_TEMP, MemoryTemperature, 1},
	{nvml.FI_DEV_PCIE_COUNT_RX_BYTES, PCIeReceived, 1},
	{nvml.FI_DEV_PCIE_COUNT_TX_BYTES, PCIeSent, 1},
	{nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_RX, NVLinkReceived, 1024},
	{nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_TX, NVLinkSent, 1024},
}

// allLinks is the scope of an NVLink counter that means the sum of all links.
const allLinks = math.MaxUint32

func readFields(h nvml.Device, s *Sample) {
	values := make([]nvml.FieldValue, len(fieldUnits))
	for i, f := range fieldUnits {
		values[i].FieldId = f.id
		if f.unit == 1024 {
			values[i].ScopeId = allLinks
		}
	}
	if h.GetFieldValues(values) != nvml.SUCCESS {
		return
	}
	for i, f := range fieldUnits {
		if nvml.Return(values[i].NvmlReturn) == nvml.SUCCESS {
			if x, ok := fieldNumber(values[i]); ok {
				put(s.Values, &s.Unusable, f.metric, x*f.unit)
			}
		}
	}
}

func fieldNumber(f nvml.FieldValue) (float64, bool) {
	raw := binary.NativeEndian.Uint64(f.Value[:])
	switch nvml.ValueType(f.ValueType) {
	case nvml.VALUE_TYPE_DOUBLE:
		return math.Float64frombits(raw), true
	case nvml.VALUE_TYPE_UNSIGNED_INT:
		return float64(binary.NativeEndian.Uint32(f.Value[:])), true
	case nvml.VALUE_TYPE_UNSIGNED_LONG, nvml.VALUE_TYPE_UNSIGNED_LONG_LONG:
		return float64(raw), true
	case nvml.VALUE_TYPE_SIGNED_LONG_LONG:
		return float64(int64(raw)), true
	case nvml.VALUE_TYPE_SIGNED_INT:
		return float64(int32(binary.NativeEndian.Uint32(f.Value[:]))), true
	default:
		return 0, false
	}
}

// pollXids takes the events that have come, by device index, without waiting.
func (g *nvmlGPUs) pollXids() map[int][]uint64 {
	if g.events == nil {
		return nil
	}
	var out map[int][]uint64
	for range 64 { // a storm of events must not hold the sample up
		e, ret := g.events.Wait(0)
		if ret != nvml.SUCCESS {
			break
		}
		if i, ret := e.Device.GetIndex(); ret == nvml.SUCCESS {
			if out == nil {
				out = map[int][]uint64{}
			}
			out[i] = append(out[i], e.EventData)
		}
	}
	return out
}

func (g *nvmlGPUs) Close() error {
	if g.events != nil {
		g.events.Free()
	}
	if ret := g.lib.Shutdown(); ret != nvml.SUCCESS {
		return fmt.Errorf("NVML: shut down: %s", nvmlText(ret))
	}
	return nil
}
