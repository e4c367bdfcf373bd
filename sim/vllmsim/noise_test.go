package vllmsim

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// planted runs a load without step and start noise but with what args plant.
func planted(t *testing.T, args string, load []Arrival, concurrency int) *Result {
	t.Helper()
	r, err := Simulate(append(quiet(strings.Fields(llama)...), strings.Fields(args)...), load, concurrency)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// spread is the standard deviation of the logs of values.
func spread(values []float64) float64 {
	mean, n := 0.0, float64(len(values))
	for _, v := range values {
		mean += math.Log(v) / n
	}
	sum := 0.0
	for _, v := range values {
		sum += (math.Log(v) - mean) * (math.Log(v) - mean)
	}
	return math.Sqrt(sum / (n - 1))
}

// TestStartNoise: the TPOT of a start is the quiet TPOT times the factor that
// the seed plants, and the factors of many seeds spread as asked.
func TestStartNoise(t *testing.T) {
	load := uniform(3, 100, 50)
	_, calm := means(planted(t, "", load, 1))
	var factors []float64
	for seed := range 200 {
		n := engine.Noise{Seed: uint64(seed), Start: 0.05}
		factors = append(factors, n.StartFactor())
		if seed < 5 {
			_, tpot := means(planted(t, fmt.Sprintf("--sim-start-noise 0.05 --sim-seed %d", seed), load, 1))
			ratio(t, "TPOT against its planted factor", tpot/calm, n.StartFactor(), 0.998, 1.002)
		}
	}
	ratio(t, "spread of 200 starts", spread(factors), 0.05, 0.85, 1.15)
}

// bursts are n bursts of equal requests with idle gaps of a length between.
func bursts(n int, every float64) []Arrival {
	var load []Arrival
	for i := range n {
		for range 4 {
			load = append(load, Arrival{At: float64(i) * every, Prompt: 100, Output: 100})
		}
	}
	return load
}

// TestRunNoise: every run has its planted factor, drawn anew after a gap of
// --sim-run-gap and not after a shorter one.
func TestRunNoise(t *testing.T) {
	const n = 12
	calm := planted(t, "", bursts(n, 20), 0)
	noisy := planted(t, "--sim-run-noise 0.05 --sim-seed 7", bursts(n, 20), 0)
	plan := engine.Noise{Seed: 7, Run: 0.05}
	for i, x := range noisy.Timings {
		if x.Run != i/4 {
			t.Fatalf("request %d belongs to run %d, want %d", i, x.Run, i/4)
		}
		ratio(t, "TPOT against the run's planted factor", x.TPOT()/calm.Timings[i].TPOT(), plan.RunFactor(i/4), 0.97, 1.03)
	}
	var factors []float64
	for k := range 300 {
		factors = append(factors, plan.RunFactor(k))
	}
	ratio(t, "spread of 300 runs", spread(factors), 0.05, 0.85, 1.15)
	short := planted(t, "--sim-run-noise 0.05 --sim-run-gap 30", bursts(n, 20), 0)
	if last := short.Timings[len(short.Timings)-1].Run; last != 0 {
		t.Errorf("a gap of 19 s began run %d although 30 s are asked for", last)
	}
}

// TestRequestNoise: the time before the scheduler is the planted one for
// every request, and requests overtake each other on the way to it.
func TestRequestNoise(t *testing.T) {
	var load []Arrival
	for i := range 400 {
		load = append(load, Arrival{At: float64(i) * 0.004, Prompt: 20, Output: 2})
	}
	r := planted(t, "--sim-request-noise 0.4 --sim-seed 3", load, 0)
	plan := engine.Noise{Seed: 3, Request: 0.4}
	var before []float64
	overtaken := 0
	for i, x := range r.Timings {
		wait := x.Scheduled - x.Sent // the scheduler takes it up at its next step
		if want := plan.RequestOverhead(uint64(i)); wait < want-1e-9 || wait > want+0.03 {
			t.Fatalf("request %d reaches the scheduler after %.4f s, planted %.4f s", i, wait, want)
		}
		before = append(before, plan.RequestOverhead(uint64(i)))
		if i > 0 && x.Scheduled < r.Timings[i-1].Scheduled {
			overtaken++
		}
	}
	ratio(t, "spread of 400 requests", spread(before), 0.4, 0.85, 1.15)
	if overtaken == 0 {
		t.Error("no request overtook another")
	}
}

// TestThermalDrift: under a lasting load the step times follow the clock that
// the temperature law plants; after a pause the GPU is cool and fast again.
func TestThermalDrift(t *testing.T) {
	const args = "--sim-temp-tau 40 --sim-temp-idle 30 --sim-temp-load 80 --sim-temp-limit 50 --sim-temp-slope 0.01"
	law := engine.Thermal{Idle: 30, Load: 80, Tau: 40, Limit: 50, Slope: 0.01, Start: 30}
	load := uniform(300, 50, 200)
	calm := planted(t, "", load, 2).Timings
	hot := planted(t, args, load, 2).Timings
	for i := 2; i < len(hot)-2; i++ {
		middle := (hot[i].FirstToken + hot[i].Done) / 2
		// About 15 ms before each request are idle for one client, not for the GPU.
		want := 1 / law.Clock(law.After(30, middle, true))
		ratio(t, fmt.Sprintf("slowdown at %.0f s", middle), hot[i].TPOT()/calm[i].TPOT(), want, 0.985, 1.015)
	}
	if end := hot[len(hot)-1]; end.Done < 3*law.Tau {
		t.Fatalf("the load lasts %.0f s only", end.Done)
	}
	ratio(t, "final slowdown", hot[len(hot)-3].TPOT()/hot[0].TPOT(), 1/0.7, 0.95, 1.01)
	// The same load after a pause of ten time constants is as fast as at first.
	var again []Arrival
	for i := range 200 {
		at := float64(i) * 0.5
		if i >= 100 {
			at += 400
		}
		again = append(again, Arrival{At: at, Prompt: 50, Output: 150})
	}
	cooled := planted(t, args, again, 0).Timings
	ratio(t, "first request after cooling", cooled[100].TPOT(), cooled[0].TPOT(), 0.995, 1.005)
	ratio(t, "last request before cooling", cooled[99].TPOT(), cooled[0].TPOT(), 1.05, 2)
}

// state asks the server for what it planted.
func (s *instance) state() (run int, factor, start, celsius, clock float64) {
	s.t.Helper()
	_, text := s.do("GET", "/sim/state", "")
	var got struct {
		Engines []struct {
			Run         int
			RunFactor   float64 `json:"run_factor"`
			StartFactor float64 `json:"start_factor"`
			Temperature float64 `json:"temperature_celsius"`
			Clock       float64
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Engines) != 1 {
		s.t.Fatalf("/sim/state answered %s: %v", text, err)
	}
	e := got.Engines[0]
	return e.Run, e.RunFactor, e.StartFactor, e.Temperature, e.Clock
}

// TestNoiseInRealTime: behind HTTP the same seed plants the same factors, a
// reset of the prefix cache begins a run, and load heats the GPU.
func TestNoiseInRealTime(t *testing.T) {
	t.Setenv("VLLM_SERVER_DEV_MODE", "1")
	s := serve(t, "--sim-start-noise", "0.05", "--sim-run-noise", "0.05", "--sim-run-gap", "0", "--sim-seed", "11",
		"--sim-temp-tau", "20", "--sim-temp-start", "40", "--sim-temp-limit", "45", "--sim-temp-slope", "0.01")
	plan := engine.Noise{Seed: 11, Start: 0.05, Run: 0.05}
	if run, _, _, celsius, _ := s.state(); run != -1 || celsius > 40 || celsius < 34.9 {
		t.Errorf("before the first request: run %d at %.1f °C", run, celsius)
	}
	for k := range 3 {
		// 3000 tokens of at least 1.5 ms each: more than 4 simulated seconds.
		s.do("POST", "/v1/completions", `{"prompt":"a","max_tokens":3000,"ignore_eos":true}`)
		run, factor, start, celsius, clock := s.state()
		if run != k || factor != plan.RunFactor(k) || start != plan.StartFactor() {
			t.Errorf("run %d with factors %g and %g, want run %d with %g and %g", run, factor, start, k, plan.RunFactor(k), plan.StartFactor())
		}
		if k == 0 && celsius < 36 {
			t.Errorf("%.1f °C after load", celsius)
		}
		if clock > 1 || clock < 0.69 {
			t.Errorf("clock at %g", clock)
		}
		if _, text := s.do("POST", "/reset_prefix_cache", ""); text != `{"success":true}` {
			t.Fatal(text)
		}
	}
}

// TestNoiseFlags: values out of range are refused with the flag's name.
func TestNoiseFlags(t *testing.T) {
	for _, flag := range []string{"sim-start-noise", "sim-run-noise", "sim-step-noise", "sim-request-noise", "sim-run-gap", "sim-temp-slope", "sim-temp-tau"} {
		for _, value := range []string{"-1", strconv.Itoa(2e9), "NaN"} {
			_, err := Simulate([]string{"Qwen/Qwen3-0.6B", "--" + flag + "=" + value}, nil, 0)
			if err == nil || !strings.Contains(err.Error(), flag) {
				t.Errorf("--%s %s: error %v", flag, value, err)
			}
		}
	}
}
