// Package sglang is what the launcher knows of SGLang's server: the form of
// its log lines, the phases of its start, and the failures that are its own.
// Python's, CUDA's and the model hub's are general knowledge. Sources: logs in
// the project's issues (sgl-project/sglang #322, #4895, #4330), 2024 to 2026.
package sglang

import "github.com/vllm-sweep/sweep/launcher"

// Engine returns the knowledge.
func Engine() *launcher.Engine {
	return &launcher.Engine{
		Name: "sglang", Rules: rules, Wrappers: wrappers, Own: []string{"/sglang/"},
		NewReader: func() launcher.Reader { return phases },
		Effects: map[string]launcher.Effect{
			"context-length": {Context: true}, "tensor-parallel-size": {Less: true, Speed: true},
			"pipeline-parallel-size": {Less: true, Speed: true},
			"cpu-offload-gb":         {Less: true, Speed: true}, "data-parallel-size": {Speed: true},
			"kv-cache-dtype":    {Speed: true},
			"attention-backend": {Speed: true}, "stream-interval": {Speed: true}, "quantization": {Speed: true},
			"dtype": {Speed: true},
		},
	}
}

var phases = launcher.PhaseReader{
	{Fragment: "Load weight begin", Phase: launcher.PhaseLoading},
	{Fragment: "Load weight end", Phase: launcher.PhaseProfiling},
	{Fragment: "KV Cache is allocated", Phase: launcher.PhaseProfiling},
	{Fragment: "Capture cuda graph begin", Phase: launcher.PhaseGraphs},
	{Fragment: "Capture cuda graph end", Phase: launcher.PhaseServing},
	{Fragment: "max_total_num_tokens=", Phase: launcher.PhaseServing},
	{Fragment: "The server is fired up and ready to roll", Phase: launcher.PhaseServing},
}

var rules = []launcher.Rule{
	launcher.On(launcher.ClassKVCache, `Not enough memory\. Please try to increase --mem-fraction-static`,
		"sglang-no-cache").With(func(v map[string]string) { v["share"] = v["asked mem-fraction-static"] }),
	launcher.On(launcher.ClassConfig, `Capture cuda graph failed`,
		"sglang-graphs"),
	launcher.On(launcher.ClassConfig, `not divisible by`, "heads-not-divided-unnamed"),
}

var wrappers = []string{
	"Scheduler hit an exception",
	"Received sigquit from a child process",
	"Rank 0 scheduler is dead",
	"Initialization failed",
}
