package launcher

import (
	"cmp"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Rule classifies one message of a server or of what it stands on.
type Rule struct {
	Class Class
	// patterns are alternatives. They begin with literal text, so that the
	// regexp package finds candidates by a plain search: a log of 64 MiB takes
	// seconds, not minutes.
	patterns []*regexp.Regexp
	// remedy is a code of the catalogue. Its arguments are the named groups of
	// the pattern, and what more adds to them. A group NAME_gib or NAME_mib is the
	// size NAME in that unit.
	remedy  notice.Code
	more    func(values map[string]string)
	because *regexp.Regexp // of an earlier line that says why
	certain bool           // repeats whatever its class says
	limit   string         // flag whose values end at the group "limit"
	least   bool           // which is the smallest, not the largest that works
	says    notice.Code    // the cause that the line means
}

// On makes a rule of patterns followed by the code of the remedy, a literal: a
// test of the catalogue looks for it.
func On(class Class, patternsThenRemedy ...string) Rule {
	last := len(patternsThenRemedy) - 1
	r := Rule{Class: class, remedy: notice.Code(patternsThenRemedy[last])}
	for _, p := range patternsThenRemedy[:last] {
		r.patterns = append(r.patterns, regexp.MustCompile(p))
	}
	return r
}

// RemedyCode is the name of the value that replaces the code of the remedy.
const RemedyCode = "code"

// With computes further values for the remedy from those that are there: the
// pattern's groups, and what is known of the start ("asked FLAG", "model_gib",
// "kv_gib", "device"). A value called "code" replaces the code of the remedy,
// one called "limit" is that of AtMost and AtLeast.
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

// Says is the cause that the line means, where it does not say it itself.
func (r Rule) Says(cause notice.Code) Rule {
	r.says = cause
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
func (r *Rule) fill(x *complaint, known map[string]string) (remedy notice.Notice, limit *Limit) {
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
	return notice.Read(cmp.Or(notice.Code(values[RemedyCode]), r.remedy), values), limit
}

// groups notes the named groups of the first alternative that matches.
func (r *Rule) groups(text string, values map[string]string) {
	p := r.match(text)
	if p == nil {
		return
	}
	groups := p.FindStringSubmatch(text)
	for i, name := range p.SubexpNames() {
		value := groups[i]
		for suffix, unit := range map[string]string{"_gib": " GiB", "_mib": " MiB"} {
			if size, ok := strings.CutSuffix(name, suffix); ok && value != "" {
				name, value = size, value+unit
			}
		}
		if name != "" {
			values[name] = value
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

// folder: the message may not name it.
func folder(v map[string]string) {
	if v["path"] == "" {
		v[RemedyCode] = string(notice.Known("folder-not-writable"))
	}
}

// generalRules hold for any server in Python on CUDA, tried in this order; an
// engine's own come before.
var generalRules = []Rule{
	// Out of memory: torch.
	On(ClassGPUMemory, `CUDA out of memory\. Tried to allocate (?P<size>[\d.]+ [KMG]iB).*total capacity of (?P<total>[\d.]+ GiB) of which (?P<free>[\d.]+ [KMG]iB) is free`,
		"gpu-memory-missing"),
	On(ClassGPUMemory, `OutOfMemoryError`, `CUDA out of memory`, `CUDA error: out of memory`, `HIP out of memory`,
		"gpu-memory-full"),
	On(ClassHostMemory, `DefaultCPUAllocator: (?:can't allocate memory|not enough memory): you tried to allocate (?P<size>\d+) bytes`,
		"host-memory-missing"),
	On(ClassHostMemory, `DefaultCPUAllocator`, `MemoryError`, `Cannot allocate memory`, `std::bad_alloc`, `\[Errno 12\]`, `Out of memory: Killed process`, `oom-kill`, `OOMKilled`, `failed to map segment from shared object`,
		"host-memory-full"),

	// What the machine lacks: files, libraries, compilers, permissions.
	On(ClassEnvironment, `Too many open files`, `\[Errno 24\]`, "too-few-open-files"),
	On(ClassEnvironment, `can't start new thread`, `Resource temporarily unavailable`, `\[Errno 11\]`, `pthread_create failed`,
		"too-few-threads"),
	On(ClassEnvironment, `Read-only file system: '(?P<path>[^']+)'`, `Read-only file system(?: \(os error 30\))?`, `\[Errno 30\]`, "not-writable").With(folder),
	On(ClassEnvironment, `Permission denied: '(?P<path>[^']+)'`, `PermissionError`, `\[Errno 13\]`, `Permission denied \(os error 13\)`, "not-writable").With(folder),
	On(ClassEnvironment, `libcuda\.so\.1: cannot open shared object`,
		"no-gpu-driver").reclass(ClassGPUs),
	On(ClassEnvironment, `(?P<lib>[\w./+\-]+\.so[\w.]*): (?:cannot open shared object file|version .{0,3}(?P<need>[A-Z_]+[\d.]+)' not found)`, `undefined symbol: (?P<symbol>\w+)`, `DLL load failed`,
		"library-mismatch").With(func(v map[string]string) {
		if v["need"] != "" {
			v[RemedyCode] = string(notice.Known("library-too-old"))
		}
	}),
	On(ClassEnvironment, `Python\.h: No such file or directory`,
		"no-python-headers"),
	On(ClassEnvironment, `Failed to find C compiler`, `(?P<tool>nvcc|ninja|gcc|g\+\+|cc|clang|cmake)'? ?: (?:not found|No such file)`, `No such file or directory: '(?P<tool>[^']*(?:nvcc|ninja|gcc|g\+\+|cc|clang|cmake|ptxas))'`, `Could not find nvcc`, `CUDA_HOME (?:environment variable )?is not set`, `Ninja is required to load C\+\+ extensions`,
		"no-compiler"),
	On(ClassEnvironment, `No module named '(?P<module>[^']+)'`, `No module named (?P<module>\S+)`,
		"python-package-missing"),

	// GPUs: CUDA, torch and the container runtime.
	On(ClassGPUs, `nvidia-container-cli: requirement error: unsatisfied condition: (?P<need>cuda>=[\d.]+)`,
		"driver-older-than-image"),
	On(ClassGPUs, `Error 803: `, `unsupported display driver / cuda driver combination`,
		"cuda-libraries-mismatch"),
	On(ClassGPUs, `Error 80[24]: `, `Error 100: no CUDA-capable device`, `Failed to infer device type`, `No CUDA GPUs are available`, `Found no NVIDIA driver`, `unresolvable CDI devices`, `no CUDA-capable device is detected`, `nvidia-container-cli: initialization error`,
		"no-gpu-found"),
	On(ClassGPUs, `could not select device driver .* with capabilities`,
		"docker-without-gpus"),
	On(ClassGPUs, `CUDA driver version is insufficient`, `forward compatibility was attempted on non supported HW`, `NVIDIA driver on your system is too old`, `PTX was compiled with an unsupported toolchain`, `no kernel image is available`, `device kernel image is invalid`, `named symbol not found`, `unsupported PTX version`, `Value 'sm_\w+' is not defined for option 'gpu-name'`, `nvidia-container-cli: requirement error`,
		"driver-mismatch"),
	On(ClassGPUs, `CUDA error: an illegal memory access`, `CUDA error: device-side assert`, `CUDA error: misaligned address`, `CUDA error: unspecified launch failure`, `CUDA error: uncorrectable`, `uncorrectable ECC error`, `GPU has fallen off the bus`,
		"gpu-fault"),
	On(ClassConfig, `OutOfResources: out of resource: shared memory, Required: (?P<need>\d+), Hardware limit: (?P<have>\d+)`,
		"kernel-shared-memory"),
	On(ClassConfig, `OutOfResources`, "kernel-too-large"),

	// Model files: transformers_utils/config.py and huggingface_hub.
	On(ClassModel, `You are trying to access a gated repo`, `GatedRepoError`, `Access to model .* is restricted`,
		"model-gated").Certain(),
	On(ClassModel, `401 Client Error`, `403 Client Error`, `RepositoryNotFoundError`,
		"model-not-found").Certain(),
	On(ClassModel, `RevisionNotFoundError`, `is not a valid git identifier`,
		"revision-not-found").Certain(),
	On(ClassModel, `has model type .(?P<type>[\w\-.]+). but Transformers does not recognize this architecture`,
		"image-too-old").Certain(),
	On(ClassModel, `does not recognize this architecture`, `requires you to execute the (?:configuration|modeling) file`, `contains custom code which must be executed`,
		"model-has-code").Certain(),
	On(ClassModel, `Invalid repository ID or local directory specified: '(?P<name>[^']*)'`,
		"no-model-there").With(draft).Certain(),
	On(ClassModel, `Repo id must (?:be in the form|use alphanumeric).*?: '(?P<name>/[^']*)'`,
		"model-folder-missing").With(whose).Certain(),
	On(ClassModel, `Repo id must be in the form 'repo_name' or 'namespace/repo_name': '(?P<name>[^']*)'`, `Repo id must .*?'(?P<name>[^' ]*)'`, `HFValidationError`,
		"not-a-model-name").Certain(),
	On(ClassModel, `is not a local folder and is not a valid model identifier`, "check-model-name").Certain(),
	On(ClassModel, `(?P<file>[^' ]+)' is not a valid JSON file`, "model-file-not-json").Certain(),
	On(ClassModel, `Unrecognized model in (?P<name>\S+?)\.? Should have a`, "no-model-type").Certain(),
	On(ClassModel, `Can't load (?:the )?tokenizer for '(?P<name>[^']+)'`, `Can't load tokenizer`, `Couldn't instantiate the backend tokenizer`, `[Ff]ailed to load the tokenizer`, `Unable to load vocabulary from file`, `Tokenizer class \S+ does not exist`, `Unrecognized (?:tokenizer|processing class)`, `does not appear to have a file named tokenizer`,
		"no-tokenizer").Certain(),
	On(ClassModel, `does not appear to have a file named (?P<file>\S+?)\.? `, `no file named (?P<file>\S+)`,
		"model-file-missing").Certain(),
	On(ClassModel, `SafetensorError`, `Error while deserializing header`, `HeaderTooLarge`, `MetadataIncompleteBuffer`, `InvalidHeaderDeserialization`, `PytorchStreamReader failed`, `invalid load key`,
		"weights-damaged").Certain(),
	On(ClassNetwork, `outgoing traffic has been disabled`, `offline mode is enabled`, `OfflineModeIsEnabled`,
		"offline-without-model").Certain(),
	On(ClassNetwork, `LocalEntryNotFoundError`, `MaxRetryError`, `We couldn't connect to '(?P<hub>[^']+)'`, `ReadTimeoutError`, `Temporary failure in name resolution`, `Name or service not known`, `requests\.exceptions\.`, `https?\w*\.Connect(?:Error|Timeout)`, `huggingface\.co`,
		"hub-unreachable").With(func(v map[string]string) {
		if strings.Contains(v["hub"], "huggingface.co") {
			v["hub"] = ""
		}
	}),
	On(ClassDisk, `No space left on device`, `no space left on device`, `\[Errno 28\]`, `Disk quota exceeded`, `\[Errno 122\]`,
		"disk-full"),

	// Ports and communication.
	On(ClassPort, `\[Errno 98\]`, `Address already in use`, `address already in use`, `EADDRINUSE`,
		"port-taken"),
	On(ClassConfig, `\[Errno 99\]`, `Cannot assign requested address`, `EADDRNOTAVAIL`,
		"host-not-local"),
	On(ClassNCCL, `NCCL error`, `ncclSystemError`, `ncclInternalError`, `ncclUnhandledCudaError`, `ncclRemoteError`, `DistBackendError`, `NCCL WARN`,
		"gpus-cannot-communicate").Because(`NCCL WARN (Error while creating shared memory segment.*)`),
	On(ClassNCCL, `/dev/shm/nccl-`, `Error while creating shared memory segment`,
		"shared-memory-for-parallel"),
	On(ClassEnvironment, `Bus error`, `unable to (?:open|allocate|write) shared memory`, `insufficient shared memory`, `Insufficient space in /dev/shm`,
		"shared-memory-too-small"),
	On(ClassDistributed, `[Gg]loo`, `DistNetworkError`, `DistStoreError`, `TCPStore`, `ProcessGroup\w+`, `Watchdog caught collective operation timeout`, `Connection (?:closed|reset) by peer`,
		"connection-lost"),

	// Words of the interpreter and the C library.
	On(ClassEnvironment, `Illegal instruction`, "wrong-cpu-build"),

	// Arguments: argparse, exit code 2.
	On(ClassArguments, `error: unrecognized arguments: (?P<args>.*)`,
		"argument-unknown"),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): invalid choice: '?(?P<value>[^' ]*)'? \(choose from (?P<choices>.*)\)`,
		"value-not-a-choice").With(choices),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): invalid (?P<type>\w+) value: (?P<value>.*)`,
		"value-not-a-type").With(func(v map[string]string) {
		switch v["type"] {
		case "int":
			v[RemedyCode] = string(notice.Known("value-not-whole"))
		case "human_readable_int":
			v[RemedyCode] = string(notice.Known("value-not-a-size"))
		case "float":
			v[RemedyCode] = string(notice.Known("value-not-a-number"))
		case "bool":
			v[RemedyCode] = string(notice.Known("value-not-bool"))
		}
	}),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): (?:Value (?P<value>.+) cannot be converted to <(?:function|bound method) \S*loads|invalid loads value: (?P<bad>.*))`,
		"value-not-json").With(func(v map[string]string) { v["value"] += v["bad"] }),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): .*?validation errors? for \w+ (?P<key>\S+) Unexpected keyword argument`,
		"key-unknown"),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): expected (?P<count>.*)`, "argument-count"),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): `, "argument-invalid"),
	On(ClassArguments, `error: ambiguous option: (?P<arg>\S+)`, "argument-ambiguous"),
	On(ClassArguments, `error: the following arguments are required: (?P<args>.*)`, "arguments-missing"),
	On(ClassArguments, `^\S+(?: \S+){0,2}: error: .*?(?P<arg>--[a-z][\w-]*)`, "argument-refused"),
	On(ClassArguments, `^\S+(?: \S+){0,2}: error: `, "arguments-refused"),
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
			v["flag"] = flag
		}
	}
}

// draft: the same sentence of a draft model is about another flag.
func draft(v map[string]string) {
	if v["about"] == "SpeculativeConfig" {
		v[RemedyCode] = string(notice.Known("no-draft-model-there"))
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
	On(ClassEnvironment, `^(?:ModuleNotFoundError|ImportError): `, "python-package-broken"),
	On(ClassEnvironment, `^\S*(?:InductorError|CppCompileError|CompilationError|BackendCompilerFailed|NVRTC\w*)\b`, `Error building extension`, `Ninja build failed`, `^subprocess\.CalledProcessError`,
		"compilation-failed"),
	On(ClassDistributed, `^torch\.distributed\.`, "processes-not-connected"),
	On(ClassModel, `^json\.decoder\.JSONDecodeError`, "not-json").Certain(),
	On(ClassEngineDead, `^Segmentation fault`, `^Fatal Python error`, `^terminate called`, `^Aborted`, `^!+ *Segfault`, `^\*+ (?:SIG|Signal)`, `^Floating point`,
		"native-crash"),
	On(ClassHostMemory, `^Killed$`, "machine-out-of-memory"),
}
