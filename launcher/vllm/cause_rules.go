package vllm

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/wording"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// rules in the order in which they are tried on a complaint; those with
// numbers come before the general ones. The fragments are those of vLLM's
// source, 2025 and 2026 releases; the file that raises each is named.
var rules = []launcher.Rule{
	// Memory that other processes hold: v1/worker/utils.py (2025: gpu_worker.py).
	launcher.On(launcher.ClassGPUNotFree, `Free memory on device(?: \S+)? \((?P<free_gib>[\d.]+)/(?P<total_gib>[\d.]+) GiB\) on startup is less than desired GPU memory utilization \((?P<share>[\d.]+), (?P<want_gib>[\d.]+) GiB\)`,
		"gpu-memory-taken").With(apart("want", "free")),
	launcher.On(launcher.ClassGPUNotFree, `Error in memory profiling\. Initial free memory`,
		"gpu-memory-moved"),
	// The same on a CPU: v1/worker/cpu_worker.py.
	launcher.On(launcher.ClassHostMemory, `Available memory on node \d+ \((?P<free_gib>[\d.]+)/(?P<total_gib>[\d.]+) GiB\) on startup is less than desired CPU memory utilization \((?P<share>[\d.]+), (?P<want_gib>[\d.]+) GiB\)`,
		"cpu-memory-taken").With(func(v map[string]string) {
		apart("want", "free")(v)
		v["most"] = strconv.FormatFloat(math.Floor(number(v["free"])/max(number(v["total"]), 0.01)*100)/100, 'f', 2, 64)
	}),
	launcher.On(launcher.ClassHostMemory, `Available memory on node \d+ \((?P<free_gib>[\d.]+)/(?P<total_gib>[\d.]+) GiB\) on kv cache allocation is less than requested memory for kv \((?P<want_gib>[\d.]+)`,
		"cpu-cache-memory-taken").With(apart("want", "free")),

	launcher.On(launcher.ClassHostMemory, `DefaultCPUAllocator: (?:can't allocate memory|not enough memory): you tried to allocate (?P<size>\d+) bytes`,
		"cpu-memory-missing"),

	// KV cache: v1/core/kv_cache_utils.py.
	launcher.On(launcher.ClassKVCache, `max seq len \((?P<len>[\d,]+)\), \((?P<need_gib>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?P<have_gib>[\d.]+) GiB\)\..*estimated maximum model length is (?P<max>[\d,]+)`,
		"kv-cache-too-small").With(kvNumbers).AtMost("max-model-len"),
	launcher.On(launcher.ClassKVCache, `max seq len \((?P<len>[\d,]+)\), \((?P<need_gib>[\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \((?P<have_gib>[\d.]+) GiB\)`,
		"kv-cache-too-small").With(kvNumbers),
	launcher.On(launcher.ClassKVCache, `max seq len \((?P<len>[\d,]+)\) is larger than the maximum number of tokens that can be stored in KV cache \((?P<max>[\d,]+)\)`,
		"kv-cache-too-small").With(kvNumbers).AtMost("max-model-len"),
	launcher.On(launcher.ClassKVCache, `No available memory for the cache blocks`,
		"kv-cache-no-memory").With(emptyCache),
	launcher.On(launcher.ClassKVCache, `Cannot auto-fit max_model_len`,
		"kv-cache-no-token").With(func(v map[string]string) {
		if emptyCache(v); v[launcher.RemedyCode] != "" {
			v[launcher.RemedyCode] = string(notice.Known("kv-cache-no-token-cpu"))
		}
	}),
	launcher.On(launcher.ClassConfig, `max_num_seqs \((?P<seqs>\d+)\) exceeds available Mamba cache blocks \((?P<limit>\d+)\)`,
		"mamba-cache-too-small").AtMost("max-num-seqs"),

	// Out of GPU memory: v1/worker/gpu_model_runner.py.
	launcher.On(launcher.ClassGPUMemory, `Failed to load model - not enough GPU memory`,
		"weights-too-large").With(gpus),
	launcher.On(launcher.ClassGPUMemory, `CUDA out of memory occurred when warming up (?:sampler|pooler)\D* with (?P<seqs>\d+) dummy requests`,
		"sampler-memory"),

	// GPUs: config/parallel.py.
	launcher.On(launcher.ClassGPUs, `World size \((?P<want>\d+)\) is larger than the number of available GPUs \((?P<have>\d+)\)`,
		"world-too-large"),
	launcher.On(launcher.ClassGPUs, `Tensor parallel size \((?P<want>\d+)\) cannot be larger than the number of available GPUs \((?P<limit>\d+)\)`,
		"tensor-parallel-too-large").AtMost("tensor-parallel-size"),
	launcher.On(launcher.ClassGPUs, `local rank \S+ is out of bounds`, `index \d+ is out of range for CUDA_VISIBLE_DEVICES`,
		"too-few-gpus"),

	// Kernels that were not built or not loaded (platforms/interface.py only
	// warns of it).
	launcher.On(launcher.ClassEnvironment, `'_OpNamespace' '\w+' object has no attribute`, `(?:No module named|cannot import name) '?vllm\._\w*C`, `operator \S+ does not exist`,
		"vllm-kernels-missing").Because(`Failed to import from vllm\.\S+?:? (?:with )?(\w+\(.*\))`),

	// Configuration: config/model.py, config/parallel.py, config/scheduler.py.
	launcher.On(launcher.ClassConfig, `Total number of attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size \((?P<tp>\d+)\)`,
		"heads-not-divided").With(divisors),
	launcher.On(launcher.ClassConfig, `output_size of (?P<what>.*) = (?P<size>\d+) is not divisible by weight quantization block_n = (?P<block>\d+)`, `input_size of (?P<what>.*) = (?P<size>\d+) is not divisible by weight quantization block_k = (?P<block>\d+)`, `Weight output_partition_size = (?P<size>\d+) is not divisible by weight quantization block_n = (?P<block>\d+)`,
		"weights-not-in-blocks").With(blocks),
	launcher.On(launcher.ClassConfig, `User-specified max_model_len \((?P<want>\d+)\) is greater than the derived max_model_len \(\w+=(?P<limit>[\d.]+)`,
		"length-beyond-model").With(whole("limit")).AtMost("max-model-len"),
	launcher.On(launcher.ClassConfig, `max_num_batched_tokens \((?P<tokens>\d+)\) must be greater than or equal to max_num_seqs \((?P<limit>\d+)\)`,
		"batched-tokens-below-seqs").AtLeast("max-num-batched-tokens"),
	launcher.On(launcher.ClassConfig, `max_num_batched_tokens \((?P<tokens>\d+)\) is smaller than max_model_len \((?P<limit>\d+)\)`,
		"batched-tokens-below-length").AtLeast("max-num-batched-tokens"),
	launcher.On(launcher.ClassConfig, `long_prefill_token_threshold \(\d+\) cannot be greater than the max_model_len \((?P<limit>\d+)\)`,
		"prefill-threshold-too-high").AtMost("long-prefill-token-threshold"),
	launcher.On(launcher.ClassConfig, `Bfloat16 is only supported on GPUs with compute capability`, "no-bfloat16"),
	launcher.On(launcher.ClassConfig, `quantization method .*is not supported for the current GPU\. Minimum capability: (?P<min>\d+)\. Current capability: (?P<has>\d+)`,
		"quantization-needs-gpu"),
	launcher.On(launcher.ClassConfig, `Quantization method specified in the model config \((?P<model>\S+)\) does not match`,
		"quantization-differs"),
	launcher.On(launcher.ClassConfig, `Unknown quantization method(?:: (?P<value>[^.]+)\. Must be one of \[?(?P<choices>[^\]]+))?`, "quantization-unknown").With(listed),
	launcher.On(launcher.ClassConfig, `[Cc]annot find the config file for (?P<method>\w+)`, `quantization method is not specified in the config`, `Unsupported quantization config found for (?P<method>\w+)`,
		"checkpoint-not-quantized"),
	launcher.On(launcher.ClassConfig, `(?P<method>\w+) quantization is (?:currently )?not supported (?:in|on|for) (?P<where>\w+)`,
		"quantization-unsupported"),

	// Block sizes: v1/worker/utils.py, platforms/interface.py, v1/attention.
	launcher.On(launcher.ClassConfig, `No common block size for (?P<size>\d+) \((?P<who>.*?)\)[.,]?(?:$| )`, `share no supported KV cache block size \((?P<who>.*)\)`, `KV cache block size (?P<size>\d+) is not supported by (?P<who>[^.]*)`, `requires? --block-size in (?P<who>[^,]*)`, `[Bb]lock.?size.{0,40}(?:not supported|must be|should be|is invalid|divisible)`,
		"block-size-unsupported").With(func(v map[string]string) {
		if v["size"] == "" {
			v["size"] = v["asked block-size"]
		}
		if v["who"] != "" {
			v["who"] = strings.Trim(v["who"], "() ")
		}
	}),

	// Types of the cache: v1/attention/backends/.
	launcher.On(launcher.ClassConfig, `(?i)FP8 KV.?cache .*CPU`, `(?i)KV.?cache.?d?type.* not supported`, `(?i)unsupported (?:data type|dtype)[^.]*kv.?cache`, `(?i)fp8 kv.?cache[^.]* not supported`, `Unsupported kv_cache_dtype`,
		"kv-cache-dtype-unsupported"),

	// Attention backends: platforms/, v1/attention/selector.py, envs.
	launcher.On(launcher.ClassConfig, `Unknown attention backend: '(?P<value>[^']*)'\. Valid options are: (?P<choices>.*)`, `Invalid attention backend(?: for \S+|: '?(?P<value>[\w.]+)'?)?`, `[Nn]o valid (?:\S+ )*attention backend`, `[Ss]elected backend (?P<value>\S+) is not valid`, `attention backend (?P<value>\S+) is not (?:valid|supported)`, `Cannot use (?P<value>\S+) (?:attention )?backend`, `Backend (?P<value>\S+) must be registered before use`,
		"attention-backend-unusable").With(listed),

	// Parsers and templates: entrypoints/, reasoning/, tool_parsers/.
	launcher.On(launcher.ClassConfig, `[Rr]easoning parser '?(?P<value>[^' ]+)'? not found\. Available parsers: (?P<choices>[^"]*)`, `invalid reasoning parser: (?P<value>\S+) \(chose from \{(?P<choices>[^}]*)`, `[Rr]easoning parser .*(?:not found|invalid)`,
		"reasoning-parser-unknown").With(listed),
	launcher.On(launcher.ClassConfig, `[Tt]ool (?:call )?parser:? '?(?P<value>[^' ]+)'? not found\. Available parsers: (?P<choices>[^"]*)`, `invalid tool call parser: (?P<value>\S+) \(chose from \{(?P<choices>[^}]*)`, `[Tt]ool (?:call )?parser .*(?:not found|invalid|has not been)`,
		"tool-parser-unknown").With(listed),
	launcher.On(launcher.ClassArguments, `--enable-auto-tool-choice requires --tool-call-parser`,
		"tool-parser-missing"),
	launcher.On(launcher.ClassConfig, `supplied chat template.*?\((?P<path>[^)]*)\) appears path-like, but doesn't exist`, `chat template.*(?P<path>/\S+).*(?:not exist|not found)`,
		"chat-template-missing"),

	launcher.On(launcher.ClassConfig, `No tokenizer registered for tokenizer_mode='(?P<value>[^']*)'`, "tokenizer-mode-unknown"),

	// LoRA: lora/.
	launcher.On(launcher.ClassConfig, `LoRA rank (?P<limit>\d+) is greater than max_lora_rank (?P<has>\d+)`,
		"lora-rank-too-low").AtLeast("max-lora-rank"),
	launcher.On(launcher.ClassConfig, `No adapter found for (?P<path>\S+)`, `Loading lora (?P<path>\S+) failed`, `[Aa]dapter_config\.json`, `LoRA adapter .*(?:not found|does not exist)`,
		"lora-not-found"),
	launcher.On(launcher.ClassConfig, `is not supported for LoRA`, `does not support LoRA`, `[Mm]odel .*LoRA is not supported`,
		"lora-unsupported"),

	// Processors and NUMA nodes: v1/worker/cpu_worker.py, utils/numa_utils.py.
	launcher.On(launcher.ClassConfig, `[Nn]ot enough allowed NUMA nodes`, `VLLM_CPU_OMP_THREADS_BIND`, `doesn't support auto CPU binding`, `[Nn]ot enough (?:available )?CPUs`, `omp_cpuids`, `CPU binding`, `sched_setaffinity`, `GOMP_CPU_AFFINITY`,
		"too-few-cores"),
	launcher.On(launcher.ClassConfig, `numactl is required`, `numa_bind_\w+`, `NUMA binding was requested`, `NUMA (?:node|bind)`,
		"numa-mismatch"),

	// Models: model_executor/.
	launcher.On(launcher.ClassModel, `Model architectures (?P<names>\[[^\]]*\]) (are not supported for now|failed to be inspected)`, `Model architectures .*(are not supported for now|failed to be inspected)`,
		"model-unsupported").With(func(v map[string]string) { v["names"] = strings.Trim(v["names"], "[]") }).Certain(),
	launcher.On(launcher.ClassModel, `Cannot find any (?:safetensors )?model weights with .(?P<path>[^\x60']+).`, `Could not find checkpoint files '(?P<path>[^']+)'`, `Weight files referenced in index but missing: (?P<path>.*)`,
		"weights-missing").Certain(),
	launcher.On(launcher.ClassModel, `exceeds dimension size \(\d+\)`, `size mismatch for`, `Attempted to load weight \(.*into parameter`, `The expanded size of the tensor`, `shape mismatch`, `There is no module or parameter named '(?P<name>[^']*)'`, `weights were not initialized from checkpoint`,
		"weights-mismatch").Certain(),

	// Flags that this version does not have; one that is misspelt is named.
	launcher.On(launcher.ClassArguments, `error: unrecognized arguments: (?P<args>.*)`,
		"argument-unknown").With(func(v map[string]string) {
		flag, _, _ := strings.Cut(v["args"], " ")
		flag, _, _ = strings.Cut(flag, "=")
		name, long := strings.CutPrefix(flag, "--")
		known, found := vllmflags.Find(name)
		near, ok := wording.Nearest(name, vllmflags.Names(vllmflags.Newest()))
		switch {
		case found && known.Gone > 0:
			v[launcher.RemedyCode] = string(notice.Known("argument-removed"))
			v["removed"], v["instead"] = known.Removed(), known.Instead
		case long && ok && !found:
			v[launcher.RemedyCode] = string(notice.Known("argument-misspelled"))
			v["near"] = near
		}
	}),

	// A process that was killed: v1/engine/core_client.py, v1/executor.
	launcher.On(launcher.ClassHostMemory, `(?:Engine core|Worker) proc \S+ died unexpectedly.*\(exit code: -9\)`,
		"killed-by-signal-9"),
	launcher.On(launcher.ClassEnvironment, `proc \S+ died unexpectedly.*\(exit code: -7\)`,
		"bus-error-shared-memory"),
	launcher.On(launcher.ClassEngineDead, `proc \S+ died unexpectedly`, `engine core exited unexpectedly`, `EngineDeadError`,
		"engine-process-died"),

	// Startup that never ends: v1/engine/core_client.py.
	launcher.On(launcher.ClassTimeout, `Timed out waiting for engine (core )?processes to start`,
		"engine-start-timeout"),
}

// fields are what pydantic says of a field of the configuration, any of
// config/, where no rule knows the sentence.
var fields = []launcher.Rule{
	launcher.On(launcher.ClassConfig, `(?P<field>[\w.]+): Input should be (?P<how>greater than or equal to|greater than|less than or equal to|less than) (?P<limit>-?[\d.]+)`,
		"field-at-least").With(bound),
	launcher.On(launcher.ClassConfig, `(?P<field>[\w.]+): Input should be (?P<choices>'.*)`, "field-not-a-choice").With(bound),
	launcher.On(launcher.ClassConfig, `(?P<field>[\w.\-]+): (?:Unexpected keyword argument|Extra inputs are not permitted)`, "field-unknown").With(bound),
	launcher.On(launcher.ClassConfig, `(?P<field>[\w.]+): (?P<problem>Input should be .*|Field required.*)`, "field-invalid").With(bound),
	launcher.On(launcher.ClassConfig, `validation errors? for (?P<about>\w+Config)\b`, "configuration-refused").With(refusedFlags),
}

// hints are not causes, but explain a start that never ends:
// distributed/device_communicators/shm_broadcast.py, entrypoints/cli/serve.py.
var hints = []launcher.Rule{
	launcher.On(launcher.ClassTimeout, `No available shared memory broadcast block found in (?P<wait>\d+) second`,
		"worker-hangs"),
	launcher.On(launcher.ClassConfig, `Launching \d+ data parallel engine\(s\) in headless mode`,
		"headless").With(func(v map[string]string) {
		if v["asked api-server-count"] != "" {
			v[launcher.RemedyCode] = string(notice.Known("headless-by-count"))
		}
	}).Says(notice.Known("no-api-server")),
}

// rooms classify by the part of vLLM, or of what it stands on, that raised.
var rooms = func() []launcher.Room {
	config := launcher.On(launcher.ClassConfig, "configuration-refused").With(refusedFlags)
	model := launcher.On(launcher.ClassModel, "model-load-failed").Certain()
	lora := launcher.On(launcher.ClassConfig, "lora-load-failed")
	distributed := launcher.On(launcher.ClassDistributed, "workers-not-connected")
	binding := launcher.On(launcher.ClassConfig, "thread-binding")
	compile := launcher.On(launcher.ClassEnvironment, "vllm-compilation-failed")
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

var refused = launcher.On(launcher.ClassConfig, "configuration-refused").With(refusedFlags)

var identifier = regexp.MustCompile("--[a-z][a-z0-9-]+|`?[a-z][a-z0-9]*(?:_[a-z0-9]+)+`?")

// flagsIn are the flags of vLLM that a message names, as it may spell them.
func flagsIn(message string) []string {
	var out []string
	for _, word := range identifier.FindAllString(message, -1) {
		name := strings.ReplaceAll(strings.Trim(strings.TrimPrefix(word, "--"), "`"), "_", "-")
		if long, short := vllmflags.Called(name); short {
			name = long
		}
		if _, known := vllmflags.Find(name); known && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// refusedFlags adds the flags that the message names.
func refusedFlags(v map[string]string) {
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
	v["flags"] = strings.Join(flags[:min(4, len(flags))], ", ")
	if len(flags) == 0 && v["advice"] == "" {
		v[launcher.RemedyCode] = string(notice.Known("configuration-refused-unnamed"))
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
	switch v["how"] {
	case "greater than":
		v[launcher.RemedyCode] = string(notice.Known("field-more-than"))
	case "less than or equal to":
		v[launcher.RemedyCode] = string(notice.Known("field-at-most"))
	case "less than":
		v[launcher.RemedyCode] = string(notice.Known("field-less-than"))
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
	v["near"], _ = wording.Nearest(v["value"], list)
	v["choices"] = shortened(strings.Join(list, ", "))
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

// apart drops a size that reads like a smaller one: "asks for 127 GiB, but only
// 127 GiB are free" explains nothing.
func apart(larger, smaller string) func(map[string]string) {
	return func(v map[string]string) {
		const gib = 1 << 30
		if say.Bytes(number(v[larger])*gib) == say.Bytes(number(v[smaller])*gib) {
			v[larger] = ""
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
	v["sizes"] = strings.Join(sizes, ", ")
}

// blocks adds the tensor parallel sizes whose parts hold whole blocks.
func blocks(v map[string]string) {
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
	v["sizes"] = strings.Join(fit, ", ")
}

// onCPU adds how the memory for the cache is asked for, and reports whether it
// is the host's. On a CPU the flag is a share of the host's memory, and
// VLLM_CPU_KVCACHE_SPACE decides alone where it is set. An explicit number of
// blocks comes before both.
func onCPU(v map[string]string) bool {
	v["blocks"] = v["asked num-gpu-blocks-override"]
	if v["blocks"] == "" {
		v["share"] = v["asked gpu-memory-utilization"]
	}
	return v["device"] == "cpu" || strings.Contains(v["message"], "on the CPU backend") && v["device"] == "" && strings.Contains(v["message"], "CPU KV cache")
}

// kvNumbers adds where the memory was measured and, to messages that do not
// tell it, the longest length that fits: the cache grows in
// proportion to the length, in blocks of 16 tokens. Hybrid models need less
// for long sequences; what is computed here is then too small, never too large.
func kvNumbers(v map[string]string) {
	cpu := onCPU(v)
	length, need, have := count(v["len"]), number(v["need"]), number(v["have"])
	if v["max"] == "" && need > 0 {
		const block = 16
		v["max"] = strconv.Itoa(int(math.Floor(float64(length)*have/need/block)) * block)
	}
	v["limit"] = v["max"]
	apart("need", "have")(v) // what is small is rounded away
	switch nothing := count(v["max"]) == 0; {
	case nothing && cpu:
		v[launcher.RemedyCode] = string(notice.Known("kv-cache-holds-nothing-cpu"))
	case nothing:
		v[launcher.RemedyCode] = string(notice.Known("kv-cache-holds-nothing"))
	case cpu:
		v[launcher.RemedyCode] = string(notice.Known("kv-cache-too-small-cpu"))
	}
}

// emptyCache adds what is known of a memory in which nothing is left.
func emptyCache(v map[string]string) {
	if onCPU(v) {
		v[launcher.RemedyCode] = string(notice.Known("kv-cache-no-memory-cpu"))
	}
	if g := v["model_gib"]; number(g) > 0 {
		v["weights"] = g + " GiB"
	}
	if g := v["kv_gib"]; number(g) < 0 {
		v["missing"] = g[1:] + " GiB"
	}
}

// gpus adds how many GPUs share the model.
func gpus(v map[string]string) {
	n := max(1, count(v["asked tensor-parallel-size"])) * max(1, count(v["asked pipeline-parallel-size"]))
	v["n"] = strconv.Itoa(n)
}

func count(s string) int {
	n, _ := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
	return n
}

// number is the value of a number, and of a size in GiB.
func number(s string) float64 {
	x, _ := strconv.ParseFloat(strings.TrimSuffix(s, " GiB"), 64)
	return x
}
