package engine

import "math"

// Constants of the step time. Those marked BLIS are the fitted coefficients
// of its "trained-physics" model (defaults.yaml; claimed median end-to-end
// error 6.7 %); the others are estimates and say so.
const (
	weightReads  = 1.36252915     // BLIS: weight traffic over the data-sheet bandwidth
	kvReads      = 1.94710771     // BLIS: KV traffic over the data-sheet bandwidth
	layerLaunch  = 32.09546717e-6 // BLIS: per layer and step
	seqOverhead  = 4.41684444e-6  // BLIS: per scheduled sequence and step
	stepOverhead = 126.024825e-6  // BLIS: per step
	tokenPost    = 45.9e-6        // BLIS alpha2: output processing per token, serial with the step
	requestPre   = 15.563e-3      // BLIS alpha0: HTTP, tokenising, queueing before the scheduler sees a request
	requestPost  = 0.777e-3       // BLIS alpha1: after the last token
	syncStep     = 0.8e-3         // estimate: scheduling not hidden behind the GPU, per step
	syncSeq      = 6e-6           // estimate: the same per sequence
	eagerLaunch  = 280e-6         // estimate: Python and kernel launches per layer without torch.compile
	looseLaunch  = 90e-6          // estimate: compiled code without CUDA graphs, per layer
	pieceLaunch  = 8e-6           // estimate: attention launched between graph pieces, per layer
	linkShare    = 0.7            // estimate: share of the link rate that all-reduce reaches
	pipelineHop  = 20e-6          // estimate: sending activations to the next stage
	samplerReads = 3              // estimate: passes over the float32 logits
	eightBitMFU  = 0.8            // estimate: FP8 kernels reach this share of the bf16 MFU
	fourBitMFU   = 0.75           // estimate: 4-bit kernels dequantise
	offloadRate  = 25e9           // estimate: B/s of PCIe for offloaded weights
)

// RequestOverhead returns the time before the scheduler sees a request and
// the time after its last token, in seconds.
func RequestOverhead() (pre, post float64) { return requestPre, requestPost }

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
	linearFLOP   float64 // seconds of matrix work per token
	headFLOP     float64 // seconds of the output head per sampled token
	dense        float64 // seconds to read attention weights, router and head
	expert       float64 // seconds to read all experts (the MLP of dense models)
	kv           float64 // seconds per cached token read
	pair         float64 // seconds per (query, key) pair
	commLatency  float64 // seconds of all-reduce per step
	commToken    float64 // seconds of all-reduce per token
	sampler      float64 // seconds per sampled row
	offload      float64 // seconds to fetch offloaded weights
	layers       float64
	padded       []int // padded[n] = captured size >= n
	expertMisses float64
}

func newCost(c Config) cost {
	m, g, tp := c.Model, c.GPU, float64(c.TP)
	layers := float64(m.Layers)
	peak := matrixRate(c)
	k := cost{c: c, layers: layers}
	k.linearFLOP = 2 * m.Active() * layers / tp / peak
	k.headFLOP = 2 * m.Embedding() / tp / (g.BF16 * g.MFU)
	perByte := weightReads / g.Bandwidth / tp
	experts := m.Expert() * float64(max(1, m.Experts)) * layers
	linear := m.Linear() * layers
	k.expert = experts * c.bytesPerLinear() * perByte
	k.dense = ((linear-experts)*c.bytesPerLinear() + m.Embedding()*c.WeightBytes) * perByte
	if m.Experts > 0 {
		k.expertMisses = 1 - float64(m.TopK)/float64(m.Experts)
	}
	k.kv = kvReads * c.kvRank() * float64(c.PP) / g.Bandwidth
	k.pair = 4 * float64(m.Heads*m.HeadDim) * layers / tp / (g.BF16 * g.MFU)
	if c.TP > 1 {
		k.commLatency = 2 * layers * g.LinkLatency
		k.commToken = 2 * layers * float64(m.Hidden) * 2 * 2 * (tp - 1) / tp / (g.Link * linkShare)
	}
	k.sampler = samplerReads * float64(m.Vocab) * 4 / g.Bandwidth
	k.offload = c.CPUOffload / offloadRate
	k.padded = padding(c.GraphSizes)
	return k
}

// matrixRate is the FLOP/s that the layers' matrix products reach on one GPU.
func matrixRate(c Config) float64 {
	g := c.GPU
	switch {
	case c.Quantization == "fp8" && g.FP8 > 0:
		return g.FP8 * g.MFU * eightBitMFU
	case c.Quantization == "awq":
		return g.BF16 * g.MFU * fourBitMFU
	case c.WeightBytes > 2: // float32 runs as TF32 at half the bf16 rate
		return g.BF16 / 2 * g.MFU
	}
	return g.BF16 * g.MFU
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
	tokens, launch := k.launch(b)
	compute := float64(tokens)*k.linearFLOP + float64(b.sampled)*k.headFLOP
	memory := k.dense + k.expert*k.touched(b.tokens)
	gpu := knee(compute, memory) + k.layers*layerLaunch
	gpu += b.kv*k.kv + b.pairs*k.pair
	gpu += k.commLatency + float64(tokens)*k.commToken
	gpu += float64(b.sampled)*k.sampler + k.offload
	gpu = max(gpu, launch)
	overhead := stepOverhead + tokenPost + float64(b.seqs)*seqOverhead
	if !k.c.AsyncScheduling {
		overhead += syncStep + float64(b.seqs)*syncSeq
	}
	return gpu + overhead + float64(k.c.PP-1)*pipelineHop
}

// launch returns the tokens after padding to a captured size, and the time
// below which the host cannot launch the step's kernels.
func (k *cost) launch(b batch) (tokens int, floor float64) {
	switch {
	case k.c.Eager:
		return b.tokens, k.layers * eagerLaunch
	case k.c.Graphs == GraphsNone, b.tokens >= len(k.padded),
		b.prefill && k.c.Graphs == GraphsFullDecodeOnly:
		return b.tokens, k.layers * looseLaunch
	case b.prefill || k.c.Graphs == GraphsPiecewise:
		return k.padded[b.tokens], k.layers * (layerLaunch + pieceLaunch)
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
// hides the other wholly; the cubic norm is 26 % above the roof there and
// within 1 % of it a factor three away.
func knee(compute, memory float64) float64 {
	return math.Cbrt(compute*compute*compute + memory*memory*memory)
}
