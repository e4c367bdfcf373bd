package launcher

import (
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Rule classifies one message of a server or of what it stands on.
type Rule struct {
	Class Class
	// patterns are alternatives. They begin with literal text, so that the
	// regexp package finds candidates by a plain search: a log of 64 MiB takes
	// seconds, not minutes.
	patterns []*regexp.Regexp
	// remedy may use the named groups of the pattern as ${name}, and what more
	// adds to them.
	remedy  string
	more    func(values map[string]string)
	because *regexp.Regexp // of an earlier line that says why
	certain bool           // repeats whatever its class says
	limit   string         // flag whose values end at the group "limit"
	least   bool           // which is the smallest, not the largest that works
	says    string         // what the line means, before the line itself
}

// On makes a rule of patterns followed by the remedy.
func On(class Class, patternsThenRemedy ...string) Rule {
	last := len(patternsThenRemedy) - 1
	r := Rule{Class: class, remedy: patternsThenRemedy[last]}
	for _, p := range patternsThenRemedy[:last] {
		r.patterns = append(r.patterns, regexp.MustCompile(p))
	}
	return r
}

// With computes further values for the remedy from those that are there: the
// pattern's groups, and what is known of the start ("asked FLAG", "model_gib",
// "kv_gib", "device"). A value called "remedy" replaces the remedy, one called
// "limit" is that of AtMost and AtLeast.
func (r Rule) With(more func(values map[string]string)) Rule {
	r.more = more
	return r
}

// Because names a line that may stand anywhere above and says why: its first
// group, or all of it, becomes the cause. Such a line is often a warning.
func (r Rule) Because(pattern string) Rule {
	r.because = regexp.MustCompile(pattern)
	return r
}

// Certain marks a failure that repeats although others of its class may pass.
func (r Rule) Certain() Rule {
	r.certain = true
	return r
}

// Says words what the line means, where it does not say it itself.
func (r Rule) Says(meaning string) Rule {
	r.says = meaning
	return r
}

// AtMost says that every larger value of the flag fails too: the group "limit"
// holds the largest that works. AtLeast says the same of smaller ones.
func (r Rule) AtMost(flag string) Rule {
	r.limit = flag
	return r
}

// AtLeast: see AtMost.
func (r Rule) AtLeast(flag string) Rule {
	r.limit, r.least = flag, true
	return r
}

// Patterns are the rule's alternatives.
func (r Rule) Patterns() []*regexp.Regexp { return r.patterns }

// Names are the values that the remedy uses.
func (r Rule) Names() []string {
	var out []string
	os.Expand(r.remedy, func(name string) string {
		out = append(out, name)
		return ""
	})
	return out
}

// Remedy fills the values into the rule's text.
func (r Rule) Remedy(values map[string]string) string {
	text := r.remedy
	if other := values["remedy"]; other != "" {
		text = other
	}
	return os.Expand(text, func(name string) string { return values[name] })
}

// match returns the first alternative that matches, or nil.
func (r *Rule) match(text string) *regexp.Regexp {
	for _, p := range r.patterns {
		if p.MatchString(text) {
			return p
		}
	}
	return nil
}

// matches looks at a complaint: at its first line, then at all of it, where a
// message that was broken over lines is whole again.
func (r *Rule) matches(x *complaint) (text string, ok bool) {
	for _, text := range [...]string{x.text(), x.problem, x.whole()} {
		if text != "" && r.match(text) != nil {
			return text, true
		}
	}
	return "", false
}

// fill puts the numbers of the message, and what else is known, into the
// remedy.
func (r *Rule) fill(x *complaint, known map[string]string) (remedy string, limit *Limit) {
	values := maps.Clone(known)
	if values == nil {
		values = map[string]string{}
	}
	text, _ := r.matches(x)
	r.groups(text, values)
	values["about"], values["message"] = x.about, x.whole()
	if x.problem != "" {
		values["problem"] = x.problem
	}
	values["advice"] = adviceIn(x.whole())
	if r.more != nil {
		r.more(values)
	}
	if r.limit != "" {
		if n, err := strconv.ParseFloat(strings.ReplaceAll(values["limit"], ",", ""), 64); err == nil {
			limit = &Limit{Flag: r.limit, Value: n, Least: r.least}
		}
	}
	return r.Remedy(values), limit
}

// groups notes the named groups of the first alternative that matches.
func (r *Rule) groups(text string, values map[string]string) {
	p := r.match(text)
	if p == nil {
		return
	}
	groups := p.FindStringSubmatch(text)
	for i, name := range p.SubexpNames() {
		if name != "" {
			values[name] = groups[i]
		}
	}
}

// firstRule returns the first rule that knows the complaint.
func firstRule(rules []Rule, x *complaint) *Rule {
	for i := range rules {
		if _, ok := rules[i].matches(x); ok {
			return &rules[i]
		}
	}
	return nil
}

const (
	fdRemedy    = "the limit on open files is too low: raise it (ulimit -n 65536; in a container, ulimits: nofile)"
	writeRemedy = "the server's user cannot write to ${path}: make it writable, mount a volume there, or move the caches (HOME, VLLM_CACHE_ROOT, HF_HOME, TORCHINDUCTOR_CACHE_DIR, TRITON_CACHE_DIR)"
	fitRemedy   = "driver, GPU and this build of the server do not match: update the driver, or use an image built for it"
)

// orThis words a path that the message may not hold.
func orThis(name, otherwise string) func(map[string]string) {
	return func(v map[string]string) {
		if v[name] == "" {
			v[name] = otherwise
		}
	}
}

// generalRules hold for any server in Python on CUDA, tried in this order; an
// engine's own come before.
var generalRules = []Rule{
	// Out of memory: torch.
	On(ClassGPUMemory, `CUDA out of memory\. Tried to allocate (?P<size>[\d.]+ [KMG]iB).*total capacity of (?P<total>[\d.]+ GiB) of which (?P<free>[\d.]+ [KMG]iB) is free`,
		"the server needed ${size} more, but only ${free} of ${total} were free: lower gpu-memory-utilization, max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size"),
	On(ClassGPUMemory, `OutOfMemoryError`, `CUDA out of memory`, `CUDA error: out of memory`, `HIP out of memory`,
		"lower gpu-memory-utilization, max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size"),
	On(ClassHostMemory, `DefaultCPUAllocator: (?:can't allocate memory|not enough memory): you tried to allocate (?P<size>\d+) bytes`,
		"the host does not have the ${size} more bytes that the server needs: free memory, raise the container's limit, or lower what the server reserves").With(func(v map[string]string) {
		if n, err := strconv.ParseFloat(v["size"], 64); err == nil {
			v["remedy"] = "the server needs " + strconv.FormatFloat(n/(1<<30), 'f', 2, 64) +
				" GiB more than the host has: free memory, raise the limit (the container's memory, ulimit -v), or lower what the server reserves"
		}
	}),
	On(ClassHostMemory, `DefaultCPUAllocator`, `MemoryError`, `Cannot allocate memory`, `std::bad_alloc`, `\[Errno 12\]`, `Out of memory: Killed process`, `oom-kill`, `OOMKilled`, `failed to map segment from shared object`,
		"the host ran out of memory: free memory, raise the limit (the container's memory, ulimit -v), or lower what the server reserves"),

	// What the machine lacks: files, libraries, compilers, permissions.
	On(ClassEnvironment, `Too many open files`, `\[Errno 24\]`, fdRemedy),
	On(ClassEnvironment, `can't start new thread`, `Resource temporarily unavailable`, `\[Errno 11\]`, `pthread_create failed`,
		"the limit on threads is too low: raise it (ulimit -u; in a container, pids_limit)"),
	On(ClassEnvironment, `Read-only file system: '(?P<path>[^']+)'`, `Read-only file system(?: \(os error 30\))?`, `\[Errno 30\]`, writeRemedy).With(orThis("path", "a folder on a read-only file system")),
	On(ClassEnvironment, `Permission denied: '(?P<path>[^']+)'`, `PermissionError`, `\[Errno 13\]`, `Permission denied \(os error 13\)`, writeRemedy).With(orThis("path", "a folder")),
	On(ClassEnvironment, `libcuda\.so\.1: cannot open shared object`,
		"the server finds no GPU driver: check nvidia-smi and, for containers, the CDI specification (nvidia-ctk cdi generate)").reclass(ClassGPUs),
	On(ClassEnvironment, `(?P<lib>[\w./+\-]+\.so[\w.]*): (?:cannot open shared object file|version .{0,3}(?P<need>[A-Z_]+[\d.]+)' not found)`, `undefined symbol: (?P<symbol>\w+)`, `DLL load failed`,
		"this build of the server does not match the system's libraries: use an image or a system with the library that the message names, or another build").With(func(v map[string]string) {
		if v["need"] != "" {
			v["remedy"] = "the system's " + v["lib"] + " is too old and lacks " + v["need"] + ": use a newer system or image (a newer GCC's libstdc++), or another build of the server"
		}
	}),
	On(ClassEnvironment, `Python\.h: No such file or directory`,
		"compilation needs Python's headers: install python3-dev in the image, or disable compilation (enforce-eager: true)"),
	On(ClassEnvironment, `Failed to find C compiler`, `(?P<tool>nvcc|ninja|gcc|g\+\+|cc|clang|cmake)'? ?: (?:not found|No such file)`, `No such file or directory: '(?P<tool>[^']*(?:nvcc|ninja|gcc|g\+\+|cc|clang|cmake|ptxas))'`, `Could not find nvcc`, `CUDA_HOME (?:environment variable )?is not set`, `Ninja is required to load C\+\+ extensions`,
		"the server's system has no compiler: use the image with the development tools, or disable compilation (enforce-eager: true)"),
	On(ClassEnvironment, `No module named '(?P<module>[^']+)'`, `No module named (?P<module>\S+)`,
		"the Python package ${module} is missing: install it where the server runs, or use an image that has it"),

	// GPUs: CUDA, torch and the container runtime.
	On(ClassGPUs, `nvidia-container-cli: requirement error: unsatisfied condition: (?P<need>cuda>=[\d.]+)`,
		"the image needs ${need}, but the host's driver is older: update the driver, or use an image built for an older CUDA"),
	On(ClassGPUs, `Error 803: `, `unsupported display driver / cuda driver combination`,
		"the server's CUDA libraries do not match the host's driver: update the driver, or take the image's compatibility libraries out of the path (LD_LIBRARY_PATH, /usr/local/cuda/compat)"),
	On(ClassGPUs, `Error 80[24]: `, `Error 100: no CUDA-capable device`, `Failed to infer device type`, `No CUDA GPUs are available`, `Found no NVIDIA driver`, `unresolvable CDI devices`, `no CUDA-capable device is detected`, `nvidia-container-cli: initialization error`,
		"the server finds no GPU: check the driver (nvidia-smi) and, for containers, the CDI specification (nvidia-ctk cdi generate)"),
	On(ClassGPUs, `could not select device driver .* with capabilities`,
		"docker cannot give GPUs to containers: install the NVIDIA Container Toolkit, then run nvidia-ctk runtime configure --runtime=docker and systemctl restart docker"),
	On(ClassGPUs, `CUDA driver version is insufficient`, `forward compatibility was attempted on non supported HW`, `NVIDIA driver on your system is too old`, `PTX was compiled with an unsupported toolchain`, `no kernel image is available`, `device kernel image is invalid`, `named symbol not found`, `unsupported PTX version`, `Value 'sm_\w+' is not defined for option 'gpu-name'`, `nvidia-container-cli: requirement error`,
		fitRemedy),
	On(ClassGPUs, `CUDA error: an illegal memory access`, `CUDA error: device-side assert`, `CUDA error: misaligned address`, `CUDA error: unspecified launch failure`, `CUDA error: uncorrectable`, `uncorrectable ECC error`, `GPU has fallen off the bus`,
		"the GPU or a kernel failed: look for Xid messages in dmesg, and test this GPU before you rely on it"),
	On(ClassConfig, `OutOfResources: out of resource: shared memory, Required: (?P<need>\d+), Hardware limit: (?P<have>\d+)`,
		"a kernel needs ${need} bytes of shared memory per block, but this GPU has ${have}: use another attention backend, quantization or dtype, or a larger GPU"),
	On(ClassConfig, `OutOfResources`, "a kernel needs more than this GPU has: use another attention backend, quantization or dtype"),

	// Model files: transformers_utils/config.py and huggingface_hub.
	On(ClassModel, `You are trying to access a gated repo`, `GatedRepoError`, `Access to model .* is restricted`,
		"the model is gated: accept its license on its page and give the server a token (HF_TOKEN)").Certain(),
	On(ClassModel, `401 Client Error`, `403 Client Error`, `RepositoryNotFoundError`,
		"the model does not exist, or the token (HF_TOKEN) has no access to it: check the name and the token").Certain(),
	On(ClassModel, `RevisionNotFoundError`, `is not a valid git identifier`,
		"the model has no such revision: correct or remove revision").Certain(),
	On(ClassModel, `has model type .(?P<type>[\w\-.]+). but Transformers does not recognize this architecture`,
		"this image is too old for the model (it does not know the type ${type}): use a newer image, or update transformers in it").Certain(),
	On(ClassModel, `does not recognize this architecture`, `requires you to execute the (?:configuration|modeling) file`, `contains custom code which must be executed`,
		"the model has its own code or is newer than the server: use a newer image, or, if you trust the code, set trust-remote-code: true").Certain(),
	On(ClassModel, `Invalid repository ID or local directory specified: '(?P<name>[^']*)'`,
		"no model at ${name}: check the name and, for a folder, that it is mounted and has a config.json").With(draft).Certain(),
	On(ClassModel, `Repo id must (?:be in the form|use alphanumeric).*?: '(?P<name>/[^']*)'`,
		"the folder ${name}${asked} does not exist where the server runs: correct the path, or mount it").With(whose).Certain(),
	On(ClassModel, `Repo id must be in the form 'repo_name' or 'namespace/repo_name': '(?P<name>[^']*)'`, `Repo id must .*?'(?P<name>[^' ]*)'`, `HFValidationError`,
		"${name} is not a model name: correct it or, for a folder, check that it exists where the server runs").With(orThis("name", "this")).Certain(),
	On(ClassModel, `is not a local folder and is not a valid model identifier`, "check the model's name and, for a folder, that it is mounted").Certain(),
	On(ClassModel, `(?P<file>[^' ]+)' is not a valid JSON file`, "${file} is not valid JSON: download the model again, or correct the file").Certain(),
	On(ClassModel, `Unrecognized model in (?P<name>\S+?)\.? Should have a`, "config.json of ${name} has no model type: download the model again, or use a newer image").Certain(),
	On(ClassModel, `Can't load (?:the )?tokenizer for '(?P<name>[^']+)'`, `Can't load tokenizer`, `Couldn't instantiate the backend tokenizer`, `[Ff]ailed to load the tokenizer`, `Unable to load vocabulary from file`, `Tokenizer class \S+ does not exist`, `Unrecognized (?:tokenizer|processing class)`, `does not appear to have a file named tokenizer`,
		"the server cannot load the tokenizer: check that the model's folder has its tokenizer files, or set tokenizer to another one").Certain(),
	On(ClassModel, `does not appear to have a file named (?P<file>\S+?)\.? `, `no file named (?P<file>\S+)`,
		"the model has no ${file}: complete the download, or correct the path").Certain(),
	On(ClassModel, `SafetensorError`, `Error while deserializing header`, `HeaderTooLarge`, `MetadataIncompleteBuffer`, `InvalidHeaderDeserialization`, `PytorchStreamReader failed`, `invalid load key`,
		"the weights are damaged or incomplete: download them again (a Git LFS pointer is not enough)").Certain(),
	On(ClassNetwork, `outgoing traffic has been disabled`, `offline mode is enabled`, `OfflineModeIsEnabled`,
		"the model is not in the cache, and HF_HUB_OFFLINE=1 forbids the download: download it first, mount a cache that has it, or unset HF_HUB_OFFLINE").Certain(),
	On(ClassNetwork, `LocalEntryNotFoundError`, `MaxRetryError`, `We couldn't connect to '(?P<hub>[^']+)'`, `ReadTimeoutError`, `Temporary failure in name resolution`, `Name or service not known`, `requests\.exceptions\.`, `https?\w*\.Connect(?:Error|Timeout)`, `huggingface\.co`,
		"the model is not in the cache, and the server cannot download it${from}: mount a cache that has it, or give the server network access").With(func(v map[string]string) {
		if hub := v["hub"]; hub != "" && !strings.Contains(hub, "huggingface.co") {
			v["from"] = " from " + hub
		}
	}),
	On(ClassDisk, `No space left on device`, `no space left on device`, `\[Errno 28\]`, `Disk quota exceeded`, `\[Errno 122\]`,
		"the disk is full: free space for the model and the caches"),

	// Ports and communication.
	On(ClassPort, `\[Errno 98\]`, `Address already in use`, `address already in use`, `EADDRINUSE`,
		"another program took the port: try again, or stop that program"),
	On(ClassConfig, `\[Errno 99\]`, `Cannot assign requested address`, `EADDRNOTAVAIL`,
		"host is not an address of the machine or container that the server runs on: use 0.0.0.0, 127.0.0.1 or one of its own"),
	On(ClassNCCL, `NCCL error`, `ncclSystemError`, `ncclInternalError`, `ncclUnhandledCudaError`, `ncclRemoteError`, `DistBackendError`, `NCCL WARN`,
		"the GPUs cannot communicate: set NCCL_DEBUG=INFO, and check shared memory (shm_size, or ipc: host) and the links between the GPUs").Because(`NCCL WARN (Error while creating shared memory segment.*)`),
	On(ClassNCCL, `/dev/shm/nccl-`, `Error while creating shared memory segment`,
		"shared memory is too small for tensor parallelism: raise shm_size (default 16GiB), or set ipc: host"),
	On(ClassEnvironment, `Bus error`, `unable to (?:open|allocate|write) shared memory`, `insufficient shared memory`, `Insufficient space in /dev/shm`,
		"shared memory (/dev/shm) is probably too small: raise shm_size (default 16GiB), or set ipc: host"),
	On(ClassDistributed, `[Gg]loo`, `DistNetworkError`, `DistStoreError`, `TCPStore`, `ProcessGroup\w+`, `Watchdog caught collective operation timeout`, `Connection (?:closed|reset) by peer`,
		"the server's processes lost their connection: find the first one that failed; between hosts, check addresses, firewall and network interface (GLOO_SOCKET_IFNAME, NCCL_SOCKET_IFNAME)"),

	// Words of the interpreter and the C library.
	On(ClassEnvironment, `Illegal instruction`, "this build uses instructions that the CPU does not have: use a build for this CPU"),

	// Arguments: argparse, exit code 2.
	On(ClassArguments, `error: unrecognized arguments: (?P<args>.*)`,
		"this version of the server does not have ${args}: remove it, or use an image whose version has it"),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): invalid choice: '?(?P<value>[^' ]*)'? \(choose from (?P<choices>.*)\)`,
		"${arg} has no value ${value}: use one of ${choices}").With(choices),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): invalid (?P<type>\w+) value: (?P<value>.*)`,
		"${arg} takes ${type}, not ${value}: correct it").With(func(v map[string]string) {
		kind := map[string]string{"int": "a whole number", "float": "a number", "bool": "true or false", "human_readable_int": "a whole number (or 1k, 2M)"}[v["type"]]
		if kind != "" {
			v["type"] = kind
		}
	}),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): (?:Value (?P<value>.+) cannot be converted to <(?:function|bound method) \S*loads|invalid loads value: (?P<bad>.*))`,
		"${arg} takes JSON, but ${value}${bad} is not JSON: write it as {\"key\": value}"),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): .*?validation errors? for \w+ (?P<key>\S+) Unexpected keyword argument`,
		"${arg} has no key ${key} in this version: remove or correct it"),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): expected (?P<count>.*)`, "correct the value of ${arg}: it takes ${count}"),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): `, "correct the value of ${arg}"),
	On(ClassArguments, `error: ambiguous option: (?P<arg>\S+)`, "write ${arg} in full"),
	On(ClassArguments, `error: the following arguments are required: (?P<args>.*)`, "give the server ${args}"),
	On(ClassArguments, `^\S+(?: \S+){0,2}: error: .*?(?P<arg>--[a-z][\w-]*)`, "correct ${arg}"),
	On(ClassArguments, `^\S+(?: \S+){0,2}: error: `, "correct the flags of the server"),
}

// reclass puts a rule that must stand before others into its class.
func (r Rule) reclass(c Class) Rule {
	r.Class = c
	return r
}

// whose names the flag, if it is not the model, that has the value.
func whose(v map[string]string) {
	for key, value := range v {
		if flag, asked := strings.CutPrefix(key, "asked "); asked && flag != "model" && v["name"] != "" && strings.Contains(value, v["name"]) {
			v["asked"] = " (of " + flag + ")"
		}
	}
}

// draft: the same sentence of a draft model is about another flag.
func draft(v map[string]string) {
	if v["about"] == "SpeculativeConfig" {
		v["remedy"] = "no draft model at ${name}: correct model in speculative-config or, for a folder, check that it is mounted and complete"
	}
}

// choices shortens a list of values.
func choices(v map[string]string) {
	const most = 200
	if list := v["choices"]; len(list) > most {
		v["choices"] = list[:strings.LastIndex(list[:most], ",")+1] + " ..."
	}
}

// typeRules classify by the kind of the exception what no message tells.
var typeRules = []Rule{
	On(ClassEnvironment, `^(?:ModuleNotFoundError|ImportError): `, "a Python package is missing or incompatible: install it where the server runs, or use an image that has it"),
	On(ClassEnvironment, `^\S*(?:InductorError|CppCompileError|CompilationError|BackendCompilerFailed|NVRTC\w*)\b`, `Error building extension`, `Ninja build failed`, `^subprocess\.CalledProcessError`,
		"compilation failed: read the compiler's lines in the log, clear the compile cache, or disable compilation (enforce-eager: true)"),
	On(ClassDistributed, `^torch\.distributed\.`, "the server's processes could not connect: check addresses, firewall and network interface (GLOO_SOCKET_IFNAME, NCCL_SOCKET_IFNAME)"),
	On(ClassModel, `^json\.decoder\.JSONDecodeError`, "a file of the model, or the value of a flag, is not valid JSON: download the model again, or correct the value").Certain(),
	On(ClassEngineDead, `^Segmentation fault`, `^Fatal Python error`, `^terminate called`, `^Aborted`, `^!+ *Segfault`, `^\*+ (?:SIG|Signal)`, `^Floating point`,
		"native code crashed: try another attention backend or enforce-eager: true, and report it with the log"),
	On(ClassHostMemory, `^Killed$`, "the machine probably ran out of memory: check the kernel log (dmesg), free memory, or raise the container's limit"),
}
