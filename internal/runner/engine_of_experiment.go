package runner

import (
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/llamacpp"
	"github.com/vllm-sweep/sweep/launcher/sglang"
	"github.com/vllm-sweep/sweep/launcher/vllm"
)

// engine is what is known of the experiment's make of server; nil: nothing in
// particular.
func engine(s experiment.Server) *launcher.Engine {
	switch s.Engine {
	case experiment.EngineVLLM:
		return vllm.Engine()
	case experiment.EngineSGLang:
		return sglang.Engine()
	case experiment.EngineLlamaCPP:
		return llamacpp.Engine()
	}
	return nil
}

// asked are the flags that a configuration sets, by name. Those of an endpoint
// are a note: nobody gave them to a server.
func asked(s experiment.Server, flags experiment.Flags) map[string]string {
	if s.Endpoint != nil {
		return nil
	}
	out := map[string]string{}
	for _, f := range flags {
		if f.Kind != experiment.FlagUnset {
			out[f.Name] = f.Value
		}
	}
	return out
}
