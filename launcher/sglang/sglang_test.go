package sglang

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/launcher"
)

func TestDiagnosis(t *testing.T) {
	for name, c := range map[string]struct {
		log    string
		class  launcher.Class
		cause  string
		remedy string
	}{
		"no room": {
			`[2025-03-12 10:00:00 TP0] Load weight end. type=Qwen2ForCausalLM, avail mem=2.10 GB.
[2025-03-12 10:00:01 TP0] Scheduler hit an exception: Traceback (most recent call last):
  File "/sgl/srt/managers/scheduler.py", line 1, in run_scheduler_process
RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.
[2025-03-12 10:00:01] Received sigquit from a child process. It usually means the child failed.`,
			launcher.ClassKVCache, "RuntimeError: Not enough memory", "no room for the KV cache at 0.2: raise mem-fraction-static",
		},
		"unknown flag": {
			"usage: launch_server.py [-h] --model-path MODEL_PATH\nlaunch_server.py: error: unrecognized arguments: --max-num-seqs 8",
			launcher.ClassArguments, "launch_server.py: error", "does not know --max-num-seqs 8",
		},
		"out of memory": {
			"[2025-03-12 10:00:01 TP1] Scheduler hit an exception: Traceback (most recent call last):\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
			launcher.ClassGPUMemory, "torch.OutOfMemoryError", "tensor-parallel-size",
		},
	} {
		path := filepath.Join(t.TempDir(), "server.log")
		if err := os.WriteFile(path, []byte(c.log), 0o600); err != nil {
			t.Fatal(err)
		}
		d := launcher.Diagnose(launcher.Spec{LogPath: path, Engine: Engine(), Asked: map[string]string{"mem-fraction-static": "0.2"}}, launcher.Exit{Code: 1})
		if d.Class != c.class || !strings.HasPrefix(d.Cause, c.cause) || !strings.Contains(d.Remedy, c.remedy) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestPhases(t *testing.T) {
	r := Engine().NewReader()
	for line, want := range map[string]string{
		"[2025-03-12 10:00:00 TP0] Load weight begin. avail mem=78.5 GB":  launcher.PhaseLoading,
		"[2025-03-12 10:00:09 TP0] Capture cuda graph begin.":             launcher.PhaseGraphs,
		"[2025-03-12 10:00:19] The server is fired up and ready to roll!": launcher.PhaseServing,
		"[2025-03-12 10:00:19] hello":                                     "",
	} {
		if got := r.Read(line); got != want {
			t.Errorf("%q: phase %q, want %q", line, got, want)
		}
	}
}
