// Package llamacpp is what the launcher knows of llama.cpp's llama-server: the
// phases of its start, the messages of its failures, which are no Python
// exceptions, and how it tells its configuration in effect. Sources: builds up
// to b11669, and logs in the issues of ggml-org/llama.cpp (#7366, #25145) and
// of programs that embed it, 2024 to 2026.
package llamacpp

import (
	"regexp"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
)

// Engine returns the knowledge.
func Engine() *launcher.Engine {
	return &launcher.Engine{
		Name: "llama.cpp", Rules: rules, Complaint: complaint, Wrappers: wrappers,
		NewReader: func() launcher.Reader { return &reader{settings: map[string]string{}} },
		Settings:  settings, Compare: compare,
	}
}

// complaint matches the lines that tell what failed.
var complaint = regexp.MustCompile(`error loading model|cudaMalloc failed|insufficient memory|bad_alloc|ErrorOut(?:OfDevice|OfHost)?Memory|out of memory|` +
	`failed to (?:allocate|create|open|fit|bind|map|initialize the context)|invalid argument:|error while handling argument|unknown argument|couldn't bind|` +
	`V cache (?:quantization )?requires|invalid magic|GGML_ASSERT|unknown model architecture|ggml_cuda_error|CUDA error`)

// wrappers say only that loading failed.
var wrappers = []string{
	"failed to load model",
	"exiting due to",
	"llama_model_load: error loading model: unable to allocate",
	"common_init_from_params", "common_init_:",
	"common_fit_params",
	"failed to create context", "failed to create_context",
}

const (
	less     = "lower ctx-size or parallel, or use a smaller quantization"
	lessGPU  = "lower n-gpu-layers, ctx-size or parallel, or use a smaller quantization"
	lessHost = "the host is out of memory: " + less + ", or raise the limit (the container's memory, ulimit -v)"
)

var rules = []launcher.Rule{
	launcher.On(launcher.ClassGPUMemory, `allocating (?P<size>[\d.]+) MiB on device (?P<gpu>\d+): cudaMalloc failed`,
		"the server needed ${size} MiB more on GPU ${gpu}: "+lessGPU),
	launcher.On(launcher.ClassHostMemory, `insufficient memory \(attempted to allocate\s+(?P<size>[\d.]+) MB\)`,
		"the server needed ${size} MB more, but "+lessHost),
	launcher.On(launcher.ClassHostMemory, `failed to allocate (?:buffer of type )?CPU`, `alloc_tensor_range: failed to allocate CPU`, `ggml_backend_cpu_buffer_type_alloc_buffer`, `bad_alloc`, `posix_memalign`, `mmap failed: Cannot allocate`, `mlock`, lessHost),
	launcher.On(launcher.ClassGPUMemory, `cudaMalloc failed`, `CUDA error: out of memory`, `ErrorOut(?:OfDevice)?Memory`, `failed to allocate`, `unable to allocate`,
		lessGPU).With(func(v map[string]string) {
		if v["device"] == "cpu" {
			v["remedy"] = lessHost
		}
	}),
	launcher.On(launcher.ClassConfig, `(?:quantized V cache|V cache quantization) requires flash_att`,
		"a quantized V cache needs flash attention: set flash-attn to on (or auto), or leave cache-type-v at f16"),
	launcher.On(launcher.ClassModel, `unknown model architecture: '?(?P<arch>[^']+)`,
		"this build of llama.cpp does not know the architecture ${arch}: use a newer build, or another model").Certain(),
	launcher.On(launcher.ClassModel, `error loading model: (?P<why>.*)`, `failed to open (?P<why>.*)`, `invalid magic`,
		"check the path of the model file, and that it is a GGUF file that this version supports"),
	launcher.On(launcher.ClassArguments, `error: invalid argument: (?P<arg>\S+)`, `unknown argument: (?P<arg>\S+)`,
		"this version of llama-server does not have ${arg}: correct or remove it"),
	launcher.On(launcher.ClassArguments, `error while handling argument "(?P<arg>[^"]+)": (?P<why>.*)`, "${arg} has an invalid value (${why}): correct it").With(argument),
	launcher.On(launcher.ClassConfig, `GGML_ASSERT\((?P<what>[^)]*)\)`, "an assertion of llama.cpp failed (${what}): correct the flag that causes it, or use another build"),
	launcher.On(launcher.ClassPort, `couldn't bind`, "another program took the port, or host is not an address of this machine: try again, stop that program, or correct host"),
}

// argument words how the parser refuses a value: by the C++ function that did
// not read it, or in its own sentence.
func argument(v map[string]string) {
	arg := v["arg"]
	value := v["asked "+strings.TrimLeft(arg, "-")]
	if value != "" {
		value = " is " + value + ", which"
	} else {
		value = " has a value that"
	}
	why := strings.TrimPrefix(v["why"], "error: ")
	switch {
	case why == "stoi", why == "stol", why == "stoul", why == "stoll", why == "stoull":
		v["remedy"] = arg + value + " is not a whole number, or is too large: correct it"
	case why == "stof", why == "stod":
		v["remedy"] = arg + value + " is not a number: correct it"
	case why == "expected value for argument":
		v["remedy"] = arg + " needs a value: give it one"
	default:
		v["remedy"] = "correct the value of " + arg + ": " + why
	}
}
