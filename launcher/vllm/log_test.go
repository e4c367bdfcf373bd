package vllm

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/launcher"
)

const log2026 = `
(APIServer pid=1) INFO 08-17 12:00:00 [utils.py:1] non-default args: {'model': 'm', 'max_num_seqs': 64, 'gpu_memory_utilization': 0.9, 'enable_prefix_caching': False, 'compilation_config': {'mode': 3}}
(APIServer pid=1) INFO 08-17 12:00:00 [scheduler.py:243] Chunked prefill is enabled with max_num_batched_tokens=8192.
(EngineCore pid=9) INFO 08-17 12:00:01 [core.py:90] Initializing a V1 LLM engine (v0.27.1) with config: model='m', dtype=torch.bfloat16, max_seq_len=8192, tensor_parallel_size=1, quantization=None, enforce_eager=False, kv_cache_dtype=auto, enable_prefix_caching=False, enable_chunked_prefill=True
(EngineCore pid=9) INFO 08-17 12:00:02 [gpu_model_runner.py:5420] Starting to load model m...
(EngineCore pid=9) INFO 08-17 12:00:09 [gpu_model_runner.py:5516] Model loading took 14.99 GiB memory and 6.500000 seconds
(EngineCore pid=9) INFO 08-17 12:00:30 [monitor.py:20] torch.compile took 20.10 s in total
(EngineCore pid=9) INFO 08-17 12:00:31 [gpu_worker.py:579] Available KV cache memory: 54.21 GiB
(EngineCore pid=9) INFO 08-17 12:00:31 [kv_cache_utils.py:1876] GPU KV cache size: 444,089 tokens, Maximum concurrency for 8,192 tokens per request: 54.21x
(EngineCore pid=9) INFO 08-17 12:00:40 [gpu_model_runner.py:7049] Graph capturing finished in 8 secs, took 0.61 GiB
(EngineCore pid=9) INFO 08-17 12:00:41 [core.py:338] init engine (profile, create kv cache, warmup model) took 31.50 s (compilation: 20.10 s)
(APIServer pid=1) INFO 08-17 12:00:42 [api_server.py:541] Starting vLLM server on http://0.0.0.0:8000`

const log2025 = `
(EngineCore_0 pid=9) INFO 09-02 12:00:01 [core.py:75] Initializing a V1 LLM engine (v0.10.1) with config: model='m', enforce_eager=False, max_seq_len=8192, chunked_prefill_enabled=True
(EngineCore_0 pid=9) INFO 09-02 12:00:02 [gpu_model_runner.py:1875] Starting to load model m...
(EngineCore_0 pid=9) INFO 09-02 12:00:09 [gpu_model_runner.py:1932] Model loading took 14.9889 GiB and 6.500000 seconds
(EngineCore_0 pid=9) INFO 09-02 12:00:30 [monitor.py:34] torch.compile takes 20.10 s in total
(EngineCore_0 pid=9) INFO 09-02 12:00:31 [gpu_worker.py:276] Available KV cache memory: 21.51 GiB
(EngineCore_0 pid=9) INFO 09-02 12:00:31 [kv_cache_utils.py:829] GPU KV cache size: 176,240 tokens
(EngineCore_0 pid=9) INFO 09-02 12:00:31 [kv_cache_utils.py:833] Maximum concurrency for 8,192 tokens per request: 21.51x
Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%
(EngineCore_0 pid=9) INFO 09-02 12:00:40 [core.py:214] init engine (profile, create kv cache, warmup model) took 31.50 seconds`

// An engine on processors: 0.32 compiled, and 0.20 eager, which still calls
// its cache the GPU's.
const logCPU = `
(EngineCore pid=9) INFO 11-30 21:30:08 [core.py:112] Initializing a V1 LLM engine (v0.32.0) with config: model='m', enforce_eager=False, device_config=cpu, max_seq_len=2048
(EngineCore pid=9) INFO 11-30 21:30:08 [ompmultiprocessing.py:185] 	VLLM_CPU_OMP_THREADS_BIND='auto', auto_setup=True, skip_setup=False
(EngineCore pid=9) INFO 11-30 21:30:08 [ompmultiprocessing.py:185] 	local_rank=0, core ids=[0]
(EngineCore pid=9) INFO 11-30 21:30:08 [ompmultiprocessing.py:185] 	reserved_cpus=[1]
(Worker pid=10) INFO 11-30 21:30:23 [cpu_model_runner.py:68] Starting to load model m...
(Worker pid=10) INFO 11-30 21:30:25 [cpu_model_runner.py:87] Warming up model for the compilation...
(Worker pid=10) INFO 11-30 21:31:35 [monitor.py:91] [backbone] Initial profiling/warmup run took 0.29 s
(Worker pid=10) INFO 11-30 21:31:36 [cpu_model_runner.py:91] Warming up done.
(Worker pid=10) INFO 11-30 21:31:36 [cpu_worker.py:260] Explicitly set (1.0/23.54) GiB for KV cache on node 0.
(EngineCore pid=9) INFO 11-30 21:31:36 [kv_cache_utils.py:2327] CPU KV cache size: 524,288 tokens, Maximum concurrency for 2,048 tokens per request: 256.00x
(EngineCore pid=9) INFO 11-30 21:31:36 [core.py:402] init engine (profile, create kv cache, warmup model) took 71.50 s
(APIServer pid=1) INFO 11-30 21:31:38 [entry.py:140] Starting vLLM server on http://127.0.0.1:8000`

const logCPUEager = `
(Worker pid=10) INFO 11-30 22:15:19 [cpu_model_runner.py:101] Starting to load model m...
(Worker pid=10) INFO 11-30 22:15:19 [cpu_model_runner.py:116] Warming up model for the compilation...
(Worker pid=10) INFO 11-30 22:15:41 [cpu_model_runner.py:120] Warming up done.
(EngineCore pid=9) INFO 11-30 22:15:41 [kv_cache_utils.py:1708] GPU KV cache size: 524,288 tokens
(APIServer pid=1) INFO 11-30 22:15:44 [api_server.py:602] Starting vLLM server on http://127.0.0.1:8000`

func TestReader(t *testing.T) {
	for name, c := range map[string]struct {
		log      string
		phases   string // as they come, repetitions left out
		logged   launcher.Logged
		settings map[string]string
	}{
		"2026": {
			log2026, "loading compiling profiling graphs serving",
			launcher.Logged{EngineVersion: "0.27.1", KVCacheTokens: 444089, MaxConcurrency: 54.21, KVCacheGiB: 54.21, ModelGiB: 14.99},
			map[string]string{
				"model": "m", "enable-prefix-caching": "false", "max-num-batched-tokens": "8192", "dtype": "bfloat16", "max-model-len": "8192", "tensor-parallel-size": "1",
				"enforce-eager": "false", "kv-cache-dtype": "auto", "enable-chunked-prefill": "true",
			},
		},
		"2025": {
			log2025, "loading compiling profiling graphs serving",
			launcher.Logged{EngineVersion: "0.10.1", KVCacheTokens: 176240, MaxConcurrency: 21.51, KVCacheGiB: 21.51, ModelGiB: 14.9889},
			map[string]string{"model": "m", "enforce-eager": "false", "max-model-len": "8192", "enable-chunked-prefill": "true"},
		},
		"processors": {
			logCPU, "loading compiling profiling serving",
			launcher.Logged{EngineVersion: "0.32.0", KVCacheTokens: 524288, MaxConcurrency: 256, KVCacheGiB: 1, Device: "cpu", Cores: "0"},
			map[string]string{"model": "m", "enforce-eager": "false", "max-model-len": "2048"},
		},
		"processors, eager": {
			logCPUEager, "loading compiling profiling serving",
			launcher.Logged{KVCacheTokens: 524288, Device: "cpu"},
			map[string]string{},
		},
		"eager": {`
(EngineCore pid=9) INFO 08-17 12:00:01 [core.py:90] Initializing a V1 LLM engine (v0.27.1) with config: model='m', enforce_eager=True
(EngineCore pid=9) INFO 08-17 12:00:02 [gpu_model_runner.py:5420] Starting to load model m...
(EngineCore pid=9) INFO 08-17 12:00:09 [gpu_model_runner.py:5516] Model loading took 14.99 GiB memory and 6.500000 seconds
(EngineCore pid=9) INFO 08-17 12:00:31 [gpu_worker.py:579] Available KV cache memory: -1.21 GiB
(APIServer pid=1) INFO 08-17 12:00:42 [api_server.py:541] Starting vLLM server on http://0.0.0.0:8000`,
			"loading profiling serving",
			launcher.Logged{EngineVersion: "0.27.1", KVCacheGiB: -1.21, ModelGiB: 14.99},
			map[string]string{"model": "m", "enforce-eager": "true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := Engine().NewReader()
			var phases []string
			for line := range strings.Lines(c.log) {
				if p := r.Read(strings.TrimSuffix(line, "\n")); p != "" && (len(phases) == 0 || phases[len(phases)-1] != p) {
					phases = append(phases, p)
				}
			}
			if got := strings.Join(phases, " "); got != c.phases {
				t.Errorf("phases %s, want %s", got, c.phases)
			}
			if diff := cmp.Diff(c.logged, r.Logged()); diff != "" {
				t.Errorf("logged (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.settings, r.Settings()); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

// The cores that an engine on processors binds its threads to, as its releases
// tell them: of each thread and of a list until 0.19, of each rank since.
func TestCores(t *testing.T) {
	for name, c := range map[string]struct {
		log  string
		want launcher.Cores
	}{
		"0.6, by threads": {`
INFO 09-24 10:50:13 cpu_worker.py:211] OMP threads binding of Process 1563:
INFO 09-24 10:50:13 cpu_worker.py:211] 	OMP tid: 1563, core 0
INFO 09-24 10:50:13 cpu_worker.py:211] 	OMP tid: 1754, core 1
(VllmWorkerProcess pid=274) INFO 09-24 10:50:13 cpu_worker.py:211] 	OMP tid: 420, core 19
(VllmWorkerProcess pid=274) INFO 09-24 10:50:13 cpu_worker.py:211] 	OMP tid: 419, core 18`, "0-1|18-19"},
		"0.11, chosen": {`
(EngineCore_DP0 pid=95672) INFO 10-28 13:27:47 [cpu_worker.py:164] auto thread-binding list (id, physical core): [(1, 0), (3, 1), (5, 2)]
(EngineCore_DP0 pid=95672) INFO 10-28 13:27:47 [cpu_worker.py:70] OMP threads binding of Process 95672:
(EngineCore_DP0 pid=95672) INFO 10-28 13:27:47 [cpu_worker.py:70]       OMP tid: 95672, core 1
(EngineCore_DP0 pid=95672) INFO 10-28 13:27:47 [cpu_worker.py:70]       OMP tid: 95715, core 3`, "1,3,5"},
		"0.20, by ranks": {`
(EngineCore pid=30682) INFO 11-30 22:14:43 [ompmultiprocessing.py:180] OpenMP thread binding info:
(EngineCore pid=30682) INFO 11-30 22:14:43 [ompmultiprocessing.py:180] 	local_rank=0, core ids=[0, 1]
(EngineCore pid=30682) INFO 11-30 22:14:43 [ompmultiprocessing.py:180] 	local_rank=1, core ids=[2, 3]
(EngineCore pid=30682) INFO 11-30 22:14:43 [ompmultiprocessing.py:180] 	reserved_cpus=[]`, "0-1|2-3"},
		"two engines": {`
(EngineCore_DP0 pid=7) INFO 11-30 22:14:43 [ompmultiprocessing.py:185] 	local_rank=0, core ids=[0]
(EngineCore_DP1 pid=8) INFO 11-30 22:14:43 [ompmultiprocessing.py:185] 	local_rank=0, core ids=[1]`, "0|1"},
		"not bound": {`
(EngineCore pid=7) INFO 11-30 22:14:43 [ompmultiprocessing.py:185] 	VLLM_CPU_OMP_THREADS_BIND='nobind', auto_setup=False, skip_setup=True
(EngineCore pid=7) INFO 11-30 22:14:43 [ompmultiprocessing.py:185] 	local_rank=0, core ids=[]`, ""},
	} {
		r := Engine().NewReader()
		for line := range strings.Lines(c.log) {
			r.Read(strings.TrimSuffix(line, "\n"))
		}
		if got := r.Logged().Cores; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	const info = `{"vllm_config": {"model_config": {"max_model_len": 4096, "enforce_eager": false, "quantization": null},
		"cache_config": {"gpu_memory_utilization": 0.85, "cache_dtype": "fp8_e4m3"}, "scheduler_config": {"policy": "fcfs", "max_num_seqs": 32},
		"compilation_config": {"cudagraph_capture_sizes": [1, 2]}}, "vllm_env": {}}`
	const metrics = "# HELP vllm:cache_config_info x\nvllm:cache_config_info{block_size=\"16\",cache_dtype=\"auto\",enable_prefix_caching=\"True\",engine=\"0\",gpu_memory_utilization=\"0.9\",num_gpu_blocks=\"1000\",num_gpu_blocks_override=\"None\",sliding_window=\"None\"} 1.0\n"
	away := errors.New("404")
	for name, c := range map[string]struct {
		answers map[string]string
		source  string
		want    map[string]string
	}{
		"server info": {
			map[string]string{"/server_info?config_format=json": info, "/metrics": metrics}, "/server_info",
			map[string]string{"max-model-len": "4096", "enforce-eager": "false", "gpu-memory-utilization": "0.85", "kv-cache-dtype": "fp8_e4m3", "scheduling-policy": "fcfs", "max-num-seqs": "32",
				"cudagraph-capture-sizes": "[1,2]", "compilation-config.cudagraph_capture_sizes": "[1,2]"},
		},
		"metrics": {
			map[string]string{"/metrics": metrics}, "vllm:cache_config_info",
			map[string]string{"block-size": "16", "kv-cache-dtype": "auto", "enable-prefix-caching": "true", "gpu-memory-utilization": "0.9"},
		},
		"nothing":  {nil, "", nil},
		"not json": {map[string]string{"/server_info?config_format=json": "hello"}, "", nil},
	} {
		told := settings(t.Context(), func(_ context.Context, path string) ([]byte, error) {
			if body, ok := c.answers[path]; ok {
				return []byte(body), nil
			}
			return nil, away
		})
		if diff := cmp.Diff(c.want, told.Values); diff != "" || told.Source != c.source {
			t.Errorf("%s: source %q (-want +got):\n%s", name, told.Source, diff)
		}
	}
}

// What releases tell of the cache in labels, and on what they compute.
func TestToldSizes(t *testing.T) {
	const head = "vllm:cache_config_info{block_size=\"128\",cache_dtype=\"auto\",engine=\"0\",num_gpu_blocks=\"4096\","
	for name, c := range map[string]struct {
		metrics, info string
		want          launcher.Told
	}{
		"0.15 on processors": {head + "cpu_kvcache_space_bytes=\"1073741824\"} 1.0\n", "", launcher.Told{KVCacheTokens: 524288, Device: "cpu"}},
		"0.15 on GPUs":       {head + "cpu_kvcache_space_bytes=\"None\"} 1.0\n", "", launcher.Told{KVCacheTokens: 524288}},
		"0.32": {head + "kv_cache_max_concurrency=\"256.0\",kv_cache_size_tokens=\"520000\"} 1.0\n", `{"vllm_config": {"device_config": {"device": "cpu"}, "cache_config": {"block_size": 128}}}`,
			launcher.Told{KVCacheTokens: 520000, MaxConcurrency: 256, Device: "cpu"}},
		"not finite": {"vllm:cache_config_info{block_size=\"NaN\",num_gpu_blocks=\"1e300\"} 1.0\n", "", launcher.Told{}},
	} {
		told := settings(t.Context(), func(_ context.Context, path string) ([]byte, error) {
			switch {
			case path == "/metrics":
				return []byte(c.metrics), nil
			case c.info != "":
				return []byte(c.info), nil
			}
			return nil, errors.New("404")
		})
		told.Values, told.Source = nil, ""
		if diff := cmp.Diff(c.want, told); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCompare(t *testing.T) {
	const confirmed, contradicted, unjudged = launcher.Confirmed, launcher.Contradicted, launcher.Unjudged
	for _, c := range []struct {
		flag, asked, inEffect string
		want                  launcher.Verdict
	}{
		{"max-model-len", "32k", "32000", confirmed}, {"max-model-len", "32K", "32000", contradicted}, {"max-model-len", "auto", "4096", confirmed},
		{"max-num-seqs", "512", "256", contradicted}, {"gpu-memory-utilization", "0.90", "0.9", confirmed}, {"gpu-memory-utilization", "0.95", "0.9", contradicted},
		{"enable-prefix-caching", "false", "true", contradicted}, {"dtype", "half", "float16", confirmed}, {"dtype", "half", "bfloat16", contradicted},
		{"kv-cache-dtype", "fp8", "fp8_e4m3", confirmed}, {"kv-cache-dtype", "fp8", "auto", contradicted}, {"quantization", "awq", "awq_marlin", unjudged},
		{"quantization", "awq", "awq", confirmed}, {"max-logprobs", "-1", "20", unjudged}, {"enforce-eager", "true", "maybe", unjudged},
		{"attention-backend", "flashinfer", "FLASH_ATTN", unjudged}, {"served-model-name", "tiny", `["tiny"]`, confirmed}, {"served-model-name", `["a","b"]`, "a", unjudged},
		{"middleware", `["a","b"]`, `["a","b"]`, confirmed}, {"cudagraph-capture-sizes", "[1,2,4]", "[1,2]", unjudged},
		{"compilation-config.mode", "3", "3 (VLLM_COMPILE)", confirmed}, {"compilation-config.cudagraph_mode", "none", "0 (NONE)", confirmed},
		{"compilation-config.mode", "3", "0 (NONE)", unjudged}, {"eplb-config.use_async", "true", "true", confirmed}, {"speculative-config.x", "0.50", "0.5", confirmed},
		{"no-such-flag", "1", "2", unjudged},
	} {
		if got := compare(c.flag, c.asked, c.inEffect); got != c.want {
			t.Errorf("%s asked %s, in effect %s: verdict %v, want %v", c.flag, c.asked, c.inEffect, got, c.want)
		}
	}
}

// FuzzLog feeds any log to the reader and to the diagnosis.
func FuzzLog(f *testing.F) {
	f.Add(log2025)
	f.Add(log2026)
	for _, c := range corpus {
		f.Add(c.log)
	}
	f.Fuzz(func(t *testing.T, log string) {
		r := Engine().NewReader()
		for line := range strings.Lines(log) {
			r.Read(strings.TrimRight(line, "\r\n"))
		}
		d := launcher.Diagnose(launcher.Spec{LogPath: logFile(t, log), Engine: Engine()}, launcher.Exit{Code: 1})
		if d.Class == "" || d.Cause.Text() == "" || strings.Contains(d.Remedy.Text(), "${") {
			t.Errorf("diagnosis %+v", d)
		}
		if d.Class == launcher.ClassExited {
			return
		}
		for _, w := range wrappers {
			if strings.HasPrefix(d.Cause.Text(), w) {
				t.Errorf("cause %q is the wrapper %q", d.Cause.Text(), w)
			}
		}
	})
}

func FuzzSettings(f *testing.F) {
	f.Add(`{"vllm_config": {"cache_config": {"block_size": 16}}}`)
	f.Add(`vllm:cache_config_info{block_size="16"} 1.0`)
	f.Add(`a=1, b='x\'y', c=<M.NONE: (0, 1)>, d=K(e=[1, {'f': None}], g=P('h')), i={1, 2}`)
	f.Fuzz(func(t *testing.T, body string) {
		serverInfo([]byte(body))
		cacheInfo(body)
		pythonDict(body)
		pythonFields(body)
	})
}
