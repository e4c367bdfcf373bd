package vllmsim

import (
	"fmt"
	"strconv"

	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// gib renders bytes as vLLM's format_gib does.
func gib(bytes float64) string {
	return strconv.FormatFloat(float64(int64(bytes/catalog.GiB*100+0.5))/100, 'f', -1, 64)
}

// checkFree is the check of the first snapshot, before weights load.
func checkFree(c engine.Config, m engine.Memory) *failure {
	if m.Free >= m.Requested || c.KVCacheMemory > 0 {
		return nil
	}
	return &failure{worker: true, kind: "ValueError", text: fmt.Sprintf(
		"Free memory on device cuda:0 (%s/%s GiB) on startup is less than desired GPU memory utilization (%g, %s GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
		gib(m.Free), gib(m.Total), c.Utilization, gib(m.Requested))}
}

// checkWeights fails when the weights do not fit the device at all.
func checkWeights(m engine.Memory) *failure {
	if m.Weights+m.NonTorch <= m.Free {
		return nil
	}
	return outOfMemory(m)
}

// outOfMemory is what torch raises when an allocation fails.
func outOfMemory(m engine.Memory) *failure {
	return &failure{worker: true, kind: "torch.OutOfMemoryError", text: fmt.Sprintf(
		"CUDA out of memory. Tried to allocate 224.00 MiB. GPU 0 has a total capacity of %s GiB of which 41.25 MiB is free. Process has %s GiB memory in use.",
		gib(m.Total), gib(m.Total-41.25*1024*1024))}
}

// checkProfile fails when the profile run's peak does not fit.
func checkProfile(c engine.Config, m engine.Memory) *failure {
	if m.Weights+m.NonTorch+m.Activation <= m.Free {
		return nil
	}
	return &failure{worker: true, kind: "RuntimeError", text: fmt.Sprintf(
		"CUDA out of memory occurred when warming up sampler with %d dummy requests. Please try lowering `max_num_seqs` or `gpu_memory_utilization` when initializing the engine.", c.MaxNumSeqs)}
}

// checkCache fails when the KV cache cannot hold one request of full length.
func checkCache(c engine.Config, m engine.Memory) *failure {
	available := m.Available
	if c.BlocksOverride > 0 {
		available = float64(c.BlocksOverride) * m.BlockBytes
	}
	switch {
	case available <= 0:
		return &failure{engine: true, kind: "ValueError", text: "No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine. See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details."}
	case m.Needed > available:
		return &failure{engine: true, kind: "ValueError", text: fmt.Sprintf(
			"To serve at least one request with the model's max seq len (%d), (%s GiB KV cache is needed, which is larger than the available KV cache memory (%s GiB). Based on the available memory, the estimated maximum model length is %d. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
			c.MaxModelLen, gib(m.Needed), gib(available), int(available/m.BlockBytes)*c.BlockSize)}
	}
	return nil
}

// fitLength lowers the model length of "auto" to what the cache holds.
func fitLength(c *engine.Config) *failure {
	m := engine.PlanMemory(*c)
	fits := m.FittingLength(c.BlockSize)
	if fits < 1 {
		return &failure{engine: true, kind: "ValueError", text: "Cannot auto-fit max_model_len: not enough GPU memory available to serve even a single token. Try increasing `gpu_memory_utilization`."}
	}
	c.MaxModelLen = min(c.MaxModelLen, fits)
	return nil
}

// contextBytes is what the CUDA context takes before vLLM looks.
func contextBytes(c engine.Config) float64 {
	c.FreeMemory = 0
	m := engine.PlanMemory(c)
	return m.Total - m.Free
}

// awakeBytes is what a started server takes on each GPU; PyTorch keeps the
// peak of the profile run.
func awakeBytes(c engine.Config) float64 {
	m := engine.PlanMemory(c)
	return contextBytes(c) + m.NonTorch + m.Weights + m.Activation + m.Graph + float64(m.Blocks)*m.BlockBytes
}

// asleepBytes is what remains in sleep mode.
func asleepBytes(c engine.Config) float64 { return contextBytes(c) + engine.PlanMemory(c).NonTorch }
