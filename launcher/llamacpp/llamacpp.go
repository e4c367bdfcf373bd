// Package llamacpp is what the launcher knows of llama.cpp's llama-server: the
// phases of its start, the messages of its failures, which are no Python
// exceptions, and how it tells its configuration in effect. Sources: builds up
// to b11669, and logs in the issues of ggml-org/llama.cpp (#7366, #25145) and
// of programs that embed it, 2024 to 2026.
package llamacpp

import (
	"regexp"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher"
)

// Engine returns the knowledge.
func Engine() *launcher.Engine {
	return &launcher.Engine{
		Name: "llama.cpp", Rules: rules, Complaint: complaint, Wrappers: wrappers,
		NewReader: func() launcher.Reader { return &reader{settings: map[string]string{}} },
		Settings:  settings, Compare: compare,
		Effects: map[string]launcher.Effect{"ctx-size": {Context: true}, "seed": {Speed: true}},
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

var rules = []launcher.Rule{
	launcher.On(launcher.ClassGPUMemory, `allocating (?P<size_mib>[\d.]+) MiB on device (?P<gpu>\d+): cudaMalloc failed`,
		"llama-gpu-memory-missing"),
	launcher.On(launcher.ClassHostMemory, `insufficient memory \(attempted to allocate\s+(?P<size_mib>[\d.]+) MB\)`,
		"llama-host-memory-missing"),
	launcher.On(launcher.ClassHostMemory, `failed to allocate (?:buffer of type )?CPU`, `alloc_tensor_range: failed to allocate CPU`, `ggml_backend_cpu_buffer_type_alloc_buffer`, `bad_alloc`, `posix_memalign`, `mmap failed: Cannot allocate`, `mlock`, "llama-host-memory-full"),
	launcher.On(launcher.ClassGPUMemory, `cudaMalloc failed`, `CUDA error: out of memory`, `ErrorOut(?:OfDevice)?Memory`, `failed to allocate`, `unable to allocate`,
		"llama-gpu-memory-full").With(func(v map[string]string) {
		if v["device"] == "cpu" {
			v[launcher.RemedyCode] = string(notice.Known("llama-host-memory-full"))
		}
	}),
	launcher.On(launcher.ClassConfig, `(?:quantized V cache|V cache quantization) requires flash_att`,
		"llama-v-cache"),
	launcher.On(launcher.ClassModel, `unknown model architecture: '?(?P<arch>[^']+)`,
		"llama-architecture-unknown").Certain(),
	launcher.On(launcher.ClassModel, `error loading model: (?P<why>.*)`, `failed to open (?P<why>.*)`, `invalid magic`,
		"llama-model-file"),
	launcher.On(launcher.ClassArguments, `error: invalid argument: (?P<arg>\S+)`, `unknown argument: (?P<arg>\S+)`,
		"llama-argument-unknown"),
	launcher.On(launcher.ClassArguments, `error while handling argument "(?P<arg>[^"]+)": (?P<why>.*)`, "llama-value-refused").With(argument),
	launcher.On(launcher.ClassConfig, `GGML_ASSERT\((?P<what>[^)]*)\)`, "llama-assertion"),
	launcher.On(launcher.ClassPort, `couldn't bind`, "port-taken-or-host"),
}

// argument words how the parser refuses a value: by the C++ function that did
// not read it, or in its own sentence.
func argument(v map[string]string) {
	v["value"] = v["asked "+strings.TrimLeft(v["arg"], "-")]
	v["why"] = strings.TrimPrefix(v["why"], "error: ")
	switch v["why"] {
	case "stoi", "stol", "stoul", "stoll", "stoull":
		v[launcher.RemedyCode] = string(notice.Known("llama-value-not-whole"))
	case "stof", "stod":
		v[launcher.RemedyCode] = string(notice.Known("llama-value-not-a-number"))
	case "expected value for argument":
		v[launcher.RemedyCode] = string(notice.Known("llama-value-missing"))
	}
}
