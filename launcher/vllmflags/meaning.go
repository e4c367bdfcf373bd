package vllmflags

// Names of the flags that other packages ask for. No other spelling of them
// stands in the tree (names_test.go), so that a misspelled one does not compile.
const (
	APIKey                    = "api-key"
	BlockSize                 = "block-size"
	CPUOffloadGB              = "cpu-offload-gb"
	DataParallelSize          = "data-parallel-size"
	Dtype                     = "dtype"
	EnableChunkedPrefill      = "enable-chunked-prefill"
	EnablePrefixCaching       = "enable-prefix-caching"
	EnforceEager              = "enforce-eager"
	GPUMemoryUtilization      = "gpu-memory-utilization"
	HFOverrides               = "hf-overrides"
	HFToken                   = "hf-token"
	KVCacheDtype              = "kv-cache-dtype"
	KVCacheMemoryBytes        = "kv-cache-memory-bytes"
	LongPrefillTokenThreshold = "long-prefill-token-threshold"
	MaxModelLen               = "max-model-len"
	MaxNumBatchedTokens       = "max-num-batched-tokens"
	MaxNumSeqs                = "max-num-seqs"
	NumGPUBlocksOverride      = "num-gpu-blocks-override"
	PipelineParallelSize      = "pipeline-parallel-size"
	Quantization              = "quantization"
	RopeScaling               = "rope-scaling"
	ServedModelName           = "served-model-name"
	SpeculativeConfig         = "speculative-config"
	TensorParallelSize        = "tensor-parallel-size"
)

// Parallelism are the flags whose product is the number of GPUs.
var Parallelism = [...]string{TensorParallelSize, PipelineParallelSize, DataParallelSize}

// Effect is what a flag does to a launch and to requests; launcher.Effect has
// the same fields and says what they mean.
type Effect struct{ More, Less, Cache, Fixed, Speed, Context bool }

// Meaning is what sweep knows of a flag beyond its values.
type Meaning struct {
	Effect
	MovesCache bool   // another value gives the KV cache another size
	Weights    bool   // changes the weights or adds some: their size is not the checkpoint's
	Called     string // what vLLM's messages call the flag
}

// Means is what is known of a flag; the zero value of most.
func Means(name string) Meaning { return meanings[name] }

// Effects are those of the flags that have one, by name.
func Effects() map[string]Effect {
	out := map[string]Effect{}
	for name, m := range meanings {
		if m.Effect != (Effect{}) {
			out[name] = m.Effect
		}
	}
	return out
}

// Called returns the flag that vLLM's messages call so.
func Called(word string) (string, bool) {
	for name, m := range meanings {
		if m.Called == word && word != "" {
			return name, true
		}
	}
	return "", false
}

// speed is the effect of flags that change how fast a request is answered, and
// nothing else.
var speed = Meaning{Effect: Effect{Speed: true}}

// meanings: vLLM plans the cache as utilization × memory − weights − activations
// (vllm/v1/worker/gpu_worker.py); weights and cache are split over the ranks,
// activations grow with batch and sequences, and the cache must hold one request
// of the full length. A flag without Speed costs a launch more before a load is
// given up.
var meanings = map[string]Meaning{
	MaxModelLen:          {Effect: Effect{More: true, Context: true}},
	MaxNumSeqs:           {Effect: Effect{More: true, Speed: true}},
	MaxNumBatchedTokens:  {Effect: Effect{More: true, Speed: true}},
	TensorParallelSize:   {Effect: Effect{Less: true, Speed: true}, MovesCache: true, Called: "tp-size"},
	PipelineParallelSize: {Effect: Effect{Less: true, Speed: true}, Called: "pp-size"},
	CPUOffloadGB:         {Effect: Effect{Less: true, Speed: true}},
	GPUMemoryUtilization: {Effect: Effect{Cache: true, Speed: true}, MovesCache: true},
	NumGPUBlocksOverride: {Effect: Effect{Fixed: true, Speed: true}},
	KVCacheMemoryBytes:   {Effect: Effect{Fixed: true, Speed: true}, MovesCache: true},
	KVCacheDtype:         {Effect: Effect{Speed: true}, MovesCache: true},
	DataParallelSize:     {Effect: Effect{Speed: true}, Called: "dp-size"},
	SpeculativeConfig:    {Effect: Effect{Speed: true}, Weights: true},

	HFOverrides: {Weights: true}, "enable-lora": {Weights: true}, "model-impl": {Weights: true},
	"load-format": {Weights: true},

	"decode-context-parallel-size": {Called: "dcp-size"}, "prefill-context-parallel-size": {Called: "pcp-size"},

	"enable-expert-parallel": speed, EnablePrefixCaching: speed, EnableChunkedPrefill: speed, BlockSize: speed,
	"swap-space": speed,
	EnforceEager: speed, "scheduling-policy": speed, "async-scheduling": speed, "max-num-partial-prefills": speed,
	"max-long-partial-prefills": speed, LongPrefillTokenThreshold: speed, "compilation-config": speed,
	"cuda-graph-sizes":        speed,
	"cudagraph-capture-sizes": speed, "max-cudagraph-capture-size": speed, "max-seq-len-to-capture": speed,
	"attention-backend": speed,
	"stream-interval":   speed, "api-server-count": speed, "disable-log-stats": speed, "disable-log-requests": speed,
	"enable-log-requests": speed, "num-scheduler-steps": speed, "distributed-executor-backend": speed,
	Quantization: speed,
	Dtype:        speed, "seed": speed,
}
