// Package flags reads command lines as `vllm serve` does: the flags of the
// catalogue (package vllmflags) and the simulator's own, with the habits of
// vLLM's FlexibleArgumentParser (underscores, abbreviations, dotted JSON,
// --no-x, human-readable integers).
package flags

import (
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// Flag is one option of the command line.
type Flag = vllmflags.Flag

// The kinds of values.
const (
	Bool  = vllmflags.Bool
	Int   = vllmflags.Int
	Float = vllmflags.Float
	Text  = vllmflags.Text
)

// Table lists the flags of vLLM 0.release and the simulator's own.
func Table(release int) []Flag { return append(vllmflags.Table(release), own()...) }

// modelled are the flags of vLLM that change what the simulator does; all
// others are accepted and have no effect.
const modelled = `model served-model-name dtype quantization max-model-len enforce-eager gpu-memory-utilization
	kv-cache-memory-bytes block-size kv-cache-dtype num-gpu-blocks-override enable-prefix-caching cpu-offload-gb
	max-num-seqs max-num-batched-tokens enable-chunked-prefill long-prefill-token-threshold scheduling-policy
	async-scheduling scheduler-reserve-full-isl watermark stream-interval tensor-parallel-size
	pipeline-parallel-size data-parallel-size optimization-level performance-mode cudagraph-capture-sizes
	max-cudagraph-capture-size compilation-config enable-sleep-mode host port api-key uvicorn-log-level
	disable-uvicorn-access-log disable-log-stats enable-prompt-tokens-details enable-force-include-usage`

// Inert says that the flag is accepted without effect.
func Inert(f Flag) bool {
	return !strings.HasPrefix(f.Name, "sim-") && !slices.Contains(strings.Fields(modelled), f.Name)
}

// own lists the simulator's own flags.
func own() []Flag {
	return []Flag{
		{Name: "sim-gpu", Kind: Text, Help: "GPU of the library (H100)"},
		{Name: "sim-gpus", Kind: Int, Help: "number of GPUs in the machine (1)"},
		{Name: "sim-speedup", Kind: Float, Help: "simulated seconds per real second (1)"},
		{Name: "sim-startup", Kind: Float, Help: "scale of the startup phases' durations (0.002)"},
		{Name: "sim-seed", Kind: Int, Help: "seed of all noise and of output lengths (from time and pid)"},
		{Name: "sim-start-noise", Kind: Float, Help: "standard deviation of the log of the start's speed (0.012)"},
		{Name: "sim-run-noise", Kind: Float, Help: "the same of a run's speed (0)"},
		{Name: "sim-run-gap", Kind: Float, Help: "idle simulated seconds after which a new run begins (5; 0 = never)"},
		{Name: "sim-step-noise", Kind: Float, Help: "the same of each step's speed (0.02)"},
		{Name: "sim-request-noise", Kind: Float, Help: "the same of a request's time before the scheduler (0)"},
		{Name: "sim-temp-idle", Kind: Float, Help: "GPU temperature at rest, °C (35)"},
		{Name: "sim-temp-load", Kind: Float, Help: "GPU temperature under lasting load, °C (75)"},
		{Name: "sim-temp-tau", Kind: Float, Help: "time constant of heating and cooling, simulated seconds (60)"},
		{Name: "sim-temp-limit", Kind: Float, Help: "temperature above which the clock falls, °C (60)"},
		{Name: "sim-temp-slope", Kind: Float, Help: "share of the clock lost per °C above the limit (0)"},
		{Name: "sim-temp-start", Kind: Float, Help: "GPU temperature at the start, °C (at rest)"},
		{Name: "sim-output-mean", Kind: Float, Help: "mean natural output length without ignore_eos, tokens (250)"},
		{Name: "sim-fault", Kind: Text, Help: "comma-separated faults, see docs/simulator.md"},
		{Name: "sim-free-memory-gib", Kind: Float, Help: "GPU memory free at the start, GiB (all)"},
		{Name: "sim-version", Kind: Text, Help: "vLLM version whose dialect is spoken (the newest of the catalogue)"},
		{Name: "sim-gpu-state", Kind: Text, Help: "file of the machine's GPUs for the simulated NVML, read and kept up to date"},
		{Name: "sim-log-requests", Kind: Text, Help: "file for the true timings of each request, JSON lines"},
	}
}
