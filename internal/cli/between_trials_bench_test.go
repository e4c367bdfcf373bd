package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/backends"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/matrix"
)

// manyTrials is a run of 2,000 very short trials: 40 rounds of 50 load points on
// one server each.
const manyTrials = `version: 1
name: many
server:
  model: Qwen/Qwen2.5-0.5B-Instruct
  flags: {max-num-seqs: 64}
  simulated: {speedup: 50, args: [--sim-startup, "0"]}
loads:
  chat: {prompt_tokens: 8, output_tokens: 2, arrivals: {concurrency: [%s]}, requests: %d, timeout: 20s}
trials: {repeat: %d, warmup: 1ms, seed: 1}
confirm: false
cooldown: {at_least: 1ms}
gates: {requeue: 0}
use_cases: {throughput: {maximize: output_throughput, load: chat}}
`

// trialCosts notes what this process uses from the end of a trial, when its
// load is over and recorded, to the begin of the next load on the same server.
// It passes all on to the observer of a real run.
type trialCosts struct {
	runner.Observer
	mu      sync.Mutex
	trials  int
	began   time.Time     // of the latest load
	before  time.Duration // CPU time at that moment
	ended   time.Duration // CPU time at the end of the latest trial; 0: another stage has begun since
	between map[int]time.Duration
	whole   map[int]time.Duration // from one load's begin to the next, by the trial that it holds
}

func (c *trialCosts) Status(s runner.Status) {
	c.Observer.Status(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch now := processorTime(); {
	case s.Stage != runner.StageMeasuring:
		c.ended = 0
	case !s.StageBegan.Equal(c.began):
		if c.ended > 0 {
			c.between[c.trials] = now - c.ended
			c.whole[c.trials] = now - c.before
		}
		c.began, c.before, c.ended = s.StageBegan, now, 0
	}
}

func (c *trialCosts) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trials++
	c.ended = processorTime()
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func usage() (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u
}

// BenchmarkBetweenTrials measures what the runner does between two trials early
// and late in one run of 2,000: it must not grow with the records.
func BenchmarkBetweenTrials(b *testing.B) {
	const points, rounds, requests = 50, 40, 4
	var concurrency []string
	for n := range points {
		concurrency = append(concurrency, strconv.Itoa(n+1))
	}
	text := fmt.Appendf(nil, manyTrials, strings.Join(concurrency, ", "), requests, rounds)
	e, diags := experiment.Parse("many.yaml", text)
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	plan, err := matrix.New(e)
	if err != nil {
		b.Fatal(err)
	}
	self, err := exec.LookPath("sweep") // the test binary, as for the scripts; the simulator is beside it
	if err != nil {
		b.Fatal(err)
	}
	server, err := (&System{Self: self}).simulator(e.Server)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		dir, err := rundir.Create(b.TempDir(), e.Name, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		if err := dir.Init(e.Raw, plan, rundir.Provenance{RunID: dir.RunID(), Simulated: true}); err != nil {
			b.Fatal(err)
		}
		screen := newScreen(&System{Stderr: io.Discard, Width: func() int { return 80 }}, progressPlain)
		costs := &trialCosts{Observer: screen, between: map[int]time.Duration{}, whole: map[int]time.Duration{}}
		best := newBestSoFar(e, plan, nil, screen)
		setup, err := backends.Setup(e.Server, server, os.LookupEnv, nil)
		if err != nil {
			b.Fatal(err)
		}
		result, err := runner.Run(b.Context(), runner.Options{
			Experiment: e, Plan: plan, Dir: dir, Observer: costs, LookupEnv: os.LookupEnv,
			Server:    setup,
			TrialDone: func(t rundir.Trial) { best.Take(t); costs.done() },
			RoundDone: func(ctx context.Context) error { return writeReport(ctx, dir.Path, false) },
		})
		if err := errors.Join(err, dir.Close()); err != nil || result.Failed > 0 {
			b.Fatal(result, err)
		}
		for _, at := range []int{10, points*rounds/2 - 5, points*rounds - 10} {
			b.ReportMetric(costs.mean(b, costs.between, at), fmt.Sprintf("µs-between-at-%d", at))
			b.ReportMetric(costs.mean(b, costs.whole, at), fmt.Sprintf("µs-trial-at-%d", at))
		}
		b.ReportMetric(float64(usage().Maxrss)/1024, "MiB-peak")
	}
}

// mean is that of the eleven trials around one, in µs.
func (c *trialCosts) mean(b *testing.B, of map[int]time.Duration, at int) float64 {
	var sum time.Duration
	n := 0
	for i := at - 5; i <= at+5; i++ {
		if d, known := of[i]; known {
			sum += d
			n++
		}
	}
	if n == 0 {
		b.Fatalf("nothing is known of trial %d", at)
	}
	return float64(sum.Microseconds()) / float64(n)
}
