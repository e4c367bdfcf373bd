package runner

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// Rounds of fresh prompts come before the warm-up until latencies agree, and
// the prefix cache is emptied then: where the server offers it, with its word.
func TestWarmupGateAndPrefixCache(t *testing.T) {
	yaml := strings.Replace(small, "max-num-seqs: [64, 8]", "max-num-seqs: [64]", 1)
	yaml = strings.Replace(strings.Replace(yaml, "repeat: 2, warmup: 100ms", "repeat: 1, warmup: 400ms", 1), "[2, 4]", "2", 1)
	for _, tc := range []struct {
		gates, env string
		want       string
		settled    bool
	}{
		{"settle: {within: 60%, at_most: 20s}", "1", cacheReset, true},
		{"settle: {within: 0.001%, at_most: 1s}", "", cacheNotOffered, false},
	} {
		t.Setenv("VLLM_SERVER_DEV_MODE", tc.env)
		b := newBench(t, strings.Replace(yaml, "gates: {requeue: 0}", "gates: {requeue: 0, "+tc.gates+"}", 1))
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr := b.read().Trials[0]
		w := tr.Warmup
		if w == nil || w.Rounds < 2 || w.Change == nil || w.Settled != tc.settled || w.PrefixCache != tc.want {
			t.Errorf("%s: %+v", tc.gates, w)
		}
		if told := notice.Has(tr.Warnings, "warmup-unsettled"); told == tc.settled {
			t.Errorf("%s: warnings %q", tc.gates, tr.Warnings)
		}
		if s := tr.Telemetry.Server; s == nil || s.HitRate == nil || *s.HitRate > 0.01 {
			t.Errorf("%s: hit rate of fresh prompts: %+v", tc.gates, s)
		}
	}
}

// The adaptive mode halves the waits while the baseline stays as in block 1.
func TestAdaptiveCooldown(t *testing.T) {
	trial := func(block int, throughput float64) rundir.Trial {
		return rundir.Trial{ID: "t", Block: block, Configuration: "c-0", LoadPoint: "l", Outcome: rundir.OutcomeOK,
			Metrics: map[string]float64{"output_throughput": throughput, "tpot_p50": 1 / throughput}}
	}
	b := newBench(t, small)
	b.e.Cooldown.Adaptive = true
	r := &session{Options: Options{Experiment: b.e, Observer: b.watch, Plan: &matrix.Plan{Configurations: []matrix.Configuration{{ID: "c-0", Baseline: true}}}},
		conditions: newConditions(), done: map[string]rundir.Trial{}}
	for block, step := range []struct{ throughput, easing float64 }{{100, 1}, {101, 0.5}, {98, 0.25}, {100, 0.125}, {100, 0.125}, {94, 1}, {99, 0.5}} {
		tr := trial(block+1, step.throughput)
		r.done[string(rune('a'+block))] = tr
		r.ease(block + 1)
		if r.conditions.easing != step.easing {
			t.Errorf("after block %d (%v tok/s): waits x %v, want %v", block+1, step.throughput, r.conditions.easing, step.easing)
		}
	}
	if len(b.watch.messages) != 5 {
		t.Errorf("messages %q", b.watch.messages)
	}
}
