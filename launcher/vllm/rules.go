package vllm

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// rules in the order in which they are tried on a complaint; those with
// numbers come before the general ones. The fragments are those of vLLM's
// source, 2025 and 2026 releases; the file that raises each is named.
var rules = []launcher.Rule{
	// Memory that other processes hold: v1/worker/utils.py (2025: gpu_worker.py).
	launcher.On(launcher.ClassGPUNotFree, `Free memory on device(?: \S+)? \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than desired GPU memory utilization \((?P<share>[\d.]+), (?P<want>[\d.]+) GiB\)`,
		"the server asks for ${want} GiB, but only ${free} of ${total} GiB are free: stop what else uses the GPU (see nvidia-smi), wait longer between servers, or lower gpu-memory-utilization below ${share}"),
	launcher.On(launcher.ClassGPUNotFree, `Error in memory profiling\. Initial free memory`,
		"another process took or freed GPU memory while the server was starting: keep the GPU for this server"),
	// The same on a CPU: v1/worker/cpu_worker.py.
	launcher.On(launcher.ClassHostMemory, `Available memory on node \d+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than desired CPU memory utilization \((?P<share>[\d.]+), (?P<want>[\d.]+) GiB\)`,
		"the server asks for ${want} GiB, but only ${free} of the host's ${total} GiB are free: lower gpu-memory-utilization (on a CPU, a fraction of the host's memory) to at most ${most}, set VLLM_CPU_KVCACHE_SPACE, or free memory").With(func(v map[string]string) {
		v["most"] = strconv.FormatFloat(math.Floor(number(v["free"])/max(number(v["total"]), 0.01)*100)/100, 'f', 2, 64)
	}),
	launcher.On(launcher.ClassHostMemory, `Available memory on node \d+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on kv cache allocation is less than requested memory for kv \((?P<want>[\d.]+)`,
		"the KV cache asks for ${want} GiB, but only ${free} of the host's ${total} GiB are free: lower VLLM_CPU_KVCACHE_SPACE, kv-cache-memory-bytes or gpu-memory-utilization (on a CPU, a fraction of the host's memory), or free memory"),

	launcher.On(launcher.ClassHostMemory, `DefaultCPUAllocator: (?:can't allocate memory|not enough memory): you tried to allocate (?P<bytes>\d+) bytes`,
		"the server needs ${gib} GiB more than the host has: free memory, raise the limit (the container's memory, ulimit -v), or lower VLLM_CPU_KVCACHE_SPACE or gpu-memory-utilization (on a CPU, a fraction of the host's memory)").With(func(v map[string]string) {
		v["gib"] = strconv.FormatFloat(number(v["bytes"])/(1<<30), 'f', 2, 64)
	}),

	// KV cache: v1/core/kv_cache_utils.py.
	launcher.On(launcher.ClassKVCache, `max seq len \((?P<len>[\d,]+)\), \((?P<need>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?P<have>[\d.]+) GiB\)\..*estimated maximum model length is (?P<max>[\d,]+)`,
		kvRemedy).With(kvNumbers).AtMost("max-model-len"),
	launcher.On(launcher.ClassKVCache, `max seq len \((?P<len>[\d,]+)\), \((?P<need>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?P<have>[\d.]+) GiB\)`,
		kvRemedy).With(kvNumbers),
	launcher.On(launcher.ClassKVCache, `max seq len \((?P<len>[\d,]+)\) is larger than the maximum number of tokens that can be stored in KV cache \((?P<max>[\d,]+)\)`,
		"${first}max-model-len ${len} does not fit into the KV cache${at}: lower it to at most ${max}, or raise ${memory}").With(kvNumbers).AtMost("max-model-len"),
	launcher.On(launcher.ClassKVCache, `No available memory for the cache blocks`,
		"${first}nothing is left for the KV cache${at} next to ${weights} and activations${left}: raise ${memory}, lower max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size").With(emptyCache),
	launcher.On(launcher.ClassKVCache, `Cannot auto-fit max_model_len`,
		"${first}not even one token fits${at} next to ${weights}${left}: raise ${memory} or tensor-parallel-size, or use a quantized model").With(emptyCache),
	launcher.On(launcher.ClassConfig, `max_num_seqs \((?P<seqs>\d+)\) exceeds available Mamba cache blocks \((?P<limit>\d+)\)`,
		"set max-num-seqs to at most ${limit}, or raise gpu-memory-utilization").AtMost("max-num-seqs"),

	// Out of GPU memory: v1/worker/gpu_model_runner.py.
	launcher.On(launcher.ClassGPUMemory, `Failed to load model - not enough GPU memory`,
		"the weights do not fit on ${gpus}: raise tensor-parallel-size, or use a quantized or smaller model").With(gpus),
	launcher.On(launcher.ClassGPUMemory, `CUDA out of memory occurred when warming up (?:sampler|pooler)\D* with (?P<seqs>\d+) dummy requests`,
		"there is no memory to sample ${seqs} sequences at once: lower max-num-seqs or gpu-memory-utilization"),

	// GPUs: config/parallel.py.
	launcher.On(launcher.ClassGPUs, `World size \((?P<want>\d+)\) is larger than the number of available GPUs \((?P<have>\d+)\)`,
		"the server needs ${want} GPUs, but sees ${have}: lower tensor-parallel-size or pipeline-parallel-size, or give the server more GPUs"),
	launcher.On(launcher.ClassGPUs, `Tensor parallel size \((?P<want>\d+)\) cannot be larger than the number of available GPUs \((?P<limit>\d+)\)`,
		"set tensor-parallel-size to at most ${limit}, or give the server more GPUs").AtMost("tensor-parallel-size"),
	launcher.On(launcher.ClassGPUs, `local rank \S+ is out of bounds`, `index \d+ is out of range for CUDA_VISIBLE_DEVICES`,
		"the server needs more GPUs than it sees: lower the parallel sizes, or give the server more GPUs"),

	// Kernels that were not built or not loaded (platforms/interface.py only
	// warns of it).
	launcher.On(launcher.ClassEnvironment, `'_OpNamespace' '\w+' object has no attribute`, `(?:No module named|cannot import name) '?vllm\._\w*C`, `operator \S+ does not exist`,
		"vLLM cannot load its kernels, because this build does not match the system's libraries: use an image or a system with newer libraries (such as a newer GCC's libstdc++), or another build of vLLM").Because(`Failed to import from vllm\.\S+?:? (?:with )?(\w+\(.*\))`),

	// Configuration: config/model.py, config/parallel.py, config/scheduler.py.
	launcher.On(launcher.ClassConfig, `Total number of attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<tp>\d+)\)`,
		"choose a tensor-parallel-size that divides ${heads}${divisors}").With(divisors),
	launcher.On(launcher.ClassConfig, `output_size of (?P<what>.*) = (?P<size>\d+) is not divisible by weight quantization block_n = (?P<block>\d+)`, `input_size of (?P<what>.*) = (?P<size>\d+) is not divisible by weight quantization block_k = (?P<block>\d+)`, `Weight output_partition_size = (?P<size>\d+) is not divisible by weight quantization block_n = (?P<block>\d+)`,
		"tensor-parallel-size splits the weights into parts of ${size}, which the quantization's blocks of ${block} do not divide: choose ${smaller}").With(blocks),
	launcher.On(launcher.ClassConfig, `User-specified max_model_len \((?P<want>\d+)\) is greater than the derived max_model_len \(\w+=(?P<limit>[\d.]+)`,
		"set max-model-len to at most ${limit}, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 if the model supports more").With(whole("limit")).AtMost("max-model-len"),
	launcher.On(launcher.ClassConfig, `max_num_batched_tokens \((?P<tokens>\d+)\) must be greater than or equal to max_num_seqs \((?P<limit>\d+)\)`,
		"raise max-num-batched-tokens to at least ${limit}, or lower max-num-seqs to at most ${tokens}").AtLeast("max-num-batched-tokens"),
	launcher.On(launcher.ClassConfig, `max_num_batched_tokens \((?P<tokens>\d+)\) is smaller than max_model_len \((?P<limit>\d+)\)`,
		"raise max-num-batched-tokens to at least ${limit}, or allow chunked prefill").AtLeast("max-num-batched-tokens"),
	launcher.On(launcher.ClassConfig, `long_prefill_token_threshold \(\d+\) cannot be greater than the max_model_len \((?P<limit>\d+)\)`,
		"set long-prefill-token-threshold to at most ${limit}").AtMost("long-prefill-token-threshold"),
	launcher.On(launcher.ClassConfig, `Bfloat16 is only supported on GPUs with compute capability`, "set dtype to half"),
	launcher.On(launcher.ClassConfig, `quantization method .*is not supported for the current GPU\. Minimum capability: (?P<min>\d+)\. Current capability: (?P<has>\d+)`,
		"this quantization needs compute capability ${min}, but the GPU has ${has}: use another quantization or GPU"),
	launcher.On(launcher.ClassConfig, `Quantization method specified in the model config \((?P<model>\S+)\) does not match`,
		"remove the quantization flag, or set it to ${model}"),
	launcher.On(launcher.ClassConfig, `Unknown quantization method(?:: (?P<value>[^.]+)\. Must be one of \[?(?P<choices>[^\]]+))?`, "use a quantization that this version of vLLM supports${listed}").With(listed),
	launcher.On(launcher.ClassConfig, `[Cc]annot find the config file for (?P<method>\w+)`, `quantization method is not specified in the config`, `Unsupported quantization config found for (?P<method>\w+)`,
		"the checkpoint is not quantized that way: remove the quantization flag, or use a checkpoint that is quantized with ${method}").With(or("method", "it")),
	launcher.On(launcher.ClassConfig, `(?P<method>\w+) quantization is (?:currently )?not supported (?:in|on|for) (?P<where>\w+)`,
		"this server does not support ${method} on ${where}: remove the quantization flag, or use another quantization"),

	// Block sizes: v1/worker/utils.py, platforms/interface.py, v1/attention.
	launcher.On(launcher.ClassConfig, `No common block size for (?P<size>\d+) \((?P<who>.*?)\)[.,]?(?:$| )`, `share no supported KV cache block size \((?P<who>.*)\)`, `KV cache block size (?P<size>\d+) is not supported by (?P<who>[^.]*)`, `requires? --block-size in (?P<who>[^,]*)`, `[Bb]lock.?size.{0,40}(?:not supported|must be|should be|is invalid|divisible)`,
		"block-size ${size} is not supported here${who}: remove block-size, or use a value that the attention backend supports (16, 32, 64 or 128)").With(func(v map[string]string) {
		if v["size"] == "" {
			v["size"] = v["asked block-size"]
		}
		if v["who"] != "" {
			v["who"] = " (" + strings.Trim(v["who"], "() ") + ")"
		}
	}),

	// Types of the cache: v1/attention/backends/.
	launcher.On(launcher.ClassConfig, `(?i)FP8 KV.?cache .*CPU`, `(?i)KV.?cache.?d?type.* not supported`, `(?i)unsupported (?:data type|dtype)[^.]*kv.?cache`, `(?i)fp8 kv.?cache[^.]* not supported`, `Unsupported kv_cache_dtype`,
		"this server does not support that type of KV cache: remove kv-cache-dtype (auto)"),

	// Attention backends: platforms/, v1/attention/selector.py, envs.
	launcher.On(launcher.ClassConfig, `Unknown attention backend: '(?P<value>[^']*)'\. Valid options are: (?P<choices>.*)`, `Invalid attention backend(?: for \S+|: '?(?P<value>[\w.]+)'?)?`, `[Nn]o valid (?:\S+ )*attention backend`, `[Ss]elected backend (?P<value>\S+) is not valid`, `attention backend (?P<value>\S+) is not (?:valid|supported)`, `Cannot use (?P<value>\S+) (?:attention )?backend`, `Backend (?P<value>\S+) must be registered before use`,
		"attention backend ${value} cannot be used here: remove attention-backend (VLLM_ATTENTION_BACKEND), or use another one${listed}").With(listed),

	// Parsers and templates: entrypoints/, reasoning/, tool_parsers/.
	launcher.On(launcher.ClassConfig, `[Rr]easoning parser '?(?P<value>[^' ]+)'? not found\. Available parsers: (?P<choices>[^"]*)`, `invalid reasoning parser: (?P<value>\S+) \(chose from \{(?P<choices>[^}]*)`, `[Rr]easoning parser .*(?:not found|invalid)`,
		"this version has no reasoning-parser ${value}: use one that it has${listed}").With(listed),
	launcher.On(launcher.ClassConfig, `[Tt]ool (?:call )?parser:? '?(?P<value>[^' ]+)'? not found\. Available parsers: (?P<choices>[^"]*)`, `invalid tool call parser: (?P<value>\S+) \(chose from \{(?P<choices>[^}]*)`, `[Tt]ool (?:call )?parser .*(?:not found|invalid|has not been)`,
		"this version has no tool-call-parser ${value}: use one that it has${listed}").With(listed),
	launcher.On(launcher.ClassArguments, `--enable-auto-tool-choice requires --tool-call-parser`,
		"set tool-call-parser to that of the model's family, or remove enable-auto-tool-choice"),
	launcher.On(launcher.ClassConfig, `supplied chat template.*?\((?P<path>[^)]*)\) appears path-like, but doesn't exist`, `chat template.*(?P<path>/\S+).*(?:not exist|not found)`,
		"chat-template names ${path}, which does not exist where the server runs: correct the path, or mount the file"),

	launcher.On(launcher.ClassConfig, `No tokenizer registered for tokenizer_mode='(?P<value>[^']*)'`, "this version has no tokenizer-mode ${value}: use auto (the default), or one that it has"),

	// LoRA: lora/.
	launcher.On(launcher.ClassConfig, `LoRA rank (?P<limit>\d+) is greater than max_lora_rank (?P<has>\d+)`,
		"set max-lora-rank to at least ${limit} (the adapter's rank)").AtLeast("max-lora-rank"),
	launcher.On(launcher.ClassConfig, `No adapter found for (?P<path>\S+)`, `Loading lora (?P<path>\S+) failed`, `[Aa]dapter_config\.json`, `LoRA adapter .*(?:not found|does not exist)`,
		"the server cannot load LoRA adapter ${path}: correct its path in lora-modules, or mount its folder (with adapter_config.json)"),
	launcher.On(launcher.ClassConfig, `is not supported for LoRA`, `does not support LoRA`, `[Mm]odel .*LoRA is not supported`,
		"this version does not support LoRA adapters for this model: remove enable-lora and lora-modules"),

	// Processors and NUMA nodes: v1/worker/cpu_worker.py, utils/numa_utils.py.
	launcher.On(launcher.ClassConfig, `[Nn]ot enough allowed NUMA nodes`, `VLLM_CPU_OMP_THREADS_BIND`, `doesn't support auto CPU binding`, `[Nn]ot enough (?:available )?CPUs`, `omp_cpuids`, `CPU binding`, `sched_setaffinity`, `GOMP_CPU_AFFINITY`,
		"this host has too few CPU cores for the threads to bind: lower tensor-parallel-size (one worker per NUMA node), or bind them yourself (VLLM_CPU_OMP_THREADS_BIND, such as 0-3|4-7)"),
	launcher.On(launcher.ClassConfig, `numactl is required`, `numa_bind_\w+`, `NUMA binding was requested`, `NUMA (?:node|bind)`,
		"the binding to NUMA nodes does not match this host: correct or remove numa-bind, numa-bind-nodes and numa-bind-cpus (see lscpu)"),

	// Models: model_executor/.
	launcher.On(launcher.ClassModel, `Model architectures (?P<names>\[[^\]]*\]) (are not supported for now|failed to be inspected)`, `Model architectures .*(are not supported for now|failed to be inspected)`,
		"this version of vLLM does not support the model${names}: use a newer image, or another model").With(func(v map[string]string) {
		if v["names"] != "" {
			v["names"] = " (" + strings.Trim(v["names"], "[]") + ")"
		}
	}).Certain(),
	launcher.On(launcher.ClassModel, `Cannot find any (?:safetensors )?model weights with .(?P<path>[^\x60']+).`, `Could not find checkpoint files '(?P<path>[^']+)'`, `Weight files referenced in index but missing: (?P<path>.*)`,
		"${path} has no weights (*.safetensors): download them, or correct the path").Certain(),
	launcher.On(launcher.ClassModel, `exceeds dimension size \(\d+\)`, `size mismatch for`, `Attempted to load weight \(.*into parameter`, `The expanded size of the tensor`, `shape mismatch`, `There is no module or parameter named '(?P<name>[^']*)'`, `weights were not initialized from checkpoint`,
		"the weights do not match config.json, or this version does not support the checkpoint's format: download the model again, or use another quantization or a newer image").Certain(),

	// Flags that this version does not have; one that is misspelt is named.
	launcher.On(launcher.ClassArguments, `error: unrecognized arguments: (?P<args>.*)`,
		"this version of the server does not have ${args}: ${do}").With(func(v map[string]string) {
		v["do"] = "remove it, or use an image whose version has it"
		flag, _, _ := strings.Cut(v["args"], " ")
		flag, _, _ = strings.Cut(flag, "=")
		name, long := strings.CutPrefix(flag, "--")
		known, found := vllmflags.Find(name)
		near, ok := experiment.Nearest(name, vllmflags.Names(vllmflags.Newest()))
		switch {
		case found && known.Gone > 0:
			v["do"] = "it was removed " + known.Removed() + "; " + known.Instead
		case long && ok && !found:
			v["do"] = "use --" + near + ", or remove it"
		}
	}),

	// A process that was killed: v1/engine/core_client.py, v1/executor.
	launcher.On(launcher.ClassHostMemory, `(?:Engine core|Worker) proc \S+ died unexpectedly.*\(exit code: -9\)`,
		"it was killed (signal 9), probably for lack of host memory: check the kernel log (dmesg), free memory, or raise the container's limit"),
	launcher.On(launcher.ClassEnvironment, `proc \S+ died unexpectedly.*\(exit code: -7\)`,
		"it had a bus error, probably because shared memory (/dev/shm) is too small: raise shm_size (default 16GiB), or set ipc: host"),
	launcher.On(launcher.ClassEngineDead, `proc \S+ died unexpectedly`, `engine core exited unexpectedly`, `EngineDeadError`,
		"a process of the engine ended without a message: check the kernel log (dmesg) for lack of memory, and the server's log for its last lines"),

	// Start-up that never ends: v1/engine/core_client.py.
	launcher.On(launcher.ClassTimeout, `Timed out waiting for engine (core )?processes to start`,
		"raise VLLM_ENGINE_READY_TIMEOUT_S, or check the log to see what the engine waits for"),
}

// fields are what pydantic says of a field of the configuration, any of
// config/, where no rule knows the sentence.
var fields = []launcher.Rule{
	launcher.On(launcher.ClassConfig, `(?P<field>[\w.]+): Input should be (?P<how>greater than or equal to|greater than|less than or equal to|less than) (?P<limit>-?[\d.]+)`,
		"set ${flag} to ${how} ${limit}").With(bound),
	launcher.On(launcher.ClassConfig, `(?P<field>[\w.]+): Input should be (?P<choices>'.*)`, "${flag} has an invalid value: use one of ${choices}").With(bound),
	launcher.On(launcher.ClassConfig, `(?P<field>[\w.\-]+): (?:Unexpected keyword argument|Extra inputs are not permitted)`, "this version has no ${flag} there: remove or correct it").With(bound),
	launcher.On(launcher.ClassConfig, `(?P<field>[\w.]+): (?P<problem>Input should be .*|Field required.*)`, "correct ${flag}: ${problem}").With(bound),
	launcher.On(launcher.ClassConfig, `validation errors? for (?P<about>\w+Config)\b`, "correct the configuration${named}${advised}").With(named),
}

// hints are not causes, but explain a start that never ends:
// distributed/device_communicators/shm_broadcast.py, entrypoints/cli/serve.py.
var hints = []launcher.Rule{
	launcher.On(launcher.ClassTimeout, `No available shared memory broadcast block found in (?P<wait>\d+) second`,
		"a worker does not answer the engine, because it hangs in compilation, in a collective operation or on a slow disk: read the workers' last lines and, if it is only slow, raise ready_timeout"),
	launcher.On(launcher.ClassConfig, `Launching \d+ data parallel engine\(s\) in headless mode`,
		"vLLM launched engines without an API server, so nothing will answer: ${what}").With(func(v map[string]string) {
		v["what"] = "remove headless, or set api-server-count to at least 1"
		if v["asked api-server-count"] != "" {
			v["what"] = "set api-server-count to at least 1"
		}
	}).Says("vLLM launched no API server"),
}

// rooms classify by the part of vLLM, or of what it stands on, that raised.
var rooms = func() []launcher.Room {
	config := launcher.On(launcher.ClassConfig, "the server refuses the configuration${named}${advised}").With(named)
	model := launcher.On(launcher.ClassModel, "the server cannot load the model${advised}: check that its files are complete and that this version supports it").With(named).Certain()
	lora := launcher.On(launcher.ClassConfig, "the server cannot load the LoRA adapter${advised}: check lora-modules and the adapter's files").With(named)
	distributed := launcher.On(launcher.ClassDistributed, "the workers cannot connect${advised}: check the network interface (GLOO_SOCKET_IFNAME, NCCL_SOCKET_IFNAME, VLLM_HOST_IP) and shared memory").With(named)
	binding := launcher.On(launcher.ClassConfig, "vLLM cannot bind its threads as requested${advised}: correct or remove VLLM_CPU_OMP_THREADS_BIND (such as 0-3|4-7, with this host's CPU cores), numa-bind and tensor-parallel-size").With(named)
	compile := launcher.On(launcher.ClassEnvironment, "compilation failed${advised}: clear the compile cache (VLLM_CACHE_ROOT, TORCHINDUCTOR_CACHE_DIR), or disable compilation (enforce-eager: true)").With(named)
	var out []launcher.Room
	for _, x := range []struct {
		rule  launcher.Rule
		paths []string
	}{
		{lora, []string{"/vllm/lora/"}},
		{binding, []string{"ompmultiprocessing", "numa_utils"}},
		{model, []string{"/vllm/model_executor/model_loader/", "/vllm/model_executor/models/", "/vllm/transformers_utils/", "/vllm/tokenizers/", "/transformers/", "/tokenizers/", "/safetensors/", "load_weights"}},
		{distributed, []string{"/vllm/distributed/", "/torch/distributed/"}},
		{compile, []string{"/torch/_inductor/", "/torch/_dynamo/", "/triton/compiler", "/triton/backends", "/vllm/compilation/"}},
		{config, []string{"/vllm/config/", "/vllm/engine/arg_utils.py", "cli_args.py", "/vllm/entrypoints/cli/", "/vllm/platforms/", "/vllm/v1/attention/", "/vllm/attention/", "/vllm/reasoning/", "/vllm/tool_parsers/", "tool_parsers", "/vllm/renderers/", "/vllm/v1/core/", "/vllm/config.py", "/vllm/envs.py", "/vllm/entrypoints/launchers/", "/vllm/model_executor/layers/quantization/"}},
	} {
		for _, p := range x.paths {
			out = append(out, launcher.Room{Path: p, Rule: x.rule})
		}
	}
	return out
}()

// refusal is how an option is refused that another one, or the machine, does
// not allow.
var refusal = regexp.MustCompile(`(?i)\b(?:must|should|cannot|can not|can't|not supported|unsupported|does not support|only supported|requires?|required|invalid|not (?:be )?(?:larger|smaller|greater|less)|greater than|less than|exceeds?|mutually exclusive|incompatible|not compatible|not divisible|unknown|not found)\b`)

// unknown classifies by the message alone: an exception that names flags of
// vLLM and refuses them is about the configuration.
func unknown(class, message string) *launcher.Rule {
	switch class[strings.LastIndex(class, ".")+1:] {
	case "ValueError", "TypeError", "AssertionError", "NotImplementedError", "ValidationError", "VLLMValidationError", "":
	default:
		return nil
	}
	if len(flagsIn(message)) == 0 || !refusal.MatchString(message) {
		return nil
	}
	return &refused
}

var refused = launcher.On(launcher.ClassConfig, "the server refuses the configuration${named}${advised}").With(named)

var identifier = regexp.MustCompile("--[a-z][a-z0-9-]+|`?[a-z][a-z0-9]*(?:_[a-z0-9]+)+`?")

// shortNames are what vLLM's messages call some flags.
var shortNames = map[string]string{
	"tp-size": "tensor-parallel-size", "pp-size": "pipeline-parallel-size", "dp-size": "data-parallel-size",
	"dcp-size": "decode-context-parallel-size", "pcp-size": "prefill-context-parallel-size",
}

// flagsIn are the flags of vLLM that a message names, as it may spell them.
func flagsIn(message string) []string {
	var out []string
	for _, word := range identifier.FindAllString(message, -1) {
		name := strings.ReplaceAll(strings.Trim(strings.TrimPrefix(word, "--"), "`"), "_", "-")
		if long, short := shortNames[name]; short {
			name = long
		}
		if _, known := vllmflags.Find(name); known && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// named adds the flags that the message names and the advice that it gives.
func named(v map[string]string) {
	text := v["message"]
	if v["problem"] != "" {
		text = v["problem"]
	}
	flags := flagsIn(text)
	for key, value := range v { // also those whose value it repeats
		if flag, asked := strings.CutPrefix(key, "asked "); asked && flag != "model" && !slices.Contains(flags, flag) {
			said := words(text)
			if slices.ContainsFunc(words(value), func(w string) bool { return len(w) > 2 && number(w) == 0 && slices.Contains(said, w) }) {
				flags = append(flags, flag)
			}
		}
	}
	slices.Sort(flags)
	switch {
	case len(flags) > 0:
		v["named"] = ": check " + strings.Join(flags[:min(4, len(flags))], ", ")
	case v["advice"] == "":
		v["named"] = ": change what the message names"
	}
	if v["advice"] != "" {
		v["advised"] = " (the server advises: " + v["advice"] + ")"
	}
}

// words are those of a message or a value, JSON too.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" '\"`,:;()[]{}", r) })
}

// bound adds the flag of a field, and words what it may be.
func bound(v map[string]string) {
	v["flag"] = strings.ReplaceAll(v["field"], "_", "-")
	if about := v["about"]; about == "SpeculativeConfig" || about == "CompilationConfig" {
		v["flag"] = v["field"] + " in " + map[string]string{"SpeculativeConfig": "speculative-config", "CompilationConfig": "compilation-config"}[about]
	}
	// Of several fields the one that was asked for is the one to correct.
	for _, m := range fieldBound.FindAllStringSubmatch(v["problem"], -1) {
		if flag := strings.ReplaceAll(m[1], "_", "-"); v["asked "+flag] != "" {
			v["flag"], v["how"], v["limit"] = flag, m[2], m[3]
			break
		}
	}
	if how, ok := map[string]string{"greater than or equal to": "at least", "greater than": "more than", "less than or equal to": "at most", "less than": "less than"}[v["how"]]; ok {
		v["how"] = how
	}
	v["choices"] = shortened(v["choices"])
}

var fieldBound = regexp.MustCompile(`([\w.]+): Input should be (greater than or equal to|greater than|less than or equal to|less than) (-?[\d.]+\d|\d)`)

// listed adds the nearest of the values that the message lists, and the list.
func listed(v map[string]string) {
	if v["choices"] == "" {
		return
	}
	list := strings.FieldsFunc(v["choices"], func(r rune) bool { return strings.ContainsRune(`,'"[]{} `, r) })
	if near, ok := experiment.Nearest(v["value"], list); ok {
		v["listed"] = ", such as " + near + " (available: " + shortened(strings.Join(list, ", ")) + ")"
		return
	}
	v["listed"] = " (available: " + shortened(strings.Join(list, ", ")) + ")"
}

// shortened cuts a list of values after a whole one.
func shortened(list string) string {
	const most = 200
	if len(list) <= most {
		return list
	}
	return list[:strings.LastIndex(list[:most], ",")+1] + " ..."
}

// whole writes a number without its empty fraction: vLLM divides lengths and
// says 4096.0.
func whole(name string) func(map[string]string) {
	return func(v map[string]string) {
		if x := number(v[name]); x > 0 {
			v[name] = strconv.FormatFloat(math.Floor(x), 'f', -1, 64)
		}
	}
}

// or words a value that the message may not hold.
func or(name, otherwise string) func(map[string]string) {
	return func(v map[string]string) {
		if v[name] == "" {
			v[name] = otherwise
		}
	}
}

// divisors adds the sizes that divide the heads.
func divisors(v map[string]string) {
	heads := count(v["heads"])
	var sizes []string
	for n := 1; n <= min(heads, 64); n++ {
		if heads%n == 0 {
			sizes = append(sizes, strconv.Itoa(n))
		}
	}
	if len(sizes) > 0 {
		v["divisors"] = ": " + strings.Join(sizes, ", ")
	}
}

// blocks adds the tensor parallel sizes whose parts hold whole blocks.
func blocks(v map[string]string) {
	v["smaller"] = "a smaller one, or the same model in another quantization"
	tp, size, block := count(v["asked tensor-parallel-size"]), count(v["size"]), count(v["block"])
	if tp < 2 || size == 0 || block == 0 {
		return
	}
	var fit []string
	for n := 1; n < tp; n++ {
		if tp%n == 0 && tp/n*size%block == 0 {
			fit = append(fit, strconv.Itoa(n))
		}
	}
	if len(fit) > 0 {
		v["smaller"] = "one that leaves whole blocks (" + strings.Join(fit, ", ") + "), or another quantization"
	}
}

const kvRemedy = "${first}${needs}lower it to at most ${max}, raise ${memory}, or use kv-cache-dtype ${dtype}"

// device adds how the memory for the cache is asked for. On a CPU the flag is
// a share of the host's memory, and VLLM_CPU_KVCACHE_SPACE decides alone where
// it is set. An explicit number of blocks comes before both.
func device(v map[string]string) {
	v["memory"], v["dtype"] = "gpu-memory-utilization", "fp8"
	if v["device"] == "cpu" || strings.Contains(v["message"], "on the CPU backend") && v["device"] == "" && strings.Contains(v["message"], "CPU KV cache") {
		v["memory"] = "VLLM_CPU_KVCACHE_SPACE (GiB; if it is not set, gpu-memory-utilization, here a fraction of the host's memory)"
	} else if u := v["asked gpu-memory-utilization"]; u != "" {
		v["at"] = " at " + u
	}
	if n := v["asked num-gpu-blocks-override"]; n != "" {
		v["first"] = "num-gpu-blocks-override " + n + " fixes the size of the cache: raise or remove it; "
		v["at"] = ""
	}
}

// kvNumbers adds where the memory was measured (" at 0.90") and, to messages
// that do not tell it, the longest length that fits: the cache grows in
// proportion to the length, in blocks of 16 tokens. Hybrid models need less
// for long sequences; what is computed here is then too small, never too large.
func kvNumbers(v map[string]string) {
	device(v)
	length, need, have := count(v["len"]), number(v["need"]), number(v["have"])
	if v["max"] == "" && need > 0 {
		const block = 16
		v["max"] = strconv.Itoa(int(math.Floor(float64(length)*have/need/block)) * block)
	}
	v["limit"] = v["max"]
	v["len"], v["max"] = strconv.Itoa(length), thousands(count(v["max"]))
	v["needs"] = "max-model-len ${len} needs ${need} GiB of KV cache, but ${have} GiB are free${at}: "
	if v["need"] == v["have"] || need == 0 { // what is small is rounded away
		v["needs"] = "max-model-len ${len} needs more KV cache than there is${at}: "
	}
	v["remedy"] = strings.Replace(kvRemedy, "${needs}", v["needs"], 1)
	if v["memory"] != "gpu-memory-utilization" {
		v["remedy"] = strings.Replace(v["remedy"], ", raise ${memory}, or use kv-cache-dtype ${dtype}", " or raise ${memory}", 1)
	}
	if v["max"] == "0" {
		v["remedy"] = strings.Replace(v["remedy"], "lower it to at most ${max}, raise", "nothing fits; raise", 1)
	}
}

// emptyCache adds what is known of a memory in which nothing is left.
func emptyCache(v map[string]string) {
	device(v)
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
