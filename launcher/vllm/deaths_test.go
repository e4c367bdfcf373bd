package vllm

import (
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/launcher"
)

// What a server logs before it is ready: an exception that it lived through.
const beforeReady = `(EngineCore pid=13) ERROR 11-30 21:34:00 [lora.py:10] Failed to load the default adapter.
(EngineCore pid=13) ERROR 11-30 21:34:00 [lora.py:10] Traceback (most recent call last):
(EngineCore pid=13) ERROR 11-30 21:34:00 [lora.py:10] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.00 GiB.
(APIServer pid=1) INFO:     Application startup complete.
`

// Ends of real servers (0.20.2, 0.28.0, 0.32.0) under load, shortened.
func TestDeaths(t *testing.T) {
	for name, c := range map[string]struct {
		log    string
		exit   launcher.Exit
		cause  string // how it begins
		remedy string
	}{
		"worker killed": {`
(EngineCore pid=14145) ERROR 11-30 21:37:50 [multiproc_executor.py:315] Worker proc VllmWorker-0 died unexpectedly (exit code: -9), shutting down executor.
(EngineCore pid=14145) INFO 11-30 21:37:50 [multiproc_executor.py:479] [shutdown] Executor: waiting for worker exit count=0
(EngineCore pid=14145) ERROR 11-30 21:37:50 [dump_input.py:72] Dumping input data for V1 LLM engine (v0.32.0) with config: model='/models/tiny'
(EngineCore pid=14145) ERROR 11-30 21:37:50 [core.py:1512] EngineCore encountered a fatal error.
(EngineCore pid=14145) ERROR 11-30 21:37:50 [core.py:1512] Traceback (most recent call last):
(EngineCore pid=14145) ERROR 11-30 21:37:50 [core.py:1512]   File "/venv/lib/python3.11/site-packages/vllm/distributed/device_communicators/shm_broadcast.py", line 700, in acquire_read
(EngineCore pid=14145) ERROR 11-30 21:37:50 [core.py:1512] RuntimeError: cancelled
(APIServer pid=14120) ERROR 11-30 21:37:50 [async_llm.py:906] AsyncLLM output_handler failed.
(APIServer pid=14120) ERROR 11-30 21:37:50 [async_llm.py:906] Traceback (most recent call last):
(APIServer pid=14120) ERROR 11-30 21:37:50 [async_llm.py:906] vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.
Process EngineCore:
Traceback (most recent call last):
  File "/usr/lib/python3.11/multiprocessing/process.py", line 314, in _bootstrap
    self.run()
RuntimeError: cancelled
`, launcher.Exit{Code: 0}, "the engine died under load: Worker proc VllmWorker-0 died unexpectedly (exit code: -9)", "killed (signal 9)"},
		"engine killed, 0.32": {`
(APIServer pid=13162) INFO 11-30 21:34:58 [utils.py:628] [shutdown] Process manager: send sigterm to process EngineCore
(Worker pid=13274) INFO 11-30 21:34:58 [multiproc_executor.py:843] Parent process exited, terminating worker queues
(APIServer pid=13162) WARNING 11-30 21:34:58 [core_client.py:817] [shutdown] MPClient: engine core exited unexpectedly; starting cleanup
(APIServer pid=13162) ERROR 11-30 21:34:58 [async_llm.py:906] AsyncLLM output_handler failed.
(APIServer pid=13162) ERROR 11-30 21:34:58 [async_llm.py:906] Traceback (most recent call last):
(APIServer pid=13162) ERROR 11-30 21:34:58 [async_llm.py:906] vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.
`, launcher.Exit{Code: 0}, "the engine died under load", "memory"},
		"engine killed, 0.20": {`
(Worker pid=5157) INFO 11-30 22:18:38 [multiproc_executor.py:775] Parent process exited, terminating worker queues
(APIServer pid=2977) ERROR 11-30 22:18:38 [async_llm.py:704] AsyncLLM output_handler failed.
(APIServer pid=2977) ERROR 11-30 22:18:38 [async_llm.py:704] Traceback (most recent call last):
(APIServer pid=2977) ERROR 11-30 22:18:38 [async_llm.py:704] vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.
(Worker pid=5157) INFO 11-30 22:18:38 [multiproc_executor.py:872] WorkerProc shutting down.
(Worker pid=5157) Process VllmWorker-0:
(Worker pid=5157) Traceback (most recent call last):
(Worker pid=5157)   File "/venv/lib/python3.11/site-packages/torch/cuda/__init__.py", line 478, in _lazy_init
(Worker pid=5157)     torch._C._cuda_init()
(Worker pid=5157) RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx
`, launcher.Exit{Code: 0}, "the engine died under load without a message", "memory"},
		"API server killed": {"", launcher.Exit{Code: 137, Detail: "ended by signal: killed"}, "the server was killed under load (exit code 137)", "memory"},
		"asked to end": {`
(APIServer pid=1) INFO 11-30 21:33:19 [launcher.py:254] [shutdown] API server: shutdown triggered
(EngineCore pid=2) INFO 11-30 21:33:19 [core.py:1454] [shutdown] EngineCore: trigger received signal=SIGTERM
(Worker pid=1562) INFO 11-30 22:17:10 [multiproc_executor.py:872] WorkerProc shutting down.
(Worker pid=1562) Traceback (most recent call last):
(Worker pid=1562) RuntimeError: Found no NVIDIA driver on your system.
`, launcher.Exit{Code: 0}, "something stopped the server under load", "stopped it"},
		"wrong requests and a kill": {`
(APIServer pid=1) ERROR 11-30 22:15:49 [server_utils.py:377] Exception caught. Request id: None
(APIServer pid=1) ERROR 11-30 22:15:49 [server_utils.py:377] Traceback (most recent call last):
(APIServer pid=1) ERROR 11-30 22:15:49 [server_utils.py:377]   File "/venv/lib/python3.11/site-packages/vllm/entrypoints/openai/completion/serving.py", line 90, in create
(APIServer pid=1) ERROR 11-30 22:15:49 [server_utils.py:377] ValueError: This model's maximum context length is 2048 tokens.
(APIServer pid=1) INFO:     127.0.0.1:35774 - "POST /v1/completions HTTP/1.1" 400 Bad Request
(APIServer pid=1) INFO:     127.0.0.1:35775 - "GET /server_info?config_format=json HTTP/1.1" 500 Internal Server Error
(APIServer pid=1) ERROR:    Exception in ASGI application
(APIServer pid=1) Traceback (most recent call last):
(APIServer pid=1)   File "/venv/lib/python3.11/site-packages/uvicorn/protocols/http/httptools_impl.py", line 422, in run_asgi
(APIServer pid=1)     result = await app(  # type: ignore[func-returns-value]
(APIServer pid=1) AttributeError: 'NoneType' object has no attribute 'splitlines'
`, launcher.Exit{Code: 137, Detail: "ended by signal: killed"}, "the server was killed under load", "memory"},
		"the same, without a prefix": {`
INFO:     127.0.0.1:35775 - "GET /server_info?config_format=json HTTP/1.1" 500 Internal Server Error
ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/uvicorn/protocols/http/httptools_impl.py", line 422, in run_asgi
    result = await app(  # type: ignore[func-returns-value]
AttributeError: 'NoneType' object has no attribute 'splitlines'
`, launcher.Exit{Code: 137, Detail: "ended by signal: killed"}, "the server was killed under load", "memory"},
		"out of memory": {`
(Worker_TP0 pid=3) ERROR 11-30 22:15:49 [multiproc_executor.py:1063] WorkerProc hit an exception.
(Worker_TP0 pid=3) ERROR 11-30 22:15:49 [multiproc_executor.py:1063] Traceback (most recent call last):
(Worker_TP0 pid=3) ERROR 11-30 22:15:49 [multiproc_executor.py:1063] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.
(EngineCore pid=2) ERROR 11-30 22:15:49 [core.py:1512] EngineCore encountered a fatal error.
(EngineCore pid=2) ERROR 11-30 22:15:49 [core.py:1512] RuntimeError: Worker failed with error 'CUDA out of memory', please check the stack trace above for the root cause
(EngineCore pid=2) ERROR 11-30 22:15:50 [multiproc_executor.py:315] Worker proc VllmWorker-0 died unexpectedly (exit code: None), shutting down executor.
`, launcher.Exit{Code: 0}, "the engine died under load: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "max-num-seqs"},
	} {
		path := logFile(t, beforeReady+strings.TrimPrefix(c.log, "\n"))
		if killed := strings.Contains(name, "worker killed") || strings.Contains(name, "engine killed"); killed {
			watched := slices.ContainsFunc(fatal, func(f string) bool { return strings.Contains(c.log, f) })
			if !watched {
				t.Errorf("%s: nothing in the log would end the load", name)
			}
		}
		d := launcher.DiagnoseDeath(launcher.Spec{LogPath: path, Engine: Engine()}, c.exit, int64(len(beforeReady)))
		if d.Class != launcher.ClassEngineDead || !strings.HasPrefix(d.Cause.Text(), c.cause) || !strings.Contains(d.Remedy.Text(), c.remedy) {
			t.Errorf("%s: %s: %q\nremedy %q\nwant %q", name, d.Class, d.Cause.Text(), d.Remedy.Text(), c.cause)
		}
	}
}

// An engine that is gone is none that was never there: the server ends with 0.
func TestAnEngineThatDiedBeforeReady(t *testing.T) {
	log := `(APIServer pid=2) WARNING 11-30 21:34:58 [core_client.py:817] [shutdown] MPClient: engine core exited unexpectedly; starting cleanup
(APIServer pid=2) ERROR 11-30 21:34:58 [async_llm.py:906] AsyncLLM output_handler failed.
(APIServer pid=2) ERROR 11-30 21:34:58 [async_llm.py:906] Traceback (most recent call last):
(APIServer pid=2) ERROR 11-30 21:34:58 [async_llm.py:906] vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.
`
	d := launcher.Diagnose(launcher.Spec{LogPath: logFile(t, log), Engine: Engine()}, launcher.Exit{Code: 0})
	if d.Class != launcher.ClassEngineDead {
		t.Errorf("%+v", d)
	}
}
