package llamacpp

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
		"memory": {
			`load_tensors: loading model tensors, this can take a while... (mmap = true)
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 45108.64 MiB on device 0: cudaMalloc failed: out of memory
llama_model_load: error loading model: unable to allocate CUDA0 buffer
llama_model_load_from_file_impl: failed to load model
srv    load_model: failed to load model, '/models/m.gguf'
main: exiting due to model loading error`,
			launcher.ClassGPUMemory, "ggml_backend_cuda_buffer_type_alloc_buffer", "45108.64 MiB more were wanted on GPU 0",
		},
		"no file": {
			"gguf_init_from_file: failed to open GGUF file '/models/none.gguf'\nllama_model_load: error loading model: llama_model_loader: failed to load model from /models/none.gguf\nmain: exiting due to model loading error",
			launcher.ClassModel, "gguf_init_from_file: failed to open", "GGUF",
		},
		"argument": {
			"error: invalid argument: --max-num-seqs",
			launcher.ClassArguments, "error: invalid argument: --max-num-seqs", "does not take --max-num-seqs",
		},
	} {
		path := filepath.Join(t.TempDir(), "server.log")
		if err := os.WriteFile(path, []byte(c.log), 0o600); err != nil {
			t.Fatal(err)
		}
		d := launcher.Diagnose(launcher.Spec{LogPath: path, Engine: Engine()}, launcher.Exit{Code: 1})
		if d.Class != c.class || !strings.HasPrefix(d.Cause, c.cause) || !strings.Contains(d.Remedy, c.remedy) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestPhases(t *testing.T) {
	r := Engine().NewReader()
	for line, want := range map[string]string{
		"load_tensors: loading model tensors, this can take a while... (mmap = true)": launcher.PhaseLoading,
		"llama_context: constructing llama_context":                                   launcher.PhaseProfiling,
		"main: server is listening on http://127.0.0.1:8080 - starting the main loop": launcher.PhaseServing,
	} {
		if got := r.Read(line); got != want {
			t.Errorf("%q: phase %q, want %q", line, got, want)
		}
	}
}
