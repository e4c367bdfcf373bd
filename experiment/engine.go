package experiment

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Makes of servers that sweep knows something of. Any server that speaks the
// OpenAI protocol can be measured: of EngineOther only the protocol is used.
const (
	EngineVLLM     = "vllm" // default
	EngineSGLang   = "sglang"
	EngineLlamaCPP = "llama.cpp"
	EngineOther    = "other"
)

// On what a server computes.
const (
	ComputeCPU = "cpu" // the processors of its machine
	ComputeGPU = "gpu" // any accelerator
)

// Styles of flags on the command line.
const (
	FlagsHyphens     = "hyphens"     // --max-model-len 8192 (default)
	FlagsUnderscores = "underscores" // --max_model_len 8192
	FlagsEquals      = "equals"      // --max-model-len=8192
)

// DefaultSilenceTimeout is longer than any pause seen in a healthy start: a
// first compilation logs nothing for some minutes.
const DefaultSilenceTimeout = 15 * time.Minute

func engineField() field[Server] {
	return bind("engine", "Engine: vllm (default), sglang, llama.cpp or other. It selects how sweep reads the log and which flags it knows.",
		word(EngineVLLM, EngineSGLang, EngineLlamaCPP, EngineOther), func(s *Server) *string { return &s.Engine })
}

func computeField() field[Server] {
	return bind("compute", "Where the server computes: gpu or cpu. Default: detected from the container's or the machine's GPUs, and from the server itself.",
		word(ComputeGPU, ComputeCPU), func(s *Server) *string { return &s.Compute })
}

func flagStyleField() field[Server] {
	return bind("flag_style", "How to write flags: hyphens (default; --max-model-len 8192), underscores (--max_model_len 8192) or equals (--max-model-len=8192).",
		word(FlagsHyphens, FlagsUnderscores, FlagsEquals), func(s *Server) *string { return &s.FlagStyle })
}

func modelConfigField() field[Server] {
	return bind("model_config", "Path of the model's config.json, to predict the KV cache. Default: sweep searches the Hugging Face cache.",
		file(), func(s *Server) *string { return &s.ModelConfig })
}

func gpuMemoryField() field[Server] {
	return bind("gpu_memory", "Memory of one GPU, such as 80GiB, to predict the KV cache. Default: sweep asks the GPUs.",
		size(), func(s *Server) *int64 { return &s.GPUMemory })
}

// release is the form of a version: 0.28.0, v0.28.0rc1, b6423.
var release = regexp.MustCompile(`^[A-Za-z]*[0-9][A-Za-z0-9.+-]*$`)

func versionField() field[Server] {
	return bind("version", "Release of the server, such as 0.28.0, to check its flags. Default: read from the image's tag, or from the environment that the command runs in.",
		matching(release, "a release such as 0.28.0"), func(s *Server) *string { return &s.Version })
}

func silenceField() field[Server] {
	return bind("silence_timeout", "A launch fails if its log is silent this long. Default: 15m.", duration(time.Nanosecond),
		func(s *Server) *time.Duration { return &s.SilenceTimeout })
}

// file is a path, relative to the folder of the experiment file; ~ is the home
// directory.
func file() value[string] {
	v := text("a path")
	return value[string]{schema: v.schema, read: func(d *decoder, path string, e entry) (string, bool) {
		got, ok := v.read(d, path, e)
		if !ok || filepath.IsAbs(got) {
			return got, ok
		}
		below := d.dir
		if rest, home := strings.CutPrefix(got, "~/"); home {
			dir, err := os.UserHomeDir()
			if err != nil {
				d.fail("home-unknown", e.place(), args{"path": path, "error": err})
				return "", false
			}
			below, got = dir, rest
		}
		return filepath.Join(below, got), true
	}}
}
