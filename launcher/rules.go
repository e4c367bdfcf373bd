package launcher

import (
	"maps"
	"os"
	"regexp"
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
	remedy string
	more   func(values map[string]string)
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
// "kv_gib").
func (r Rule) With(more func(values map[string]string)) Rule {
	r.more = more
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
	return os.Expand(r.remedy, func(name string) string { return values[name] })
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

// fill puts the numbers of the message, and what else is known, into the
// remedy.
func (r *Rule) fill(text string, known map[string]string) string {
	values := maps.Clone(known)
	if values == nil {
		values = map[string]string{}
	}
	if p := r.match(text); p != nil {
		groups := p.FindStringSubmatch(text)
		for i, name := range p.SubexpNames() {
			if name != "" {
				values[name] = clip(groups[i])
			}
		}
	}
	if r.more != nil {
		r.more(values)
	}
	return r.Remedy(values)
}

func firstRule(rules []Rule, text string) *Rule {
	for i := range rules {
		if rules[i].match(text) != nil {
			return &rules[i]
		}
	}
	return nil
}

// generalRules hold for any server in Python on CUDA, tried in this order; an
// engine's own come before.
var generalRules = []Rule{
	// Out of GPU memory: torch.
	On(ClassGPUMemory, `CUDA out of memory\. Tried to allocate (?P<size>[\d.]+ [KMG]iB).*total capacity of (?P<total>[\d.]+ GiB) of which (?P<free>[\d.]+ [KMG]iB) is free`,
		"${size} more were wanted and ${free} of ${total} were free: lower gpu-memory-utilization, max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size"),
	On(ClassGPUMemory, `OutOfMemoryError`, `CUDA out of memory`, `CUDA error: out of memory`,
		"lower gpu-memory-utilization, max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size"),

	// GPUs: CUDA, torch and the container runtime.
	On(ClassGPUs, `Failed to infer device type`, `No CUDA GPUs are available`, `Found no NVIDIA driver`, `unresolvable CDI devices`, `libcuda\.so\.1: cannot open shared object`,
		"the server sees no GPU: check the driver (nvidia-smi) and, for containers, the CDI specification (nvidia-ctk cdi generate)"),
	On(ClassGPUs, `could not select device driver .* with capabilities`,
		"docker cannot give a container GPUs: install the NVIDIA Container Toolkit, then nvidia-ctk runtime configure --runtime=docker and systemctl restart docker"),
	On(ClassGPUs, `NVIDIA driver on your system is too old`, `PTX was compiled with an unsupported toolchain`, `no kernel image is available`,
		"driver, GPU and this build of the server do not fit together: update the driver or use another image"),
	On(ClassGPUs, `CUDA error: an illegal memory access`, `CUDA error: device-side assert`, `uncorrectable ECC error`, `GPU has fallen off the bus`,
		"the GPU or a kernel failed: look for Xid messages in dmesg, and repeat before trusting this GPU"),

	// Model files: transformers_utils/config.py and huggingface_hub.
	On(ClassModel, `You are trying to access a gated repo`, `GatedRepoError`, `Access to model .* is restricted`,
		"the model is gated: accept its licence on its page and give the server a token (HF_TOKEN)"),
	On(ClassModel, `401 Client Error`, `403 Client Error`, `RepositoryNotFoundError`,
		"the model does not exist, or the token (HF_TOKEN) may not read it: check name and token"),
	On(ClassModel, `Invalid repository ID or local directory specified: '(?P<name>[^']*)'`,
		"there is no model ${name}: check the name and, for a folder, that it is mounted"),
	On(ClassModel, `is not a local folder and is not a valid model identifier`, `Repo id must be in the form`, `HFValidationError`,
		"check the model's name and, for a folder, that it is mounted"),
	On(ClassNetwork, `LocalEntryNotFoundError`, `MaxRetryError`, `Temporary failure in name resolution`, `We couldn't connect to 'https://huggingface\.co'`, `Name or service not known`, `Connection reset by peer`, `ReadTimeoutError`,
		"the model is not in the cache and cannot be fetched: mount a cache that has it, or let the server reach the network"),
	On(ClassDisk, `No space left on device`, `no space left on device`, `\[Errno 28\]`, `Disk quota exceeded`,
		"the disk is full: make room for the model and the caches"),

	// Ports and collective communication.
	On(ClassPort, `\[Errno 98\]`, `Address already in use`, `address already in use`, `EADDRINUSE`,
		"another program took the port: try again, or end that program"),
	On(ClassNCCL, `/dev/shm/nccl-`, `Error while creating shared memory segment`,
		"shared memory is too small for tensor parallelism: set ipc: host, or shm_size: 16GiB"),
	On(ClassNCCL, `NCCL error`, `ncclSystemError`, `ncclInternalError`, `ncclUnhandledCudaError`, `ncclRemoteError`,
		"the GPUs cannot talk to each other: run with NCCL_DEBUG=INFO, and check shared memory (ipc: host) and the links between the GPUs"),

	// Arguments: argparse, exit code 2.
	On(ClassArguments, `error: unrecognized arguments: (?P<args>.*)`,
		"this version of the server does not know ${args}: remove it, or use an image whose version has it"),
	On(ClassArguments, `error: argument (?P<arg>[^:]+): (invalid|expected|not allowed|ignored)`,
		"correct the value of ${arg}"),
	On(ClassArguments, `error: ambiguous option: (?P<arg>\S+)`, "write ${arg} out in full"),
	On(ClassArguments, `^\S+(?: \S+)?: error: `, "correct the flags of the server"),
}
