package vllm

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
)

// rules in the order in which they are tried on a line; those with numbers
// come before the general ones. The fragments are those of vLLM's source, 2025
// and 2026 releases; the file that raises each is named.
var rules = []launcher.Rule{
	// Memory that other processes hold: v1/worker/utils.py (2025: gpu_worker.py).
	launcher.On(launcher.ClassGPUNotFree, `Free memory on device(?: \S+)? \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than desired GPU memory utilization \((?P<share>[\d.]+), (?P<want>[\d.]+) GiB\)`,
		"only ${free} of ${total} GiB are free and ${want} GiB are asked for: end what else uses the GPU (nvidia-smi shows it), wait longer between servers, or lower gpu-memory-utilization below ${share}"),
	launcher.On(launcher.ClassGPUNotFree, `Error in memory profiling\. Initial free memory`,
		"another process took or gave back GPU memory during start-up: keep the GPU to this server"),

	// KV cache: v1/core/kv_cache_utils.py.
	launcher.On(launcher.ClassKVCache, `max seq len \((?P<len>[\d,]+)\), \((?P<need>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?P<have>[\d.]+) GiB\)\..*estimated maximum model length is (?P<max>[\d,]+)`,
		kvRemedy).With(kvNumbers),
	launcher.On(launcher.ClassKVCache, `max seq len \((?P<len>[\d,]+)\), \((?P<need>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?P<have>[\d.]+) GiB\)`,
		kvRemedy).With(kvNumbers),
	launcher.On(launcher.ClassKVCache, `max seq len \((?P<len>[\d,]+)\) is larger than the maximum number of tokens that can be stored in KV cache \((?P<max>[\d,]+)\)`,
		"max-model-len ${len} is more than the KV cache holds${at}; largest that fits: ${max}. Lower max-model-len or raise gpu-memory-utilization").With(kvNumbers),
	launcher.On(launcher.ClassKVCache, `No available memory for the cache blocks`,
		"nothing is left for the KV cache${at} beside ${weights} and activations${left}: raise gpu-memory-utilization, lower max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size").With(emptyCache),
	launcher.On(launcher.ClassKVCache, `Cannot auto-fit max_model_len`,
		"not even one token fits${at} beside ${weights}${left}: raise gpu-memory-utilization or tensor-parallel-size, or use a quantised model").With(emptyCache),

	// Out of GPU memory: v1/worker/gpu_model_runner.py.
	launcher.On(launcher.ClassGPUMemory, `Failed to load model - not enough GPU memory`,
		"the weights do not fit on ${gpus}: raise tensor-parallel-size, or use a quantised or smaller model").With(gpus),
	launcher.On(launcher.ClassGPUMemory, `CUDA out of memory occurred when warming up sampler with (?P<seqs>\d+) dummy requests`,
		"no memory for sampling ${seqs} sequences at once: lower max-num-seqs or gpu-memory-utilization"),

	// GPUs: config/parallel.py.
	launcher.On(launcher.ClassGPUs, `World size \((?P<want>\d+)\) is larger than the number of available GPUs \((?P<have>\d+)\)`,
		"${want} GPUs are asked for and ${have} can be seen: lower tensor-parallel-size (or pipeline-parallel-size), or give the server more GPUs"),
	launcher.On(launcher.ClassGPUs, `Tensor parallel size \((?P<want>\d+)\) cannot be larger than the number of available GPUs \((?P<have>\d+)\)`,
		"set tensor-parallel-size to at most ${have}, or give the server more GPUs"),
	launcher.On(launcher.ClassGPUs, `local rank \S+ is out of bounds`,
		"more GPUs are asked for than can be seen: lower the parallel sizes, or give the server more GPUs"),

	// Configuration: config/model.py, config/parallel.py, config/scheduler.py.
	launcher.On(launcher.ClassConfig, `Total number of attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<tp>\d+)\)`,
		"choose a tensor-parallel-size that divides ${heads}"),
	launcher.On(launcher.ClassConfig, `User-specified max_model_len \((?P<want>\d+)\) is greater than the derived max_model_len \(\w+=(?P<max>[\d.]+)`,
		"set max-model-len to at most ${max}, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 if the model can really do more"),
	launcher.On(launcher.ClassConfig, `max_num_batched_tokens \((?P<tokens>\d+)\) must be greater than or equal to max_num_seqs \((?P<seqs>\d+)\)`,
		"raise max-num-batched-tokens to at least ${seqs}, or lower max-num-seqs to at most ${tokens}"),
	launcher.On(launcher.ClassConfig, `max_num_batched_tokens \((?P<tokens>\d+)\) is smaller than max_model_len \((?P<len>\d+)\)`,
		"raise max-num-batched-tokens to at least ${len}, or allow chunked prefill"),
	launcher.On(launcher.ClassConfig, `long_prefill_token_threshold \(\d+\) cannot be greater than the max_model_len \((?P<len>\d+)\)`,
		"set long-prefill-token-threshold to at most ${len}"),
	launcher.On(launcher.ClassConfig, `Bfloat16 is only supported on GPUs with compute capability`, "set dtype to half"),
	launcher.On(launcher.ClassConfig, `quantization method .*is not supported for the current GPU\. Minimum capability: (?P<min>\d+)\. Current capability: (?P<has>\d+)`,
		"this quantisation needs compute capability ${min} and the GPU has ${has}: use another quantisation or GPU"),
	launcher.On(launcher.ClassConfig, `Quantization method specified in the model config \((?P<model>\S+)\) does not match`,
		"remove the quantization flag, or set it to ${model}"),
	launcher.On(launcher.ClassConfig, `Unknown quantization method`, "use a quantisation that this version of vLLM knows"),
	launcher.On(launcher.ClassModel, `Model architectures .*(are not supported for now|failed to be inspected)`,
		"this version of vLLM does not know the model: use a newer image"),

	// An engine process that was killed: v1/engine/core_client.py.
	launcher.On(launcher.ClassHostMemory, `Engine core proc \S+ died unexpectedly`,
		"most likely the kernel killed the engine for want of host memory: check the kernel log (dmesg), free memory, or raise the container's limit"),

	// Start-up that never ends: v1/engine/core_client.py.
	launcher.On(launcher.ClassTimeout, `Timed out waiting for engine (core )?processes to start`,
		"raise VLLM_ENGINE_READY_TIMEOUT_S, or find in the log what the engine waits for"),
}

// hints are not causes, but explain a start that never ends:
// distributed/device_communicators/shm_broadcast.py.
var hints = []launcher.Rule{
	launcher.On(launcher.ClassTimeout, `No available shared memory broadcast block found in (?P<wait>\d+) second`,
		"a worker does not answer the engine: it hangs in compilation, in a collective operation or on a slow disk; look at the last lines of the workers, and raise ready_timeout if it is only slow"),
}

const kvRemedy = "max-model-len ${len} needs ${need} GiB of KV cache, ${have} GiB are free${at}; largest that fits: ${max}. " +
	"Lower max-model-len, raise gpu-memory-utilization, or use kv-cache-dtype fp8"

// kvNumbers adds where the memory was measured (" at 0.90") and, to messages
// that do not tell it, the longest length that fits: the cache grows in
// proportion to the length, in blocks of 16 tokens. Hybrid models need less
// for long sequences; what is computed here is then too small, never too large.
func kvNumbers(v map[string]string) {
	if u := v["asked gpu-memory-utilization"]; u != "" {
		v["at"] = " at " + u
	}
	length, need, have := count(v["len"]), number(v["need"]), number(v["have"])
	if v["max"] == "" && need > 0 {
		const block = 16
		v["max"] = strconv.Itoa(int(math.Floor(float64(length)*have/need/block)) * block)
	}
	v["len"], v["max"] = strconv.Itoa(length), thousands(count(v["max"]))
}

// emptyCache adds what is known of a memory in which nothing is left.
func emptyCache(v map[string]string) {
	if u := v["asked gpu-memory-utilization"]; u != "" {
		v["at"] = " at " + u
	}
	v["weights"] = "weights"
	if g := number(v["model_gib"]); g > 0 {
		v["weights"] = fmt.Sprintf("%.2f GiB of weights", g)
	}
	if g := number(v["kv_gib"]); g < 0 {
		v["left"] = fmt.Sprintf(" (%.2f GiB are missing)", -g)
	}
}

// gpus adds how many GPUs share the model.
func gpus(v map[string]string) {
	n := max(1, count(v["asked tensor-parallel-size"])) * max(1, count(v["asked pipeline-parallel-size"]))
	v["gpus"] = "one GPU"
	if n > 1 {
		v["gpus"] = fmt.Sprintf("%d GPUs", n)
	}
}

func count(s string) int {
	n, _ := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
	return n
}

func number(s string) float64 {
	x, _ := strconv.ParseFloat(s, 64)
	return x
}

// thousands groups digits with commas, as vLLM does.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
