package facts

import (
	"math"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// recorded is ten seconds of two GPUs, five samples a second: GPU 0 works at
// 400 W for the server, GPU 1 idles.
func recorded(start time.Time) telemetry.Recorded {
	rec := telemetry.Recorded{Began: start, Ended: start.Add(10 * time.Second), GPUSource: "nvml", GPUEvery: 200 * time.Millisecond,
		Counts: map[string]telemetry.Count{telemetry.SourceGPU: {Reads: 51}}}
	add := func(at time.Time, device int, metric, label string, v float64) {
		rec.Readings = append(rec.Readings, telemetry.Reading{At: at, Source: telemetry.SourceGPU, Device: device, Metric: metric, Label: label, Value: v})
	}
	for i := range 51 {
		at := start.Add(time.Duration(i) * 200 * time.Millisecond)
		add(at, 0, telemetry.Power, "", 400)
		add(at, 1, telemetry.Power, "", 60)
		add(at, 0, telemetry.SMClock, "", 1800+float64(i%2)*100)
		reasons := 0.0
		if i >= 20 && i < 30 { // from 4 s to 6 s
			reasons = 0x24
		}
		add(at, 0, telemetry.ThrottleReasons, "", reasons)
		add(at, 0, telemetry.ProcessMemory, "100", 60<<30)
		add(at, 1, telemetry.ProcessMemory, "300", 1<<30)
	}
	add(start.Add(5*time.Second), 0, telemetry.ProcessMemory, "200", 2<<30)
	return rec
}

func TestGPUFacts(t *testing.T) {
	start := time.Now()
	trial := Trial{From: start.Add(2 * time.Second), To: start.Add(8 * time.Second), OutputTokens: 6000, Requests: 60, Owns: func(pid int) Ownership {
		if pid == 100 {
			return Ours
		}
		return Foreign
	}}
	g := Derive(recorded(start), trial).GPU
	near := func(what string, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > 1e-6*math.Abs(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	if len(g.Devices) != 1 || g.Devices[0] != 0 || g.DevicesBy != ByProcesses || g.EnergyBy != "power" {
		t.Fatalf("%+v", g)
	}
	near("energy", g.Energy, 2400)
	near("energy a token", g.EnergyPerOutputToken, 0.4)
	near("energy a request", g.EnergyPerRequest, 40)
	near("tokens a joule", g.TokensPerJoule, 2.5)
	near("clock spread", g.SMClockSpread, 100.0/1800)
	if s := g.Throttled["thermal_software"]; math.Abs(s-2) > 1e-6 || math.Abs(g.Throttled["power_cap"]-2) > 1e-6 {
		t.Errorf("throttled %v, want 2 s each", g.Throttled)
	}
	// On the server's GPU only: what runs on the other is no disturbance here.
	if len(g.Foreign) != 1 || g.Foreign[0].PID != 200 || g.Foreign[0].MemoryBytes != 2<<30 {
		t.Errorf("foreign %+v", g.Foreign)
	}
	trial.Resident = []int{200}
	if f := Derive(recorded(start), trial).GPU.Foreign; len(f) != 0 {
		t.Errorf("a process from before the launch: %+v", f)
	}
	trial.Owns = func(int) Ownership { return Unknown } // another namespace
	trial.Resident = nil
	if f := Derive(recorded(start), trial).GPU; len(f.Foreign) != 0 || f.DevicesBy == ByProcesses {
		t.Errorf("nobody can be told from anybody: %+v", f)
	}
}

func TestServerFactsOverARestart(t *testing.T) {
	start := time.Now()
	scrape := func(s int, tokens float64) telemetry.Engine {
		return telemetry.Engine{At: start.Add(time.Duration(s) * time.Second), Dialect: "vllm", Values: map[string]float64{
			telemetry.GenerationTokens: tokens, telemetry.KVCacheUsage: 0.1 * float64(s), telemetry.PrefixCacheQueries: 100 * tokens, telemetry.PrefixCacheHits: 25 * tokens,
		}}
	}
	rec := telemetry.Recorded{Scrapes: []telemetry.Engine{scrape(0, 0), scrape(1, 100), scrape(2, 300), scrape(3, 500), scrape(4, 600)}}
	s := Derive(rec, Trial{From: start.Add(1100 * time.Millisecond), To: start.Add(2900 * time.Millisecond)}).Server
	if s.Span != 2 || *s.GenerationRate != 200 || math.Abs(*s.KVCacheUsageMean-0.2) > 1e-9 || *s.HitRate != 0.25 || s.RestartedInWindow {
		t.Errorf("%+v", s)
	}
	rec.Scrapes[3] = scrape(3, 10)
	if s := Derive(rec, Trial{From: start, To: start.Add(4 * time.Second)}).Server; !s.RestartedInWindow {
		t.Errorf("counters that fell were not noticed: %+v", s)
	}
}
