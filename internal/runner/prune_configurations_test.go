package runner

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllm"
)

// flagsOf reads "name=value name=value"; ~ unsets.
func flagsOf(text string) experiment.Flags {
	var out experiment.Flags
	for _, f := range strings.Fields(text) {
		name, value, _ := strings.Cut(f, "=")
		flag := experiment.Flag{Name: name, Value: value}
		if value == "~" {
			flag.Kind, flag.Value = experiment.FlagUnset, ""
		}
		out = append(out, flag)
	}
	return out
}

func TestDemandsMore(t *testing.T) {
	const kv, gpu = launcher.ClassKVCache, launcher.ClassGPUMemory
	for _, c := range []struct {
		failed, other string
		class         launcher.Class
		want          bool
	}{
		{"max-model-len=16384", "max-model-len=32768", kv, true},
		{"max-model-len=16k", "max-model-len=32768", kv, true},
		{"max-model-len=16384", "max-model-len=8192", kv, false},
		{"max-model-len=16384", "max-model-len=16384", kv, false}, // nothing differs
		{"max-model-len=16384", "max-model-len=auto", kv, false},
		{"max-model-len=16384", "max-model-len=-1", kv, false},
		{"max-model-len=16384", "", kv, false}, // the default is not known
		{"max-model-len=16384", "max-model-len=~", kv, false},
		{"gpu-memory-utilization=0.9", "gpu-memory-utilization=0.85", kv, true},
		{"gpu-memory-utilization=0.9", "gpu-memory-utilization=0.95", kv, false},
		{"gpu-memory-utilization=0.9", "gpu-memory-utilization=0.85", gpu, false},
		{"tensor-parallel-size=2", "tensor-parallel-size=1", gpu, true},
		{"tensor-parallel-size=1", "tensor-parallel-size=2", gpu, false},
		{"max-num-seqs=256 max-model-len=8192", "max-num-seqs=512 max-model-len=16384", kv, true},
		{"max-num-seqs=256 max-model-len=8192", "max-num-seqs=512 max-model-len=4096", kv, false}, // one up, one down
		{"max-model-len=8192", "max-model-len=16384 kv-cache-dtype=fp8", kv, false},
		{"max-model-len=8192 block-size=16", "max-model-len=16384 block-size=32", kv, false},
		{"max-model-len=8192 num-gpu-blocks-override=9", "max-model-len=16384 num-gpu-blocks-override=9", kv, false},
		{"max-model-len=8192", "max-model-len=16384", launcher.ClassConfig, false},
		{"max-model-len=8192 seed=~", "max-model-len=16384", kv, true},
	} {
		if steps := demandsMore(vllm.Engine(), flagsOf(c.failed), flagsOf(c.other),
			c.class); len(steps) > 0 != c.want {
			t.Errorf("%q failed (%s), %q: %q, want %v", c.failed, c.class, c.other, steps, c.want)
		}
	}
}

func TestBeyondALimit(t *testing.T) {
	most := &launcher.Limit{Flag: "max-num-seqs", Value: 600}
	least := &launcher.Limit{Flag: "max-lora-rank", Value: 64, Least: true}
	for _, c := range []struct {
		failed, other string
		limit         *launcher.Limit
		want          bool
	}{
		{"max-num-seqs=1024", "max-num-seqs=800", most, true},
		{"max-num-seqs=1024", "max-num-seqs=600", most, false},
		{"", "max-num-seqs=1k", most, true}, // the default failed
		{"max-num-seqs=1024", "max-num-seqs=800 max-model-len=4096", most, false},
		{"max-num-seqs=1024 seed=1", "max-num-seqs=800 seed=1", most, true},
		{"max-num-seqs=1024", "max-num-seqs=~", most, false},
		{"max-lora-rank=16", "max-lora-rank=32", least, true},
		{"max-lora-rank=16", "max-lora-rank=64", least, false},
		{"max-num-seqs=1024", "max-num-seqs=800", nil, false},
	} {
		if got := beyond(flagsOf(c.failed), flagsOf(c.other), c.limit); got != c.want {
			t.Errorf("%q failed, %q, limit %v: %v", c.failed, c.other, c.limit, got)
		}
	}
}

// notes keeps messages.
type notes struct {
	Observer
	lines []string
}

func (n *notes) Message(text string, _ ...notice.Notice) { n.lines = append(n.lines, text) }

// A server that cannot tell its configuration is named once in a run.
func TestARefusalIsToldOnce(t *testing.T) {
	n := &notes{}
	r := &session{Options: Options{Experiment: &experiment.Experiment{}, Observer: n}}
	for range 3 { // each start of a run side by side has a lane of its own
		lane := r.newLane(nil, nil)
		lane.monitor.Close()
		lane.tellRefused(nil)
		lane.tellRefused(&launcher.Effective{Refused: "/server_info answered 500: no pip"})
	}
	if len(n.lines) != 1 || !strings.Contains(n.lines[0], "/server_info answered 500: no pip") {
		t.Errorf("%q", n.lines)
	}
}

// What a failure means for the next start of the same configuration.
func TestWhatRepeats(t *testing.T) {
	for _, c := range []struct {
		d             launcher.Diagnosis
		first, second bool
	}{
		{launcher.Diagnosis{Class: launcher.ClassConfig}, true, true},
		{launcher.Diagnosis{Class: launcher.ClassEnvironment}, false, true},
		{launcher.Diagnosis{Class: launcher.ClassModel}, false, false},
		{launcher.Diagnosis{Class: launcher.ClassModel, Certain: true}, true, true},
		{launcher.Diagnosis{Class: launcher.ClassGPUMemory}, false, true},
		{launcher.Diagnosis{Class: launcher.ClassHostMemory}, false, true},
		{launcher.Diagnosis{Class: launcher.ClassNetwork}, false, false},
		{launcher.Diagnosis{Class: launcher.ClassEngineDead}, false, false},
	} {
		p := newPruner(false, nil)
		hopeless := func() bool {
			p.failed(nil, "c1", "s1", c.d)
			_, given := p.hopeless["c1"]
			return given
		}
		if first, second := hopeless(), hopeless(); first != c.first || second != c.second {
			t.Errorf("%+v: certain %v, then %v; want %v, %v", c.d, first, second, c.first, c.second)
		}
	}
}

// A model of 7 billion parameters on an A10G at 0.70: the shorter length that
// fails prunes the longer one, and what fits is measured.
const starving = `version: 1
name: starving
server:
  model: Qwen/Qwen2.5-7B-Instruct
  flags: {gpu-memory-utilization: 0.70, max-model-len: 2048, max-num-seqs: 16}
  simulated: {gpu: A10G, speedup: 1000, args: [--sim-startup, "0"]}
matrix:
  parameters: {max-model-len: [2048, 16384, 32768]}
loads:
  chat: {prompt_tokens: 16, output_tokens: 4, arrivals: {concurrency: 2}, requests: 10}
trials: {repeat: 2, warmup: 0s}
`

func starvingBench(t *testing.T, yaml string) *bench {
	return newBench(t, yaml, "--sim-gpu", "A10G", "--sim-startup", "0", "--sim-speedup", "1000")
}

// skipped returns the starts that were never launched, by label.
func skipped(r *rundir.Run) map[string]rundir.Start {
	out := map[string]rundir.Start{}
	for _, s := range r.Starts {
		if s.Outcome == rundir.StartSkipped {
			out[s.Label] = s
		}
	}
	return out
}

func TestPruning(t *testing.T) {
	t.Parallel()
	b := starvingBench(t, starving)
	res, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	past := b.read()
	// The seed puts the shorter of the two that fail first.
	failed, pruned := 0, skipped(past)
	for _, s := range past.Starts {
		if s.Outcome == rundir.StartFailed {
			failed++
		}
	}
	if failed != 1 || len(pruned) != 1 || res.Skipped != 2 || res.Failed != 2 || res.OK+res.Invalid != 2 {
		t.Fatalf("%d failed, %d pruned, result %+v\n%s", failed, len(pruned), res, strings.Join(b.watch.messages, "\n"))
	}
	s, ok := pruned["max-model-len=32768"]
	const why = "pruned: max-model-len=32768 needs more memory than max-model-len=16384, which could not start: "
	if !ok || s.Diagnosis == nil || !strings.HasPrefix(s.Diagnosis.Cause.Text(), why) ||
		!strings.Contains(s.Diagnosis.Cause.Text(), " (launch s") {
		t.Errorf("pruned %+v", s.Diagnosis)
	}
	for _, tr := range past.Trials {
		if tr.Outcome == rundir.OutcomeSkipped && (len(tr.Reasons) != 1 || tr.Start != s.ID) {
			t.Errorf("trial %s of start %s: %q", tr.ID, tr.Start, tr.Reasons)
		}
	}
	// A resume does not try what was pruned.
	if res, err := b.run(t.Context()); err != nil || res.Skipped != 2 || len(skipped(b.read())) != 1 {
		t.Errorf("resume: %+v, %v", res, err)
	}
}

func TestPruningCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	b := starvingBench(t, strings.Replace(starving, "matrix:\n", "matrix:\n  prune: false\n", 1))
	res, err := b.run(t.Context())
	if err != nil || res.Skipped != 0 || res.Failed != 4 || len(skipped(b.read())) != 0 {
		t.Errorf("result %+v, %v; want both lengths tried", res, err)
	}
}

func TestImpossibleConfigurationsAreSkippedWithTheReason(t *testing.T) {
	t.Parallel()
	b := starvingBench(t, starving)
	b.impossible = map[string]launcher.Diagnosis{}
	for _, c := range b.plan.Configurations {
		if !c.Baseline {
			b.impossible[c.ID] = launcher.Diagnosis{Class: launcher.ClassKVCache, Cause: launcher.Quoted("needs more than there is")}
		}
	}
	res, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	past := b.read()
	if res.Failed != 0 || res.Skipped != 4 || res.OK+res.Invalid != 2 || len(skipped(past)) != 2 {
		t.Fatalf("result %+v, skipped %v", res, skipped(past))
	}
	events := 0
	for _, e := range past.Events {
		if e.Event == rundir.EventStartSkipped && notice.Texts(e.Notices)[0] == "needs more than there is" {
			events++
		}
	}
	if events != 2 {
		t.Errorf("%d events of skipped starts, want 2", events)
	}
}
