package launcher

import (
	"regexp"
	"strconv"
	"strings"
)

// The phases of a start, in order. A server that skips one (no compilation
// with --enforce-eager) skips it here too.
const (
	PhaseLaunched  = "launched"  // process or container started
	PhaseLoading   = "loading"   // weights
	PhaseCompiling = "compiling" // torch.compile
	PhaseProfiling = "profiling" // memory profile, size of the KV cache
	PhaseGraphs    = "graphs"    // CUDA graph capture
	PhaseServing   = "serving"   // engine is up, HTTP server begins
	PhaseReady     = "ready"     // answers and is identified
)

var phaseOrder = map[string]int{
	PhaseLaunched: 0, PhaseLoading: 1, PhaseCompiling: 2, PhaseProfiling: 3,
	PhaseGraphs: 4, PhaseServing: 5, PhaseReady: 6,
}

// phaseLines tell which phase a line of vLLM's log begins. Texts of 2025 and
// 2026 releases (v1/worker/gpu_model_runner.py, compilation/, kv_cache_utils.py,
// gpu_worker.py, entrypoints/openai/api_server.py).
var phaseLines = []struct{ fragment, phase string }{
	{"Starting to load model", PhaseLoading},
	{"Loading model weights took", PhaseCompiling}, // V0
	{"Model loading took", PhaseCompiling},
	{"torch.compile takes", PhaseProfiling}, // 2025
	{"torch.compile took", PhaseProfiling},
	{"Available KV cache memory", PhaseGraphs},
	{"GPU KV cache size", PhaseGraphs},
	{"# GPU blocks:", PhaseGraphs}, // V0
	{"Capturing CUDA graph", PhaseGraphs},
	{"Graph capturing finished", PhaseServing},
	{"init engine (profile, create kv cache, warmup model) took", PhaseServing},
	{"Starting vLLM server on", PhaseServing},
	{"Starting vLLM API server", PhaseServing}, // 2025
}

// logReader reads a start-up log line by line.
type logReader struct {
	eager  bool // no compilation and no graphs
	logged Logged
}

// read takes the sizes that the line tells and returns the phase that it
// begins, or "".
func (r *logReader) read(line string) string {
	r.logged.read(line)
	if engineVersion.MatchString(line) && strings.Contains(line, "enforce_eager=True") {
		r.eager = true
	}
	for _, l := range phaseLines {
		if !strings.Contains(line, l.fragment) {
			continue
		}
		switch {
		case r.eager && l.phase == PhaseCompiling:
			return PhaseProfiling
		case r.eager && l.phase == PhaseGraphs:
			return ""
		}
		return l.phase
	}
	return ""
}

// Sizes in the log. Numbers carry thousands separators.
var (
	engineVersion  = regexp.MustCompile(`Initializing (?:a V1|an) LLM engine \(v([^)\s]+)\)`)
	kvTokens       = regexp.MustCompile(`GPU KV cache size: ([\d,]+) tokens`)
	maxConcurrency = regexp.MustCompile(`Maximum concurrency for [\d,]+ tokens per request: ([\d,.]+)x`)
	kvMemory       = regexp.MustCompile(`Available KV cache memory: ([\d.]+) GiB`)
	modelMemory    = regexp.MustCompile(`Model loading took ([\d.]+) GiB`)
)

// read takes the sizes that the line tells. With several workers the last
// line of a kind counts; they agree, or differ by a rounding.
func (l *Logged) read(line string) {
	if m := engineVersion.FindStringSubmatch(line); m != nil {
		l.EngineVersion = m[1]
	}
	if n, ok := number(kvTokens, line); ok {
		l.KVCacheTokens = int64(n)
	}
	if n, ok := number(maxConcurrency, line); ok {
		l.MaxConcurrency = n
	}
	if n, ok := number(kvMemory, line); ok {
		l.KVCacheGiB = n
	}
	if n, ok := number(modelMemory, line); ok {
		l.ModelGiB = n
	}
}

func number(re *regexp.Regexp, line string) (float64, bool) {
	m := re.FindStringSubmatch(line)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
	return n, err == nil
}
