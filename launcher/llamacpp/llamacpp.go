// Package llamacpp is what the launcher knows of llama.cpp's llama-server: the
// phases of its start and the messages of its failures, which are no Python
// exceptions. Sources: logs in the issues of ggml-org/llama.cpp (#7366,
// #25145) and of programs that embed it, 2024 to 2026.
package llamacpp

import (
	"regexp"

	"github.com/vllm-sweep/sweep/launcher"
)

// Engine returns the knowledge.
func Engine() *launcher.Engine {
	return &launcher.Engine{
		Name: "llama.cpp", Rules: rules, Complaint: complaint, Wrappers: wrappers,
		NewReader: func() launcher.Reader { return phases },
	}
}

var phases = launcher.PhaseReader{
	{Fragment: "load_tensors: loading model tensors", Phase: launcher.PhaseLoading},
	{Fragment: "llm_load_tensors: ggml ctx size", Phase: launcher.PhaseLoading}, // 2024
	{Fragment: "llama_context: constructing", Phase: launcher.PhaseProfiling},
	{Fragment: "llama_new_context_with_model:", Phase: launcher.PhaseProfiling}, // 2024
	{Fragment: "model loaded", Phase: launcher.PhaseServing},
	{Fragment: "server is listening on", Phase: launcher.PhaseServing},
}

// complaint matches the lines that tell what failed.
var complaint = regexp.MustCompile(`error loading model|cudaMalloc failed|failed to (allocate|create|open|fit|bind)|invalid argument:|error while handling argument|unknown argument|couldn't bind`)

// wrappers say only that loading failed.
var wrappers = []string{
	"failed to load model",
	"exiting due to model loading error",
	"llama_model_load: error loading model: unable to allocate",
	"common_init_from_params",
}

var rules = []launcher.Rule{
	launcher.On(launcher.ClassGPUMemory, `allocating (?P<size>[\d.]+) MiB on device (?P<gpu>\d+): cudaMalloc failed`,
		"${size} MiB more were wanted on GPU ${gpu}: lower n-gpu-layers, ctx-size or parallel, or use a smaller quantisation"),
	launcher.On(launcher.ClassGPUMemory, `cudaMalloc failed`, `failed to allocate`, `unable to allocate`,
		"lower n-gpu-layers, ctx-size or parallel, or use a smaller quantisation"),
	launcher.On(launcher.ClassModel, `error loading model: (?P<why>.*)`, `failed to open (?P<why>.*)`,
		"check the path of the model's file and that it is a GGUF file which this version knows"),
	launcher.On(launcher.ClassArguments, `error: invalid argument: (?P<arg>\S+)`, `error while handling argument "(?P<arg>[^"]+)"`,
		"this version of llama-server does not take ${arg}: correct or remove it"),
	launcher.On(launcher.ClassPort, `couldn't bind`, "another program took the port: try again, or end that program"),
}
