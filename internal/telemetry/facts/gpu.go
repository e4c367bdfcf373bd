package facts

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// How the devices that the server uses were told from others.
const (
	ByProcesses = "processes" // a process of the server holds memory there
	ByMemory    = "memory"    // memory above usedMemory is in use there
	ByAll       = "all"       // not to be told: every device counts
)

// usedMemory in bytes: an idle GPU holds some hundred MiB for the driver, a
// server of the smallest model more than this.
const usedMemory = 1 << 30

// gpu gathers the facts of the GPUs that the server used.
func gpu(rec telemetry.Recorded, s series, t Trial) *rundir.GPUFacts {
	held := processes(rec.Readings)
	devices, by := used(s, held, t)
	if len(devices) == 0 {
		return nil
	}
	f := &rundir.GPUFacts{Devices: devices, DevicesBy: by}
	of := func(metric string) [][]point {
		var out [][]point
		for _, d := range devices {
			if ps := s[key{telemetry.SourceGPU, metric, d}]; len(ps) > 0 {
				out = append(out, ps)
			}
		}
		return out
	}
	window := func(metric string) []float64 {
		var out []float64
		for _, ps := range of(metric) {
			out = append(out, values(inside(ps, t.From, t.To))...)
		}
		return out
	}
	f.Energy, f.EnergyBy = energy(of(telemetry.Energy), of(telemetry.Power), len(devices), t)
	f.EnergyPerOutputToken = ratio(f.Energy, t.OutputTokens)
	f.EnergyPerRequest = ratio(f.Energy, t.Requests)
	if f.Energy != nil {
		f.TokensPerJoule = ratio(&t.OutputTokens, *f.Energy)
	}
	if p := mean(window(telemetry.Power)); p != nil {
		f.PowerMean = new(*p * float64(len(of(telemetry.Power))))
	}
	f.PowerPeak = highest(window(telemetry.Power))
	f.TemperatureStart = highest(firsts(of(telemetry.Temperature)))
	f.TemperatureMean, f.TemperaturePeak = mean(window(telemetry.Temperature)), highest(window(telemetry.Temperature))
	f.MemoryTempPeak = highest(window(telemetry.MemoryTemperature))
	clocks := window(telemetry.SMClock)
	f.SMClockMin, f.SMClockMean, f.SMClockMax = lowest(clocks), mean(clocks), highest(clocks)
	f.SMClockSpread = spread(clocks)
	f.UtilisationMean, f.MemoryBusyMean = mean(window(telemetry.SMUtilisation)), mean(window(telemetry.MemoryUtilisation))
	f.MemoryPeak = highest(window(telemetry.MemoryUsed))
	f.PCIeRate = rate(t, of(telemetry.PCIeReceived), of(telemetry.PCIeSent))
	f.NVLinkRate = rate(t, of(telemetry.NVLinkReceived), of(telemetry.NVLinkSent))
	f.Throttled = throttled(of(telemetry.ThrottleReasons), rec.GPUEvery, t)
	f.Foreign = foreign(held, devices, t)
	f.ECCCorrected, f.ECCUncorrected = added(of(telemetry.ECCCorrected)), added(of(telemetry.ECCUncorrected))
	for _, ps := range of(telemetry.Xid) {
		for _, p := range ps {
			f.Xids = append(f.Xids, uint64(p.v))
		}
	}
	return f
}

func firsts(all [][]point) []float64 {
	var out []float64
	for _, ps := range all {
		out = append(out, ps[0].v)
	}
	return out
}

// added is the growth of counters over the whole recording.
func added(all [][]point) *float64 {
	var sum float64
	known := false
	for _, ps := range all {
		if d, ok := whole(ps); ok {
			sum, known = sum+d, true
		}
	}
	if !known {
		return nil
	}
	return &sum
}

// energy takes the counters where every device has one, else it integrates
// the power.
func energy(counters, power [][]point, devices int, t Trial) (*float64, string) {
	sum, n := 0.0, 0
	for _, ps := range counters {
		if d, ok := growth(ps, t.From, t.To); ok {
			sum, n = sum+d, n+1
		}
	}
	if n == devices {
		return &sum, "counter"
	}
	sum, n = 0, 0
	for _, ps := range power {
		if j, ok := integral(ps, t.From, t.To); ok {
			sum, n = sum+j, n+1
		}
	}
	if n == devices {
		return &sum, "power"
	}
	return nil, ""
}

// integral is the area under a series by trapezia.
func integral(ps []point, from, to time.Time) (float64, bool) {
	from, to, scale, ok := clamp(ps, from, to)
	if !ok {
		return 0, false
	}
	first, _ := at(ps, from)
	last, _ := at(ps, to)
	cut := slices.Concat([]point{{from, first}}, inside(ps, from, to), []point{{to, last}})
	var sum float64
	for i := 1; i < len(cut); i++ {
		sum += (cut[i].v + cut[i-1].v) / 2 * cut[i].at.Sub(cut[i-1].at).Seconds()
	}
	return sum * scale, true
}

// rate is the growth of counters a second, summed.
func rate(t Trial, groups ...[][]point) *float64 {
	var sum float64
	known := false
	for _, all := range groups {
		for _, ps := range all {
			if d, ok := growth(ps, t.From, t.To); ok {
				sum, known = sum+d, true
			}
		}
	}
	if !known || !t.To.After(t.From) {
		return nil
	}
	return new(sum / t.To.Sub(t.From).Seconds())
}

// throttled adds up the time under each cause inside the window, device by
// device, and keeps the longest. A sample stands for the time until the next,
// but for no more than twice the interval between samples.
func throttled(all [][]point, every time.Duration, t Trial) map[string]float64 {
	var out map[string]float64
	for _, ps := range all {
		took := map[string]float64{}
		for i, p := range ps {
			end := p.at.Add(2 * every)
			if i+1 < len(ps) && ps[i+1].at.Before(end) {
				end = ps[i+1].at
			}
			from, to := p.at, end
			if from.Before(t.From) {
				from = t.From
			}
			if to.After(t.To) {
				to = t.To
			}
			if !to.After(from) {
				continue
			}
			for _, cause := range telemetry.CausesOf(uint64(p.v)) {
				took[cause] += to.Sub(from).Seconds()
			}
		}
		for cause, s := range took {
			if out == nil {
				out = map[string]float64{}
			}
			out[cause] = max(out[cause], s)
		}
	}
	return out
}

// holding is a process with memory of a device.
type holding struct{ pid, device int }

// processes lists who held memory at any time of the recording, and how much
// at most.
func processes(readings []telemetry.Reading) map[holding]float64 {
	out := map[holding]float64{}
	for _, r := range readings {
		if r.Metric != telemetry.ProcessMemory {
			continue
		}
		if pid, err := strconv.Atoi(r.Label); err == nil {
			h := holding{pid, r.Device}
			out[h] = max(out[h], r.Value)
		}
	}
	return out
}

// used tells which devices the server used.
func used(s series, held map[holding]float64, t Trial) (devices []int, by string) {
	add := func(d int) {
		if !slices.Contains(devices, d) {
			devices = append(devices, d)
		}
	}
	if t.Owns != nil {
		for h := range held {
			if t.Owns(h.pid) == Ours {
				add(h.device)
			}
		}
	}
	by = ByProcesses
	if len(devices) == 0 {
		by = ByMemory
		for k, ps := range s {
			if k.source == telemetry.SourceGPU && k.metric == telemetry.MemoryUsed && *highest(values(ps)) > usedMemory {
				add(k.device)
			}
		}
	}
	if len(devices) == 0 {
		by = ByAll
		for k := range s {
			if k.source == telemetry.SourceGPU {
				add(k.device)
			}
		}
	}
	slices.Sort(devices)
	return devices, by
}

// foreign lists the processes on the server's devices that are not its own
// and were not there before it. A process that cannot be looked up counts as
// foreign only where the server's own can be: elsewhere (another process
// namespace, another host) nobody can be told from anybody.
func foreign(held map[holding]float64, devices []int, t Trial) []rundir.ForeignProcess {
	if t.Owns == nil {
		return nil
	}
	known := false
	for h := range held {
		known = known || t.Owns(h.pid) == Ours
	}
	var out []rundir.ForeignProcess
	for h, memory := range held {
		owner := t.Owns(h.pid)
		if !slices.Contains(devices, h.device) || slices.Contains(t.Resident, h.pid) {
			continue
		}
		if owner == Foreign || owner == Unknown && known {
			out = append(out, rundir.ForeignProcess{PID: h.pid, Device: h.device, MemoryBytes: int64(memory)})
		}
	}
	slices.SortFunc(out, func(a, b rundir.ForeignProcess) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.PID, b.PID))
	})
	return out
}
