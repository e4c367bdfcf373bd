package launcher

import "regexp"

// rule classifies one message of vLLM or what it stands on. The remedy may
// use the named groups of the pattern as ${name}.
type rule struct {
	class Class
	// patterns are alternatives. They begin with literal text, so that the
	// regexp package finds candidates by a plain search: a log of 64 MiB takes
	// seconds, not minutes.
	patterns []*regexp.Regexp
	remedy   string
}

// on makes a rule of patterns followed by the remedy.
func on(class Class, patternsThenRemedy ...string) rule {
	last := len(patternsThenRemedy) - 1
	r := rule{class: class, remedy: patternsThenRemedy[last]}
	for _, p := range patternsThenRemedy[:last] {
		r.patterns = append(r.patterns, regexp.MustCompile(p))
	}
	return r
}

// match returns the first alternative that matches, or nil.
func (r *rule) match(text string) *regexp.Regexp {
	for _, p := range r.patterns {
		if p.MatchString(text) {
			return p
		}
	}
	return nil
}

// rules in the order in which they are tried on a line; those with numbers
// come before the general ones. The fragments are those of vLLM's source, 2025
// and 2026 releases; the file that raises each is named.
var rules = []rule{
	// Memory that other processes hold: v1/worker/utils.py (2025: gpu_worker.py).
	on(ClassGPUNotFree, `Free memory on device(?: \S+)? \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than desired GPU memory utilization \((?P<share>[\d.]+), (?P<want>[\d.]+) GiB\)`,
		"only ${free} of ${total} GiB are free and ${want} GiB are asked for: end what else uses the GPU (nvidia-smi shows it), wait longer between servers, or lower gpu-memory-utilization below ${share}"),
	on(ClassGPUNotFree, `Error in memory profiling\. Initial free memory`,
		"another process took or gave back GPU memory during start-up: keep the GPU to this server"),

	// KV cache: v1/core/kv_cache_utils.py.
	on(ClassKVCache, `max seq len \((?P<len>[\d,]+)\), \((?P<need>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?P<have>[\d.]+) GiB\)\..*estimated maximum model length is (?P<max>[\d,]+)`,
		"one request of ${len} tokens needs ${need} GiB of KV cache and ${have} GiB are left: set max-model-len to at most ${max}, raise gpu-memory-utilization, or use kv-cache-dtype fp8"),
	on(ClassKVCache, `max seq len \((?P<len>[\d,]+)\), \((?P<need>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?P<have>[\d.]+) GiB\)`,
		"one request of ${len} tokens needs ${need} GiB of KV cache and ${have} GiB are left: lower max-model-len, raise gpu-memory-utilization, or use kv-cache-dtype fp8"),
	on(ClassKVCache, `max seq len \((?P<len>[\d,]+)\) is larger than the maximum number of tokens that can be stored in KV cache \((?P<max>[\d,]+)\)`,
		"set max-model-len to at most ${max}, or raise gpu-memory-utilization"),
	on(ClassKVCache, `No available memory for the cache blocks`,
		"nothing is left for the KV cache beside weights and activations: raise gpu-memory-utilization, lower max-num-batched-tokens, or raise tensor-parallel-size"),
	on(ClassKVCache, `Cannot auto-fit max_model_len`,
		"not even one token fits beside the weights: raise gpu-memory-utilization or tensor-parallel-size, or use a quantised model"),

	// Out of GPU memory: v1/worker/gpu_model_runner.py and torch.
	on(ClassGPUMemory, `Failed to load model - not enough GPU memory`,
		"the weights do not fit: raise tensor-parallel-size, or use a quantised or smaller model"),
	on(ClassGPUMemory, `CUDA out of memory occurred when warming up sampler with (?P<seqs>\d+) dummy requests`,
		"no memory for sampling ${seqs} sequences at once: lower max-num-seqs or gpu-memory-utilization"),
	on(ClassGPUMemory, `CUDA out of memory\. Tried to allocate (?P<size>[\d.]+ [KMG]iB).*total capacity of (?P<total>[\d.]+ GiB) of which (?P<free>[\d.]+ [KMG]iB) is free`,
		"${size} more were wanted and ${free} of ${total} were free: lower gpu-memory-utilization, max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size"),
	on(ClassGPUMemory, `OutOfMemoryError`, `CUDA out of memory`, `CUDA error: out of memory`,
		"lower gpu-memory-utilization, max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size"),

	// GPUs: config/parallel.py, platforms/cuda.py, config/device.py.
	on(ClassGPUs, `World size \((?P<want>\d+)\) is larger than the number of available GPUs \((?P<have>\d+)\)`,
		"${want} GPUs are asked for and ${have} can be seen: lower tensor-parallel-size (or pipeline-parallel-size), or give the server more GPUs"),
	on(ClassGPUs, `Tensor parallel size \((?P<want>\d+)\) cannot be larger than the number of available GPUs \((?P<have>\d+)\)`,
		"set tensor-parallel-size to at most ${have}, or give the server more GPUs"),
	on(ClassGPUs, `local rank \S+ is out of bounds`,
		"more GPUs are asked for than can be seen: lower the parallel sizes, or give the server more GPUs"),
	on(ClassGPUs, `Failed to infer device type`, `No CUDA GPUs are available`, `Found no NVIDIA driver`, `unresolvable CDI devices`, `libcuda\.so\.1: cannot open shared object`,
		"the server sees no GPU: check the driver (nvidia-smi) and, for containers, the CDI specification (nvidia-ctk cdi generate)"),
	on(ClassGPUs, `NVIDIA driver on your system is too old`, `PTX was compiled with an unsupported toolchain`, `no kernel image is available`,
		"driver, GPU and this build of vLLM do not fit together: update the driver or use another image"),
	on(ClassGPUs, `CUDA error: an illegal memory access`, `CUDA error: device-side assert`, `uncorrectable ECC error`, `GPU has fallen off the bus`,
		"the GPU or a kernel failed: look for Xid messages in dmesg, and repeat before trusting this GPU"),

	// Configuration: config/model.py, config/parallel.py, config/scheduler.py.
	on(ClassConfig, `Total number of attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<tp>\d+)\)`,
		"choose a tensor-parallel-size that divides ${heads}"),
	on(ClassConfig, `User-specified max_model_len \((?P<want>\d+)\) is greater than the derived max_model_len \(\w+=(?P<max>[\d.]+)`,
		"set max-model-len to at most ${max}, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 if the model can really do more"),
	on(ClassConfig, `max_num_batched_tokens \((?P<tokens>\d+)\) must be greater than or equal to max_num_seqs \((?P<seqs>\d+)\)`,
		"raise max-num-batched-tokens to at least ${seqs}, or lower max-num-seqs to at most ${tokens}"),
	on(ClassConfig, `max_num_batched_tokens \((?P<tokens>\d+)\) is smaller than max_model_len \((?P<len>\d+)\)`,
		"raise max-num-batched-tokens to at least ${len}, or allow chunked prefill"),
	on(ClassConfig, `long_prefill_token_threshold \(\d+\) cannot be greater than the max_model_len \((?P<len>\d+)\)`,
		"set long-prefill-token-threshold to at most ${len}"),
	on(ClassConfig, `Bfloat16 is only supported on GPUs with compute capability`, "set dtype to half"),
	on(ClassConfig, `quantization method .*is not supported for the current GPU\. Minimum capability: (?P<min>\d+)\. Current capability: (?P<has>\d+)`,
		"this quantisation needs compute capability ${min} and the GPU has ${has}: use another quantisation or GPU"),
	on(ClassConfig, `Quantization method specified in the model config \((?P<model>\S+)\) does not match`,
		"remove the quantization flag, or set it to ${model}"),
	on(ClassConfig, `Unknown quantization method`, "use a quantisation that this version of vLLM knows"),
	on(ClassModel, `Model architectures .*(are not supported for now|failed to be inspected)`,
		"this version of vLLM does not know the model: use a newer image"),

	// Model files: transformers_utils/config.py and huggingface_hub.
	on(ClassModel, `You are trying to access a gated repo`, `GatedRepoError`, `Access to model .* is restricted`,
		"the model is gated: accept its licence on its page and give the server a token (HF_TOKEN)"),
	on(ClassModel, `401 Client Error`, `403 Client Error`, `RepositoryNotFoundError`,
		"the model does not exist, or the token (HF_TOKEN) may not read it: check name and token"),
	on(ClassModel, `Invalid repository ID or local directory specified: '(?P<name>[^']*)'`,
		"there is no model ${name}: check the name and, for a folder, that it is mounted"),
	on(ClassModel, `is not a local folder and is not a valid model identifier`, `Repo id must be in the form`, `HFValidationError`,
		"check the model's name and, for a folder, that it is mounted"),
	on(ClassModel, `LocalEntryNotFoundError`, `MaxRetryError`, `Temporary failure in name resolution`, `We couldn't connect to 'https://huggingface\.co'`,
		"the model is not in the cache and cannot be fetched: mount a cache that has it, or let the server reach the network"),
	on(ClassModel, `No space left on device`, "the disk is full: make room for the model and the caches"),

	// Ports and collective communication.
	on(ClassPort, `\[Errno 98\]`, `Address already in use`, `address already in use`, `EADDRINUSE`,
		"another program took the port: try again, or end that program"),
	on(ClassNCCL, `/dev/shm/nccl-`, `Error while creating shared memory segment`,
		"shared memory is too small for tensor parallelism: set ipc: host, or shm_size: 16GiB"),
	on(ClassNCCL, `NCCL error`, `ncclSystemError`, `ncclInternalError`, `ncclUnhandledCudaError`, `ncclRemoteError`,
		"the GPUs cannot talk to each other: run with NCCL_DEBUG=INFO, and check shared memory (ipc: host) and the links between the GPUs"),

	// Arguments: argparse, exit code 2.
	on(ClassArguments, `error: unrecognized arguments: (?P<args>.*)`,
		"this version of vLLM does not know ${args}: remove it, or use an image whose version has it"),
	on(ClassArguments, `error: argument (?P<arg>[^:]+): (invalid|expected|not allowed|ignored)`,
		"correct the value of ${arg}"),
	on(ClassArguments, `error: ambiguous option: (?P<arg>\S+)`, "write ${arg} out in full"),
	on(ClassArguments, `^\S+(?: \S+)?: error: `, "correct the flags of the server"),

	// Start-up that never ends: v1/engine/core_client.py.
	on(ClassTimeout, `Timed out waiting for engine (core )?processes to start`,
		"raise VLLM_ENGINE_READY_TIMEOUT_S, or find in the log what the engine waits for"),
}

// hints are not causes, but explain a start that never ends:
// distributed/device_communicators/shm_broadcast.py.
var hints = []rule{
	on(ClassTimeout, `No available shared memory broadcast block found in (?P<wait>\d+) second`,
		"a worker does not answer the engine: it hangs in compilation, in a collective operation or on a slow disk; look at the last lines of the workers, and raise ready_timeout if it is only slow"),
}
