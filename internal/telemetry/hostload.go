package telemetry

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
)

// Quantities of the host and of this process, the load generator. Counters
// grow since the host or the process started.
const (
	HostCPU         = "cpu_busy_seconds"       // counter, all processors added up
	HostCPUShare    = "cpu_share"              // 0..1 of all processors, since the reading before
	HostMemory      = "memory_available_bytes" //
	HostRunQueue    = "run_queue"              // runnable tasks, this reading's own aside
	HostReceived    = "network_received_bytes" // counter, loopback aside
	HostSent        = "network_sent_bytes"     // counter, loopback aside
	ClientCPU       = "process_cpu_seconds"    // counter
	ClientGCPauses  = "gc_pause_seconds"       // counter; stop-the-world pauses, to the resolution of their histogram
	ClientHeap      = "heap_bytes"             //
	ClientGoroutine = "goroutines"             //
)

// hostReader reads /proc; off Linux it reads nothing.
type hostReader struct {
	busy, total float64 // of the reading before
}

// read returns the quantities that can be had.
func (h *hostReader) read() map[string]float64 {
	out := map[string]float64{}
	if text, err := os.ReadFile("/proc/stat"); err == nil {
		h.cpu(string(text), out)
	}
	if kb, err := strconv.ParseFloat(strings.TrimSuffix(procField("/proc/meminfo", "MemAvailable"), " kB"), 64); err == nil {
		out[HostMemory] = kb * 1024
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 3 {
			running, _, _ := strings.Cut(f[3], "/")
			if n, err := strconv.ParseFloat(running, 64); err == nil {
				out[HostRunQueue] = max(0, n-1)
			}
		}
	}
	if text, err := os.ReadFile("/proc/net/dev"); err == nil {
		network(string(text), out)
	}
	return out
}

// ticks of /proc/stat a second (USER_HZ, fixed by the kernel's interface).
const ticks = 100

// cpu reads the first line of /proc/stat: user, nice, system, idle, iowait,
// irq, softirq, steal; guest time is inside user.
func (h *hostReader) cpu(text string, out map[string]float64) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return
	}
	var total, idle float64
	for i, f := range fields[1:9] {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return
		}
		total += n
		if i == 3 || i == 4 {
			idle += n
		}
	}
	busy := total - idle
	out[HostCPU] = busy / ticks
	if h.total > 0 && total > h.total {
		out[HostCPUShare] = min(1, max(0, (busy-h.busy)/(total-h.total)))
	}
	h.busy, h.total = busy, total
}

// network adds up /proc/net/dev without the loopback.
func network(text string, out map[string]float64) {
	var received, sent float64
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if !ok || len(f) < 9 || strings.TrimSpace(name) == "lo" {
			continue
		}
		r, err1 := strconv.ParseFloat(f[0], 64)
		s, err2 := strconv.ParseFloat(f[8], 64)
		if err1 == nil && err2 == nil {
			received, sent = received+r, sent+s
		}
	}
	out[HostReceived], out[HostSent] = received, sent
}

// readClient reads this process.
func readClient() map[string]float64 {
	out := map[string]float64{ClientGoroutine: float64(runtime.NumGoroutine())}
	if cpu, ok := processCPU(); ok {
		out[ClientCPU] = cpu.Seconds()
	}
	samples := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	if samples[0].Value.Kind() == metrics.KindFloat64Histogram {
		out[ClientGCPauses] = total(samples[0].Value.Float64Histogram())
	}
	if samples[1].Value.Kind() == metrics.KindUint64 {
		out[ClientHeap] = float64(samples[1].Value.Uint64())
	}
	return out
}

// total adds a histogram's observations, each as the lower end of its bucket.
func total(h *metrics.Float64Histogram) float64 {
	var sum float64
	for i, n := range h.Counts {
		if low := h.Buckets[i]; n > 0 && !math.IsInf(low, 0) {
			sum += low * float64(n)
		}
	}
	return sum
}

// Frequency says how the host's processors are clocked.
type Frequency struct {
	Governors []string // scaling governors in use; empty: not told (a virtual machine, say)
	Boost     string   // "on", "off" or "": not told
}

// ReadFrequency reads governor and boost state from sysfs.
func ReadFrequency() Frequency { return readFrequency("/sys/devices/system/cpu") }

func readFrequency(root string) Frequency {
	var f Frequency
	files, _ := filepath.Glob(filepath.Join(root, "cpu[0-9]*", "cpufreq", "scaling_governor"))
	for _, path := range files {
		if b, err := os.ReadFile(path); err == nil {
			if g := strings.TrimSpace(string(b)); !slices.Contains(f.Governors, g) {
				f.Governors = append(f.Governors, g)
			}
		}
	}
	slices.Sort(f.Governors)
	// intel_pstate counts the other way round.
	for path, states := range map[string][2]string{"cpufreq/boost": {"off", "on"}, "intel_pstate/no_turbo": {"on", "off"}} {
		switch b, err := os.ReadFile(filepath.Join(root, path)); {
		case err != nil:
		case strings.TrimSpace(string(b)) == "0":
			f.Boost = states[0]
		default:
			f.Boost = states[1]
		}
	}
	return f
}
