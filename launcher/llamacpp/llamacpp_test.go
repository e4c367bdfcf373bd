package llamacpp

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
)

func TestDiagnosis(t *testing.T) {
	launchertest.Diagnoses(t, Engine(), map[string]string{"ctx-size": "not-a-number"}, map[string]launchertest.End{
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
		"the host's memory": {
			Log: `0.01.673.986 E llama_init_from_model: failed to initialize the context: std::bad_alloc
0.01.675.095 E common_fit_params: encountered an error while trying to fit params to free device memory: failed to create llama_context from model
0.03.606.328 E srv    load_model: failed to create_context with model '/models/m.gguf'
0.03.606.892 E srv  llama_server: exiting due to model loading error`,
			Class: launcher.ClassHostMemory, Cause: "llama_init_from_model: failed to initialize the context: std::bad_alloc", Remedy: "the host has no more memory: lower ctx-size",
		},
		"the host's memory, 2025": {
			Log:   "ggml_aligned_malloc: insufficient memory (attempted to allocate 8192.00 MB)\nggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 8589934592\nmain: exiting due to model loading error",
			Class: launcher.ClassHostMemory, Cause: "ggml_aligned_malloc", Remedy: "8192.00 MB more were wanted and the host has no more",
		},
		"V cache": {
			Log: `0.00.192.708 E llama_init_from_model: quantized V cache requires flash_attn to be enabled
0.00.195.205 E common_fit_params: encountered an error while trying to fit params to free device memory: failed to create llama_context from model
0.00.290.577 E cmn  common_init_: failed to create context with model '/models/m.gguf'
0.00.291.117 E srv  llama_server: exiting due to model loading error`,
			Class: launcher.ClassConfig, Cause: "llama_init_from_model: quantized V cache requires", Remedy: "set flash-attn to on",
		},
		"V cache, 2025": {
			Log:   "llama_init_from_model: V cache quantization requires flash_attn\ncommon_init_from_params: failed to create context with model 'm.gguf'\nmain: exiting due to model loading error",
			Class: launcher.ClassConfig, Cause: "llama_init_from_model: V cache", Remedy: "leave cache-type-v at f16",
		},
		"not a number": {
			Log:   "error while handling argument \"--ctx-size\": stoi\n\nusage:\n-c,    --ctx-size N                     size of the prompt context (default: 0, 0 = loaded from model)\n\n\nto show complete usage, run with -h",
			Class: launcher.ClassArguments, Cause: "error while handling argument", Remedy: "--ctx-size is not-a-number, which is not a whole number",
		},
		"a value that it does not know": {
			Log:   "error while handling argument \"--cache-type-v\": Unsupported cache type: zzz\n\nusage:\n-ctv,  --cache-type-v TYPE              KV cache data type for V",
			Class: launcher.ClassArguments, Cause: "error while handling argument", Remedy: "correct the value of --cache-type-v: Unsupported cache type: zzz",
		},
		"not GGUF": {
			Log:   "0.00.058.477 E gguf_init_from_reader: invalid magic characters: 'root', expected 'GGUF'\n0.00.058.625 E llama_model_load: error loading model: llama_model_loader: failed to load model from /etc/passwd\n0.00.060.000 E srv  llama_server: exiting due to model loading error",
			Class: launcher.ClassModel, Cause: "gguf_init_from_reader: invalid magic", Remedy: "GGUF",
		},
	})
}

const start2026 = `
0.00.032.973 I srv  llama_server: initializing ...
0.00.167.769 I srv    load_model: loading model '/models/m.gguf'
0.00.310.600 I cmn          init: llama threadpool init, n_threads = 2
0.00.625.835 I srv    load_model: initializing, n_slots = 2, n_ctx_slot = 1024, kv_unified = 'false'
0.00.638.878 I srv  llama_server: model loaded
0.00.638.891 I srv  llama_server: listening on http://127.0.0.1:18771`

const start2025 = `
llama_model_load_from_file_impl: using device CUDA0 (NVIDIA L4) - 22478 MiB free
load_tensors: loading model tensors, this can take a while... (mmap = true)
load_tensors: offloaded 33/33 layers to GPU
load_tensors:        CUDA0 model buffer size =  4096.00 MiB
llama_context: constructing llama_context
llama_context: n_ctx         = 8192
main: server is listening on http://127.0.0.1:8080 - starting the main loop`

func TestReader(t *testing.T) {
	for name, c := range map[string]struct {
		log, phases string
		logged      launcher.Logged
		settings    map[string]string
	}{
		"2026, on processors": {start2026, "loading profiling serving", launcher.Logged{KVCacheTokens: 2048, MaxConcurrency: 2},
			map[string]string{"parallel": "2", "ctx-size": "2048", "kv-unified": "false", "threads": "2"}},
		"2025, on a GPU": {start2025, "loading profiling serving", launcher.Logged{ModelGiB: 4, Device: "cuda"}, map[string]string{"ctx-size": "8192"}},
	} {
		r := Engine().NewReader()
		var phases []string
		for line := range strings.Lines(c.log) {
			if p := r.Read(strings.TrimSuffix(line, "\n")); p != "" && !slices.Contains(phases, p) {
				phases = append(phases, p)
			}
		}
		if got := strings.Join(phases, " "); got != c.phases {
			t.Errorf("%s: phases %s, want %s", name, got, c.phases)
		}
		if diff := cmp.Diff(c.logged, r.Logged()) + cmp.Diff(c.settings, r.Settings()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSettings(t *testing.T) {
	answers := map[string]string{
		"/props":     `{"default_generation_settings":{"params":{},"n_ctx":1024},"total_slots":2,"model_alias":"m","endpoint_slots":true,"endpoint_props":false,"endpoint_metrics":true,"build_info":"b11669-Debian"}`,
		"/v1/models": `{"data":[{"id":"m","meta":{"n_vocab":12000,"n_ctx":2048}}]}`,
	}
	get := func(_ context.Context, path string) ([]byte, error) {
		if a, ok := answers[path]; ok {
			return []byte(a), nil
		}
		return nil, errors.New("404")
	}
	told := settings(t.Context(), get)
	want := launcher.Told{Source: "/props", Version: "b11669-Debian", Values: map[string]string{
		"parallel": "2", slotContext: "1024", "slots": "true", "props": "false", "metrics": "true", "alias": "m"}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	answers["/props"] = `{"total_slots":2}`
	if told := settings(t.Context(), get); told.Values[slotContext] != "2048" {
		t.Errorf("without a context in /props: %+v", told)
	}
	answers["/props"] = `[1]`
	if told := settings(t.Context(), get); told.Values != nil {
		t.Errorf("of an answer of another form: %+v", told)
	}
	for _, c := range []struct {
		flag, asked, inEffect string
		want                  bool
	}{
		{"ctx-size", "2000", "2048", true}, {"ctx-size", "0", "4096", true}, {"ctx-size", "8192", "4096", false}, {"ctx-size", "2048", "100000", false},
		{"parallel", "4", "2", false}, {"parallel", "-1", "4", true}, {"metrics", "true", "false", false}, {"cache-type-k", "q8_0", "f16", true},
	} {
		if got := same(c.flag, c.asked, c.inEffect); got != c.want {
			t.Errorf("%s asked %s, in effect %s: same %v", c.flag, c.asked, c.inEffect, got)
		}
	}
}
