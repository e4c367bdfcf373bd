package vllmsim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/sim/nvmlsim"
	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
	"github.com/vllm-sweep/sweep/sim/vllmsim/server"
)

// Rough figures of what NVML shows, as shares of the board power and of the
// largest clock; estimates.
const (
	idlePower = 0.10
	busyPower = 0.85
	idleClock = 0.17
)

// gpuFeed keeps the file of --sim-gpu-state up to date. A nil feed does
// nothing.
type gpuFeed struct {
	path    string
	tau     float64 // time constant of cooling, real seconds
	idle    float64 // degrees Celsius
	pid     int
	perRank int // GPUs of a data-parallel rank

	mu     sync.Mutex
	state  nvmlsim.State
	memory uint64 // that this server holds on each of its GPUs
	used   int    // number of its GPUs
	busy   []float64
	last   time.Time
}

// openFeed takes over the GPUs that the file describes, or makes new ones. What
// others use of the memory is missing for the start; the temperature goes on
// from where the last server left it.
func (s *setup) openFeed(pid int) (*gpuFeed, error) {
	path := s.values.Text("sim-gpu-state", "")
	if path == "" {
		return nil, nil
	}
	old, err := nvmlsim.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	now := time.Now()
	c := &s.engine
	f := &gpuFeed{
		path: path, tau: c.Thermal.Tau / s.speedup, idle: c.Thermal.Idle, pid: pid, last: now,
		perRank: c.TP * c.PP, used: c.TP * c.PP * s.dp, busy: make([]float64, s.dp), state: nvmlsim.State{Driver: "simulated"},
	}
	start, foreign := c.Thermal.Start, uint64(0)
	for i := range s.gpus {
		g := nvmlsim.GPU{Temperature: start}
		if i < len(old.GPUs) {
			g = inherit(old.GPUs[i], now)
			if i < f.used && !s.values.Has("sim-temp-start") {
				c.Thermal.Start = max(c.Thermal.Start, g.Temperature)
			}
		}
		g.Name, g.UUID = c.GPU.Device, fmt.Sprintf("GPU-51a00000-0000-0000-0000-%012d", i)
		g.MemoryTotal, g.MaxClock, g.MemoryClock, g.PowerLimit = uint64(c.GPU.Memory), c.GPU.Clock, c.GPU.MemoryClock, c.GPU.Power
		g.Idle, g.Tau, g.Since = f.idle, f.tau, now
		rest(&g)
		if i < f.used {
			foreign = max(foreign, g.Used(now))
		}
		f.state.GPUs = append(f.state.GPUs, g)
	}
	if foreign > 0 && c.FreeMemory == 0 {
		c.FreeMemory = max(1, engine.PlanMemory(*c).Free-float64(foreign))
	}
	return f, f.state.Write(path)
}

// inherit is the state of a GPU left by others: processes that are gone give
// their memory back, memory held late is kept as long as it is held.
func inherit(g nvmlsim.GPU, now time.Time) nvmlsim.GPU {
	kept := nvmlsim.GPU{Temperature: g.TemperatureAt(now), MemoryUsed: g.MemoryUsed, Energy: g.Energy, Corrected: g.Corrected, Uncorrected: g.Uncorrected, Xids: g.Xids, Lost: g.Lost}
	for _, p := range g.Processes {
		if gone(p.PID) {
			kept.MemoryUsed -= min(p.Memory, kept.MemoryUsed)
		} else {
			kept.Processes = append(kept.Processes, p)
		}
	}
	for _, h := range g.Held {
		if now.Before(h.Until) {
			kept.Held = append(kept.Held, h)
		}
	}
	return kept
}

// rest shows a GPU without work.
func rest(g *nvmlsim.GPU) {
	g.Utilisation, g.MemoryBusy, g.EventReasons = 0, 0, nvmlsim.ReasonIdle
	g.SMClock, g.Power = int(idleClock*float64(g.MaxClock)), idlePower*g.PowerLimit
}

// hold sets the bytes that this server takes on each of its GPUs.
func (f *gpuFeed) hold(bytes float64) error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.take(uint64(bytes))
	return f.state.Write(f.path)
}

// take books this server's memory and process. The caller holds the lock.
func (f *gpuFeed) take(bytes uint64) {
	for i := range f.used {
		g := &f.state.GPUs[i]
		g.MemoryUsed += bytes - min(f.memory, g.MemoryUsed)
		kept := g.Processes[:0]
		for _, p := range g.Processes {
			if p.PID != f.pid {
				kept = append(kept, p)
			}
		}
		if g.Processes = kept; bytes > 0 {
			g.Processes = append(kept, nvmlsim.Process{PID: f.pid, Memory: bytes})
		}
	}
	f.memory = bytes
}

// release gives the memory back at the end, or leaves it to nobody for a
// while.
func (f *gpuFeed) release(late time.Duration) error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.adopt()
	held := nvmlsim.Held{Memory: f.memory, Until: time.Now().Add(late)}
	f.take(0)
	for i := range f.used {
		g := &f.state.GPUs[i]
		g.Temperature, g.Since, g.Tau = g.TemperatureAt(time.Now()), time.Now(), f.tau
		rest(g)
		if late > 0 && held.Memory > 0 {
			g.Held = append(g.Held, held)
		}
	}
	return f.state.Write(f.path)
}

// follow writes what the load does to the GPUs, five times a second. sizes
// are the bytes held awake and asleep.
func (f *gpuFeed) follow(ctx context.Context, srv *server.Server, awake, asleep float64) error {
	if f == nil {
		return nil
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		memory := awake
		if srv.Sleeping() != 0 {
			memory = asleep
		}
		if err := f.update(srv.States(), time.Now(), srv.Speedup(), uint64(memory)); err != nil {
			return err
		}
	}
}

// adopt takes over what others wrote into the file since: living processes
// that hold memory, errors, and a GPU that was lost. The caller holds the lock.
func (f *gpuFeed) adopt() {
	now, err := nvmlsim.Read(f.path)
	if err != nil || len(now.GPUs) != len(f.state.GPUs) {
		return // nobody else's file
	}
	for i := range f.state.GPUs {
		g, seen := &f.state.GPUs[i], now.GPUs[i]
		for _, p := range g.Processes {
			if p.PID != f.pid {
				g.MemoryUsed -= min(p.Memory, g.MemoryUsed)
			}
		}
		g.Processes = slices.DeleteFunc(g.Processes, func(p nvmlsim.Process) bool { return p.PID != f.pid })
		for _, p := range seen.Processes {
			if p.PID != f.pid && !gone(p.PID) {
				g.Processes = append(g.Processes, p)
				g.MemoryUsed += p.Memory
			}
		}
		g.Corrected, g.Uncorrected, g.Xids, g.Lost = seen.Corrected, seen.Uncorrected, seen.Xids, seen.Lost
	}
}

// update books one interval.
func (f *gpuFeed) update(engines []server.EngineState, now time.Time, speedup float64, memory uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.adopt()
	f.take(memory)
	seconds := now.Sub(f.last).Seconds()
	f.last = now
	for rank, e := range engines {
		busy := min(1, max(0, (e.Busy-f.busy[rank])/max(seconds*speedup, 1e-9)))
		f.busy[rank] = e.Busy
		for i := rank * f.perRank; i < (rank+1)*f.perRank; i++ {
			g := &f.state.GPUs[i]
			g.Temperature, g.Since, g.Tau = e.Temperature, now, f.tau
			rest(g)
			if busy > 0 || e.Running > 0 {
				g.Tau = 0 // it does not cool until the next update
				g.Utilisation, g.MemoryBusy, g.EventReasons = busy, 0.6*busy, 0
				g.SMClock = int(e.Clock * float64(g.MaxClock))
				g.Power = (idlePower + (busyPower-idlePower)*busy*e.Clock) * g.PowerLimit
			}
			if e.Clock < 1 && g.Utilisation > 0 {
				g.EventReasons |= nvmlsim.ReasonThermal
			}
			g.Energy += g.Power * seconds
		}
	}
	return f.state.Write(f.path)
}
