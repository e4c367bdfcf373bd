package launcher

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// failures are excerpts of start-up logs, written from the messages in vLLM's
// source (2025 and 2026 releases), with what is to be made of them.
var failures = []struct {
	name   string
	log    string
	exit   int
	class  Class
	cause  string // beginning of the cause
	remedy string // part of the remedy
}{
	{"gpu not free", `
(EngineCore pid=211) ERROR 08-17 12:00:03 [core.py:1346] EngineCore failed to start.
(EngineCore pid=211) ERROR 08-17 12:00:03 [core.py:1346] Traceback (most recent call last):
(EngineCore pid=211) ERROR 08-17 12:00:03 [core.py:1346]   File "/usr/lib/vllm/v1/worker/utils.py", line 455, in request_memory
(EngineCore pid=211) ERROR 08-17 12:00:03 [core.py:1346] ValueError: Free memory on device cuda:0 (12.3/79.1 GiB) on startup is less than desired GPU memory utilization (0.92, 72.77 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}`,
		1, ClassGPUNotFree, "ValueError: Free memory on device cuda:0", "only 12.3 of 79.1 GiB are free and 72.77 GiB are asked for"},
	{"gpu not free, 2025", `
(EngineCore_0 pid=211) ValueError: Free memory on device (1.50/79.1 GiB) on startup is less than desired GPU memory utilization (0.9, 71.2 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}`,
		1, ClassGPUNotFree, "ValueError: Free memory on device (1.50", "below 0.9"},
	{"memory moved by a neighbour", `
(EngineCore pid=9) AssertionError: Error in memory profiling. Initial free memory 70.1 GiB, current free memory 75.9 GiB. This happens when other processes sharing the same container release GPU memory while vLLM is profiling during initialization.`,
		1, ClassGPUNotFree, "AssertionError: Error in memory profiling", "keep the GPU to this server"},
	{"nothing left for the cache", "\n(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
		1, ClassKVCache, "ValueError: No available memory", "raise gpu-memory-utilization"},
	{"cache below one request", `
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] ValueError: To serve at least one request with the model's max seq len (131072), (16.00 GiB KV cache is needed, which is larger than the available KV cache memory (9.71 GiB). Based on the available memory, the estimated maximum model length is 79536. Try increasing gpu_memory_utilization or decreasing max_model_len when initializing the engine.`,
		1, ClassKVCache, "ValueError: To serve at least one request", "16.00 GiB of KV cache and 9.71 GiB are left: set max-model-len to at most 79536"},
	{"cache below one request, 2025", `
(EngineCore_DP0 pid=9) ValueError: To serve at least one request with the models's max seq len (40960), (4.38 GiB KV cache is needed, which is larger than the available KV cache memory (2.02 GiB). Try increasing gpu_memory_utilization`,
		1, ClassKVCache, "ValueError: To serve at least one", "one request of 40960 tokens needs 4.38 GiB"},
	{"cache below one request, V0", `
ValueError: The model's max seq len (32768) is larger than the maximum number of tokens that can be stored in KV cache (12432). Try increasing gpu_memory_utilization`,
		1, ClassKVCache, "ValueError: The model's max seq len", "at most 12432"},
	{"auto-fit", `
(EngineCore pid=9) ValueError: Cannot auto-fit max_model_len: not enough GPU memory available to serve even a single token.`,
		1, ClassKVCache, "ValueError: Cannot auto-fit", "not even one token"},
	{"weights do not fit", `
(EngineCore pid=9) ERROR 08-17 12:00:03 [gpu_model_runner.py:5506] Failed to load model - not enough GPU memory. Try lowering --gpu-memory-utilization to free memory for weights, increasing --tensor-parallel-size, or using --quantization.
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.96 GiB. GPU 0 has a total capacity of 23.58 GiB of which 1.20 GiB is free. Including non-PyTorch memory, this process has 22.1 GiB memory in use.`,
		1, ClassGPUMemory, "torch.OutOfMemoryError: CUDA out of memory", "1.96 GiB more were wanted and 1.20 GiB of 23.58 GiB were free"},
	{"out of memory, older torch", `
(VllmWorker rank=1 pid=91) ERROR 05-02 12:00:03 [multiproc_executor.py:470] torch.cuda.OutOfMemoryError: CUDA out of memory.
(EngineCore_0 pid=9) RuntimeError: Worker failed with error`,
		1, ClassGPUMemory, "torch.cuda.OutOfMemoryError", "max-num-seqs"},
	{"sampler warm-up", "\n(Worker_TP0 pid=9) ERROR 08-17 12:00:03 [multiproc_executor.py:780] RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try lowering `max_num_seqs` or `gpu_memory_utilization` when initializing the engine.",
		1, ClassGPUMemory, "RuntimeError: CUDA out of memory occurred", "1024 sequences at once"},
	{"more GPUs than there are", `
(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for ParallelConfig
(APIServer pid=1)   Value error, World size (8) is larger than the number of available GPUs (2) in this node. If this is intentional set distributed_executor_backend [type=value_error, input_value=ArgsKwargs((), {}), input_type=ArgsKwargs]`,
		1, ClassGPUs, "World size (8) is larger", "8 GPUs are asked for and 2 can be seen"},
	{"more GPUs than there are, 2025", `
(APIServer pid=1)   Value error, Tensor parallel size (2) cannot be larger than the number of available GPUs (1).`,
		1, ClassGPUs, "  Value error, Tensor parallel size", "at most 1"},
	{"rank out of bounds", `
(Worker_TP3 pid=9) AssertionError: DP adjusted local rank 3 is out of bounds for 2 devices.
(EngineCore pid=8) Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.`,
		1, ClassGPUs, "AssertionError: DP adjusted local rank", "more GPUs"},
	{"no GPU", `
RuntimeError: Failed to infer device type, please set the environment variable VLLM_LOGGING_LEVEL=DEBUG to turn on verbose logging to help debug the issue.`,
		1, ClassGPUs, "RuntimeError: Failed to infer device type", "nvidia-smi"},
	{"heads", `
pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig
  Value error, Total number of attention heads (14) must be divisible by tensor parallel size (4). [type=value_error, input_value=ArgsKwargs((), {}), input_type=ArgsKwargs]
    For further information visit https://errors.pydantic.dev/2.11/v/value_error`,
		1, ClassConfig, "Total number of attention heads (14) must be divisible by tensor parallel size (4).", "divides 14"},
	{"maximum length", `
(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
(APIServer pid=1)   Value error, User-specified max_model_len (65536) is greater than the derived max_model_len (max_position_embeddings=32768 or model_max_length=None in model's config.json). To allow overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. [type=value_error, input_value=ArgsKwargs]`,
		1, ClassConfig, "User-specified max_model_len (65536)", "at most 32768"},
	{"scheduler", `
(APIServer pid=1) ValueError: max_num_batched_tokens (128) must be greater than or equal to max_num_seqs (256).`,
		1, ClassConfig, "ValueError: max_num_batched_tokens (128)", "at least 256, or lower max-num-seqs to at most 128"},
	{"dtype", "\nValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has compute capability 7.5. You can use float16 instead by explicitly setting the `dtype` flag in CLI, for example: --dtype=half.",
		1, ClassConfig, "ValueError: Bfloat16", "dtype to half"},
	{"quantisation of the model", "\nValueError: Quantization method specified in the model config (awq) does not match the quantization method specified in the `quantization` argument (gptq).",
		1, ClassConfig, "ValueError: Quantization method", "set it to awq"},
	{"quantisation and GPU", `
ValueError: The quantization method fp8 is not supported for the current GPU. Minimum capability: 80. Current capability: 75.`,
		1, ClassConfig, "ValueError: The quantization method fp8", "needs compute capability 80 and the GPU has 75"},
	{"no such model", `
ValueError: Invalid repository ID or local directory specified: '/models/none'. Please verify the following requirements`,
		1, ClassModel, "ValueError: Invalid repository ID", "there is no model /models/none"},
	{"gated model", `
huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-6)
OSError: You are trying to access a gated repo.
Make sure to have access to it at https://huggingface.co/meta-llama/Llama-3.1-8B.`,
		1, ClassModel, "huggingface_hub.errors.GatedRepoError", "HF_TOKEN"},
	{"offline", `
huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the files on the Hub and we cannot find the appropriate snapshot folder for the specified revision on the local disk.`,
		1, ClassModel, "huggingface_hub.errors.LocalEntryNotFoundError", "mount a cache"},
	{"architecture", `
(APIServer pid=1) ValueError: Model architectures ['FooForCausalLM'] are not supported for now. Supported architectures: dict_keys([])`,
		1, ClassModel, "ValueError: Model architectures", "newer image"},
	{"port", `
(APIServer pid=1) OSError: [Errno 98] Address already in use`,
		1, ClassPort, "OSError: [Errno 98]", "another program took the port"},
	{"distributed port", `
(EngineCore pid=9) torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. port: 29500, useIpv6: false, code: -98, name: EADDRINUSE, message: address already in use`,
		1, ClassPort, "torch.distributed.DistNetworkError", "another program"},
	{"NCCL", `
(Worker_TP1 pid=92) ERROR 08-17 12:00:03 [multiproc_executor.py:780] WorkerProc failed to start.
(Worker_TP1 pid=92) ERROR 08-17 12:00:03 [multiproc_executor.py:780] RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for details)
(EngineCore pid=8) ERROR 08-17 12:00:03 [core.py:1346] Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.`,
		1, ClassNCCL, "RuntimeError: NCCL error", "NCCL_DEBUG=INFO"},
	{"shared memory", `
vm:92:92 [0] NCCL WARN Error while creating shared memory segment /dev/shm/nccl-aBcDeF (size 9637888)
(Worker_TP1 pid=92) torch.distributed.DistBackendError: worker 1 went away`,
		1, ClassNCCL, "vm:92:92 [0] NCCL WARN Error while creating shared memory", "shm_size"},
	{"unknown flag", `
usage: vllm serve [model_tag] [options]
vllm serve: error: unrecognized arguments: --swap-space 4`,
		2, ClassArguments, "vllm serve: error: unrecognized arguments", "does not know --swap-space 4"},
	{"unknown flag, 2025", `
usage: api_server.py [-h] [--host HOST]
api_server.py: error: unrecognized arguments: --foo`,
		2, ClassArguments, "api_server.py: error", "does not know --foo"},
	{"wrong value", `
usage: vllm [-h] [-v] {chat,complete,serve,launch,bench} ...
vllm: error: argument --kv-cache-dtype: invalid choice: 'fp9' (choose from auto, fp8)`,
		2, ClassArguments, "vllm: error: argument --kv-cache-dtype", "correct the value of --kv-cache-dtype"},
	{"usage alone", "\nusage: vllm [-h]", 2, ClassArguments, "ended with exit code 2", "flags"},
	{"killed while loading", `
(EngineCore pid=9) INFO 08-17 12:00:03 [gpu_model_runner.py:5420] Starting to load model m...`,
		137, ClassHostMemory, "killed while it started (exit code 137)", "memory"},
	{"engine never came", `
(APIServer pid=1) TimeoutError: Timed out waiting for engine core processes to start. This is often caused by slow weight loading for large models. Waited 600s (configured by VLLM_ENGINE_READY_TIMEOUT_S).`,
		1, ClassTimeout, "TimeoutError: Timed out waiting", "VLLM_ENGINE_READY_TIMEOUT_S"},
	{"unknown exception", `
(EngineCore pid=9) KeyError: 'layers.0.qkv'
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}`,
		1, ClassUnclassified, "KeyError: 'layers.0.qkv'", "log"},
	{"no word at all", "", 0, ClassExited, "ended with exit code 0 before it was ready", "log"},
	{"only wrappers", `
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] EngineCore failed to start.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}`,
		1, ClassExited, "ended with exit code 1", "log"},
	{"information is no complaint", `
(EngineCore pid=9) INFO 08-17 12:00:03 [gpu_worker.py:783] Free memory on device (78.2/79.1 GiB) on startup. Desired GPU memory utilization is (0.92, 72.77 GiB).
(EngineCore pid=9) WARNING 08-17 12:00:03 [x.py:1] OSError: [Errno 98] Address already in use`,
		1, ClassExited, "ended with exit code 1", "log"},
}

func TestDiagnose(t *testing.T) {
	for _, c := range failures {
		t.Run(c.name, func(t *testing.T) {
			d := Diagnose(logFile(t, c.log), Exit{Code: c.exit})
			if d.Class != c.class {
				t.Errorf("class %q, want %q", d.Class, c.class)
			}
			if !strings.HasPrefix(d.Cause, c.cause) {
				t.Errorf("cause %q, want it to begin with %q", d.Cause, c.cause)
			}
			if !strings.Contains(d.Remedy, c.remedy) {
				t.Errorf("remedy %q does not contain %q", d.Remedy, c.remedy)
			}
			if strings.Contains(d.Remedy, "${") {
				t.Errorf("remedy %q has a gap", d.Remedy)
			}
			if isWrapper(d.Cause) || strings.HasPrefix(d.Cause, "(") {
				t.Errorf("cause %q is a wrapper or has its prefix", d.Cause)
			}
			if d.Exit == nil || d.Exit.Code != c.exit {
				t.Errorf("exit %+v", d.Exit)
			}
		})
	}
}

// Every remedy names only groups that its pattern has.
func TestRemediesHaveNoGaps(t *testing.T) {
	for _, r := range append(rules, hints...) {
		for _, p := range r.patterns {
			for _, part := range strings.Split(r.remedy, "${")[1:] {
				if name, _, _ := strings.Cut(part, "}"); p.SubexpIndex(name) < 0 {
					t.Errorf("remedy %q: pattern %q has no group %q", r.remedy, p, name)
				}
			}
			if prefix, _ := p.LiteralPrefix(); prefix == "" && !strings.HasPrefix(p.String(), "^") {
				t.Errorf("pattern %q begins with no literal", p)
			}
		}
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	var log strings.Builder
	log.WriteString("(EngineCore pid=9) KeyError: 'first'\n")
	for range 1000 {
		log.WriteString("(APIServer pid=1) ValueError: " + strings.Repeat("x", 5000) + "\n")
	}
	d := Diagnose(logFile(t, log.String()), Exit{Code: 1})
	size := 0
	for _, e := range d.Evidence {
		size += len(e)
	}
	if len(d.Evidence) > maxEvidence+1 || size > (maxEvidence+1)*(maxEvidenceLine+3) {
		t.Errorf("%d lines, %d bytes of evidence", len(d.Evidence), size)
	}
	if d.Cause != "KeyError: 'first'" || d.Evidence[0] != d.Cause {
		t.Errorf("cause %q, evidence begins with %q", d.Cause, d.Evidence[0])
	}
}

func TestTimeoutNamesPhaseAndHint(t *testing.T) {
	log := logFile(t, "\n(EngineCore pid=9) INFO 08-17 12:00:03 [shm_broadcast.py:104] No available shared memory broadcast block found in 60 seconds. This typically happens when some processes are hanging.")
	phases := []Phase{{PhaseLaunched, 0}, {PhaseCompiling, 90 * time.Second}}
	d := diagnoseTimeout(Spec{LogPath: log, ReadyTimeout: 10 * time.Minute}, phases, os.ErrDeadlineExceeded)
	if d.Class != ClassTimeout || !strings.Contains(d.Cause, "10m0s; last phase seen: compiling, 1m30s after the launch") {
		t.Errorf("class %q, cause %q", d.Class, d.Cause)
	}
	if !strings.Contains(d.Remedy, "a worker does not answer the engine") {
		t.Errorf("remedy %q", d.Remedy)
	}
}

func BenchmarkDiagnose(b *testing.B) {
	line := "(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346]   File \"/usr/lib/python3/site-packages/vllm/v1/engine/core.py\", line 1300, in run_engine_core\n"
	path := filepath.Join(b.TempDir(), "server.log")
	if err := os.WriteFile(path, []byte(strings.Repeat(line, 1<<20/len(line))), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1 << 20)
	for b.Loop() {
		Diagnose(path, Exit{Code: 1})
	}
}

func logFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.log")
	if err := os.WriteFile(path, []byte(strings.TrimPrefix(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestACauseIsWholeSentences(t *testing.T) {
	for in, want := range map[string]string{
		"World size (2) is larger than the number of available GPUs (1) in this node. If this is intentional and you are using:": "World size (2) is larger than the number of available GPUs (1) in this node.",
		"one sentence:": "one sentence:", "no colon. at the end": "no colon. at the end", "": "",
	} {
		if got := wholeSentences(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
