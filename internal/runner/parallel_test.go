package runner

import (
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Independent starts run side by side on disjoint GPUs, each with a port of
// its own; a block ends before the next begins; a start that needs all GPUs
// runs alone.
func TestStartsSideBySide(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(small, "simulated: {}", "simulated: {gpus: 2}\n  parallel: per-gpu", 1)
	yaml = strings.Replace(yaml, "max-num-seqs: [64, 8]", "max-num-seqs: [64, 8, 16]\n    tensor-parallel-size: [1, 2]", 1)
	b := newBench(t, strings.Replace(yaml, "[2, 4]", "2", 1), "--sim-gpus", "2")
	res, err := b.run(t.Context())
	if err != nil || res.Failed > 0 || res.OK+res.Invalid != 10 {
		t.Fatalf("result %+v, %v\n%s", res, err, strings.Join(b.watch.messages, "\n"))
	}
	run := b.read()
	if len(run.Starts) != 10 {
		t.Fatalf("%d starts, want 5 configurations in 2 blocks", len(run.Starts))
	}
	together := 0
	orders := map[int]bool{}
	for i, a := range run.Starts {
		if want := 1 + strings.Count(a.Label, "tensor-parallel-size=2"); len(a.GPUs) != want || !a.Released {
			t.Errorf("%s (%s) on GPUs %v, released %v; want %d", a.ID, a.Label, a.GPUs, a.Released, want)
		}
		for _, c := range run.Starts[i+1:] {
			if !overlap(a, c) {
				continue
			}
			together++
			if slices.ContainsFunc(a.GPUs, func(g int) bool { return slices.Contains(c.GPUs, g) }) {
				t.Errorf("%s and %s run at once on GPUs %v and %v", a.ID, c.ID, a.GPUs, c.GPUs)
			}
			if a.Facts["port"] == c.Facts["port"] {
				t.Errorf("%s and %s share port %s", a.ID, c.ID, a.Facts["port"])
			}
			if a.Block != c.Block {
				t.Errorf("%s of block %d and %s of block %d run at once", a.ID, a.Block, c.ID, c.Block)
			}
		}
	}
	if together == 0 {
		t.Error("no two starts ran at once")
	}
	for _, tr := range run.Trials {
		if orders[tr.Order] {
			t.Errorf("two trials have place %d in the run", tr.Order)
		}
		orders[tr.Order] = true
	}
}

func overlap(a, b rundir.Start) bool {
	return a.Began.Before(*b.Stopped) && b.Began.Before(*a.Stopped)
}

// On a host with one GPU nothing runs side by side, whatever is allowed.
func TestOneGPUIsNotShared(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(oneTrial(), "simulated: {}", "simulated: {gpus: 1}\n  parallel: per-gpu", 1)
	b := newBench(t, yaml)
	if res, err := b.run(t.Context()); err != nil || res.Failed > 0 {
		t.Fatalf("result %+v, %v", res, err)
	}
	if s := b.read().Starts[0]; len(s.GPUs) != 0 {
		t.Errorf("%s was given GPUs %v", s.ID, s.GPUs)
	}
}
