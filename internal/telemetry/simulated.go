package telemetry

import (
	"context"
	"fmt"
	"time"

	"github.com/vllm-sweep/sweep/internal/nvmlsim"
)

// simulatedGPUs reads the state file that a simulated server keeps, so that a
// run on simulated servers shows what a run on GPUs would.
type simulatedGPUs struct {
	path    string
	devices []Device
	xids    map[int]int // told so far, by device
}

// OpenSimulated reads simulated GPUs from their state file, whichever server
// writes it at the moment. It has no devices until the file is there.
func OpenSimulated(path string, devices []Device) GPUs {
	return &simulatedGPUs{path, devices, map[int]int{}}
}

func (g *simulatedGPUs) Source() string       { return "simulated" }
func (g *simulatedGPUs) Driver() string       { return "" }
func (g *simulatedGPUs) Devices() []Device    { return g.devices }
func (g *simulatedGPUs) Least() time.Duration { return 200 * time.Millisecond } // the server writes no faster
func (g *simulatedGPUs) Close() error         { return nil }

func (g *simulatedGPUs) Sample(context.Context) ([]Sample, error) {
	state, err := nvmlsim.Read(g.path)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	out := make([]Sample, 0, len(state.GPUs))
	for i, d := range state.GPUs {
		if d.Lost {
			return nil, fmt.Errorf("simulated GPU %d is lost", i)
		}
		s := Sample{Index: i, ProcessesKnown: true, Values: map[string]float64{
			MemoryUsed: float64(d.Used(now)), Temperature: d.TemperatureAt(now),
			SMUtilisation: d.Utilisation, MemoryUtilisation: d.MemoryBusy, Power: d.Power, Energy: d.Energy,
			SMClock: float64(d.SMClock), MemoryClock: float64(d.MemoryClock), ThrottleReasons: float64(d.EventReasons),
			ECCCorrected: float64(d.Corrected), ECCUncorrected: float64(d.Uncorrected),
		}}
		for _, p := range d.Processes {
			s.Processes = append(s.Processes, Process{PID: p.PID, Memory: p.Memory})
		}
		s.Xids = d.Xids[min(g.xids[i], len(d.Xids)):]
		g.xids[i] = len(d.Xids)
		out = append(out, s)
	}
	return out, nil
}
