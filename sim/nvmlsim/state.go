// Package nvmlsim describes simulated GPUs in a file that a simulated
// libnvidia-ml.so.1 (package library) reads anew at every query. A test
// scripts the file by hand; the simulated vLLM server feeds it with what its
// load does to the GPUs.
package nvmlsim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Environment variable that tells the library the path of the file.
const Environment = "NVMLSIM_STATE"

// Reasons for lowered clocks, as bits of GPU.EventReasons; nvml.h has more.
const (
	ReasonIdle     = 0x1
	ReasonPowerCap = 0x4
	ReasonThermal  = 0x20 // software thermal slowdown
)

// State is what the file says.
type State struct {
	Driver string
	GPUs   []GPU
}

// GPU is one device.
type GPU struct {
	Name, UUID        string
	MemoryTotal       uint64  // bytes
	MemoryUsed        uint64  // bytes, Held aside
	Temperature       float64 // degrees Celsius at the time Since
	Idle, Tau         float64 // it cools towards Idle with the time constant Tau in seconds; 0 = it stays
	Since             time.Time
	SMClock, MaxClock int // MHz
	MemoryClock       int
	Power, PowerLimit float64 // W
	Utilisation       float64 // 0..1
	MemoryBusy        float64 // 0..1
	EventReasons      uint64
	Energy            float64 // J since the driver was loaded
	Corrected         uint64  // ECC errors
	Uncorrected       uint64
	Processes         []Process
	Held              []Held
	Xids              []uint64 // driver error events so far, in order
	Lost              bool     // fallen off the bus: every query fails
}

// Process uses memory of a GPU.
type Process struct {
	PID    int
	Memory uint64 // bytes
}

// Held is memory that no process owns any more but that comes free only
// later.
type Held struct {
	Memory uint64 // bytes
	Until  time.Time
}

// Used is the memory in use at a time, bytes.
func (g GPU) Used(now time.Time) uint64 {
	sum := g.MemoryUsed
	for _, h := range g.Held {
		if now.Before(h.Until) {
			sum += h.Memory
		}
	}
	return min(sum, g.MemoryTotal)
}

// TemperatureAt is the temperature at a time after Since, degrees Celsius.
func (g GPU) TemperatureAt(now time.Time) float64 {
	if g.Tau <= 0 {
		return g.Temperature
	}
	return g.Idle + (g.Temperature-g.Idle)*math.Exp(-max(0, now.Sub(g.Since).Seconds())/g.Tau)
}

// unix is a time in seconds; the zero time is 0.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

// Bytes renders the file: a key and its values per line; "gpu" begins a
// device.
func (s State) Bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "driver %s\n", s.Driver)
	for i, g := range s.GPUs {
		fmt.Fprintf(&b, "gpu %d\nname %s\nuuid %s\nmemory %d %d\n", i, g.Name, g.UUID, g.MemoryTotal, g.MemoryUsed)
		fmt.Fprintf(&b, "temperature %g %g %g %.6f\n", g.Temperature, g.Idle, g.Tau, unix(g.Since))
		fmt.Fprintf(&b, "clocks %d %d %d\npower %g %g\nutilisation %g %g\n", g.SMClock, g.MaxClock, g.MemoryClock, g.Power, g.PowerLimit, g.Utilisation, g.MemoryBusy)
		fmt.Fprintf(&b, "reasons %d\nenergy %g\necc %d %d\n", g.EventReasons, g.Energy, g.Corrected, g.Uncorrected)
		for _, p := range g.Processes {
			fmt.Fprintf(&b, "process %d %d\n", p.PID, p.Memory)
		}
		for _, h := range g.Held {
			fmt.Fprintf(&b, "held %d %.6f\n", h.Memory, unix(h.Until))
		}
		for _, x := range g.Xids {
			fmt.Fprintf(&b, "xid %d\n", x)
		}
		if g.Lost {
			b.WriteString("lost\n")
		}
	}
	return b.Bytes()
}

// Write replaces the file at once, so that a reader sees the old or the new
// state.
func (s State) Write(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write GPU state: %w", err)
	}
	_, err = f.Write(s.Bytes())
	// Not synced to disk: the state is worth nothing after a crash of the host.
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write GPU state: %w", err)
	}
	return nil
}

// Read returns what the file says.
func Read(path string) (State, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return State{}, fmt.Errorf("read GPU state: %w", err)
	}
	var s State
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		if err := s.line(lines.Text()); err != nil {
			return State{}, fmt.Errorf("read GPU state %s:%d: %w", path, n, err)
		}
	}
	return s, nil
}

// line reads one line of the file.
func (s *State) line(text string) error {
	key, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch {
	case key == "" || strings.HasPrefix(key, "#"):
		return nil
	case key == "driver":
		s.Driver = rest
		return nil
	case key == "gpu":
		s.GPUs = append(s.GPUs, GPU{})
		return nil
	case len(s.GPUs) == 0:
		return fmt.Errorf("%q before the first gpu", key)
	}
	return s.GPUs[len(s.GPUs)-1].line(key, rest)
}

func (g *GPU) line(key, rest string) error {
	var err error
	scan := func(into ...any) { _, err = fmt.Sscan(rest, into...) }
	switch key {
	case "name":
		g.Name = rest
	case "uuid":
		g.UUID = rest
	case "memory":
		scan(&g.MemoryTotal, &g.MemoryUsed)
	case "temperature":
		var since float64
		if scan(&g.Temperature, &g.Idle, &g.Tau, &since); since > 0 {
			g.Since = time.UnixMicro(int64(since * 1e6))
		}
	case "clocks":
		scan(&g.SMClock, &g.MaxClock, &g.MemoryClock)
	case "power":
		scan(&g.Power, &g.PowerLimit)
	case "utilisation":
		scan(&g.Utilisation, &g.MemoryBusy)
	case "reasons":
		scan(&g.EventReasons)
	case "energy":
		scan(&g.Energy)
	case "ecc":
		scan(&g.Corrected, &g.Uncorrected)
	case "process":
		var p Process
		scan(&p.PID, &p.Memory)
		g.Processes = append(g.Processes, p)
	case "held":
		var h Held
		var until float64
		scan(&h.Memory, &until)
		h.Until = time.UnixMicro(int64(until * 1e6))
		g.Held = append(g.Held, h)
	case "xid":
		var x uint64
		scan(&x)
		g.Xids = append(g.Xids, x)
	case "lost":
		g.Lost = true
	default:
		return errors.New("unknown key " + key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
