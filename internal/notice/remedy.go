package notice

// remedy is the entry of what a diagnosis recommends: what is wrong in sweep's
// words, and what to do.
func remedy(code Code, says string, example Args) entry {
	return entry{Code: code, Severity: Note, Says: says, Example: example,
		Means: "sweep suggests this when a server fails. The diagnosis also quotes the cause and the log lines."}
}

// Parts that several remedies share.
const (
	advised   = "[ (the server advises: {advice})]"
	available = "[, such as {near}][ (available: {choices})]"
	fixed     = "[num-gpu-blocks-override {blocks} fixes the size of the cache: raise or remove it. ]"
	raiseCPU  = "raise VLLM_CPU_KVCACHE_SPACE (GiB). " +
		"If it is not set, raise gpu-memory-utilization, here a fraction of the host's memory."
	checkOOM = "Check the kernel log (dmesg), free memory, or raise the container's limit."
	raiseSHM = "Raise shm_size (default 16GiB), or set ipc: host."
)

// remedies of a launch or a death: by what sweep knows of any server, of an
// engine, and of the world around it.
var remedies = []entry{
	// What no rule explains.
	remedy("read-the-log", "Read server.log in the launch's folder of the run directory.", nil),
	remedy("read-the-evidence", "Read the evidence and the server's log.", nil),
	remedy("check-flags", "Check that this version of the server has these flags.", nil),
	remedy("probably-killed", "It was probably killed for lack of memory. "+checkOOM, nil),
	remedy("machine-out-of-memory", "The machine probably ran out of memory. "+checkOOM, nil),
	remedy("killed-by-signal-9", "It was killed (signal 9), probably for lack of host memory. "+checkOOM, nil),
	remedy("native-crash",
		"Native code crashed. Try another attention backend or enforce-eager: true, and report it with the log.",
		nil),
	remedy("native-segmentation-fault",
		"Native code crashed. Try another attention backend or enforce-eager: true, and check that driver, "+
			"image and GPU match.", nil),
	remedy("native-abort", "Native code aborted. Read the last lines of the log for the reason.", nil),
	remedy("find-what-stopped-it",
		"Check for a person, a service manager, a job scheduler or a time limit that stopped it.", nil),
	remedy("correct-model-or-key",
		"Correct the model name (server.model, served-model-name) or the API key, or stop the other server.", nil),
	remedy("raise-ready-timeout",
		"If the server is only slow, raise server.ready_timeout. A slow disk or a first compilation can take "+
			"many minutes.", nil),
	remedy("raise-silence-timeout",
		"Read the last lines of the log to see what it waits for. If such a pause is normal here (a first "+
			"compilation, a slow disk), raise server.silence_timeout.", nil),
	remedy("value-overridden",
		"The server or its image overrides {flags}. Check its log for the reason, remove what else sets it "+
			"(entry point, --config, environment), or request the value that is in effect.",
		Args{"flags": List("max-model-len")}),
	remedy("server-advises", "The server advises: {advice}.", Args{"advice": Text("Try lowering max_num_seqs")}),
	remedy("report-misread-log", "Report it with server.log. The other configurations are measured.", nil),

	// Images and container services.
	remedy("correct-volumes",
		"Correct server.{backend}.volumes, or create the folder.", Args{"backend": Text("podman")}),
	remedy("set-command", "Set server.{backend}.command to what starts the server, such as vllm serve.", Args{"backend": Text("podman")}),
	remedy("check-image",
		"Check the image's name, and that this machine can reach its registry. Test it with {command}.",
		Args{"command": Command("podman", "pull", "vllm/vllm-openai")}),
	remedy("check-service",
		"Check the {backend} section of the experiment and the service: {command}.",
		Args{"backend": Text("podman"), "command": Command("podman", "info")}),

	// Memory.
	remedy("gpu-memory-missing",
		"The server needed {size} more, but only {free} of {total} were free. Lower gpu-memory-utilization, "+
			"max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size.",
		Args{"size": Bytes(2 << 30), "free": Bytes(1 << 30), "total": Bytes(80 << 30)}),
	remedy("gpu-memory-full",
		"The GPU has too little memory. Lower gpu-memory-utilization, max-num-batched-tokens or max-num-seqs, "+
			"or raise tensor-parallel-size.", nil),
	remedy("gpu-memory-taken",
		"[The server asks for {want}, but only {free} of {total} are free. ]Stop what else uses the GPU (see "+
			"nvidia-smi), wait longer between servers, or lower gpu-memory-utilization below {share}.",
		Args{
			"want": Bytes(72 << 30), "free": Bytes(12 << 30), "total": Bytes(79 << 30), "share": Number(0.92),
		}),
	remedy("gpu-memory-moved",
		"Another process took or freed GPU memory while the server was starting. Keep the GPU for this server.", nil),
	remedy("host-memory-missing",
		"The server needs {size} more than the host has. Free memory, raise the limit (the container's memory, "+
			"ulimit -v), or lower what the server reserves.", Args{"size": Bytes(16 << 30)}),
	remedy("host-memory-full",
		"The host ran out of memory. Free memory, raise the limit (the container's memory, ulimit -v), or "+
			"lower what the server reserves.", nil),
	remedy("cpu-memory-missing",
		"The server needs {size} more than the host has. Free memory, raise the limit (the container's memory, "+
			"ulimit -v), or lower VLLM_CPU_KVCACHE_SPACE. If it is not set, lower gpu-memory-utilization (on a "+
			"CPU, a fraction of the host's memory).", Args{"size": Bytes(16 << 30)}),
	remedy("cpu-memory-taken",
		"[The server asks for {want}, but only {free} of the host's {total} are free. ]Lower "+
			"gpu-memory-utilization (on a CPU, a fraction of the host's memory) to at most {most}, set "+
			"VLLM_CPU_KVCACHE_SPACE, or free memory.",
		Args{"want": Bytes(28 << 30), "free": Bytes(20 << 30), "total": Bytes(31 << 30), "most": Number(0.64)}),
	remedy("cpu-cache-memory-taken",
		"[The KV cache asks for {want}, but only {free} of the host's {total} are free. ]Lower "+
			"VLLM_CPU_KVCACHE_SPACE, kv-cache-memory-bytes or gpu-memory-utilization (on a CPU, a fraction of the "+
			"host's memory), or free memory.",
		Args{"want": Bytes(28 << 30), "free": Bytes(20 << 30), "total": Bytes(31 << 30)}),
	remedy("weights-too-large",
		"The weights do not fit on {n|GPU|GPUs}. Raise tensor-parallel-size, or use a quantized or smaller "+
			"model.", Args{"n": Count(2)}),
	remedy("sampler-memory",
		"Sampling {seqs|sequence|sequences} at once needs more memory than is free. Lower max-num-seqs or "+
			"gpu-memory-utilization.", Args{"seqs": Count(1024)}),

	// KV cache.
	remedy("kv-cache-too-small",
		fixed+"max-model-len {len} needs more KV cache than there is[ at gpu-memory-utilization {share}][ "+
			"({need}, with {have} free)]. Lower it to at most {max}, raise gpu-memory-utilization, or use "+
			"kv-cache-dtype fp8.",
		Args{
			"len": Count(40960), "need": Bytes(4 << 30), "have": Bytes(2 << 30), "share": Number(0.9),
			"max": Count(18880), "blocks": Count(512),
		}),
	remedy("kv-cache-too-small-cpu",
		fixed+"max-model-len {len} needs more KV cache than there is[ ({need}, with {have} free)]. Lower it to "+
			"at most {max}, or "+raiseCPU,
		Args{
			"len": Count(40960), "need": Bytes(4 << 30), "have": Bytes(2 << 30), "max": Count(18880),
			"blocks": Count(512),
		}),
	remedy("kv-cache-holds-nothing",
		fixed+"max-model-len {len} needs more KV cache than there is[ at gpu-memory-utilization {share}][ "+
			"({need}, with {have} free)]. Nothing fits. Raise gpu-memory-utilization, or use kv-cache-dtype fp8.",
		Args{
			"len": Count(40960), "need": Bytes(4 << 30), "have": Bytes(1 << 20), "share": Number(0.9),
			"blocks": Count(512),
		}),
	remedy("kv-cache-holds-nothing-cpu",
		fixed+"max-model-len {len} needs more KV cache than there is[ ({need}, with {have} free)]. Nothing "+
			"fits. R"+raiseCPU[1:],
		Args{"len": Count(40960), "need": Bytes(4 << 30), "have": Bytes(1 << 20), "blocks": Count(512)}),
	remedy("kv-cache-no-memory",
		fixed+"Nothing is left for the KV cache[ at gpu-memory-utilization {share}] next to[ {weights} of] "+
			"weights and activations[ ({missing} are missing)]. Raise gpu-memory-utilization, lower "+
			"max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size.",
		Args{
			"share": Number(0.5), "weights": Bytes(14 << 30), "missing": Bytes(1 << 30), "blocks": Count(512),
		}),
	remedy("kv-cache-no-memory-cpu",
		fixed+"Nothing is left for the KV cache next to[ {weights} of] weights and activations[ ({missing} are "+
			"missing)]. Lower max-num-batched-tokens or max-num-seqs, or "+raiseCPU,
		Args{"weights": Bytes(14 << 30), "missing": Bytes(1 << 30), "blocks": Count(512)}),
	remedy("kv-cache-no-token",
		fixed+"Not even one token fits[ at gpu-memory-utilization {share}] next to[ {weights} of] weights[ "+
			"({missing} are missing)]. Raise gpu-memory-utilization or tensor-parallel-size, or use a quantized "+
			"model.",
		Args{
			"share": Number(0.5), "weights": Bytes(14 << 30), "missing": Bytes(1 << 30), "blocks": Count(512),
		}),
	remedy("kv-cache-no-token-cpu",
		fixed+"Not even one token fits next to[ {weights} of] weights[ ({missing} are missing)]. Use a "+
			"quantized model, or "+raiseCPU,
		Args{"weights": Bytes(14 << 30), "missing": Bytes(1 << 30), "blocks": Count(512)}),
	remedy("mamba-cache-too-small",
		"Set max-num-seqs to at most {limit}, or raise gpu-memory-utilization.", Args{"limit": Count(600)}),

	// What the machine lacks: files, libraries, compilers, permissions.
	remedy("too-few-open-files",
		"The limit on open files is too low. Raise it (ulimit -n 65536, or ulimits: nofile in a container).", nil),
	remedy("too-few-threads",
		"The limit on threads is too low. Raise it (ulimit -u, or pids_limit in a container).", nil),
	remedy("not-writable",
		"The server's user cannot write to {path}. Make it writable, mount a volume there, or move the caches "+
			"(HOME, VLLM_CACHE_ROOT, HF_HOME, TORCHINDUCTOR_CACHE_DIR, TRITON_CACHE_DIR).",
		Args{"path": Text("/root/.cache/vllm")}),
	remedy("folder-not-writable",
		"The server's user cannot write to a folder. Make it writable, mount a volume there, or move the "+
			"caches (HOME, VLLM_CACHE_ROOT, HF_HOME, TORCHINDUCTOR_CACHE_DIR, TRITON_CACHE_DIR).", nil),
	remedy("no-gpu-driver",
		"The server finds no GPU driver. Check nvidia-smi and, for containers, the CDI specification "+
			"(nvidia-ctk cdi generate).", nil),
	remedy("library-mismatch",
		"This build of the server does not match the system's libraries. Use an image or a system with the "+
			"library that the message names, or another build.", nil),
	remedy("library-too-old",
		"The system's {lib} is too old and lacks {need}. Use a newer system or image (a newer GCC's "+
			"libstdc++), or another build of the server.",
		Args{"lib": Text("libstdc++.so.6"), "need": Text("GLIBCXX_3.4.32")}),
	remedy("no-python-headers",
		"Compilation needs Python's headers. Install python3-dev in the image, or disable compilation "+
			"(enforce-eager: true).", nil),
	remedy("no-compiler",
		"The server's system has no compiler. Use the image with the development tools, or disable compilation "+
			"(enforce-eager: true).", nil),
	remedy("python-package-missing",
		"The Python package {module} is missing. Install it where the server runs, or use an image that has it.",
		Args{"module": Text("flashinfer")}),
	remedy("python-package-broken",
		"A Python package is missing or incompatible. Install it where the server runs, or use an image that "+
			"has it.", nil),
	remedy("compilation-failed",
		"Compilation failed. Read the compiler's lines in the log, clear the compile cache, or disable "+
			"compilation (enforce-eager: true).", nil),
	remedy("vllm-compilation-failed",
		"Compilation failed"+advised+". Clear the compile cache (VLLM_CACHE_ROOT, TORCHINDUCTOR_CACHE_DIR), or "+
			"disable compilation (enforce-eager: true).", nil),
	remedy("vllm-kernels-missing",
		"vLLM cannot load its kernels, because this build does not match the system's libraries. Use an image "+
			"or a system with newer libraries (such as a newer GCC's libstdc++), or another build of vLLM.", nil),
	remedy("wrong-cpu-build",
		"This build uses instructions that the CPU does not have. Use a build for this CPU.", nil),
	remedy("disk-full", "The disk is full. Free space for the model and the caches.", nil),
	remedy("shared-memory-too-small", "Shared memory (/dev/shm) is probably too small. "+raiseSHM, nil),
	remedy("shared-memory-for-parallel", "Shared memory is too small for tensor parallelism. "+raiseSHM, nil),
	remedy("bus-error-shared-memory",
		"It had a bus error, probably because shared memory (/dev/shm) is too small. "+raiseSHM, nil),
	remedy("too-few-cores",
		"This host has too few CPU cores for the threads to bind. Lower tensor-parallel-size (one worker per "+
			"NUMA node), or bind them yourself (VLLM_CPU_OMP_THREADS_BIND, such as 0-3|4-7).", nil),
	remedy("numa-mismatch",
		"The binding to NUMA nodes does not match this host. Correct or remove numa-bind, numa-bind-nodes and "+
			"numa-bind-cpus (see lscpu).", nil),
	remedy("thread-binding",
		"vLLM cannot bind its threads as requested"+advised+". Correct or remove VLLM_CPU_OMP_THREADS_BIND "+
			"(such as 0-3|4-7, with this host's CPU cores), numa-bind and tensor-parallel-size.", nil),

	// GPUs.
	remedy("driver-older-than-image",
		"The image needs {need}, but the host's driver is older. Update the driver, or use an image built for "+
			"an older CUDA.", Args{"need": Text("cuda>=12.8")}),
	remedy("cuda-libraries-mismatch",
		"The server's CUDA libraries do not match the host's driver. Update the driver, or take the image's "+
			"compatibility libraries out of the path (LD_LIBRARY_PATH, /usr/local/cuda/compat).", nil),
	remedy("no-gpu-found",
		"The server finds no GPU. Check the driver (nvidia-smi) and, for containers, the CDI specification "+
			"(nvidia-ctk cdi generate).", nil),
	remedy("docker-without-gpus",
		"docker cannot give GPUs to containers. Install the NVIDIA Container Toolkit, then run nvidia-ctk "+
			"runtime configure --runtime=docker and systemctl restart docker.", nil),
	remedy("driver-mismatch",
		"Driver, GPU and this build of the server do not match. Update the driver, or use an image built for "+
			"it.", nil),
	remedy("gpu-fault",
		"The GPU or a kernel failed. Look for Xid messages in dmesg, and test this GPU before you rely on it.", nil),
	remedy("kernel-shared-memory",
		"A kernel needs {need} of shared memory per block, but this GPU has {have}. Use another attention "+
			"backend, quantization or dtype, or a larger GPU.", Args{"need": Bytes(106496), "have": Bytes(101376)}),
	remedy("kernel-too-large",
		"A kernel needs more than this GPU has. Use another attention backend, quantization or dtype.", nil),
	remedy("world-too-large",
		"The server needs {want|GPU|GPUs}, but sees {have}. Lower tensor-parallel-size or "+
			"pipeline-parallel-size, or give the server more GPUs.", Args{"want": Count(8), "have": Count(2)}),
	remedy("tensor-parallel-too-large",
		"Set tensor-parallel-size to at most {limit}, or give the server more GPUs.", Args{"limit": Count(2)}),
	remedy("too-few-gpus",
		"The server needs more GPUs than it sees. Lower the parallel sizes, or give the server more GPUs.", nil),

	// Processes that talk to each other, and ports.
	remedy("gpus-cannot-communicate",
		"The GPUs cannot communicate. Set NCCL_DEBUG=INFO, and check shared memory (shm_size, or ipc: host) "+
			"and the links between the GPUs.", nil),
	remedy("connection-lost",
		"The server's processes lost their connection. Find the first one that failed. Between hosts, check "+
			"addresses, firewall and network interface (GLOO_SOCKET_IFNAME, NCCL_SOCKET_IFNAME).", nil),
	remedy("processes-not-connected",
		"The server's processes could not connect. Check addresses, firewall and network interface "+
			"(GLOO_SOCKET_IFNAME, NCCL_SOCKET_IFNAME).", nil),
	remedy("workers-not-connected",
		"The workers cannot connect"+advised+". Check the network interface (GLOO_SOCKET_IFNAME, "+
			"NCCL_SOCKET_IFNAME, VLLM_HOST_IP) and shared memory.", nil),
	remedy("engine-process-died",
		"A process of the engine ended without a message. Check the kernel log (dmesg) for lack of memory, and "+
			"the server's log for its last lines.", nil),
	remedy("engine-start-timeout",
		"Raise VLLM_ENGINE_READY_TIMEOUT_S, or check the log to see what the engine waits for.", nil),
	remedy("worker-hangs",
		"A worker does not answer the engine, because it hangs in compilation, in a collective operation or on "+
			"a slow disk. Read the workers' last lines and, if it is only slow, raise ready_timeout.", nil),
	remedy("headless",
		"vLLM launched engines without an API server, so nothing will answer. Remove headless, or set "+
			"api-server-count to at least 1.", nil),
	remedy("headless-by-count",
		"vLLM launched engines without an API server, so nothing will answer. Set api-server-count to at least "+
			"1.", nil),
	remedy("port-taken", "Another program took the port. Try again, or stop that program.", nil),
	remedy("port-taken-or-host",
		"Another program took the port, or host is not an address of this machine. Try again, stop that "+
			"program, or correct host.", nil),
	remedy("host-not-local",
		"The host flag is not an address of the machine or container that the server runs on. Use 0.0.0.0, "+
			"127.0.0.1 or one of its own.", nil),

	// Models.
	remedy("model-gated",
		"The model is gated. Accept its license on its page and give the server a token (HF_TOKEN).", nil),
	remedy("model-not-found",
		"The model does not exist, or the token (HF_TOKEN) has no access to it. Check the name and the token.", nil),
	remedy("revision-not-found", "The model has no such revision. Correct or remove revision.", nil),
	remedy("image-too-old",
		"This image is too old for the model (it does not know the type {type}). Use a newer image, or update "+
			"transformers in it.", Args{"type": Text("qwen4")}),
	remedy("model-has-code",
		"The model has its own code or is newer than the server. Use a newer image, or, if you trust the code, "+
			"set trust-remote-code: true.", nil),
	remedy("no-model-there",
		"The server finds no model at {name}. Check the name and, for a folder, that it is mounted and has a "+
			"config.json.", Args{"name": Text("/models/a")}),
	remedy("no-draft-model-there",
		"The server finds no draft model at {name}. Correct model in speculative-config or, for a folder, "+
			"check that it is mounted and complete.", Args{"name": Text("/models/a")}),
	remedy("model-folder-missing",
		"The folder {name}[ (of {flag})] does not exist where the server runs. Correct the path, or mount it.",
		Args{"name": Text("/models/a"), "flag": Text("tokenizer")}),
	remedy("not-a-model-name",
		"[{name} is not a model name. ]Correct the model's name or, for a folder, check that it exists where "+
			"the server runs.", Args{"name": Text("a//b")}),
	remedy("check-model-name", "Check the model's name and, for a folder, that it is mounted.", nil),
	remedy("model-file-not-json",
		"{file} is not valid JSON. Download the model again, or correct the file.",
		Args{"file": Text("config.json")}),
	remedy("not-json",
		"A file of the model, or the value of a flag, is not valid JSON. Download the model again, or correct "+
			"the value.", nil),
	remedy("no-model-type",
		"config.json of {name} has no model type. Download the model again, or use a newer image.",
		Args{"name": Text("acme/bot")}),
	remedy("no-tokenizer",
		"The server cannot load the tokenizer. Check that the model's folder has its tokenizer files, or set "+
			"tokenizer to another one.", nil),
	remedy("model-file-missing",
		"The model has no {file}. Complete the download, or correct the path.", Args{"file": Text("config.json")}),
	remedy("weights-damaged",
		"The weights are damaged or incomplete. Download them again (a Git LFS pointer is not enough).", nil),
	remedy("weights-missing",
		"{path} has no weights (*.safetensors). Download them, or correct the path.",
		Args{"path": Text("/models/a")}),
	remedy("weights-mismatch",
		"The weights do not match config.json, or this version does not support the checkpoint's format. "+
			"Download the model again, or use another quantization or a newer image.", nil),
	remedy("model-unsupported",
		"This version of vLLM does not support the model[ ({names})]. Use a newer image, or another model.",
		Args{"names": Text("'LlamaForCausalLM2'")}),
	remedy("model-load-failed",
		"The server cannot load the model"+advised+". Check that its files are complete and that this version "+
			"supports it.", nil),
	remedy("offline-without-model",
		"The model is not in the cache, and HF_HUB_OFFLINE=1 forbids the download. Download it first, mount a "+
			"cache that has it, or unset HF_HUB_OFFLINE.", nil),
	remedy("hub-unreachable",
		"The model is not in the cache, and the server cannot download it[ from {hub}]. Mount a cache that has "+
			"it, or give the server network access.", Args{"hub": Text("https://mirror.example")}),
	remedy("lora-load-failed",
		"The server cannot load the LoRA adapter"+advised+". Check lora-modules and the adapter's files.", nil),
	remedy("lora-not-found",
		"The server cannot load the LoRA adapter[ {path}]. Correct its path in lora-modules, or mount its "+
			"folder (with adapter_config.json).", Args{"path": Text("/loras/a")}),
	remedy("lora-unsupported",
		"This version does not support LoRA adapters for this model. Remove enable-lora and lora-modules.", nil),
	remedy("lora-rank-too-low",
		"Set max-lora-rank to at least {limit} (the adapter's rank).", Args{"limit": Count(64)}),

	// Arguments.
	remedy("argument-unknown",
		"This version of the server does not have {args}. Remove it, or use an image whose version has it.",
		Args{"args": Text("--max-nmu-seqs 8")}),
	remedy("argument-misspelled",
		"This version of the server does not have {args}. Use --{near}, or remove it.",
		Args{"args": Text("--max-nmu-seqs 8"), "near": Text("max-num-seqs")}),
	remedy("argument-removed",
		"This version of the server does not have {args}. It was removed {removed}: {instead}.",
		Args{
			"args": Text("--num-scheduler-steps 8"), "removed": Text("in 0.10"),
			"instead": Text("async-scheduling hides the scheduler's time"),
		}),
	remedy("value-not-a-choice",
		"{arg} has no value {value}. Use one of {choices}.",
		Args{"arg": Text("--dtype"), "value": Text("int3"), "choices": Text("'auto', 'half'")}),
	remedy("value-not-a-type",
		"{arg} takes {type}, not {value}. Correct it.",
		Args{"arg": Text("--x"), "type": Text("loads"), "value": Text("a")}),
	remedy("value-not-whole",
		"{arg} takes a whole number, not {value}. Correct it.",
		Args{"arg": Text("--max-num-seqs"), "value": Text("many")}),
	remedy("value-not-a-size",
		"{arg} takes a whole number (or 1k, 2M), not {value}. Correct it.",
		Args{"arg": Text("--max-model-len"), "value": Text("long")}),
	remedy("value-not-a-number",
		"{arg} takes a number, not {value}. Correct it.",
		Args{"arg": Text("--gpu-memory-utilization"), "value": Text("most")}),
	remedy("value-not-bool",
		"{arg} takes true or false, not {value}. Correct it.", Args{"arg": Text("--x"), "value": Text("maybe")}),
	remedy("value-not-json",
		"{arg} takes JSON, but {value} is not JSON. Write it as an object of keys and values.",
		Args{"arg": Text("--compilation-config"), "value": Text("3,")}),
	remedy("key-unknown",
		"{arg} has no key {key} in this version. Remove or correct it.",
		Args{"arg": Text("--compilation-config"), "key": Text("levle")}),
	remedy("argument-count",
		"Correct the value of {arg}: it takes {count}.", Args{"arg": Text("--seed"), "count": Text("one argument")}),
	remedy("argument-invalid", "Correct the value of {arg}.", Args{"arg": Text("--seed")}),
	remedy("argument-ambiguous", "Write {arg} in full.", Args{"arg": Text("--max-num")}),
	remedy("arguments-missing", "Give the server {args}.", Args{"args": Text("--model")}),
	remedy("argument-refused", "Correct {arg}.", Args{"arg": Text("--seed")}),
	remedy("arguments-refused", "Correct the flags of the server.", nil),

	// vLLM's configuration.
	remedy("configuration-refused",
		"The server refuses the configuration[: check {flags}]"+advised+".",
		Args{"flags": List("max-num-seqs", "max-num-batched-tokens"), "advice": Text("Use a smaller value")}),
	remedy("configuration-refused-unnamed",
		"The server refuses the configuration. Change what the message names.", nil),
	remedy("field-at-least",
		"Set {flag} to at least {limit}.", Args{"flag": Text("max-num-seqs"), "limit": Text("1")}),
	remedy("field-more-than",
		"Set {flag} to more than {limit}.", Args{"flag": Text("gpu-memory-utilization"), "limit": Text("0")}),
	remedy("field-at-most",
		"Set {flag} to at most {limit}.", Args{"flag": Text("gpu-memory-utilization"), "limit": Text("1")}),
	remedy("field-less-than", "Set {flag} to less than {limit}.", Args{"flag": Text("x"), "limit": Text("1")}),
	remedy("field-not-a-choice",
		"{flag} has an invalid value. Use one of {choices}.",
		Args{"flag": Text("dtype"), "choices": Text("'auto', 'half'")}),
	remedy("field-unknown",
		"This version does not know {flag}. Remove or correct it.", Args{"flag": Text("levle in compilation-config")}),
	remedy("field-invalid",
		"Correct {flag}: {problem}.", Args{"flag": Text("seed"), "problem": Text("Input should be a valid integer")}),
	remedy("heads-not-divided",
		"Choose a tensor-parallel-size that divides {heads}[, one of {sizes}].",
		Args{"heads": Count(12), "sizes": List("1", "2", "3", "4", "6", "12")}),
	remedy("weights-not-in-blocks",
		"tensor-parallel-size splits the weights into parts of {size}, which the quantization's blocks of "+
			"{block} do not divide. Choose a smaller one[ that leaves whole blocks ({sizes})], or another "+
			"quantization.", Args{"size": Count(960), "block": Count(128), "sizes": List("1", "2")}),
	remedy("length-beyond-model",
		"Set max-model-len to at most {limit}, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 if the model supports "+
			"more.", Args{"limit": Count(4096)}),
	remedy("batched-tokens-below-seqs",
		"Raise max-num-batched-tokens to at least {limit}, or lower max-num-seqs to at most {tokens}.",
		Args{"limit": Count(256), "tokens": Count(128)}),
	remedy("batched-tokens-below-length",
		"Raise max-num-batched-tokens to at least {limit}, or allow chunked prefill.", Args{"limit": Count(4096)}),
	remedy("prefill-threshold-too-high",
		"Set long-prefill-token-threshold to at most {limit}.", Args{"limit": Count(4096)}),
	remedy("no-bfloat16", "Set dtype to half.", nil),
	remedy("quantization-needs-gpu",
		"This quantization needs compute capability {min}, but the GPU has {has}. Use another quantization or "+
			"GPU.", Args{"min": Text("89"), "has": Text("80")}),
	remedy("quantization-differs", "Remove the quantization flag, or set it to {model}.", Args{"model": Text("awq")}),
	remedy("quantization-unknown",
		"Use a quantization that this version of vLLM supports"+available+".",
		Args{"near": Text("awq"), "choices": Text("awq, gptq")}),
	remedy("checkpoint-not-quantized",
		"The checkpoint is not quantized that way. Remove the quantization flag, or use a checkpoint that is "+
			"quantized[ with {method}].", Args{"method": Text("awq")}),
	remedy("quantization-unsupported",
		"This server does not support {method} on {where}. Remove the quantization flag, or use another "+
			"quantization.", Args{"method": Text("awq"), "where": Text("CPU")}),
	remedy("block-size-unsupported",
		"block-size[ {size}] is not supported here[ ({who})]. Remove block-size, or use a value that the "+
			"attention backend supports (16, 32, 64 or 128).", Args{"size": Count(24), "who": Text("FLASH_ATTN")}),
	remedy("kv-cache-dtype-unsupported",
		"This server does not support that type of KV cache. Remove kv-cache-dtype (auto).", nil),
	remedy("attention-backend-unusable",
		"[Attention backend {value} cannot be used here. ]Remove attention-backend (VLLM_ATTENTION_BACKEND), "+
			"or use another one"+available+".",
		Args{
			"value": Text("FLASH_ATN"), "near": Text("FLASH_ATTN"), "choices": Text("FLASH_ATTN, FLASHINFER"),
		}),
	remedy("reasoning-parser-unknown",
		"This version has no reasoning-parser[ {value}]. Use one that it has"+available+".",
		Args{"value": Text("qwen"), "near": Text("qwen3"), "choices": Text("qwen3, deepseek_r1")}),
	remedy("tool-parser-unknown",
		"This version has no tool-call-parser[ {value}]. Use one that it has"+available+".",
		Args{"value": Text("herms"), "near": Text("hermes"), "choices": Text("hermes, mistral")}),
	remedy("tool-parser-missing",
		"Set tool-call-parser to that of the model's family, or remove enable-auto-tool-choice.", nil),
	remedy("chat-template-missing",
		"chat-template names {path}, which does not exist where the server runs. Correct the path, or mount "+
			"the file.", Args{"path": Text("/templates/a.jinja")}),
	remedy("tokenizer-mode-unknown",
		"This version has no tokenizer-mode {value}. Use auto (the default), or one that it has.",
		Args{"value": Text("fast")}),

	// SGLang and llama.cpp.
	remedy("sglang-no-cache",
		"The weights leave no room for the KV cache[ at {share}]. Raise mem-fraction-static, or "+
			"tensor-parallel-size.", Args{"share": Number(0.2)}),
	remedy("sglang-graphs",
		"Graph capture failed. Lower mem-fraction-static or cuda-graph-max-bs, or set disable-cuda-graph: true.",
		nil),
	remedy("heads-not-divided-unnamed",
		"Choose a tensor-parallel-size that divides the number of attention heads.", nil),
	remedy("llama-gpu-memory-missing",
		"The server needed {size} more on GPU {gpu}. Lower n-gpu-layers, ctx-size or parallel, or use a "+
			"smaller quantization.", Args{"size": Bytes(44 << 30), "gpu": Text("0")}),
	remedy("llama-gpu-memory-full",
		"The GPU has too little memory. Lower n-gpu-layers, ctx-size or parallel, or use a smaller "+
			"quantization.", nil),
	remedy("llama-host-memory-missing",
		"The server needed {size} more, but the host is out of memory. Lower ctx-size or parallel, use a "+
			"smaller quantization, or raise the limit (the container's memory, ulimit -v).",
		Args{"size": Bytes(8 << 30)}),
	remedy("llama-host-memory-full",
		"The host is out of memory. Lower ctx-size or parallel, use a smaller quantization, or raise the limit "+
			"(the container's memory, ulimit -v).", nil),
	remedy("llama-v-cache",
		"A quantized V cache needs flash attention. Set flash-attn to on (or auto), or leave cache-type-v at "+
			"f16.", nil),
	remedy("llama-architecture-unknown",
		"This build of llama.cpp does not know the architecture {arch}. Use a newer build, or another model.",
		Args{"arch": Text("qwen4")}),
	remedy("llama-model-file",
		"Check the path of the model file, and that it is a GGUF file that this version supports.", nil),
	remedy("llama-argument-unknown",
		"This version of llama-server does not have {arg}. Correct or remove it.",
		Args{"arg": Text("--max-num-seqs")}),
	remedy("llama-value-not-whole",
		"The value[ {value}] of {arg} is not a whole number, or is too large. Correct it.",
		Args{"arg": Text("--ctx-size"), "value": Text("many")}),
	remedy("llama-value-not-a-number",
		"The value[ {value}] of {arg} is not a number. Correct it.",
		Args{"arg": Text("--temp"), "value": Text("hot")}),
	remedy("llama-value-missing", "{arg} needs a value. Give it one.", Args{"arg": Text("--ctx-size")}),
	remedy("llama-value-refused",
		"Correct the value of {arg}: {why}.",
		Args{"arg": Text("--cache-type-v"), "why": Text("Unsupported cache type: zzz")}),
	remedy("llama-assertion",
		"An assertion of llama.cpp failed ({what}). Correct the flag that causes it, or use another build.",
		Args{"what": Text("n_batch > 0")}),
}
