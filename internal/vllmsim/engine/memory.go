package engine

import (
	"math"

	"github.com/vllm-sweep/sweep/internal/vllmsim/catalog"
)

// Constants of the memory plan. The fits are to the six text-only rows of
// llm-d-planner's measurements on an H100 (vLLM 0.11, 1024 sequences, 8192
// batched tokens), where they reproduce activation and KV cache within 1 %.
const (
	// cudaContext is what the CUDA context takes before the first snapshot.
	cudaContext = 0.49 * catalog.GiB
	// samplerCopies is the peak of the sampler's warm-up in float32 copies of
	// the logits of MaxNumSeqs rows. The measured peaks follow the vocabulary
	// (128k: 4.76 GiB, 152k: 5.56 GiB, 201k: 7.38 GiB), not the model's size.
	samplerCopies = 9.6
	// nonTorchOne and nonTorchMany are memory outside torch (NCCL, contexts)
	// per GPU, alone and in a tensor-parallel group.
	nonTorchOne  = 0.13 * catalog.GiB
	nonTorchMany = 0.55 * catalog.GiB
	// graphPerSize is the memory of one captured batch size per layer.
	// Estimated from memory of start-up logs: about 0.4 GiB for the 51 default
	// sizes of a 32-layer model.
	graphPerSize = 0.25 * 1024 * 1024
)

// Memory is the plan of one GPU's memory at start, in bytes, as vLLM's
// gpu_worker.py determines it (v0.21 and later).
type Memory struct {
	Total, Free   float64
	Requested     float64 // ceil(Total * utilization)
	Weights       float64
	NonTorch      float64
	Activation    float64 // transient peak of the profile run
	GraphEstimate float64
	Graph         float64 // what capturing really takes
	Available     float64 // for the KV cache; may be negative
	BlockBytes    float64 // one block over this rank's layers
	Blocks        int
	NeededBlocks  int     // for one request of MaxModelLen
	Needed        float64 // the same in bytes
}

// PlanMemory computes the memory plan; it always succeeds, the caller checks
// the outcome.
func PlanMemory(c Config) Memory {
	m := Memory{Total: c.GPU.Memory, Free: c.FreeMemory}
	if m.Free == 0 {
		m.Free = m.Total - cudaContext
	}
	m.Requested = math.Ceil(m.Total * c.Utilization)
	m.Weights = max(0, weightsRank(c)-c.CPUOffload)
	m.NonTorch = nonTorchOne
	if c.TP*c.PP > 1 {
		m.NonTorch = nonTorchMany
	}
	m.Activation = activation(c)
	m.Graph = graphMemory(c)
	if c.GraphEstimate {
		m.GraphEstimate = m.Graph
	}
	m.Available = m.Requested - m.Weights - m.NonTorch - m.Activation - m.GraphEstimate
	if c.KVCacheMemory > 0 {
		m.Available = c.KVCacheMemory
	}
	m.BlockBytes = float64(c.BlockSize) * c.kvRank()
	m.Blocks = max(0, int(m.Available/m.BlockBytes))
	if c.BlocksOverride > 0 {
		m.Blocks = c.BlocksOverride
	}
	m.NeededBlocks = ceilDiv(c.MaxModelLen, c.BlockSize)
	m.Needed = float64(m.NeededBlocks) * m.BlockBytes
	return m
}

// MaxConcurrency is the number of requests of the full model length that the
// cache holds.
func (m Memory) MaxConcurrency() float64 {
	if m.NeededBlocks == 0 {
		return 0
	}
	return float64(m.Blocks) / float64(m.NeededBlocks)
}

// FittingLength is the longest model length whose cache fits, rounded down
// to whole blocks.
func (m Memory) FittingLength(blockSize int) int {
	return max(0, int(m.Available/m.BlockBytes)) * blockSize
}

// weightsRank is the memory of one rank's weights. The embedding and the
// head are split over the tensor-parallel ranks and stay unquantised; they
// sit on the first and the last pipeline stage, which are the same for PP 1.
func weightsRank(c Config) float64 {
	m := c.Model
	heads := 2.0
	if m.Tied || c.PP > 1 {
		heads = 1
	}
	layers := float64(c.layersRank()) * m.Linear() * c.bytesPerLinear()
	return (layers+heads*m.Embedding()*c.WeightBytes)/float64(c.TP) + 0.03*catalog.GiB
}

// activation is the transient peak: hidden states of a full batch stay while
// the larger of the sampler's rows and one MLP's intermediates is alive.
func activation(c Config) float64 {
	m := c.Model
	tokens := float64(c.MaxBatchedTokens)
	hidden := tokens * float64(m.Hidden) * 2
	rows := float64(min(c.MaxNumSeqs, c.MaxBatchedTokens))
	sampler := samplerCopies * rows * float64(m.Vocab) * 4
	width := 3*float64(m.Intermediate*max(1, m.TopK))/float64(c.TP) + 4*float64(m.Hidden)
	return hidden + max(sampler, tokens*width*2)
}

func graphMemory(c Config) float64 {
	if c.Eager || c.Graphs == GraphsNone {
		return 0
	}
	return graphPerSize * float64(len(c.GraphSizes)*c.layersRank())
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
