package vllmflags

import "math"

// Newest is the minor number of the newest release that the table describes:
// a later one may have flags that it does not name.
const Newest = 27

func choice(name string, values ...string) Flag {
	return Flag{Name: name, Kind: Text, Choices: values}
}

// open is a choice to which plug-ins and other releases add values.
func open(name string, values ...string) Flag {
	return Flag{Name: name, Kind: Text, Choices: values, Open: true}
}

func short(f Flag, names ...string) Flag {
	f.Short = names
	return f
}

func atLeast(n float64) *Range { return &Range{Min: n, Max: math.Inf(1)} }

// removed lists flags that vLLM once had. Gone is the first minor release
// without the flag, from the date of its removal; where that date is unknown,
// or before 2025, it is 0 and no release of the table has the flag.
func removed() []Flag {
	return []Flag{
		{Name: "swap-space", Kind: Float, Gone: 18, Instead: "kv-offloading-size keeps evicted cache in host memory"},        // 2026-03-07
		{Name: "max-seq-len-to-capture", Kind: Int, Gone: 11, Instead: "max-cudagraph-capture-size limits captured batches"}, // 2025-09-24
		{Name: "num-scheduler-steps", Kind: Int, Gone: 10, Instead: "async-scheduling hides the scheduler's time"},           // 2025-08-12, between 0.10.0 and 0.10.1
		{Name: "cuda-graph-sizes", Kind: Ints, Gone: 13, Instead: "write cudagraph-capture-sizes"},                           // 2025-12-10
		{Name: "max-num-partial-prefills", Kind: Int, Gone: 27, Instead: "long-prefill-token-threshold limits long prompts"}, // 2026-07-21
		{Name: "disable-log-requests", Kind: Bool, Instead: "leave it out: requests are logged only with enable-log-requests"},
		{Name: "task", Kind: Text, Instead: "write runner or convert where the model needs it"},
		{Name: "enable-reasoning", Kind: Bool, Instead: "reasoning-parser alone is enough"},
		{Name: "preemption-mode", Kind: Text, Instead: "leave it out: the V1 engine always recomputes"},
		{Name: "use-v2-block-manager", Kind: Bool, Instead: "leave it out: there is one block manager"},
		{Name: "scheduler-delay-factor", Kind: Float, Instead: "leave it out: it belonged to the V0 engine"},
		{Name: "num-lookahead-slots", Kind: Int, Instead: "write speculative-config"},
		{Name: "speculative-model", Kind: Text, Instead: "write speculative-config"},
		{Name: "num-speculative-tokens", Kind: Int, Instead: "write speculative-config"},
		{Name: "enable-prompt-adapter", Kind: Bool, Instead: "leave it out: it belonged to the V0 engine"},
		{Name: "guided-decoding-backend", Kind: Text, Instead: "write structured-outputs-config"},
	}
}

// Table lists the flags, each once. Names, types and values:
// vllm/engine/arg_utils.py, vllm/entrypoints/openai/cli_args.py and
// vllm/config/*.py of August 2026.
func Table() []Flag {
	table := []Flag{
		// Model.
		{Name: "model", Kind: Text},
		{Name: "tokenizer", Kind: Text},
		open("tokenizer-mode", "auto", "hf", "slow", "mistral", "deepseek_v32"),
		{Name: "served-model-name", Kind: Texts},
		{Name: "revision", Kind: Text},
		{Name: "download-dir", Kind: Text},
		{Name: "hf-overrides", Kind: JSON},
		{Name: "trust-remote-code", Kind: Bool},
		choice("dtype", "auto", "half", "float16", "bfloat16", "float", "float32"),
		short(open("quantization", "awq", "auto_awq", "awq_marlin", "fp8", "fp8_per_tensor", "fp8_per_block", "modelopt", "modelopt_fp4", "gptq", "gptq_marlin", "compressed-tensors", "quark", "moe_wna16", "torchao", "mxfp4", "bitsandbytes", "gguf", "inc", "experts_int8"), "-q"),
		{Name: "max-model-len", Kind: HumanInt, Auto: true, Range: atLeast(1)},
		{Name: "max-logprobs", Kind: Int, Range: atLeast(-1)},
		{Name: "seed", Kind: Int},
		{Name: "enforce-eager", Kind: Bool},
		{Name: "generation-config", Kind: Text},
		{Name: "override-generation-config", Kind: JSON},
		{Name: "limit-mm-per-prompt", Kind: JSON},
		{Name: "chat-template", Kind: Text},
		{Name: "reasoning-parser", Kind: Text},
		{Name: "tool-call-parser", Kind: Text},
		{Name: "enable-auto-tool-choice", Kind: Bool},
		open("load-format", "auto", "hf", "dummy", "fastsafetensors", "instanttensor", "mistral", "modelexpress", "npcache", "pt", "runai_streamer", "runai_streamer_sharded", "safetensors", "sharded_state", "tensorizer"),
		// Memory.
		{Name: "gpu-memory-utilization", Kind: Float, Range: &Range{Min: 0, Max: 1, Above: true}},
		{Name: "kv-cache-memory-bytes", Kind: HumanInt},
		{Name: "block-size", Kind: Int, Range: atLeast(1)},
		open("kv-cache-dtype", "auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "fp8_ds_mla", "int4_per_token_head", "int8_per_token_head", "fp8_per_token_head", "nvfp4", "nvfp4_4over6", "turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc"),
		{Name: "calculate-kv-scales", Kind: Bool},
		{Name: "num-gpu-blocks-override", Kind: Int, Range: atLeast(1)},
		{Name: "enable-prefix-caching", Kind: Bool},
		choice("prefix-caching-hash-algo", "builtin", "sha256", "sha256_cbor", "xxhash", "xxhash_cbor"),
		{Name: "cpu-offload-gb", Kind: Float, Range: atLeast(0)},
		{Name: "kv-offloading-size", Kind: Float},
		choice("kv-offloading-backend", "native", "lmcache"),
		// Scheduler.
		{Name: "max-num-seqs", Kind: HumanInt, Range: atLeast(1)},
		{Name: "max-num-batched-tokens", Kind: HumanInt, Range: atLeast(1)},
		{Name: "enable-chunked-prefill", Kind: Bool},
		{Name: "long-prefill-token-threshold", Kind: HumanInt, Range: atLeast(0)},
		choice("scheduling-policy", "fcfs", "priority"),
		{Name: "async-scheduling", Kind: Bool},
		{Name: "scheduler-reserve-full-isl", Kind: Bool, Since: 19}, // 2026-03-24
		{Name: "watermark", Kind: Float, Range: &Range{Min: 0, Max: 1}},
		{Name: "stream-interval", Kind: Int, Range: atLeast(1)},
		// Parallelism.
		short(Flag{Name: "tensor-parallel-size", Kind: Int, Range: atLeast(1)}, "-tp"),
		short(Flag{Name: "pipeline-parallel-size", Kind: Int, Range: atLeast(1)}, "-pp"),
		short(Flag{Name: "data-parallel-size", Kind: Int, Range: atLeast(1)}, "-dp"),
		short(Flag{Name: "decode-context-parallel-size", Kind: Int}, "-dcp"),
		short(Flag{Name: "enable-expert-parallel", Kind: Bool}, "-ep"),
		open("distributed-executor-backend", "ray", "mp", "uni", "external_launcher"),
		{Name: "disable-custom-all-reduce", Kind: Bool},
		// Compilation and kernels.
		short(Flag{Name: "optimization-level", Kind: Int, Choices: []string{"0", "1", "2", "3"}}, "-O"),
		choice("performance-mode", "balanced", "interactivity", "throughput"),
		{Name: "cudagraph-capture-sizes", Kind: Ints},
		{Name: "max-cudagraph-capture-size", Kind: Int},
		short(Flag{Name: "compilation-config", Kind: JSON}, "-cc"),
		open("attention-backend", "FLASH_ATTN", "FLASHINFER", "TRITON_ATTN", "FLASHMLA", "CUTLASS_MLA", "FLEX_ATTENTION", "TREE_ATTN", "FLASHINFER_MLA", "FLASH_ATTN_MLA", "TRITON_MLA", "ROCM_ATTN", "TORCH_SDPA"),
		short(Flag{Name: "attention-config", Kind: JSON}, "-ac"),
		// Speculative decoding, adapters, sleeping.
		short(Flag{Name: "speculative-config", Kind: JSON}, "-sc"),
		{Name: "spec-method", Kind: Text},
		{Name: "spec-model", Kind: Text},
		{Name: "spec-tokens", Kind: Int},
		{Name: "enable-lora", Kind: Bool},
		{Name: "max-loras", Kind: Int},
		{Name: "max-lora-rank", Kind: Int},
		{Name: "lora-modules", Kind: Texts},
		{Name: "enable-sleep-mode", Kind: Bool},
		{Name: "kv-transfer-config", Kind: JSON},
		{Name: "additional-config", Kind: JSON},
		// Server.
		{Name: "host", Kind: Text},
		{Name: "port", Kind: Int, Range: &Range{Min: 0, Max: 65535}},
		{Name: "api-key", Kind: Texts},
		{Name: "api-server-count", Kind: Int},
		{Name: "root-path", Kind: Text},
		choice("uvicorn-log-level", "critical", "error", "warning", "info", "debug", "trace"),
		{Name: "disable-uvicorn-access-log", Kind: Bool},
		{Name: "disable-log-stats", Kind: Bool},
		{Name: "enable-log-requests", Kind: Bool},
		{Name: "max-log-len", Kind: Int},
		{Name: "shutdown-timeout", Kind: Int},
		{Name: "enable-mfu-metrics", Kind: Bool},
		{Name: "kv-cache-metrics", Kind: Bool},
		{Name: "enable-prompt-tokens-details", Kind: Bool},
		{Name: "enable-force-include-usage", Kind: Bool},
		{Name: "config", Kind: Text}, // expanded before parsing; an abbreviation is not
	}
	table = append(table, further()...)
	for _, f := range removed() {
		f.Old = true
		table = append(table, f)
	}
	return table
}
