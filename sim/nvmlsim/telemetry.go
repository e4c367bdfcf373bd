package nvmlsim

import (
	"context"
	"fmt"
	"time"

	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// gpus are the devices of a state file as telemetry sees those of NVML, without
// the library between them.
type gpus struct {
	path    string
	devices []telemetry.Device
	xids    map[int]int // told so far, by device
}

// Open reads GPUs from their state file, whichever server writes it at the
// moment.
func Open(path string, devices []telemetry.Device) telemetry.GPUs {
	return &gpus{path, devices, map[int]int{}}
}

func (g *gpus) Source() string              { return "simulated" }
func (g *gpus) Driver() string              { return "" }
func (g *gpus) Devices() []telemetry.Device { return g.devices }
func (g *gpus) Least() time.Duration        { return 200 * time.Millisecond } // the server writes no faster
func (g *gpus) Close() error                { return nil }

func (g *gpus) Sample(context.Context) ([]telemetry.Sample, error) {
	state, err := Read(g.path)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	out := make([]telemetry.Sample, 0, len(state.GPUs))
	for i, d := range state.GPUs {
		if d.Lost {
			return nil, fmt.Errorf("simulated GPU %d is lost", i)
		}
		s := telemetry.Sample{Index: i, ProcessesKnown: true, Values: map[string]float64{
			telemetry.MemoryUsed: float64(d.Used(now)), telemetry.Temperature: d.TemperatureAt(now),
			telemetry.SMUtilisation: d.Utilisation, telemetry.MemoryUtilisation: d.MemoryBusy,
			telemetry.Power: d.Power, telemetry.Energy: d.Energy,
			telemetry.SMClock: float64(d.SMClock), telemetry.MemoryClock: float64(d.MemoryClock),
			telemetry.ThrottleReasons: float64(d.EventReasons),
			telemetry.ECCCorrected:    float64(d.Corrected), telemetry.ECCUncorrected: float64(d.Uncorrected),
		}}
		for _, p := range d.Processes {
			s.Processes = append(s.Processes, telemetry.Process{PID: p.PID, Memory: p.Memory})
		}
		s.Xids = d.Xids[min(g.xids[i], len(d.Xids)):]
		g.xids[i] = len(d.Xids)
		out = append(out, s)
	}
	return out, nil
}
