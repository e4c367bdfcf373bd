// Package vllmmemory predicts how vLLM divides a GPU's memory at its start:
// weights, activations, CUDA graphs, and what is left for the KV cache. The
// launcher's pre-flight check asks whether a configuration can start at all. The
// simulated server has an account of its own, which tests hold against this one.
// Sizes are bytes, lengths tokens.
package vllmmemory

import "math"

// GiB is 2^30 bytes.
const GiB = 1 << 30

// Constants of the memory plan. The fits are to the six text-only rows of
// llm-d-planner's measurements on an H100 (vLLM 0.11, 1024 sequences, 8192
// batched tokens), where they reproduce activation and KV cache within 1%.
const (
	// samplerCopies is the peak of the sampler's warm-up in float32 copies of
	// the logits of MaxNumSeqs rows. The measured peaks follow the vocabulary
	// (128k: 4.76 GiB, 152k: 5.56 GiB, 201k: 7.38 GiB), not the model's size.
	samplerCopies = 9.6
	// nonTorchOne and nonTorchMany are memory outside torch (NCCL, contexts)
	// per GPU, alone and in a tensor-parallel group.
	nonTorchOne  = 0.13 * GiB
	nonTorchMany = 0.55 * GiB
	// graphPerSize is the memory of one captured batch size per layer.
	// Estimated from memory of startup logs: about 0.4 GiB for the 51 default
	// sizes of a 32-layer model.
	graphPerSize = 0.25 * 1024 * 1024
)

// Config is what decides the memory of one engine: every value resolved.
type Config struct {
	Model  Model
	Total  float64 // of each GPU
	TP, PP int

	MaxModelLen      int
	BlockSize        int // tokens per KV cache block
	MaxNumSeqs       int
	MaxBatchedTokens int

	Utilization    float64 // gpu_memory_utilization
	KVCacheMemory  float64 // kv_cache_memory_bytes; 0 = by Utilization
	BlocksOverride int     // num_gpu_blocks_override; 0 = none
	CPUOffload     float64 // bytes of weights kept in host memory
	Quantization   string  // "", "fp8", "awq" (any 4-bit weights)
	WeightBytes    float64 // bytes of an unquantised weight: 2, or 4 for float32
	KVBytes        float64 // bytes of a cached element: 2, or 1 for fp8

	GraphSizes    int  // captured batch sizes; 0: no graphs
	GraphEstimate bool // graph memory is part of the start's memory plan
}

// Memory is the plan of one GPU's memory at start, in bytes, as vLLM's
// gpu_worker.py determines it (v0.21 and later).
type Memory struct {
	Requested     float64 // ceil(Total * utilization)
	Weights       float64
	NonTorch      float64
	Activation    float64 // transient peak of the profile run
	GraphEstimate float64
	Available     float64 // for the KV cache; may be negative
	BlockBytes    float64 // one block over this rank's layers
	Blocks        int
	NeededBlocks  int     // for one request of MaxModelLen
	Needed        float64 // the same in bytes
}

// Plan computes the memory plan; it always succeeds, the caller checks the
// outcome.
func Plan(c Config) Memory {
	m := Memory{Requested: math.Ceil(c.Total * c.Utilization)}
	m.Weights = max(0, c.weightsRank()-c.CPUOffload)
	m.NonTorch = nonTorchOne
	if c.TP*c.PP > 1 {
		m.NonTorch = nonTorchMany
	}
	m.Activation = c.activation()
	if c.GraphEstimate {
		m.GraphEstimate = graphPerSize * float64(c.GraphSizes*c.layersRank())
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
	m.NeededBlocks = (c.MaxModelLen + c.BlockSize - 1) / c.BlockSize
	m.Needed = float64(m.NeededBlocks) * m.BlockBytes
	return m
}

// FittingLength is the longest model length whose cache fits, rounded down
// to whole blocks.
func (m Memory) FittingLength(blockSize int) int {
	return max(0, int(m.Available/m.BlockBytes)) * blockSize
}

// kvRank is what one GPU holds of one token's keys and values over all layers:
// 131,072 bytes for Llama-3.1-8B in bf16 on one GPU. Fewer heads than ranks are
// replicated, and so is the vector of latent attention.
func (c Config) kvRank() float64 {
	m := c.Model
	layers := (m.kvLayers() + c.PP - 1) / c.PP
	if m.Latent > 0 {
		return float64(layers*m.Latent) * c.KVBytes
	}
	heads := max(1, m.KVHeads/c.TP)
	return 2 * float64(layers*heads*m.HeadDim) * c.KVBytes
}

func (m Model) kvLayers() int {
	if m.KVLayers > 0 {
		return m.KVLayers
	}
	return m.Layers
}

// layersRank is the number of layers of the largest pipeline stage.
func (c Config) layersRank() int { return (c.Model.Layers + c.PP - 1) / c.PP }

// bytesPerLinear is the size of one matrix parameter as stored. 4-bit weights
// carry a scale and a zero per group of 128.
func (c Config) bytesPerLinear() float64 {
	switch c.Quantization {
	case "fp8":
		return 1
	case "awq":
		return 0.53
	}
	return c.WeightBytes
}

// weightsRank is the memory of one rank's weights. The embedding and the
// head are split over the tensor-parallel ranks and stay unquantised; they
// sit on the first and the last pipeline stage, which are the same for PP 1.
// Of layers that do not divide, vLLM gives the last stage none more and the
// first one only if every other has one (vllm/distributed/utils.py). Where the
// size of the weight files is known, and the weights are loaded as they are
// stored, it counts.
func (c Config) weightsRank() float64 {
	m := c.Model
	if m.Stored > 0 && c.Quantization == m.Quantization {
		return m.Stored / float64(c.TP*c.PP)
	}
	heads := 2.0
	if m.Tied || c.PP > 1 {
		heads = 1
	}
	outer := m.Layers / c.PP // layers of the fuller of the first and the last stage
	if m.Layers%c.PP == c.PP-1 {
		outer = c.layersRank()
	}
	layer := m.Linear() * c.bytesPerLinear()
	most := max(float64(outer)*layer+heads*m.Embedding()*c.WeightBytes, float64(c.layersRank())*layer)
	return most/float64(c.TP) + 0.03*GiB
}

// activation is the transient peak: hidden states of a full batch stay while
// the larger of the sampler's rows and one MLP's intermediates is alive.
func (c Config) activation() float64 {
	m := c.Model
	tokens := float64(c.MaxBatchedTokens)
	hidden := tokens * float64(m.Hidden) * 2
	rows := float64(min(c.MaxNumSeqs, c.MaxBatchedTokens))
	sampler := samplerCopies * rows * float64(m.Vocab) * 4
	width := 3*float64(m.Intermediate*max(1, m.TopK))/float64(c.TP) + 4*float64(m.Hidden)
	return hidden + max(sampler, tokens*width*2)
}
