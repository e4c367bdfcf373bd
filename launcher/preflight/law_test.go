package preflight

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/launcher/vllmmemory"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/sim/vllmsim"
	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
)

// TestWhatIsImpossibleDoesNotStart holds the check to its promise on the
// simulated server, which resolves the same flags by itself: no configuration
// that starts is called wrong or impossible, and one that is refused is at
// least doubted.
func TestWhatIsImpossibleDoesNotStart(t *testing.T) {
	models, gpus := catalog.Models(), catalog.GPUs()
	impossible, refused, checks := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(models).Draw(t, "model")
		g := rapid.SampledFrom(gpus).Draw(t, "gpu")
		count := rapid.SampledFrom([]int{1, 2, 8}).Draw(t, "gpus")
		var flags experiment.Flags
		for _, f := range []struct {
			name   string
			values []string
		}{
			{"gpu-memory-utilization", []string{"0.3", "0.5", "0.7", "0.85", "0.9", "0.95"}},
			{"max-model-len", []string{"1024", "4096", "16384", "32k", "131072", "auto"}},
			{"max-num-seqs", []string{"16", "256", "1024"}},
			{"max-num-batched-tokens", []string{"128", "2048", "8192"}},
			{"tensor-parallel-size", []string{"1", "2", "3", "4", "8"}},
			{"kv-cache-dtype", []string{"auto", "fp8"}},
			{"swap-space", []string{"4"}},
		} {
			if rapid.IntRange(0, 3).Draw(t, f.name) > 0 && f.name != "swap-space" || rapid.IntRange(0, 30).Draw(t, "rare") == 0 {
				flags = append(flags, experiment.Flag{Name: f.name, Value: rapid.SampledFrom(f.values).Draw(t, f.name+" value")})
			}
		}
		conf := matrix.Configuration{ID: "c", Flags: flags, Changed: flags, GPUs: 1}
		if n, ok := whole(flags, "tensor-parallel-size"); ok {
			conf.GPUs = n
		}
		shape, _ := vllmmemory.FindModel(m.ID)
		facts := Facts{Release: vllmflags.Newest(), Known: true, Exact: true, Model: &shape, GPUs: count,
			GPUMemory: g.Memory, A100: strings.HasPrefix(g.Name, "A100")}
		r := Check(&experiment.Experiment{Server: experiment.Server{Engine: experiment.EngineVLLM}}, &matrix.Plan{Configurations: []matrix.Configuration{conf}}, facts)
		args := append([]string{m.ID, "--sim-gpu", g.Name, "--sim-gpus", strconv.Itoa(count)}, flags.Args("")...)
		_, err := vllmsim.Simulate(args, []vllmsim.Arrival{{Prompt: 8, Output: 1}}, 1)
		checks++
		switch found := r.Findings["c"]; {
		case err == nil && grave(found):
			t.Fatalf("%v starts and is called impossible: %+v", args, found)
		case err != nil && len(found) == 0:
			t.Fatalf("%v is refused and nothing was found: %v", args, err)
		case grave(found):
			impossible++
		}
		if err != nil {
			refused++
		}
	})
	t.Logf("of %d configurations %d were refused, %d of them told for certain", checks, refused, impossible)
	if impossible == 0 || refused == checks {
		t.Errorf("the law was not tried: %d of %d refused, %d told", refused, checks, impossible)
	}
}
