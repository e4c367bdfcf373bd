package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// dcgmMetrics are the names of NVIDIA's dcgm-exporter (etc/default-counters.csv)
// by quantity, and the unit that they count in.
var dcgmMetrics = []struct {
	name, quantity string
	unit           float64
}{
	{"DCGM_FI_DEV_GPU_TEMP", Temperature, 1},
	{"DCGM_FI_DEV_MEMORY_TEMP", MemoryTemperature, 1},
	{"DCGM_FI_DEV_POWER_USAGE", Power, 1},
	{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Energy, 1e-3},
	{"DCGM_FI_DEV_SM_CLOCK", SMClock, 1},
	{"DCGM_FI_DEV_MEM_CLOCK", MemoryClock, 1},
	{"DCGM_FI_DEV_GPU_UTIL", SMUtilisation, 0.01},
	{"DCGM_FI_DEV_MEM_COPY_UTIL", MemoryUtilisation, 0.01},
	{"DCGM_FI_DEV_FB_USED", MemoryUsed, 1 << 20},
	{"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", ThrottleReasons, 1}, // until DCGM 3.2
	{"DCGM_FI_DEV_CLOCKS_EVENT_REASONS", ThrottleReasons, 1},
	{"DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", ECCCorrected, 1},
	{"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", ECCUncorrected, 1},
}

type dcgmGPUs struct {
	address string
	driver  string
	devices []Device
}

// OpenDCGM reads GPUs through the metrics of a dcgm-exporter. What it exports
// is up to its configuration, and as old as its own interval (30 s unless it was
// told otherwise). Processes and driver errors are not seen that way.
func OpenDCGM(ctx context.Context, address string) (GPUs, error) {
	g := &dcgmGPUs{address: address}
	samples, err := g.scrape(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGPU, err)
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("%w: %s shows no metric of a GPU (DCGM_FI_DEV_...)", ErrNoGPU, address)
	}
	return g, nil
}

func (g *dcgmGPUs) Source() string       { return "dcgm" }
func (g *dcgmGPUs) Driver() string       { return g.driver }
func (g *dcgmGPUs) Devices() []Device    { return g.devices }
func (g *dcgmGPUs) Least() time.Duration { return time.Second }
func (g *dcgmGPUs) Close() error         { return nil }

func (g *dcgmGPUs) Sample(ctx context.Context) ([]Sample, error) {
	samples, err := g.scrape(ctx, false)
	if err == nil && len(samples) != len(g.devices) {
		err = fmt.Errorf("%s shows %d GPUs, before %d", g.address, len(samples), len(g.devices))
	}
	return samples, err
}

// scrape reads every GPU once, and with learn their names.
func (g *dcgmGPUs) scrape(ctx context.Context, learn bool) ([]Sample, error) {
	body, err := scrape(ctx, direct, g.address)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, m := range dcgmMetrics {
		names[m.name] = true
	}
	text, err := keep(bytes.NewReader(body), names)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", g.address, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", g.address, err)
	}
	found := map[int]Sample{}
	for _, m := range dcgmMetrics {
		for _, one := range families[m.name].GetMetric() {
			labels := map[string]string{}
			for _, l := range one.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			index, err := strconv.Atoi(labels["gpu"])
			if err != nil {
				return nil, fmt.Errorf("read %s: %s without the number of its GPU", g.address, m.name)
			}
			s, ok := found[index]
			if !ok {
				s = Sample{Index: index, Values: map[string]float64{}}
				if learn {
					g.driver = labels["DCGM_FI_DRIVER_VERSION"]
					g.devices = append(g.devices, Device{Index: index, Name: labels["modelName"], UUID: labels["UUID"]})
				}
			}
			put(s.Values, &s.Unusable, m.quantity, m.unit*(one.GetGauge().GetValue()+one.GetCounter().GetValue()+one.GetUntyped().GetValue()))
			found[index] = s
		}
	}
	var out []Sample
	for _, s := range found {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Sample) int { return a.Index - b.Index })
	slices.SortFunc(g.devices, func(a, b Device) int { return a.Index - b.Index })
	return out, nil
}
