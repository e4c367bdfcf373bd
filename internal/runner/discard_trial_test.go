//go:build cgo

package runner

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/sim/nvmlsim"
	"github.com/vllm-sweep/sweep/sim/nvmlsim/library"
)

// one is an experiment of one configuration at one load point.
func one(blocks, gates string) string {
	yaml := strings.Replace(small, "max-num-seqs: [64, 8]", "max-num-seqs: [64]", 1)
	yaml = strings.Replace(yaml, "repeat: 2", "repeat: "+blocks, 1)
	yaml = strings.Replace(yaml, "gates: {requeue: 0}", "gates: {"+gates+"}", 1)
	return strings.Replace(yaml, "[2, 4]}, requests: 30", "4}, duration: 1400ms", 1)
}

// withNVML lets the bench's servers feed a simulated GPU, and the run read it
// through go-nvml.
func (b *bench) withNVML(simArgs ...string) (state string) {
	b.t.Helper()
	so, err := library.Build(b.t.Context(), b.t.TempDir())
	if errors.Is(err, library.ErrNoCompiler) {
		b.t.Skip("NOT TESTED: ", err)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	state = filepath.Join(b.t.TempDir(), "gpus")
	cold := nvmlsim.State{Driver: "simulated", GPUs: []nvmlsim.GPU{{
		Name: "NVIDIA H100 80GB HBM3", UUID: "GPU-0", MemoryTotal: 80 << 30, Temperature: 35, MaxClock: 1980, SMClock: 345, PowerLimit: 700,
	}}}
	if err := cold.Write(state); err != nil {
		b.t.Fatal(err)
	}
	b.t.Setenv(nvmlsim.Environment, state)
	if b.gpus, err = telemetry.OpenLibrary(so); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.gpus.Close() })
	b.command = append(append(b.command, "--sim-gpu-state", state, "--sim-speedup", "1"), simArgs...) // GPUs warm up in real seconds
	return state
}

// disturb changes the simulated GPU until stop is called. The server rewrites
// the file five times a second and takes over what it finds, so a change that
// it overwrote is made again.
func disturb(t *testing.T, path string, change func(*nvmlsim.GPU)) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if s, err := nvmlsim.Read(path); err == nil && len(s.GPUs) > 0 {
					change(&s.GPUs[0])
					if err := s.Write(path); err != nil {
						t.Error(err)
					}
				}
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// duringFirst disturbs the first trial from the opening of its window on; undo,
// if there is one, is applied from its end to the end of the test.
func (b *bench) duringFirst(state string, change, undo func(*nvmlsim.GPU)) {
	var stop func()
	b.watch.hook = func(s Status) {
		switch {
		case s.Stage == StageMeasuring && s.Load.InWindow && stop == nil:
			stop = disturb(b.t, state, change)
		case s.Stage == StageReporting && stop != nil:
			stop()
			b.watch.mu.Lock()
			b.watch.hook = nil
			b.watch.mu.Unlock()
			if undo != nil {
				b.t.Cleanup(disturb(b.t, state, undo))
			}
		}
	}
}

// A foreign process takes memory of the server's GPU during the first trial:
// the trial is kept, does not count, and is measured again at the end of its
// block on a fresh start.
func TestAForeignProcessInvalidatesAndRequeues(t *testing.T) {
	b := newBench(t, one("2", "requeue: 1"))
	state := b.withNVML()
	me := nvmlsim.Process{PID: os.Getpid(), Memory: 5 << 30} // lives, and is not the server's
	b.duringFirst(state, func(g *nvmlsim.GPU) {
		if !slices.Contains(g.Processes, me) {
			g.Processes = append(g.Processes, me)
		}
	}, func(g *nvmlsim.GPU) {
		if i := slices.Index(g.Processes, me); i >= 0 {
			g.Processes = slices.Delete(g.Processes, i, i+1)
			g.MemoryUsed -= min(me.Memory, g.MemoryUsed)
		}
	})
	res, err := b.run(t.Context())
	if err != nil || res.OK != 2 || res.Planned != 2 {
		t.Fatalf("result %+v, %v; want both planned trials to count in the end\n%s", res, err, strings.Join(b.watch.messages, "\n"))
	}
	run := b.read()
	if len(run.Trials) != 3 {
		t.Fatalf("%d records, want the disturbed one kept beside two that count", len(run.Trials))
	}
	bad, again, second := run.Trials[0], run.Trials[1], run.Trials[2]
	if bad.Outcome != rundir.OutcomeInvalid || !slices.Equal(bad.Causes, []string{rundir.CauseForeignProcess}) || !strings.Contains(bad.Reasons[0].Text(), "held 5 GiB of GPU 0") {
		t.Errorf("first: %s %v %v", bad.Outcome, bad.Causes, bad.Reasons)
	}
	if again.Repeats != bad.ID || again.ID != bad.ID+".2" || again.Block != 1 || again.Outcome != rundir.OutcomeOK || again.Start == bad.Start || again.Seed != bad.Seed {
		t.Errorf("repetition %+v of %s", again, bad.ID)
	}
	if second.Block != 2 || second.Repeats != "" {
		t.Errorf("block 2 came before the repetition: %+v", second)
	}
	// A run that is continued has nothing left to do.
	if res, err := b.run(t.Context()); err != nil || res.OK != 2 || len(b.read().Trials) != 3 {
		t.Errorf("continued: %+v, %v", res, err)
	}
}

// Errors that the driver reports, and a GPU that cannot be read any more.
func TestGPUErrorsInvalidate(t *testing.T) {
	for _, tc := range []struct {
		cause  string
		change func(*nvmlsim.GPU)
	}{
		{rundir.CauseGPUError, func(g *nvmlsim.GPU) { g.Xids = []uint64{79} }},
		{rundir.CauseGPUError, func(g *nvmlsim.GPU) { g.Uncorrected = 3 }},
		{rundir.CauseTelemetryLost, func(g *nvmlsim.GPU) { g.Lost = true }},
	} {
		b := newBench(t, one("1", "requeue: 0, telemetry_lost: 30%"))
		b.releaseWait = 100 * time.Millisecond // a GPU that is lost tells no level
		b.duringFirst(b.withNVML(), tc.change, nil)
		if res, err := b.run(t.Context()); err != nil || res.Invalid != 1 {
			t.Fatalf("%s: result %+v, %v\n%s", tc.cause, res, err, strings.Join(b.watch.messages, "\n"))
		}
		if tr := b.read().Trials[0]; !slices.Equal(tr.Causes, []string{tc.cause}) {
			t.Errorf("causes %v (%v), want %s", tr.Causes, tr.Reasons, tc.cause)
		}
	}
}

// A GPU that heats under load throttles; the trial says for how long and does
// not count, however often it is repeated.
func TestThrottlingInvalidates(t *testing.T) {
	b := newBench(t, one("1", "requeue: 1"))
	b.withNVML("--sim-temp-tau", "0.2", "--sim-temp-limit", "45", "--sim-temp-slope", "0.01")
	if res, err := b.run(t.Context()); err != nil || res.Invalid != 1 {
		t.Fatalf("result %+v, %v\n%s", res, err, strings.Join(b.watch.messages, "\n"))
	}
	run := b.read()
	if len(run.Trials) != 2 || run.Trials[1].Repeats != run.Trials[0].ID {
		t.Fatalf("%d records; want one repetition and no more", len(run.Trials))
	}
	for _, tr := range run.Trials {
		g := tr.Telemetry.GPU
		if !slices.Contains(tr.Causes, rundir.CauseThrottled) || g.Throttled["thermal_software"] < 0.5*tr.Window || *g.TemperaturePeak < 55 {
			t.Errorf("%s: causes %v, throttled %v of %.1f s, peak %v", tr.ID, tr.Causes, g.Throttled, tr.Window, *g.TemperaturePeak)
		}
	}
}

// The next start waits until memory that is released late is free and the GPU
// has cooled down to the band of the block's first start.
func TestCooldownWaitsForTheBand(t *testing.T) {
	yaml := strings.Replace(one("2", "requeue: 0"), "cooldown: {at_least: 10ms}", "cooldown: {at_most: 30s, band: {temperature: 3, memory: 1GiB}}", 1)
	b := newBench(t, yaml)
	b.withNVML("--sim-temp-tau", "1", "--sim-fault", "late-memory=1s")
	told := ""
	b.watch.hook = func(s Status) {
		if s.Waiting != "" {
			told = s.Waiting
		}
	}
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err, b.watch.messages)
	}
	starts := b.read().Starts
	if c := starts[0].Cooldown; c < 200*time.Millisecond || c > 25*time.Second {
		t.Errorf("cooled down for %s", c)
	}
	if !strings.Contains(told, "(target 38 °C, as at the round's first launch)") {
		t.Errorf("told of the wait: %q", told)
	}
	before := starts[1].Before
	if before == nil || before.Reached == nil || !*before.Reached || *before.GPUs[0].Temperature > 38 || *before.GPUs[0].MemoryUsed > 1<<30 {
		t.Errorf("before the second start: %+v", before)
	}
	if starts[0].Before == nil || starts[0].Before.Reached != nil || *starts[0].Before.GPUs[0].Temperature != 35 {
		t.Errorf("before the first start: %+v", starts[0].Before)
	}
}

// A limit that is reached lets the run go on, and the next start says so.
func TestCooldownThatIsNotReached(t *testing.T) {
	yaml := strings.Replace(one("2", "requeue: 0"), "cooldown: {at_least: 10ms}", "cooldown: {at_most: 1s, gpu_temperature: 30}", 1)
	b := newBench(t, yaml)
	b.withNVML()
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := b.read().Starts[1].Before; c == nil || c.Reached == nil || *c.Reached || !strings.Contains(c.Missing.Text(), "target 30 °C") || c.Factor != 1 {
		t.Errorf("before the second start: %+v", c)
	}
}
