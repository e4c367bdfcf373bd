package engine

import "math"

// What the simulated machine's memory goes to. The simulator's account follows
// what vLLM allocates, tensor by tensor. It shares no formula with sweep's
// prediction (launcher/vllmmemory), which is fitted to measured totals, so that
// each can be tested against the other.
const (
	// contextMemory is what CUDA takes before vLLM's first snapshot: the free
	// memory in the measurements of llm-d-planner, 78.69 of 79.18 GiB.
	contextMemory = 0.49 * (1 << 30)
	// outsideOne and outsideMany are memory outside torch on each GPU, alone and
	// in a group: llm-d-benchmark's capacity planner.
	outsideOne  = 0.15 * (1 << 30)
	outsideMany = 0.60 * (1 << 30)
	// samplerBytes are alive per row and word of the vocabulary when vLLM warms
	// its sampler up with top-k and top-p: logits in 16 and 32 bits, sorted
	// values with their 64-bit indices, their softmax and its running sum, the
	// filtered logits, probabilities, and random numbers.
	samplerBytes = 2 + 4 + 4 + 8 + 4 + 4 + 4 + 4 + 4
	// kernelsPerLayer and graphKernel make up a captured graph: kernels that it
	// launches per layer, and bytes of each. Estimates.
	kernelsPerLayer = 12
	graphKernel     = 20 << 10
)

// Memory is the plan of one GPU's memory at start, in bytes, as vLLM's
// gpu_worker.py determines it (v0.21 and later).
type Memory struct {
	Total, Free   float64
	Requested     float64 // the share that vLLM may take
	Weights       float64 // of the rank that has most
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

// PlanMemory goes through a start; it always succeeds, the caller checks the
// outcome.
func PlanMemory(c Config) Memory {
	m := Memory{
		Total: c.GPU.Memory, Free: c.FreeMemory, Requested: math.Ceil(c.GPU.Memory * c.Utilization),
		Weights: max(0, c.weights()-c.CPUOffload), NonTorch: outsideOne, Activation: c.profilePeak(), Graph: c.graphs(),
	}
	if m.Free == 0 {
		m.Free = m.Total - contextMemory
	}
	if c.TP*c.PP > 1 {
		m.NonTorch = outsideMany
	}
	if c.GraphEstimate {
		m.GraphEstimate = m.Graph
	}
	m.Available = m.Requested - (m.Weights + m.NonTorch + m.Activation) - m.GraphEstimate
	if c.KVCacheMemory > 0 {
		m.Available = c.KVCacheMemory
	}
	page := float64(c.BlockSize) * c.kvLayer()
	layers := c.longest()
	m.BlockBytes = page * float64(layers)
	m.Blocks = max(0, int(math.Floor(m.Available/page)/float64(layers)))
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

// FittingLength is the longest model length whose cache fits, in whole blocks.
func (m Memory) FittingLength(blockSize int) int {
	return max(0, int(m.Available/m.BlockBytes)) * blockSize
}

// stage is the number of layers of a pipeline stage. What does not divide goes
// to the last stages but one (vllm/distributed/utils.py).
func (c Config) stage(i int) int {
	n, rest := c.Model.Layers/c.PP, c.Model.Layers%c.PP
	if fromEnd := c.PP - i; fromEnd > 1 && fromEnd <= rest+1 {
		n++
	}
	return n
}

// longest is the number of layers of the longest stage, which has least room
// for the cache.
func (c Config) longest() int { return ceilDiv(c.Model.Layers, c.PP) }

// weights are those of the rank that has most.
func (c Config) weights() float64 {
	m, tp := c.Model, c.TP
	experts := float64(max(1, m.Experts)) * m.Expert() / float64(tp)
	layer := (m.Attention(tp)+experts)*c.bytesPerLinear() + (m.Router()+m.Vectors(tp))*c.WeightBytes
	// vLLM pads the vocabulary, so that every rank has as many words.
	words := ceilDiv(m.Vocab, 64*tp) * 64
	table := float64(words*m.Hidden) * c.WeightBytes
	most := 0.0
	for i := range c.PP {
		n := float64(c.stage(i)) * layer
		if i == 0 {
			n += table
		}
		if i == c.PP-1 && (!m.Tied || c.PP > 1) { // a tied head is the embedding where both are on one stage
			n += table
		}
		most = max(most, n)
	}
	return most
}

// bytesPerLinear is the size of a matrix element as stored. AWQ has a 16-bit
// scale and a 4-bit zero for each group of 128.
func (c Config) bytesPerLinear() float64 {
	switch c.Quantization {
	case "fp8":
		return 1
	case "awq":
		return 0.5 + (2+0.5)/128
	}
	return c.WeightBytes
}

// kvLayer is what one token's keys and values take in a layer on one GPU.
func (c Config) kvLayer() float64 { return float64(2*c.Model.KVRank(c.TP)*c.Model.HeadDim) * c.KVBytes }

// kvRank is the same over the layers of one GPU.
func (c Config) kvRank() float64 { return c.kvLayer() * float64(c.longest()) }

// profilePeak is what the profile run needs at most above what stays: the
// hidden states of a full batch, and with them one layer's MLP or, after the
// last, the sampler.
func (c Config) profilePeak() float64 {
	m, tokens := c.Model, float64(c.MaxBatchedTokens)
	hidden := tokens * float64(2*m.Hidden)
	gated := 2 * float64(m.Intermediate*max(1, m.TopK)) / float64(c.TP) // gate and up in one matrix
	mlp := tokens * 2 * (gated + gated/2 + 4*float64(m.Hidden))         // their product, residual, input and outputs
	sampler := float64(min(c.MaxNumSeqs, c.MaxBatchedTokens)) * float64(m.Vocab) * samplerBytes
	return hidden + max(mlp, sampler)
}

// graphs is the memory of the captured graphs.
func (c Config) graphs() float64 {
	if c.Eager || c.Graphs == GraphsNone {
		return 0
	}
	return float64(len(c.GraphSizes) * c.longest() * kernelsPerLayer * graphKernel)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
