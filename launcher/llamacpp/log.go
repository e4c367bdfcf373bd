package llamacpp

import (
	"cmp"
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
	draft    bool // the model that is loaded now is the one that drafts
}

// Logged are the sizes that the log told.
func (r *reader) Logged() launcher.Logged { return r.logged }

// Settings are the values in effect that the log told.
func (r *reader) Settings() map[string]string { return r.settings }

// Parsed is empty: llama-server does not repeat its command line.
func (*reader) Parsed() map[string]string { return nil }

var (
	slots    = regexp.MustCompile(`n_slots = (\d+), n_ctx_slot = (\d+), kv_unified = '?(true|false)`)
	threads  = regexp.MustCompile(`threadpool init, n_threads = (\d+)`)
	contexts = regexp.MustCompile(`llama_context: (\w+)\s+= (\w+)`)
	cache    = regexp.MustCompile(`llama_kv_cache\w*: size = .*\bK \((\w+)\):.*\bV \((\w+)\):`)
	layers   = regexp.MustCompile(`offloaded (\d+)/(\d+) layers to GPU`)
	flash    = regexp.MustCompile(`Flash Attention was auto, set to (\w+)`)
	weights  = regexp.MustCompile(`model buffer size =\s+([\d.]+) MiB`)
	// Devices besides the processors: "using device CUDA0", "found 1 CUDA
	// devices", "offloaded 33/33 layers to GPU".
	devices = regexp.MustCompile(`using device (\w+?)\d* |[Ff]ound (?:[1-9]\d*) (CUDA|ROCm|Vulkan|SYCL) devices|offloaded [1-9]\d*/\d+ layers to (GPU)`)
)

// contextFields are the flags that set what llama.cpp says of a context.
var contextFields = map[string]string{
	"n_ctx": "ctx-size", "n_batch": "batch-size", "n_ubatch": "ubatch-size", "flash_attn": "flash-attn",
}

// switches are the words that builds write for what flags call on and off.
var switches = map[string]string{"1": "on", "enabled": "on", "true": "on", "0": "off", "disabled": "off", "false": "off"}

// context takes what the line tells of the model's context, which of a model
// that drafts is another one, and comes later.
func (r *reader) context(line string) {
	if r.draft = r.draft || strings.Contains(line, "loading draft model"); r.draft {
		return
	}
	if m := contexts.FindStringSubmatch(line); m != nil {
		if flag, ok := contextFields[m[1]]; ok {
			value := m[2]
			if word, ok := switches[value]; ok && flag == "flash-attn" {
				value = word
			}
			r.settings[flag] = value
		}
	}
	if m := flash.FindStringSubmatch(line); m != nil {
		r.settings["flash-attn"] = cmp.Or(switches[m[1]], m[1])
	}
	if m := cache.FindStringSubmatch(line); m != nil {
		r.settings["cache-type-k"], r.settings["cache-type-v"] = m[1], m[2]
	}
	if m := layers.FindStringSubmatch(line); m != nil {
		r.settings["n-gpu-layers"] = m[1] + " of " + m[2]
	}
}

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
	r.context(line)
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
