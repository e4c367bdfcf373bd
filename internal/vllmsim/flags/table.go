// Package flags reads command lines as `vllm serve` does: the flags that
// tuning touches with their types, allowed values and defaults, and the
// habits of vLLM's FlexibleArgumentParser (underscores, abbreviations, dotted
// JSON, --no-x, human-readable integers).
package flags

// Kind is the type of a flag's value.
type Kind int

// The kinds.
const (
	Bool     Kind = iota // --x, --no-x
	Int                  // 17
	HumanInt             // 17, 32k, 32K, 1.5m; -1 and auto where the flag says so
	Float
	Text
	JSON  // an object, or a bare word, or dotted --x.key value
	Texts // one or more
	Ints  // one or more
)

// Flag is one option of the command line.
type Flag struct {
	Name    string   // without dashes
	Short   []string // with one dash: "-tp"
	Kind    Kind
	Choices []string
	Auto    bool   // HumanInt: "auto" and -1 are accepted
	Inert   bool   // accepted, without effect in the simulator
	Old     bool   // removed from vLLM: rejected by the newest dialect
	Gone    int    // Old only: first minor release, of 0.x, without it; 0 = all
	Help    string // own flags only
}

func choice(name string, values ...string) Flag {
	return Flag{Name: name, Kind: Text, Choices: values}
}

func inert(f Flag) Flag {
	f.Inert = true
	return f
}

func short(f Flag, names ...string) Flag {
	f.Short = names
	return f
}

// removed lists flags that vLLM once had. Gone is the first minor release
// without the flag, from the date of its removal; where that date is unknown,
// or before 2025, it is 0 and no version here takes the flag.
func removed() []Flag {
	return []Flag{
		{Name: "swap-space", Kind: Float, Gone: 18},             // 2026-03-07
		{Name: "max-seq-len-to-capture", Kind: Int, Gone: 11},   // 2025-09-24
		{Name: "num-scheduler-steps", Kind: Int, Gone: 10},      // 2025-08-12, between 0.10.0 and 0.10.1
		{Name: "cuda-graph-sizes", Kind: Ints, Gone: 13},        // 2025-12-10
		{Name: "max-num-partial-prefills", Kind: Int, Gone: 27}, // 2026-07-21
		{Name: "disable-log-requests", Kind: Bool},              // now opt-in: --enable-log-requests
		{Name: "task", Kind: Text},
		{Name: "enable-reasoning", Kind: Bool},
		{Name: "preemption-mode", Kind: Text},      // V0
		{Name: "use-v2-block-manager", Kind: Bool}, // V0
	}
}

// Table lists the flags. Names, types and values: vllm/engine/arg_utils.py
// and vllm/config/*.py of August 2026.
func Table() []Flag {
	table := []Flag{
		// Model.
		{Name: "model", Kind: Text},
		{Name: "tokenizer", Kind: Text, Inert: true},
		inert(choice("tokenizer-mode", "auto", "hf", "slow", "mistral", "deepseek_v32")),
		{Name: "served-model-name", Kind: Texts},
		{Name: "revision", Kind: Text, Inert: true},
		{Name: "download-dir", Kind: Text, Inert: true},
		{Name: "hf-overrides", Kind: JSON, Inert: true},
		{Name: "trust-remote-code", Kind: Bool, Inert: true},
		choice("dtype", "auto", "half", "float16", "bfloat16", "float", "float32"),
		short(choice("quantization", "awq", "auto_awq", "awq_marlin", "fp8", "fp8_per_tensor", "fp8_per_block", "modelopt", "modelopt_fp4", "gptq", "gptq_marlin", "compressed-tensors", "quark", "moe_wna16", "torchao", "mxfp4", "bitsandbytes", "gguf", "inc", "experts_int8"), "-q"),
		{Name: "max-model-len", Kind: HumanInt, Auto: true},
		{Name: "max-logprobs", Kind: Int, Inert: true},
		{Name: "seed", Kind: Int, Inert: true},
		{Name: "enforce-eager", Kind: Bool},
		{Name: "generation-config", Kind: Text, Inert: true},
		{Name: "override-generation-config", Kind: JSON, Inert: true},
		{Name: "limit-mm-per-prompt", Kind: JSON, Inert: true},
		{Name: "chat-template", Kind: Text, Inert: true},
		{Name: "reasoning-parser", Kind: Text, Inert: true},
		{Name: "tool-call-parser", Kind: Text, Inert: true},
		{Name: "enable-auto-tool-choice", Kind: Bool, Inert: true},
		inert(choice("load-format", "auto", "hf", "dummy", "fastsafetensors", "instanttensor", "mistral", "modelexpress", "npcache", "pt", "runai_streamer", "runai_streamer_sharded", "safetensors", "sharded_state", "tensorizer")),
		// Memory.
		{Name: "gpu-memory-utilization", Kind: Float},
		{Name: "kv-cache-memory-bytes", Kind: HumanInt},
		{Name: "block-size", Kind: Int},
		choice("kv-cache-dtype", "auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "fp8_ds_mla", "int4_per_token_head", "int8_per_token_head", "fp8_per_token_head", "nvfp4", "nvfp4_4over6", "turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc"),
		{Name: "calculate-kv-scales", Kind: Bool, Inert: true},
		{Name: "num-gpu-blocks-override", Kind: Int},
		{Name: "enable-prefix-caching", Kind: Bool},
		inert(choice("prefix-caching-hash-algo", "builtin", "sha256", "sha256_cbor", "xxhash", "xxhash_cbor")),
		{Name: "cpu-offload-gb", Kind: Float},
		{Name: "kv-offloading-size", Kind: Float, Inert: true},
		inert(choice("kv-offloading-backend", "native", "lmcache")),
		// Scheduler.
		{Name: "max-num-seqs", Kind: HumanInt},
		{Name: "max-num-batched-tokens", Kind: HumanInt},
		{Name: "enable-chunked-prefill", Kind: Bool},
		{Name: "long-prefill-token-threshold", Kind: HumanInt},
		choice("scheduling-policy", "fcfs", "priority"),
		{Name: "async-scheduling", Kind: Bool},
		{Name: "scheduler-reserve-full-isl", Kind: Bool},
		{Name: "watermark", Kind: Float},
		{Name: "stream-interval", Kind: Int},
		// Parallelism.
		short(Flag{Name: "tensor-parallel-size", Kind: Int}, "-tp"),
		short(Flag{Name: "pipeline-parallel-size", Kind: Int}, "-pp"),
		short(Flag{Name: "data-parallel-size", Kind: Int}, "-dp"),
		short(Flag{Name: "decode-context-parallel-size", Kind: Int, Inert: true}, "-dcp"),
		short(Flag{Name: "enable-expert-parallel", Kind: Bool, Inert: true}, "-ep"),
		inert(choice("distributed-executor-backend", "ray", "mp", "uni", "external_launcher")),
		{Name: "disable-custom-all-reduce", Kind: Bool, Inert: true},
		// Compilation and kernels.
		short(Flag{Name: "optimization-level", Kind: Int, Choices: []string{"0", "1", "2", "3"}}, "-O"),
		choice("performance-mode", "balanced", "interactivity", "throughput"),
		{Name: "cudagraph-capture-sizes", Kind: Ints},
		{Name: "max-cudagraph-capture-size", Kind: Int},
		short(Flag{Name: "compilation-config", Kind: JSON}, "-cc"),
		inert(choice("attention-backend", "FLASH_ATTN", "FLASHINFER", "TRITON_ATTN", "FLASHMLA", "CUTLASS_MLA", "FLEX_ATTENTION", "TREE_ATTN", "FLASHINFER_MLA", "FLASH_ATTN_MLA", "TRITON_MLA", "ROCM_ATTN", "TORCH_SDPA")),
		short(Flag{Name: "attention-config", Kind: JSON, Inert: true}, "-ac"),
		// Speculative decoding, adapters, sleeping.
		short(Flag{Name: "speculative-config", Kind: JSON, Inert: true}, "-sc"),
		{Name: "spec-method", Kind: Text, Inert: true},
		{Name: "spec-model", Kind: Text, Inert: true},
		{Name: "spec-tokens", Kind: Int, Inert: true},
		{Name: "enable-lora", Kind: Bool, Inert: true},
		{Name: "max-loras", Kind: Int, Inert: true},
		{Name: "max-lora-rank", Kind: Int, Inert: true},
		{Name: "lora-modules", Kind: Texts, Inert: true},
		{Name: "enable-sleep-mode", Kind: Bool},
		{Name: "kv-transfer-config", Kind: JSON, Inert: true},
		{Name: "additional-config", Kind: JSON, Inert: true},
		// Server.
		{Name: "host", Kind: Text},
		{Name: "port", Kind: Int},
		{Name: "api-key", Kind: Texts},
		{Name: "api-server-count", Kind: Int, Inert: true},
		{Name: "root-path", Kind: Text, Inert: true},
		choice("uvicorn-log-level", "critical", "error", "warning", "info", "debug", "trace"),
		{Name: "disable-uvicorn-access-log", Kind: Bool},
		{Name: "disable-log-stats", Kind: Bool},
		{Name: "enable-log-requests", Kind: Bool, Inert: true},
		{Name: "max-log-len", Kind: Int, Inert: true},
		{Name: "shutdown-timeout", Kind: Int, Inert: true},
		{Name: "enable-mfu-metrics", Kind: Bool, Inert: true},
		{Name: "kv-cache-metrics", Kind: Bool, Inert: true},
		{Name: "enable-prompt-tokens-details", Kind: Bool},
		{Name: "enable-force-include-usage", Kind: Bool},
		{Name: "config", Kind: Text, Inert: true}, // expanded before parsing; an abbreviation is not
	}
	for _, f := range removed() {
		f.Old, f.Inert = true, true
		table = append(table, f)
	}
	return append(table, own()...)
}

// own lists the simulator's own flags.
func own() []Flag {
	return []Flag{
		{Name: "sim-gpu", Kind: Text, Help: "GPU of the library (H100)"},
		{Name: "sim-gpus", Kind: Int, Help: "number of GPUs in the machine (1)"},
		{Name: "sim-speedup", Kind: Float, Help: "simulated seconds per real second (1)"},
		{Name: "sim-startup", Kind: Float, Help: "scale of the start-up phases' durations (0.002)"},
		{Name: "sim-seed", Kind: Int, Help: "seed of all noise and of output lengths (from time and pid)"},
		{Name: "sim-start-noise", Kind: Float, Help: "standard deviation of the log of the start's speed (0.012)"},
		{Name: "sim-run-noise", Kind: Float, Help: "the same of a run's speed (0)"},
		{Name: "sim-run-gap", Kind: Float, Help: "idle simulated seconds after which a new run begins (5; 0 = never)"},
		{Name: "sim-step-noise", Kind: Float, Help: "the same of each step's speed (0.02)"},
		{Name: "sim-request-noise", Kind: Float, Help: "the same of a request's time before the scheduler (0)"},
		{Name: "sim-temp-idle", Kind: Float, Help: "GPU temperature at rest, °C (35)"},
		{Name: "sim-temp-load", Kind: Float, Help: "GPU temperature under lasting load, °C (75)"},
		{Name: "sim-temp-tau", Kind: Float, Help: "time constant of heating and cooling, simulated seconds (60)"},
		{Name: "sim-temp-limit", Kind: Float, Help: "temperature above which the clock falls, °C (60)"},
		{Name: "sim-temp-slope", Kind: Float, Help: "share of the clock lost per °C above the limit (0)"},
		{Name: "sim-temp-start", Kind: Float, Help: "GPU temperature at the start, °C (at rest)"},
		{Name: "sim-output-mean", Kind: Float, Help: "mean natural output length without ignore_eos, tokens (250)"},
		{Name: "sim-fault", Kind: Text, Help: "comma-separated faults, see docs/simulator.md"},
		{Name: "sim-free-memory-gib", Kind: Float, Help: "GPU memory free at the start, GiB (all)"},
		{Name: "sim-version", Kind: Text, Help: "vLLM version whose dialect is spoken (0.27.1)"},
		{Name: "sim-gpu-state", Kind: Text, Help: "file of the machine's GPUs for the simulated NVML, read and kept up to date"},
		{Name: "sim-log-requests", Kind: Text, Help: "file for the true timings of each request, JSON lines"},
	}
}
