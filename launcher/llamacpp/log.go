package llamacpp

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
)

// phases of builds of 2024 to 2026; the words in front of a line have changed.
var phases = launcher.PhaseReader{
	{Fragment: "load_model: loading model", Phase: launcher.PhaseLoading},
	{Fragment: "load_tensors: loading model tensors", Phase: launcher.PhaseLoading},
	{Fragment: "llm_load_tensors: ggml ctx size", Phase: launcher.PhaseLoading}, // 2024
	{Fragment: "llama_context: constructing", Phase: launcher.PhaseProfiling},
	{Fragment: "llama_new_context_with_model:", Phase: launcher.PhaseProfiling}, // 2024
	{Fragment: "llama threadpool init", Phase: launcher.PhaseProfiling},
	{Fragment: "warming up the model", Phase: launcher.PhaseProfiling},
	{Fragment: "initializing slots", Phase: launcher.PhaseServing},
	{Fragment: "load_model: initializing, n_slots", Phase: launcher.PhaseServing},
	{Fragment: "model loaded", Phase: launcher.PhaseServing},
	{Fragment: "listening on http", Phase: launcher.PhaseServing},
	{Fragment: "server is listening on", Phase: launcher.PhaseServing},
}

// reader follows one start.
type reader struct {
	logged   launcher.Logged
	settings map[string]string
}

// Logged are the sizes that the log told.
func (r *reader) Logged() launcher.Logged { return r.logged }

// Settings are the values in effect that the log told.
func (r *reader) Settings() map[string]string { return r.settings }

var (
	slots    = regexp.MustCompile(`n_slots = (\d+), n_ctx_slot = (\d+), kv_unified = '?(true|false)`)
	threads  = regexp.MustCompile(`threadpool init, n_threads = (\d+)`)
	contexts = regexp.MustCompile(`llama_context: n_ctx\s+= (\d+)`)
	weights  = regexp.MustCompile(`model buffer size =\s+([\d.]+) MiB`)
	// Devices besides the processors: "using device CUDA0", "found 1 CUDA
	// devices", "offloaded 33/33 layers to GPU".
	devices = regexp.MustCompile(`using device (\w+?)\d* |[Ff]ound (?:[1-9]\d*) (CUDA|ROCm|Vulkan|SYCL) devices|offloaded [1-9]\d*/\d+ layers to (GPU)`)
)

// Read takes the sizes, settings and devices that the line tells and returns
// the phase that it begins, or "".
func (r *reader) Read(line string) string {
	if m := slots.FindStringSubmatch(line); m != nil {
		n, _ := strconv.Atoi(m[1])
		each, _ := strconv.Atoi(m[2])
		total := each
		if m[3] == "false" {
			total = n * each
		}
		r.settings["parallel"], r.settings["ctx-size"], r.settings["kv-unified"] = m[1], strconv.Itoa(total), m[3]
		r.logged.KVCacheTokens = int64(total)
		if each > 0 {
			r.logged.MaxConcurrency = float64(total) / float64(each)
		}
	}
	if m := contexts.FindStringSubmatch(line); m != nil {
		r.settings["ctx-size"] = m[1]
	}
	if m := threads.FindStringSubmatch(line); m != nil {
		r.settings["threads"] = m[1]
	}
	if m := weights.FindStringSubmatch(line); m != nil {
		if mib, err := strconv.ParseFloat(m[1], 64); err == nil && mib < 1e9 {
			r.logged.ModelGiB += mib / 1024
		}
	}
	if m := devices.FindStringSubmatch(line); m != nil && r.logged.Device == "" {
		r.logged.Device = strings.ToLower(m[1] + m[2] + m[3])
	}
	return phases.Read(line)
}
