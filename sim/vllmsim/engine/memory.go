package engine

import "github.com/vllm-sweep/sweep/launcher/vllmmemory"

// Memory is the plan of one GPU's memory at start.
type Memory = vllmmemory.Memory

// PlanMemory computes the memory plan; it always succeeds, the caller checks
// the outcome.
func PlanMemory(c Config) Memory { return vllmmemory.Plan(c.memory()) }

// memory is what decides the memory plan.
func (c Config) memory() vllmmemory.Config {
	graphs := len(c.GraphSizes)
	if c.Eager || c.Graphs == GraphsNone {
		graphs = 0
	}
	return vllmmemory.Config{
		Model: c.Model, Total: c.GPU.Memory, Free: c.FreeMemory, TP: c.TP, PP: c.PP,
		MaxModelLen: c.MaxModelLen, BlockSize: c.BlockSize, MaxNumSeqs: c.MaxNumSeqs, MaxBatchedTokens: c.MaxBatchedTokens,
		Utilization: c.Utilization, KVCacheMemory: c.KVCacheMemory, BlocksOverride: c.BlocksOverride, CPUOffload: c.CPUOffload,
		Quantization: c.Quantization, WeightBytes: c.WeightBytes, KVBytes: c.KVBytes,
		GraphSizes: graphs, GraphEstimate: c.GraphEstimate,
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
