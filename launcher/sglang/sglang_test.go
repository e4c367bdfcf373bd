package sglang

import (
	"testing"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
)

func TestDiagnosis(t *testing.T) {
	launchertest.Diagnoses(t, Engine(), map[string]string{"mem-fraction-static": "0.2"}, map[string]launchertest.End{
		"no room": {
			Log: `[2025-03-12 10:00:00 TP0] Load weight end. type=Qwen2ForCausalLM, avail mem=2.10 GB.
[2025-03-12 10:00:01 TP0] Scheduler hit an exception: Traceback (most recent call last):
  File "/sgl/srt/managers/scheduler.py", line 1, in run_scheduler_process
RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.
[2025-03-12 10:00:01] Received sigquit from a child process. It usually means the child failed.`,
			Class: launcher.ClassKVCache, Cause: "RuntimeError: Not enough memory", Remedy: "no room for the KV cache at 0.2. Raise mem-fraction-static",
		},
		"unknown flag": {
			Log:   "usage: launch_server.py [-h] --model-path MODEL_PATH\nlaunch_server.py: error: unrecognized arguments: --max-num-seqs 8",
			Class: launcher.ClassArguments, Cause: "launch_server.py: error", Remedy: "does not have --max-num-seqs 8",
		},
		"out of memory": {
			Log:   "[2025-03-12 10:00:01 TP1] Scheduler hit an exception: Traceback (most recent call last):\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
			Class: launcher.ClassGPUMemory, Cause: "torch.OutOfMemoryError", Remedy: "tensor-parallel-size",
		},
	})
}

func TestPhases(t *testing.T) {
	launchertest.Phases(t, Engine(), map[string]string{
		"[2025-03-12 10:00:00 TP0] Load weight begin. avail mem=78.5 GB":  launcher.PhaseLoading,
		"[2025-03-12 10:00:09 TP0] Capture cuda graph begin.":             launcher.PhaseGraphs,
		"[2025-03-12 10:00:19] The server is fired up and ready to roll!": launcher.PhaseServing,
		"[2025-03-12 10:00:19] hello":                                     "",
	})
}
