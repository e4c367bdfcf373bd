package vllmflags

import (
	"fmt"
	"math"
)

// ranges are those that vLLM's configuration classes (vllm/config/*.py) check
// after the parser.
var ranges = map[string]Range{
	"max-model-len": atLeast(1), "max-logprobs": atLeast(-1), "gpu-memory-utilization": {Min: 0, Max: 1, Above: true},
	"block-size": atLeast(1), "num-gpu-blocks-override": atLeast(1), "cpu-offload-gb": atLeast(0), "max-num-seqs": atLeast(1),
	"max-num-batched-tokens": atLeast(1), "long-prefill-token-threshold": atLeast(0), "watermark": {Min: 0, Max: 1},
	"stream-interval": atLeast(1), "tensor-parallel-size": atLeast(1), "pipeline-parallel-size": atLeast(1),
	"data-parallel-size": atLeast(1), "port": {Min: 0, Max: 65535}, "optimization-level": {Min: 0, Max: 3},
}

func atLeast(n float64) Range { return Range{Min: n, Max: math.Inf(1)} }

// rewritten are strings that vLLM's parser replaces before it reads the
// command line, so that the flag's own do not have them.
var rewritten = map[string]string{"optimization-level": "-O"}

// registered are values of flags that take any word, because plug-ins register
// more; the parser does not list them. vLLM reads attention-backend in any
// letter case.
var registered = map[string][]string{
	"attention-backend": {"FLASH_ATTN", "FLASHINFER", "TRITON_ATTN", "FLASHMLA", "FLASHMLA_SPARSE", "CUTLASS_MLA", "FLEX_ATTENTION",
		"TREE_ATTN", "FLASHINFER_MLA", "FLASHINFER_MLA_SPARSE", "FLASH_ATTN_MLA", "TRITON_MLA", "TOKENSPEED_MLA", "ROCM_ATTN",
		"ROCM_AITER_FA", "ROCM_AITER_MLA", "ROCM_AITER_UNIFIED_ATTN", "TORCH_SDPA", "CPU_ATTN"},
	"load-format": {"auto", "hf", "dummy", "fastsafetensors", "instanttensor", "mistral", "modelexpress", "npcache", "pt",
		"runai_streamer", "runai_streamer_sharded", "safetensors", "sharded_state", "tensorizer", "bitsandbytes", "gguf"},
	"quantization": {"awq", "auto_awq", "awq_marlin", "fp8", "fp8_per_tensor", "fp8_per_block", "fp8_per_channel", "modelopt", "modelopt_fp4",
		"modelopt_mxfp8", "gptq", "auto_gptq", "gptq_marlin", "compressed-tensors", "quark", "moe_wna16", "torchao", "mxfp4", "mxfp8",
		"bitsandbytes", "gguf", "inc", "experts_int8", "int8_per_channel_weight_only", "nvfp4_per_token", "ptpc_fp8"},
}

// instead says what to write for a flag that the newest release does not have.
var instead = map[string]string{
	"calculate-kv-scales":                           "omit it: the scales come with the checkpoint",
	"cuda-graph-sizes":                              "use cudagraph-capture-sizes",
	"disable-frontend-multiprocessing":              "omit it: the API server and the engine are always separate processes",
	"disable-log-requests":                          "omit it: requests are logged only with enable-log-requests",
	"disable-mm-preprocessor-cache":                 "use mm-processor-cache-gb: 0",
	"enable-bf16x3-router-gemm":                     "omit it: the server chooses the kernel",
	"enable-multimodal-encoder-data-parallel":       "use mm-encoder-tp-mode: data",
	"eplb-log-balancedness":                         "use eplb-config.log_balancedness",
	"eplb-step-interval":                            "use eplb-config.step_interval",
	"eplb-window-size":                              "use eplb-config.window_size",
	"guided-decoding-backend":                       "use structured-outputs-config.backend",
	"guided-decoding-disable-additional-properties": "use structured-outputs-config.disable_additional_properties",
	"guided-decoding-disable-any-whitespace":        "use structured-outputs-config.disable_any_whitespace",
	"guided-decoding-disable-fallback":              "use structured-outputs-config.disable_fallback",
	"logits-processor-pattern":                      "use logits-processors: the server loads them, requests cannot",
	"lora-extra-vocab-size":                         "omit it: adapters cannot add vocabulary",
	"max-long-partial-prefills":                     "long-prefill-token-threshold limits long prompts",
	"max-num-partial-prefills":                      "long-prefill-token-threshold limits long prompts",
	"num-lookahead-slots":                           "use speculative-config",
	"num-redundant-experts":                         "use eplb-config.num_redundant_experts",
	"override-attention-dtype":                      "omit it: attention uses the model's dtype",
	"override-pooler-config":                        "use pooler-config",
	"swap-space":                                    "kv-offloading-size keeps evicted cache in host memory",
	"task":                                          "use runner or convert if the model needs it",
}

// firstKnown is the first release of which it is known what it had lost.
const firstKnown = 8

// earlier are flags that were removed before the first release of options.tsv,
// with the release that lost them by the sources of 0.8.5, 0.9.2 and 0.10.2;
// firstKnown, if even the oldest of these does not have the flag.
var earlier = []Flag{
	{Name: "device", Kind: Text, Gone: 10, Instead: "omit it: the build decides"},
	{Name: "disable-async-output-proc", Kind: Bool, Gone: 11, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "enable-lora-bias", Kind: Bool, Gone: 11, Instead: "omit it: adapters with a bias are refused"},
	{Name: "enable-prompt-adapter", Kind: Bool, Gone: 10, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "enable-reasoning", Kind: Bool, Gone: 10, Instead: "reasoning-parser alone is enough"},
	{Name: "expand-tools-even-if-tool-choice-none", Kind: Bool, Gone: 10, Instead: "omit it: exclude-tools-when-tool-choice-none is the opposite"},
	{Name: "long-lora-scaling-factors", Kind: Text, Gone: 10, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "max-prompt-adapter-token", Kind: Int, Gone: 10, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "max-prompt-adapters", Kind: Int, Gone: 10, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "max-seq-len-to-capture", Kind: Int, Gone: 11, Instead: "max-cudagraph-capture-size limits captured batches"},
	{Name: "multi-step-stream-outputs", Kind: Bool, Gone: 10, Instead: "stream-interval sets how often streams are written"},
	{Name: "num-scheduler-steps", Kind: Int, Gone: 10, Instead: "async-scheduling hides the scheduler's time"},
	{Name: "num-speculative-tokens", Kind: Int, Gone: firstKnown, Instead: "use speculative-config"},
	{Name: "override-neuron-config", Kind: JSON, Gone: 10, Instead: "use additional-config"},
	{Name: "preemption-mode", Kind: Text, Gone: 11, Instead: "omit it: the V1 engine always recomputes"},
	{Name: "prompt-adapters", Kind: Text, Words: Many, Gone: 10, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "qlora-adapter-name-or-path", Kind: Text, Gone: 10, Instead: "use lora-modules"},
	{Name: "rope-scaling", Kind: JSON, Gone: 11, Instead: "use hf-overrides.rope_scaling"},
	{Name: "rope-theta", Kind: Float, Gone: 11, Instead: "use hf-overrides.rope_theta"},
	{Name: "scheduler-delay-factor", Kind: Float, Gone: 11, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "speculative-model", Kind: Text, Gone: firstKnown, Instead: "use speculative-config"},
	{Name: "tokenizer-pool-extra-config", Kind: JSON, Gone: 10, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "tokenizer-pool-size", Kind: Int, Gone: 10, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "tokenizer-pool-type", Kind: Text, Gone: 10, Instead: "omit it: it belonged to the V0 engine"},
	{Name: "use-v2-block-manager", Kind: Bool, Gone: 10, Instead: "omit it: there is one block manager"},
}

// Removed says when the flag was removed, in words: "in 0.18"; "" if the
// newest release has it.
func (f Flag) Removed() string {
	switch {
	case f.Gone == 0:
		return ""
	case f.Gone == firstKnown:
		return fmt.Sprintf("in 0.%d or earlier", f.Gone)
	}
	return fmt.Sprintf("in 0.%d", f.Gone)
}
