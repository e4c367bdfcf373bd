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
			Class: launcher.ClassGPUMemory, Cause: "ggml_backend_cuda_buffer_type_alloc_buffer", Remedy: "needed 44.1 GiB more on GPU 0",
		},
		"no file": {
			Log:   "gguf_init_from_file: failed to open GGUF file '/models/none.gguf'\nllama_model_load: error loading model: llama_model_loader: failed to load model from /models/none.gguf\nmain: exiting due to model loading error",
			Class: launcher.ClassModel, Cause: "gguf_init_from_file: failed to open", Remedy: "GGUF",
		},
		"argument": {
			Log:   "error: invalid argument: --max-num-seqs",
			Class: launcher.ClassArguments, Cause: "error: invalid argument: --max-num-seqs", Remedy: "does not have --max-num-seqs",
		},
		"the host's memory": {
			Log: `0.01.673.986 E llama_init_from_model: failed to initialize the context: std::bad_alloc
0.01.675.095 E common_fit_params: encountered an error while trying to fit params to free device memory: failed to create llama_context from model
0.03.606.328 E srv    load_model: failed to create_context with model '/models/m.gguf'
0.03.606.892 E srv  llama_server: exiting due to model loading error`,
			Class: launcher.ClassHostMemory, Cause: "llama_init_from_model: failed to initialize the context: std::bad_alloc", Remedy: "The host is out of memory. Lower ctx-size",
		},
		"the host's memory, 2025": {
			Log:   "ggml_aligned_malloc: insufficient memory (attempted to allocate 8192.00 MB)\nggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 8589934592\nmain: exiting due to model loading error",
			Class: launcher.ClassHostMemory, Cause: "ggml_aligned_malloc", Remedy: "needed 8 GiB more, but the host is out of memory",
		},
		"V cache": {
			Log: `0.00.192.708 E llama_init_from_model: quantized V cache requires flash_attn to be enabled
0.00.195.205 E common_fit_params: encountered an error while trying to fit params to free device memory: failed to create llama_context from model
0.00.290.577 E cmn  common_init_: failed to create context with model '/models/m.gguf'
0.00.291.117 E srv  llama_server: exiting due to model loading error`,
			Class: launcher.ClassConfig, Cause: "llama_init_from_model: quantized V cache requires", Remedy: "Set flash-attn to on",
		},
		"V cache, 2025": {
			Log:   "llama_init_from_model: V cache quantization requires flash_attn\ncommon_init_from_params: failed to create context with model 'm.gguf'\nmain: exiting due to model loading error",
			Class: launcher.ClassConfig, Cause: "llama_init_from_model: V cache", Remedy: "leave cache-type-v at f16",
		},
		"not a number": {
			Log:   "error while handling argument \"--ctx-size\": stoi\n\nusage:\n-c,    --ctx-size N                     size of the prompt context (default: 0, 0 = loaded from model)\n\n\nto show complete usage, run with -h",
			Class: launcher.ClassArguments, Cause: "error while handling argument", Remedy: "The value not-a-number of --ctx-size is not a whole number",
		},
		"a value that it does not know": {
			Log:   "error while handling argument \"--cache-type-v\": Unsupported cache type: zzz\n\nusage:\n-ctv,  --cache-type-v TYPE              KV cache data type for V",
			Class: launcher.ClassArguments, Cause: "error while handling argument", Remedy: "Correct the value of --cache-type-v: Unsupported cache type: zzz",
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
llama_context: n_seq_max     = 1
llama_context: n_ctx         = 8192
llama_context: n_batch       = 2048
llama_context: n_ubatch      = 512
llama_context: flash_attn    = auto
llama_kv_cache: size =  640.00 MiB (  8192 cells,  40 layers,  1/1 seqs), K (q8_0):  320.00 MiB, V (f16):  320.00 MiB
llama_context: Flash Attention was auto, set to enabled
srv    load_model: loading draft model '/models/d.gguf'
llama_context: n_ctx         = 512
main: server is listening on http://127.0.0.1:8080 - starting the main loop`

func TestReader(t *testing.T) {
	for name, c := range map[string]struct {
		log, phases string
		logged      launcher.Logged
		settings    map[string]string
	}{
		"2026, on processors": {start2026, "loading profiling serving", launcher.Logged{KVCacheTokens: 2048, MaxConcurrency: 2},
			map[string]string{"parallel": "2", "ctx-size": "2048", "kv-unified": "false", "threads": "2"}},
		"2025, on a GPU": {start2025, "loading profiling serving", launcher.Logged{ModelGiB: 4, Device: "cuda"}, map[string]string{
			"ctx-size": "8192", "batch-size": "2048", "ubatch-size": "512", "flash-attn": "on", "cache-type-k": "q8_0", "cache-type-v": "f16", "n-gpu-layers": "33 of 33"}},
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
	const confirmed, contradicted, unjudged = launcher.Confirmed, launcher.Contradicted, launcher.Unjudged
	for _, c := range []struct {
		flag, asked, inEffect string
		want                  launcher.Verdict
	}{
		{"ctx-size", "2000", "2048", confirmed}, {"ctx-size", "0", "4096", confirmed}, {"ctx-size", "8192", "4096", contradicted}, {"ctx-size", "2048", "100000", contradicted},
		{"parallel", "4", "2", contradicted}, {"parallel", "-1", "4", confirmed}, {"metrics", "true", "false", contradicted}, {"cache-type-k", "q8_0", "f16", unjudged},
		{"cache-type-k", "q8_0", "q8_0", confirmed}, {"flash-attn", "auto", "on", confirmed}, {"batch-size", "4096", "2048", unjudged}, {"batch-size", "512", "512", confirmed},
		{"n-gpu-layers", "99", "33 of 33", confirmed}, {"n-gpu-layers", "20", "20 of 33", confirmed}, {"n-gpu-layers", "99", "0 of 33", contradicted},
		{"n-gpu-layers", "0", "0 of 33", confirmed}, {"n-gpu-layers", "all", "33 of 33", unjudged}, {"threads", "2", "4", contradicted},
	} {
		if got := compare(c.flag, c.asked, c.inEffect); got != c.want {
			t.Errorf("%s asked %s, in effect %s: verdict %v, want %v", c.flag, c.asked, c.inEffect, got, c.want)
		}
	}
}

// What llama-server tells of the flags that were asked for: the lines and the
// answers of build 11669, of 2026-12-01.
func TestEffective(t *testing.T) {
	r := launchertest.Recording{Log: start2026 + "\n", Answers: map[string]string{
		"/props":     `{"default_generation_settings":{"params":{},"n_ctx":1024},"total_slots":2,"model_alias":"m","endpoint_slots":true,"endpoint_props":false,"endpoint_metrics":true,"build_info":"b11669-Debian"}`,
		"/v1/models": `{"data":[{"id":"m","meta":{"n_vocab":12000,"n_ctx":2048}}]}`,
	}}
	as, other, want, otherwise := map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	for _, c := range [][5]string{
		{"alias", "m", "confirmed", "n", "unconfirmed"}, {"parallel", "2", "confirmed", "4", "contradicted"},
		{"ctx-size", "2000", "confirmed", "8192", "contradicted"}, {"threads", "2", "confirmed", "4", "contradicted"},
		{"kv-unified", "false", "confirmed", "true", "contradicted"}, {"metrics", "true", "confirmed", "false", "contradicted"},
		{"slots", "true", "confirmed", "false", "contradicted"}, {"props", "false", "confirmed", "true", "contradicted"},
		{"batch-size", "2048", "unconfirmed", "512", "unconfirmed"}, {"flash-attn", "auto", "unconfirmed", "on", "unconfirmed"},
		{"cache-type-k", "f16", "unconfirmed", "q8_0", "unconfirmed"}, {"n-gpu-layers", "0", "unconfirmed", "99", "unconfirmed"},
	} {
		as[c[0]], want[c[0]], other[c[0]], otherwise[c[0]] = c[1], c[2], c[3], c[4]
	}
	got, _ := launchertest.Effective(t, Engine(), r, "m", as)
	launchertest.Verdicts(t, "as it ran", got, want)
	got, _ = launchertest.Effective(t, Engine(), r, "m", other)
	launchertest.Verdicts(t, "otherwise", got, otherwise)
}
