package llamacpp

import (
	"testing"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
)

func TestDiagnosis(t *testing.T) {
	launchertest.Diagnoses(t, Engine(), nil, map[string]launchertest.End{
		"memory": {
			Log: `load_tensors: loading model tensors, this can take a while... (mmap = true)
ggml_backend_cuda_buffer_type_alloc_buffer: allocating 45108.64 MiB on device 0: cudaMalloc failed: out of memory
llama_model_load: error loading model: unable to allocate CUDA0 buffer
llama_model_load_from_file_impl: failed to load model
srv    load_model: failed to load model, '/models/m.gguf'
main: exiting due to model loading error`,
			Class: launcher.ClassGPUMemory, Cause: "ggml_backend_cuda_buffer_type_alloc_buffer", Remedy: "45108.64 MiB more were wanted on GPU 0",
		},
		"no file": {
			Log:   "gguf_init_from_file: failed to open GGUF file '/models/none.gguf'\nllama_model_load: error loading model: llama_model_loader: failed to load model from /models/none.gguf\nmain: exiting due to model loading error",
			Class: launcher.ClassModel, Cause: "gguf_init_from_file: failed to open", Remedy: "GGUF",
		},
		"argument": {
			Log:   "error: invalid argument: --max-num-seqs",
			Class: launcher.ClassArguments, Cause: "error: invalid argument: --max-num-seqs", Remedy: "does not take --max-num-seqs",
		},
	})
}

func TestPhases(t *testing.T) {
	launchertest.Phases(t, Engine(), map[string]string{
		"load_tensors: loading model tensors, this can take a while... (mmap = true)": launcher.PhaseLoading,
		"llama_context: constructing llama_context":                                   launcher.PhaseProfiling,
		"main: server is listening on http://127.0.0.1:8080 - starting the main loop": launcher.PhaseServing,
	})
}
