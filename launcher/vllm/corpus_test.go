package vllm

import (
	"github.com/vllm-sweep/sweep/launcher"
)

// corpus holds excerpts of startup logs, written from the messages in vLLM's
// source (2025 and 2026 releases), with what is to be made of them.
var corpus = []struct {
	name   string
	log    string
	exit   int
	class  launcher.Class
	cause  string // beginning of the cause
	remedy string // part of the remedy
	asked  string // flags as asked, "name=value name=value"; most need none
}{
	{"gpu not free", `
(EngineCore pid=211) ERROR 08-17 12:00:03 [core.py:1346] EngineCore failed to start.
(EngineCore pid=211) ERROR 08-17 12:00:03 [core.py:1346] Traceback (most recent call last):
(EngineCore pid=211) ERROR 08-17 12:00:03 [core.py:1346]   File "/usr/lib/vllm/v1/worker/utils.py", line 455, in request_memory
(EngineCore pid=211) ERROR 08-17 12:00:03 [core.py:1346] ValueError: Free memory on device cuda:0 (12.3/79.1 GiB) on startup is less than desired GPU memory utilization (0.92, 72.77 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}`,
		1, launcher.ClassGPUNotFree, "ValueError: Free memory on device cuda:0", "The server asks for 72.8 GiB, but only 12.3 GiB of 79.1 GiB are free. Stop what else uses the GPU (see nvidia-smi), wait longer between servers, or lower gpu-memory-utilization below 0.92.", ""},
	{"gpu not free, 2025", `
(EngineCore_0 pid=211) ValueError: Free memory on device (1.50/79.1 GiB) on startup is less than desired GPU memory utilization (0.9, 71.2 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}`,
		1, launcher.ClassGPUNotFree, "ValueError: Free memory on device (1.50", "below 0.9", ""},
	{"memory moved by a neighbour", `
(EngineCore pid=9) AssertionError: Error in memory profiling. Initial free memory 70.1 GiB, current free memory 75.9 GiB. This happens when other processes sharing the same container release GPU memory while vLLM is profiling during initialization.`,
		1, launcher.ClassGPUNotFree, "AssertionError: Error in memory profiling", "Another process took or freed GPU memory while the server was starting. Keep the GPU for this server.", ""},
	{"nothing left for the cache", "\n(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
		1, launcher.ClassKVCache, "ValueError: No available memory", "Nothing is left for the KV cache next to weights and activations. Raise gpu-memory-utilization, lower max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size.", ""},
	{"cache below one request", `
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] ValueError: To serve at least one request with the model's max seq len (131072), (16.00 GiB KV cache is needed, which is larger than the available KV cache memory (9.71 GiB). Based on the available memory, the estimated maximum model length is 79536. Try increasing gpu_memory_utilization or decreasing max_model_len when initializing the engine.`,
		1, launcher.ClassKVCache, "ValueError: To serve at least one request", "max-model-len 131,072 needs more KV cache than there is (16 GiB, with 9.71 GiB free). Lower it to at most 79,536, raise gpu-memory-utilization, or use kv-cache-dtype fp8.", ""},
	{"cache below one request, 2025", `
(EngineCore_DP0 pid=9) ValueError: To serve at least one request with the models's max seq len (40960), (4.38 GiB KV cache is needed, which is larger than the available KV cache memory (2.02 GiB). Try increasing gpu_memory_utilization`,
		1, launcher.ClassKVCache, "ValueError: To serve at least one", "max-model-len 40,960 needs more KV cache than there is (4.38 GiB, with 2.02 GiB free). Lower it to at most 18,880, raise gpu-memory-utilization, or use kv-cache-dtype fp8.", ""},
	{"cache below one request, V0", `
ValueError: The model's max seq len (32768) is larger than the maximum number of tokens that can be stored in KV cache (12432). Try increasing gpu_memory_utilization`,
		1, launcher.ClassKVCache, "ValueError: The model's max seq len", "max-model-len 32,768 needs more KV cache than there is. Lower it to at most 12,432, raise gpu-memory-utilization, or use kv-cache-dtype fp8.", ""},
	{"auto-fit", `
(EngineCore pid=9) ValueError: Cannot auto-fit max_model_len: not enough GPU memory available to serve even a single token.`,
		1, launcher.ClassKVCache, "ValueError: Cannot auto-fit", "Not even one token fits next to weights. Raise gpu-memory-utilization or tensor-parallel-size, or use a quantized model.", ""},
	{"weights do not fit", `
(EngineCore pid=9) ERROR 08-17 12:00:03 [gpu_model_runner.py:5506] Failed to load model - not enough GPU memory. Try lowering --gpu-memory-utilization to free memory for weights, increasing --tensor-parallel-size, or using --quantization.
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.96 GiB. GPU 0 has a total capacity of 23.58 GiB of which 1.20 GiB is free. Including non-PyTorch memory, this process has 22.1 GiB memory in use.`,
		1, launcher.ClassGPUMemory, "torch.OutOfMemoryError: CUDA out of memory", "The server needed 1.96 GiB more, but only 1.2 GiB of 23.6 GiB were free. Lower gpu-memory-utilization, max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size.", ""},
	{"out of memory, older torch", `
(VllmWorker rank=1 pid=91) ERROR 05-02 12:00:03 [multiproc_executor.py:470] torch.cuda.OutOfMemoryError: CUDA out of memory.
(EngineCore_0 pid=9) RuntimeError: Worker failed with error`,
		1, launcher.ClassGPUMemory, "torch.cuda.OutOfMemoryError", "max-num-seqs", ""},
	{"sampler warm-up", "\n(Worker_TP0 pid=9) ERROR 08-17 12:00:03 [multiproc_executor.py:780] RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try lowering `max_num_seqs` or `gpu_memory_utilization` when initializing the engine.",
		1, launcher.ClassGPUMemory, "RuntimeError: CUDA out of memory occurred", "Sampling 1,024 sequences at once needs more memory than is free. Lower max-num-seqs or gpu-memory-utilization.", ""},
	{"more GPUs than there are", `
(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for ParallelConfig
(APIServer pid=1)   Value error, World size (8) is larger than the number of available GPUs (2) in this node. If this is intentional set distributed_executor_backend [type=value_error, input_value=ArgsKwargs((), {}), input_type=ArgsKwargs]`,
		1, launcher.ClassGPUs, "World size (8) is larger", "needs 8 GPUs, but sees 2", ""},
	{"more GPUs than there are, 2025", `
(APIServer pid=1)   Value error, Tensor parallel size (2) cannot be larger than the number of available GPUs (1).`,
		1, launcher.ClassGPUs, "Tensor parallel size", "at most 1", ""},
	{"rank out of bounds", `
(Worker_TP3 pid=9) AssertionError: DP adjusted local rank 3 is out of bounds for 2 devices.
(EngineCore pid=8) Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.`,
		1, launcher.ClassGPUs, "AssertionError: DP adjusted local rank", "more GPUs", ""},
	{"no GPU", `
RuntimeError: Failed to infer device type, please set the environment variable VLLM_LOGGING_LEVEL=DEBUG to turn on verbose logging to help debug the issue.`,
		1, launcher.ClassGPUs, "RuntimeError: Failed to infer device type", "nvidia-smi", ""},
	{"heads", `
pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig
  Value error, Total number of attention heads (14) must be divisible by tensor parallel size (4). [type=value_error, input_value=ArgsKwargs((), {}), input_type=ArgsKwargs]
    For further information visit https://errors.pydantic.dev/2.11/v/value_error`,
		1, launcher.ClassConfig, "Total number of attention heads (14) must be divisible by tensor parallel size (4).", "divides 14", ""},
	{"maximum length", `
(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
(APIServer pid=1)   Value error, User-specified max_model_len (65536) is greater than the derived max_model_len (max_position_embeddings=32768 or model_max_length=None in model's config.json). To allow overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. [type=value_error, input_value=ArgsKwargs]`,
		1, launcher.ClassConfig, "User-specified max_model_len (65536)", "Set max-model-len to at most 32,768, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 if the model supports more.", ""},
	{"scheduler", `
(APIServer pid=1) ValueError: max_num_batched_tokens (128) must be greater than or equal to max_num_seqs (256).`,
		1, launcher.ClassConfig, "ValueError: max_num_batched_tokens (128)", "at least 256, or lower max-num-seqs to at most 128", ""},
	{"dtype", "\nValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has compute capability 7.5. You can use float16 instead by explicitly setting the `dtype` flag in CLI, for example: --dtype=half.",
		1, launcher.ClassConfig, "ValueError: Bfloat16", "dtype to half", ""},
	{"quantisation of the model", "\nValueError: Quantization method specified in the model config (awq) does not match the quantization method specified in the `quantization` argument (gptq).",
		1, launcher.ClassConfig, "ValueError: Quantization method", "set it to awq", ""},
	{"quantisation and GPU", `
ValueError: The quantization method fp8 is not supported for the current GPU. Minimum capability: 80. Current capability: 75.`,
		1, launcher.ClassConfig, "ValueError: The quantization method fp8", "needs compute capability 80, but the GPU has 75", ""},
	{"no such model", `
ValueError: Invalid repository ID or local directory specified: '/models/none'. Please verify the following requirements`,
		1, launcher.ClassModel, "ValueError: Invalid repository ID", "no model at /models/none", ""},
	{"gated model", `
huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-6)
OSError: You are trying to access a gated repo.
Make sure to have access to it at https://huggingface.co/meta-llama/Llama-3.1-8B.`,
		1, launcher.ClassModel, "huggingface_hub.errors.GatedRepoError", "HF_TOKEN", ""},
	{"offline", `
huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the files on the Hub and we cannot find the appropriate snapshot folder for the specified revision on the local disk.`,
		1, launcher.ClassNetwork, "huggingface_hub.errors.LocalEntryNotFoundError", "The model is not in the cache, and the server cannot download it. Mount a cache that has it, or give the server network access.", ""},
	{"architecture", `
(APIServer pid=1) ValueError: Model architectures ['FooForCausalLM'] are not supported for now. Supported architectures: dict_keys([])`,
		1, launcher.ClassModel, "ValueError: Model architectures", "newer image", ""},
	{"port", `
(APIServer pid=1) OSError: [Errno 98] Address already in use`,
		1, launcher.ClassPort, "OSError: [Errno 98]", "Another program took the port. Try again, or stop that program.", ""},
	{"distributed port", `
(EngineCore pid=9) torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. port: 29500, useIpv6: false, code: -98, name: EADDRINUSE, message: address already in use`,
		1, launcher.ClassPort, "torch.distributed.DistNetworkError", "Another program took the port. Try again, or stop that program.", ""},
	{"NCCL", `
(Worker_TP1 pid=92) ERROR 08-17 12:00:03 [multiproc_executor.py:780] WorkerProc failed to start.
(Worker_TP1 pid=92) ERROR 08-17 12:00:03 [multiproc_executor.py:780] RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for details)
(EngineCore pid=8) ERROR 08-17 12:00:03 [core.py:1346] Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.`,
		1, launcher.ClassNCCL, "RuntimeError: NCCL error", "NCCL_DEBUG=INFO", ""},
	{"shared memory", `
vm:92:92 [0] NCCL WARN Error while creating shared memory segment /dev/shm/nccl-aBcDeF (size 9637888)
(Worker_TP1 pid=92) torch.distributed.DistBackendError: worker 1 went away`,
		1, launcher.ClassNCCL, "Error while creating shared memory segment /dev/shm/nccl-aBcDeF", "shm_size", ""},
	{"unknown flag", `
usage: vllm serve [model_tag] [options]
vllm serve: error: unrecognized arguments: --swap-space 4`,
		2, launcher.ClassArguments, "vllm serve: error: unrecognized arguments", "does not have --swap-space 4", ""},
	{"unknown flag, 2025", `
usage: api_server.py [-h] [--host HOST]
api_server.py: error: unrecognized arguments: --foo`,
		2, launcher.ClassArguments, "api_server.py: error", "does not have --foo", ""},
	{"wrong value", `
usage: vllm [-h] [-v] {chat,complete,serve,launch,bench} ...
vllm: error: argument --kv-cache-dtype: invalid choice: 'fp9' (choose from auto, fp8)`,
		2, launcher.ClassArguments, "vllm: error: argument --kv-cache-dtype", "--kv-cache-dtype has no value fp9. Use one of auto, fp8.", ""},
	{"usage alone", "\nusage: vllm [-h]", 2, launcher.ClassArguments, "the server ended with exit code 2", "flags", ""},
	{"killed while loading", `
(EngineCore pid=9) INFO 08-17 12:00:03 [gpu_model_runner.py:5420] Starting to load model m...`,
		137, launcher.ClassHostMemory, "the server was killed before it was ready (exit code 137)", "memory", ""},
	{"engine never came", `
(APIServer pid=1) TimeoutError: Timed out waiting for engine core processes to start. This is often caused by slow weight loading for large models. Waited 600s (configured by VLLM_ENGINE_READY_TIMEOUT_S).`,
		1, launcher.ClassTimeout, "TimeoutError: Timed out waiting", "VLLM_ENGINE_READY_TIMEOUT_S", ""},
	{"unknown exception", `
(EngineCore pid=9) KeyError: 'layers.0.qkv'
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}`,
		1, launcher.ClassUnclassified, "KeyError: 'layers.0.qkv'", "log", ""},
	{"no word at all", "", 0, launcher.ClassExited, "the server ended with exit code 0 before it was ready", "log", ""},
	{"only wrappers", `
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] EngineCore failed to start.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}`,
		1, launcher.ClassExited, "the server ended with exit code 1", "log", ""},
	{"information is no complaint", `
(EngineCore pid=9) INFO 08-17 12:00:03 [gpu_worker.py:783] Free memory on device (78.2/79.1 GiB) on startup. Desired GPU memory utilization is (0.92, 72.77 GiB).
(EngineCore pid=9) WARNING 08-17 12:00:03 [x.py:1] OSError: [Errno 98] Address already in use`,
		1, launcher.ClassExited, "the server ended with exit code 1", "log", ""},
	{"cache below one request, where", `
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] ValueError: To serve at least one request with the model's max seq len (131072), (16.00 GiB KV cache is needed, which is larger than the available KV cache memory (9.10 GiB). Based on the available memory, the estimated maximum model length is 74544. Try increasing gpu_memory_utilization or decreasing max_model_len when initializing the engine.`,
		1, launcher.ClassKVCache, "ValueError: To serve at least one request", "max-model-len 131,072 needs more KV cache than there is at gpu-memory-utilization 0.9 (16 GiB, with 9.1 GiB free). Lower it to at most 74,544, raise gpu-memory-utilization, or use kv-cache-dtype fp8.", "gpu-memory-utilization=0.90"},
	{"nothing left, with the sizes of the log", `
(EngineCore pid=9) INFO 08-17 12:00:02 [gpu_model_runner.py:5516] Model loading took 67.72 GiB memory and 20.5 seconds
(EngineCore pid=9) INFO 08-17 12:00:03 [gpu_worker.py:579] Available KV cache memory: -1.44 GiB
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] ValueError: No available memory for the cache blocks. Try increasing ` + "`gpu_memory_utilization`" + ` when initializing the engine.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}`,
		1, launcher.ClassKVCache, "ValueError: No available memory", "Nothing is left for the KV cache at gpu-memory-utilization 0.9 next to 67.7 GiB of weights and activations (1.44 GiB are missing). Raise gpu-memory-utilization, lower max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size.", "gpu-memory-utilization=0.9"},
	{"weights on two GPUs", `
(Worker_TP1 pid=92) ERROR 08-17 12:00:03 [gpu_model_runner.py:5506] Failed to load model - not enough GPU memory. Try lowering --gpu-memory-utilization to free memory for weights, increasing --tensor-parallel-size, or using --quantization.
(EngineCore pid=8) ERROR 08-17 12:00:03 [core.py:1346] Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.`,
		1, launcher.ClassGPUMemory, "Failed to load model", "do not fit on 2 GPUs", "tensor-parallel-size=2"},
	{"out of memory while profiling, two workers", `
(Worker_TP0 pid=91) ERROR 08-17 12:00:03 [multiproc_executor.py:780] WorkerProc hit an exception.
(Worker_TP0 pid=91) ERROR 08-17 12:00:03 [multiproc_executor.py:780] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of 79.10 GiB of which 300.25 MiB is free. Process 91 has 78.7 GiB memory in use.
(Worker_TP1 pid=92) ERROR 08-17 12:00:03 [multiproc_executor.py:780] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB.
(EngineCore pid=8) ERROR 08-17 12:00:04 [core.py:1346] RuntimeError: Worker failed with error 'CUDA out of memory', please check the stack trace above for the root cause`,
		1, launcher.ClassGPUMemory, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0", "The server needed 512 MiB more, but only 300 MiB of 79.1 GiB were free. Lower gpu-memory-utilization, max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size.", ""},
	{"no batch for a whole prompt", `
(APIServer pid=1) ValueError: max_num_batched_tokens (2048) is smaller than max_model_len (8192). This effectively limits the maximum sequence length to max_num_batched_tokens and makes vLLM reject longer sequences.`,
		1, launcher.ClassConfig, "ValueError: max_num_batched_tokens (2048)", "Raise max-num-batched-tokens to at least 8,192, or allow chunked prefill.", ""},
	{"threshold", `
(APIServer pid=1) ValueError: long_prefill_token_threshold (9000) cannot be greater than the max_model_len (8192).`,
		1, launcher.ClassConfig, "ValueError: long_prefill_token_threshold", "Set long-prefill-token-threshold to at most 8,192.", ""},
	{"quantisation unknown", `
ValueError: Unknown quantization method: foo. Must be one of ['awq', 'gptq'].`,
		1, launcher.ClassConfig, "ValueError: Unknown quantization method", "this version of vLLM supports", ""},
	{"abbreviation that fits two flags", `
usage: vllm serve [model_tag] [options]
vllm serve: error: ambiguous option: --max-num could match --max-num-batched-tokens, --max-num-seqs`,
		2, launcher.ClassArguments, "vllm serve: error: ambiguous option", "Write --max-num in full.", ""},
	{"the model's name twice, 2026 image", `
usage: vllm [-h] [-v] {chat,complete,serve,launch,bench} ...
vllm: error: unrecognized arguments: serve Qwen/Qwen3-0.6B`,
		2, launcher.ClassArguments, "vllm: error: unrecognized arguments: serve", "does not have serve Qwen/Qwen3-0.6B", ""},
	{"value missing", `
api_server.py: error: argument --max-model-len: expected one argument`,
		2, launcher.ClassArguments, "api_server.py: error: argument", "Correct the value of --max-model-len: it takes one argument.", ""},
	{"repository unknown", `
(APIServer pid=1) huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1-68)
(APIServer pid=1) Repository Not Found for url: https://huggingface.co/api/models/acme/none.`,
		1, launcher.ClassModel, "huggingface_hub.errors.RepositoryNotFoundError", "The model does not exist, or the token (HF_TOKEN) has no access to it. Check the name and the token.", ""},
	{"hub out of reach", `
requests.exceptions.ConnectionError: (MaxRetryError("HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded (Caused by NameResolutionError: Temporary failure in name resolution)"), '(Request ID: 1)')`,
		1, launcher.ClassNetwork, "requests.exceptions.ConnectionError", "network access", ""},
	{"disk full", `
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] OSError: [Errno 28] No space left on device: '/root/.cache/vllm/torch_compile_cache/abc'`,
		1, launcher.ClassDisk, "OSError: [Errno 28] No space left on device", "The disk is full. Free space for the model and the caches.", ""},
	{"driver too old", `
(EngineCore pid=9) RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver.`,
		1, launcher.ClassGPUs, "RuntimeError: The NVIDIA driver", "Driver, GPU and this build of the server do not match. Update the driver, or use an image built for it.", ""},
	{"kernel image", `
(EngineCore pid=9) torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device`,
		1, launcher.ClassGPUs, "torch.AcceleratorError: CUDA error", "do not match", ""},
	{"illegal access", `
(EngineCore pid=9) ERROR 08-17 12:00:03 [core.py:1346] EngineCore encountered a fatal error.
(EngineCore pid=9) torch.AcceleratorError: CUDA error: an illegal memory access was encountered
(APIServer pid=1) vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.`,
		0, launcher.ClassGPUs, "torch.AcceleratorError: CUDA error: an illegal memory access", "Xid", ""},
	{"NCCL between GPUs, 2025", `
(VllmWorker rank=1 pid=92) ERROR 05-02 12:00:03 [multiproc_executor.py:470] torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:3356, unhandled cuda error, NCCL version 2.26.2, ncclUnhandledCudaError: Call to CUDA function failed.
(EngineCore_0 pid=8) Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.`,
		1, launcher.ClassNCCL, "torch.distributed.DistBackendError: NCCL error", "links between the GPUs", ""},
	{"no room for the token table, V0 prefix", `
ERROR 03-01 10:00:00 engine.py:389] Traceback (most recent call last):
ValueError: No available memory for the cache blocks. Try increasing ` + "`gpu_memory_utilization`" + ` when initializing the engine.
RuntimeError: Engine process failed to start. See stack trace for the root cause.`,
		1, launcher.ClassKVCache, "ValueError: No available memory", "Nothing is left for the KV cache next to weights and activations. Raise gpu-memory-utilization, lower max-num-batched-tokens or max-num-seqs, or raise tensor-parallel-size.", ""},
	{"config file of the model", `
(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
(APIServer pid=1)   Value error, Invalid repository ID or local directory specified: '/models/qwen'. [type=value_error, input_value=ArgsKwargs((), {}), input_type=ArgsKwargs]`,
		1, launcher.ClassModel, "Invalid repository ID or local directory specified", "no model at /models/qwen", ""},
	{"an engine that ended without a word", `
(EngineCore pid=9) INFO 08-17 12:00:02 [gpu_model_runner.py:5420] Starting to load model m...
(APIServer pid=1) ERROR 08-17 12:00:09 [core_client.py:600] Engine core proc EngineCore died unexpectedly, shutting down client.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': -9}`,
		1, launcher.ClassHostMemory, "Engine core proc EngineCore died", "memory", ""},
}
