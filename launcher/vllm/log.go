package vllm

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
)

// phaseLines tell which phase a line of vLLM's log begins. Texts of 2025 and
// 2026 releases (v1/worker/gpu_model_runner.py, compilation/, kv_cache_utils.py,
// gpu_worker.py, entrypoints/openai/api_server.py) and, of an engine on
// processors, v1/worker/cpu_model_runner.py and cpu_worker.py.
var phaseLines = []struct{ fragment, phase string }{
	{"Starting to load model", launcher.PhaseLoading},
	{"Loading model weights took", launcher.PhaseCompiling}, // V0
	{"Model loading took", launcher.PhaseCompiling},
	{"torch.compile takes", launcher.PhaseProfiling}, // 2025
	{"torch.compile took", launcher.PhaseProfiling},
	{"Warming up model for the compilation", launcher.PhaseCompiling}, // on processors
	{"profiling/warmup run took", launcher.PhaseProfiling},
	{"Warming up done", launcher.PhaseProfiling},
	{"GiB for KV cache on node", launcher.PhaseProfiling},
	{"Available KV cache memory", launcher.PhaseGraphs},
	{"CPU KV cache size", launcher.PhaseGraphs},
	{"GPU KV cache size", launcher.PhaseGraphs}, // until 2026-10 also of processors
	{"# GPU blocks:", launcher.PhaseGraphs},     // V0
	{"# CPU blocks:", launcher.PhaseGraphs},
	{"Capturing CUDA graph", launcher.PhaseGraphs},
	{"Graph capturing finished", launcher.PhaseServing},
	{"init engine (profile, create kv cache, warmup model) took", launcher.PhaseServing},
	{"Starting vLLM server on", launcher.PhaseServing},
	{"Starting vLLM API server", launcher.PhaseServing}, // 2025
}

// reader follows one start.
type reader struct {
	eager    bool // no compilation and no graphs
	logged   launcher.Logged
	parsed   map[string]string // as the parser understood the command line
	settings map[string]string // as the engine got it
	bound    binding
}

// Logged are the sizes that the log told.
func (r *reader) Logged() launcher.Logged { return r.logged }

// Settings are the values in effect that the log told.
func (r *reader) Settings() map[string]string { return r.settings }

// Parsed are the flags that the log told when the command line had been read.
func (r *reader) Parsed() map[string]string { return r.parsed }

// Read takes the sizes and settings that the line tells and returns the phase
// that it begins, or "".
func (r *reader) Read(line string) string {
	r.sizes(line)
	r.configuration(line)
	if r.settings["enforce-eager"] == "true" || r.parsed["enforce-eager"] == "true" {
		r.eager = true
	}
	for _, l := range phaseLines {
		if !strings.Contains(line, l.fragment) {
			continue
		}
		switch {
		case r.eager && l.phase == launcher.PhaseCompiling,
			r.logged.Device == "cpu" && l.phase == launcher.PhaseGraphs: // processors have no graphs
			return launcher.PhaseProfiling
		case r.eager && l.phase == launcher.PhaseGraphs:
			return ""
		}
		return l.phase
	}
	return ""
}

// Sizes in the log. Numbers carry thousands separators.
var (
	engineVersion  = regexp.MustCompile(`Initializing (?:a V1|an) LLM engine \(v([^)\s]+)\)`)
	kvTokens       = regexp.MustCompile(`[GC]PU KV cache size: ([\d,]+) tokens`)
	maxConcurrency = regexp.MustCompile(`Maximum concurrency for [\d,]+ tokens per request: ([\d,.]+)x`)
	kvMemory       = regexp.MustCompile(`Available KV cache memory: (-?[\d.]+) GiB`)
	deviceKind     = regexp.MustCompile(`, device_config=(?:torch\.)?(?:device\(type=)?'?(\w+)`)
	kvOnNode       = regexp.MustCompile(`set \(([\d.]+)/[\d.]+\) GiB for KV cache on node`)
	modelMemory    = regexp.MustCompile(`Model loading took ([\d.]+) GiB`)
)

// onProcessors are lines that an engine on processors alone writes.
var onProcessors = []string{
	"CPU KV cache size", "Automatically detected platform cpu", "[cpu_worker.py:", "[cpu_model_runner.py:", "[ompmultiprocessing.py:",
}

// containsAny says whether the line holds one of the fragments.
func containsAny(line string, fragments []string) bool {
	return slices.ContainsFunc(fragments, func(f string) bool { return strings.Contains(line, f) })
}

// sizes takes those that the line tells. With several workers the last
// line of a kind counts; they agree, or differ by a rounding.
func (r *reader) sizes(line string) {
	l := &r.logged
	if m := engineVersion.FindStringSubmatch(line); m != nil {
		l.EngineVersion = m[1]
		if m := deviceKind.FindStringSubmatch(line); m != nil {
			l.Device = m[1]
		}
	}
	if n, ok := sizeOf(kvTokens, line); ok {
		l.KVCacheTokens = int64(n)
	}
	if n, ok := sizeOf(maxConcurrency, line); ok {
		l.MaxConcurrency = n
	}
	if l.Device == "" && containsAny(line, onProcessors) {
		l.Device = "cpu"
	}
	if r.bound.read(line) {
		l.Cores = r.bound.cores()
	}
	for _, memory := range []*regexp.Regexp{kvMemory, kvOnNode} {
		if n, ok := sizeOf(memory, line); ok {
			l.KVCacheGiB = n
		}
	}
	if n, ok := sizeOf(modelMemory, line); ok {
		l.ModelGiB = n
	}
}

func sizeOf(re *regexp.Regexp, line string) (float64, bool) {
	m := re.FindStringSubmatch(line)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
	return n, err == nil
}
