package engine

import (
	"math"

	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
)

// Constants of the step time. Kernel means the aiconfigurator tables for
// vLLM 0.14 on an H100; fit means adjusted so that the runs compared in
// calibration_test.go agree; BLIS its "trained-physics" coefficients
// (defaults.yaml).
const (
	attentionFixed = 11e-6         // kernel: decode attention of a short batch, per layer
	attentionSeq   = 0.1e-6        // kernel: the same per sequence
	otherKernels   = 15e-6         // fit: norms, rotary embedding, activation and gaps, per layer
	mixedLayer     = 30e-6         // fit: attention outside the graph in batches with prefill, per layer
	prefillMFU     = 0.50          // kernel: share of peak that causal attention reaches
	elementwise    = 0.75          // estimate: share of the bandwidth for norms and activations
	asyncStep      = 0.3e-3        // fit: step overhead with asynchronous scheduling
	seqOverhead    = 4.41684444e-6 // BLIS: per scheduled sequence and step
	syncStep       = 0.9e-3        // fit: step overhead when scheduling waits for the GPU
	syncSeq        = 17e-6         // fit: the same per sequence
	requestPre     = 15.563e-3     // BLIS alpha0: HTTP, tokenising and queueing before the scheduler
	requestPost    = 0.777e-3      // BLIS alpha1: after the last token
	eagerLaunch    = 280e-6        // estimate: Python and launches per layer without torch.compile
	looseLaunch    = 90e-6         // estimate: compiled code without CUDA graphs, per layer
	linkShare      = 0.5           // kernel: share of the link rate that all-reduce reaches at 4 to 64 MB
	linkSkew       = 1.5e-6        // fit: waiting for the slowest rank, per all-reduce and rank
	pipelineHop    = 20e-6         // estimate: sending activations to the next stage
	samplerReads   = 3             // estimate: passes over the float32 logits
	fp8MFU         = 0.75          // fit: FP8 products against the bf16 share of their peak
	fp8Read        = 0.9           // fit: FP8 weight reads against bf16's share
	fourBitMFU     = 0.75          // estimate: 4-bit kernels dequantise
	fourBitRead    = 0.7           // estimate: the same for reads
	offloadRate    = 25e9          // estimate: B/s of PCIe for offloaded weights
)

// PostOverhead is the time that a request takes after its last token, in
// seconds.
func PostOverhead() float64 { return requestPost }

// batch sums up what one step computes.
type batch struct {
	tokens  int     // scheduled tokens
	seqs    int     // scheduled requests
	sampled int     // requests that sample a token
	prefill bool    // some request schedules more than one token
	kv      float64 // cached tokens read by attention
	pairs   float64 // (query, key) pairs of prefill attention
}

// cost holds the per-configuration terms of the step time.
type cost struct {
	c            Config
	layers       float64
	tokenFLOP    float64 // seconds of matrix work per token
	headFLOP     float64 // seconds of the output head per sampled token
	dense        float64 // seconds to read attention weights, router and head
	expert       float64 // seconds to read all experts (the MLP of dense models)
	expertMisses float64 // chance that a token does not choose an expert
	token        float64 // seconds of element-wise work per token
	kv           float64 // seconds per cached token read
	pair         float64 // seconds per (query, key) pair of prefill attention
	commLatency  float64 // seconds of all-reduce per step
	commToken    float64 // seconds of all-reduce per token
	sampler      float64 // seconds per sampled row
	offload      float64 // seconds to fetch offloaded weights
	padded       []int   // padded[n] = captured size >= n
}

func newCost(c Config) cost {
	m, g, tp := c.Model, c.GPU, float64(c.TP)
	layers := float64(m.Layers)
	rate, share := matrixRates(c)
	k := cost{c: c, layers: layers, padded: padding(c.GraphSizes)}
	fixed := m.Attention(1) + m.Router() // weights of a layer that every token passes
	k.tokenFLOP = 2 * (fixed + m.Expert()*float64(max(1, m.TopK))) * layers / tp / rate
	k.headFLOP = 2 * m.Embedding() / tp / (g.BF16 * g.MFU)
	experts := m.Expert() * float64(max(1, m.Experts)) * layers
	perByte := 1 / (g.Bandwidth * share * tp)
	k.expert = experts * c.bytesPerLinear() * perByte
	k.dense = fixed*layers*c.bytesPerLinear()*perByte + m.Embedding()*c.WeightBytes/(g.Bandwidth*g.WeightShare*tp)
	if m.Experts > 0 {
		k.expertMisses = 1 - float64(m.TopK)/float64(m.Experts)
	}
	k.token = layers * elementBytes(m, tp) / (g.Bandwidth * elementwise)
	k.kv = c.kvRank() * float64(c.PP) / (g.Bandwidth * g.KVShare)
	k.pair = 4 * float64(m.Heads*m.HeadDim) * layers / tp / (g.BF16 * prefillMFU)
	if c.TP > 1 {
		k.commLatency = 2 * layers * (g.LinkLatency + linkSkew*tp)
		k.commToken = 2 * layers * float64(m.Hidden) * 2 * 2 * (tp - 1) / tp / (g.Link * linkShare)
	}
	k.sampler = samplerReads * float64(m.Vocab) * 4 / g.Bandwidth
	k.offload = c.CPUOffload / offloadRate
	return k
}

// elementBytes is the memory traffic of the element-wise kernels of one layer
// and token: two residual norms (four reads and writes of the hidden state
// each), rotary embedding and the gated activation.
func elementBytes(m catalog.Model, tp float64) float64 {
	heads := float64((m.Heads + 2*m.KVHeads) * m.HeadDim)
	gated := 3 * float64(m.Intermediate*max(1, m.TopK))
	return 2 * (8*float64(m.Hidden) + (2*heads+gated)/tp)
}

// matrixRates returns the FLOP/s and the share of the bandwidth that the
// layers' matrix products reach on one GPU.
func matrixRates(c Config) (rate, share float64) {
	g := c.GPU
	switch {
	case c.Quantization == "fp8" && g.FP8 > 0:
		return g.FP8 * g.MFU * fp8MFU, g.WeightShare * fp8Read
	case c.Quantization == "fp8", c.Quantization == "awq":
		return g.BF16 * g.MFU * fourBitMFU, g.WeightShare * fourBitRead
	case c.WeightBytes > 2: // float32 runs as TF32 at half the bf16 rate
		return g.BF16 / 2 * g.MFU, g.WeightShare
	}
	return g.BF16 * g.MFU, g.WeightShare
}

// padding tabulates the captured size that serves each batch size.
func padding(sizes []int) []int {
	if len(sizes) == 0 {
		return nil
	}
	table := make([]int, sizes[len(sizes)-1]+1)
	i := 0
	for n := range table {
		if n > sizes[i] {
			i++
		}
		table[n] = sizes[i]
	}
	return table
}

// seconds is the duration of one step without noise. With pipeline stages,
// as many micro-batches are in flight: each holds 1/PP of the work and passes
// all stages.
func (k *cost) seconds(b batch) float64 {
	if k.c.PP > 1 {
		pp := k.c.PP
		b.tokens, b.seqs, b.sampled = ceilDiv(b.tokens, pp), ceilDiv(b.seqs, pp), ceilDiv(b.sampled, pp)
		b.kv /= float64(pp)
		b.pairs /= float64(pp)
	}
	tokens, floor := k.launch(b)
	compute := float64(tokens)*k.tokenFLOP + float64(b.sampled)*k.headFLOP
	memory := k.dense + k.expert*k.touched(b.tokens)
	gpu := knee(compute, memory) + float64(tokens)*k.token
	gpu += k.layers * (attentionFixed + otherKernels + float64(b.seqs)*attentionSeq)
	gpu += b.kv*k.kv + b.pairs*k.pair
	gpu += k.commLatency + float64(tokens)*k.commToken
	gpu += float64(b.sampled)*k.sampler + k.offload
	if b.prefill || k.c.Graphs == GraphsPiecewise {
		gpu += k.layers * mixedLayer
	}
	overhead := asyncStep + float64(b.seqs)*seqOverhead
	if !k.c.AsyncScheduling {
		overhead = syncStep + float64(b.seqs)*syncSeq
	}
	return max(gpu, floor) + overhead + float64(k.c.PP-1)*pipelineHop
}

// launch returns the tokens after padding to a captured size, and the time
// below which the host cannot launch the step's kernels.
func (k *cost) launch(b batch) (tokens int, floor float64) {
	switch {
	case k.c.Eager:
		return b.tokens, k.layers * eagerLaunch
	case b.tokens >= len(k.padded), b.prefill && k.c.Graphs == GraphsFullDecodeOnly:
		return b.tokens, k.layers * looseLaunch
	}
	return k.padded[b.tokens], 0
}

// touched is the expected share of experts that a batch of tokens reads:
// 1-(1-k/E)^tokens for uniform routing; 1 for dense models.
func (k *cost) touched(tokens int) float64 {
	if k.expertMisses == 0 {
		return 1
	}
	return 1 - math.Pow(k.expertMisses, float64(tokens))
}

// knee joins the two sides of the roofline. Around the ridge neither side
// hides the other wholly; the cubic norm is 26% above the roof there and
// within 1% of it a factor three away.
func knee(compute, memory float64) float64 {
	return math.Cbrt(compute*compute*compute + memory*memory*memory)
}
