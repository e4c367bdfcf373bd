package vllmsim

import (
	"fmt"
	"math"
	"testing"

	"github.com/vllm-sweep/sweep/launcher/vllmmemory"
	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
	"github.com/vllm-sweep/sweep/sim/vllmsim/flags"
)

// TestTwoAccountsOfMemory holds sweep's prediction of memory against the
// simulator's own account: one fitted to measured totals, one added up from the
// tensors that vLLM allocates. docs/simulator.md states the differences; this
// test bounds them.
func TestTwoAccountsOfMemory(t *testing.T) {
	type part struct {
		name  string
		bound float64 // of the difference, as a share of the GPU's memory
		worst float64
		where string
	}
	parts := []*part{
		{name: "weights", bound: 0.016}, {name: "outside torch", bound: 0.003}, {name: "activation peak", bound: 0.001},
		{name: "graphs", bound: 0.003}, {name: "cache", bound: 0.018}, {name: "block", bound: 1e-12},
	}
	defaults := map[catalog.GPU]engine.Config{}
	for _, g := range catalog.GPUs() {
		defaults[g] = resolved(t, "meta-llama/Llama-3.1-8B-Instruct", "--sim-gpu", g.Name)
	}
	compared, same := 0, 0
	for _, m := range catalog.Models() {
		shape, ok := vllmmemory.FindModel(m.ID)
		if !ok {
			t.Errorf("%s: the predictor does not know the model", m.ID)
			continue
		}
		if shape.Experts != m.Experts || shape.Intermediate != m.Intermediate ||
			shape.Quantization != m.Quantization || shape.Tied != m.Tied {
			t.Errorf("%s: %+v and %+v are not one shape", m.ID, shape, m)
		}
		for g, c := range defaults {
			c.Model, c.Quantization, c.MaxModelLen = m, m.Quantization, m.MaxPosition
			for _, size := range [][2]int{{1, 1}, {2, 1}, {4, 1}, {8, 1}, {1, 2}, {2, 3}} {
				if c.TP, c.PP = size[0], size[1]; m.Heads%c.TP != 0 {
					continue
				}
				compared++
				for i, d := range differences(t, c, shape) {
					p := parts[i]
					if math.Abs(d/g.Memory) > math.Abs(p.worst) {
						p.worst = d / g.Memory
						p.where = fmt.Sprintf("%s on %s, TP %d, PP %d", m.ID, g.Name, c.TP, c.PP)
					}
					if p.name == "cache" && d == 0 {
						same++
					}
				}
			}
		}
	}
	for _, p := range parts {
		t.Logf("%-16s differs by at most %+.2f%% of a GPU's memory (%s)", p.name, 100*p.worst, p.where)
		if math.Abs(p.worst) > p.bound {
			t.Errorf("%s: more than %.2g%%", p.name, 100*p.bound)
		}
	}
	if compared < 500 || same > 0 {
		t.Errorf("%d configurations were compared, and %d agree to the byte: are these two accounts?", compared, same)
	}
}

// differences are those of the two accounts, part by part, in bytes.
func differences(t *testing.T, c engine.Config, shape vllmmemory.Model) []float64 {
	t.Helper()
	own := engine.PlanMemory(c)
	theirs := vllmmemory.Plan(vllmmemory.Config{
		Model: shape, Total: c.GPU.Memory, TP: c.TP, PP: c.PP, MaxModelLen: c.MaxModelLen, BlockSize: c.BlockSize,
		MaxNumSeqs: c.MaxNumSeqs, MaxBatchedTokens: c.MaxBatchedTokens, Utilization: c.Utilization,
		Quantization: c.Quantization, WeightBytes: 2, KVBytes: 2, GraphSizes: len(c.GraphSizes), GraphEstimate: true,
	})
	if own.Requested != theirs.Requested || own.NeededBlocks != theirs.NeededBlocks {
		t.Errorf("%s on %s: the share of the memory or the blocks of a request differ", shape.ID, c.GPU.Name)
	}
	return []float64{
		own.Weights - theirs.Weights, own.NonTorch - theirs.NonTorch, own.Activation - theirs.Activation,
		own.GraphEstimate - theirs.GraphEstimate, own.Available - theirs.Available, own.BlockBytes - theirs.BlockBytes,
	}
}

// resolved is the configuration of a command line.
func resolved(t *testing.T, args ...string) engine.Config {
	t.Helper()
	v, err := flags.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	s, refused, err := resolve(v, 0)
	if err != nil || refused != nil {
		t.Fatal(err, refused)
	}
	return s.engine
}
