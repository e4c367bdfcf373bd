package vllmsim_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/sim/vllmsim"
	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// driftExperiment compares four configurations that do not differ under eight
// requests in flight, and one that serves five at a time.
const driftExperiment = `
version: 1
name: drift
server: {model: Qwen/Qwen2.5-7B-Instruct, flags: {max-num-seqs: 64}, simulated: {}}
matrix: {parameters: {max-num-seqs: [64, 80, 96, 112, 5]}}
loads: {chat: {prompt_tokens: 100, output_tokens: 100, arrivals: {concurrency: 8}, requests: 600}}
trials: {repeat: 4, seed: 5, order: %s}
confirm: false
`

// warming is the planted heat: under load the GPU nears 80 °C within half an
// hour, and each degree costs the clock 0.18%.
func warming() engine.Thermal {
	return engine.Thermal{Idle: 35, Load: 80, Tau: 600, Limit: 35, Slope: 0.0018}
}

// between is the time from the end of one load to the next start.
const between = 10 * time.Second

// night carries a plan out on the virtual clock, on a GPU that keeps its heat
// from start to start. With gate each start waits for the temperature of the
// block's first.
func night(t *testing.T, order string, gate bool) (wrong, found int, drift float64) {
	t.Helper()
	e, ds := experiment.Parse("drift.yaml", fmt.Appendf(nil, driftExperiment, order))
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	p, err := matrix.New(e)
	if err != nil {
		t.Fatal(err)
	}
	heat := warming()
	celsius, since := heat.Idle, time.Now()
	now := func() float64 { return heat.After(celsius, time.Since(since).Seconds(), false) }
	look := func(context.Context) ([]telemetry.Sample, error) {
		return []telemetry.Sample{{Values: map[string]float64{telemetry.Temperature: now()}}}, nil
	}
	references := map[int]telemetry.Conditions{}
	in := analysis.Input{Plan: p}
	coolest, hottest := 1.0, 0.0
	for i, s := range p.Starts {
		rule := telemetry.CooldownRule{AtLeast: between}
		if gate {
			rule.AtMost, rule.Band, rule.Reference = time.Hour, telemetry.Band{Temperature: 2}, references[max(1, s.Block-1)]
			if r, ok := references[s.Block]; ok {
				rule.Reference = r
			}
		}
		if i > 0 {
			if res, err := telemetry.Cooldown(t.Context(), rule, look, nil); err != nil || !res.Reached {
				t.Fatal(res, err)
			}
		}
		if _, ok := references[s.Block]; !ok {
			first, _ := look(t.Context())
			references[s.Block] = telemetry.ConditionsOf(first)
		}
		in.Starts = append(in.Starts, rundir.Start{ID: s.ID, Block: s.Block, Configuration: s.Configuration, Purpose: s.Purpose, Outcome: rundir.StartReady, Began: time.Now()})
		for _, tr := range s.Trials {
			celsius, since = now(), time.Now()
			coolest, hottest = min(coolest, 1-heat.Clock(celsius)), max(hottest, 1-heat.Clock(celsius))
			in.Trials = append(in.Trials, load(t, p, s, tr, i, celsius, len(in.Trials)))
			took := in.Trials[len(in.Trials)-1].Window
			time.Sleep(time.Duration(took * float64(time.Second)))
			celsius, since = heat.After(celsius, took, true), time.Now()
		}
	}
	f, err := analysis.Analyze(in)
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []string
	for _, c := range f.Cells {
		r, ok := c.Ratios["output_throughput"]
		if !ok {
			continue
		}
		verdicts = append(verdicts, fmt.Sprintf("%s %.3f %s", c.Label, r.Center, r.Verdict))
		switch different := strings.HasSuffix(c.Label, "=5"); {
		case different && r.Verdict == analysis.Worse:
			found++
		case different:
		case r.Verdict == analysis.Worse || r.Verdict == analysis.Better:
			wrong++
		}
	}
	t.Logf("order %s, gate %v: clock lost %.1f to %.1f %%: %s", order, gate, 100*coolest, 100*hottest, strings.Join(verdicts, ", "))
	return wrong, found, hottest - coolest
}

// load runs one trial from a temperature on.
func load(t *testing.T, p *matrix.Plan, s matrix.Start, tr matrix.Trial, start int, celsius float64, order int) rundir.Trial {
	t.Helper()
	heat := warming()
	conf, _ := p.Configuration(s.Configuration)
	cell, _ := p.Cell(tr.Cell)
	args := append([]string{p.Model}, conf.Flags.Args("")...)
	for name, v := range map[string]float64{
		"idle": heat.Idle, "load": heat.Load, "tau": heat.Tau, "limit": heat.Limit, "slope": heat.Slope, "start": celsius,
	} {
		args = append(args, "--sim-temp-"+name, fmt.Sprint(v))
	}
	args = append(args, "--sim-start-noise", "0.003", "--sim-seed", fmt.Sprint(start))
	requests := make([]vllmsim.Arrival, 600)
	for i := range requests {
		requests[i] = vllmsim.Arrival{Prompt: 100, Output: 100}
	}
	res, err := vllmsim.Simulate(args, requests, 8)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	return rundir.Trial{
		ID: tr.ID, Cell: cell.ID, Configuration: cell.Configuration, LoadPoint: cell.LoadPoint, Start: s.ID, Block: tr.Block,
		Order: order + 1, Seed: tr.Seed, Began: now, Ended: now.Add(time.Duration(res.Duration * float64(time.Second))), Outcome: rundir.OutcomeOK,
		Metrics:  map[string]float64{"output_throughput": 600 * 100 / res.Duration},
		Requests: map[string]int{"ok": 600}, Window: res.Duration,
	}
}

// A GPU that warms up during the night and loses 6% of its clock: measured one
// configuration after the other, equal ones are called worse; in randomised
// blocks, with starts that wait for the temperature, none is, and the one that
// differs is found either way.
func TestThermalDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong, _, drift := night(t, experiment.Sequential, false)
		if wrong < 2 || drift < 0.05 || drift > 0.07 {
			t.Errorf("sequential, no gate: %d wrong verdicts, drift %.1f %%; want at least 2 of 3 at about 6 %%", wrong, 100*drift)
		}
		wrong, found, drift := night(t, experiment.Blocks, true)
		if wrong > 0 || found != 1 || drift > 0.02 {
			t.Errorf("blocks and gate: %d wrong verdicts, %d found, drift %.1f %%", wrong, found, 100*drift)
		}
		if wrong, found, _ := night(t, experiment.Blocks, false); wrong > 0 || found != 1 {
			t.Errorf("blocks without gate: %d wrong verdicts, %d found", wrong, found)
		}
	})
}
