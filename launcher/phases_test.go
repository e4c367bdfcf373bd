package launcher

import (
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher/internal/serverlog"
)

func TestPhases(t *testing.T) {
	for name, c := range map[string]struct {
		log    string
		phases string
		logged Logged
	}{
		"2026": {`
(APIServer pid=1) INFO 08-17 12:00:00 [utils.py:1] non-default args: {'model': 'm'}
(EngineCore pid=9) INFO 08-17 12:00:01 [core.py:90] Initializing a V1 LLM engine (v0.27.1) with config: model='m', enforce_eager=False
(EngineCore pid=9) INFO 08-17 12:00:02 [gpu_model_runner.py:5420] Starting to load model m...
(EngineCore pid=9) INFO 08-17 12:00:09 [gpu_model_runner.py:5516] Model loading took 14.99 GiB memory and 6.500000 seconds
(EngineCore pid=9) INFO 08-17 12:00:30 [monitor.py:20] torch.compile took 20.10 s in total
(EngineCore pid=9) INFO 08-17 12:00:31 [gpu_worker.py:579] Available KV cache memory: 54.21 GiB
(EngineCore pid=9) INFO 08-17 12:00:31 [kv_cache_utils.py:1876] GPU KV cache size: 444,089 tokens, Maximum concurrency for 8,192 tokens per request: 54.21x
(EngineCore pid=9) INFO 08-17 12:00:40 [gpu_model_runner.py:7049] Graph capturing finished in 8 secs, took 0.61 GiB
(EngineCore pid=9) INFO 08-17 12:00:41 [core.py:338] init engine (profile, create kv cache, warmup model) took 31.50 s (compilation: 20.10 s)
(APIServer pid=1) INFO 08-17 12:00:42 [api_server.py:541] Starting vLLM server on http://0.0.0.0:8000`,
			"loading compiling profiling graphs serving",
			Logged{"0.27.1", 444089, 54.21, 54.21, 14.99}},
		"2025": {`
(EngineCore_0 pid=9) INFO 09-02 12:00:01 [core.py:75] Initializing a V1 LLM engine (v0.10.1) with config: model='m', enforce_eager=False
(EngineCore_0 pid=9) INFO 09-02 12:00:02 [gpu_model_runner.py:1875] Starting to load model m...
(EngineCore_0 pid=9) INFO 09-02 12:00:09 [gpu_model_runner.py:1932] Model loading took 14.9889 GiB and 6.500000 seconds
(EngineCore_0 pid=9) INFO 09-02 12:00:30 [monitor.py:34] torch.compile takes 20.10 s in total
(EngineCore_0 pid=9) INFO 09-02 12:00:31 [gpu_worker.py:276] Available KV cache memory: 21.51 GiB
(EngineCore_0 pid=9) INFO 09-02 12:00:31 [kv_cache_utils.py:829] GPU KV cache size: 176,240 tokens
(EngineCore_0 pid=9) INFO 09-02 12:00:31 [kv_cache_utils.py:833] Maximum concurrency for 8,192 tokens per request: 21.51x
Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%
(EngineCore_0 pid=9) INFO 09-02 12:00:40 [core.py:214] init engine (profile, create kv cache, warmup model) took 31.50 seconds`,
			"loading compiling profiling graphs serving",
			Logged{"0.10.1", 176240, 21.51, 21.51, 14.9889}},
		"eager": {`
(EngineCore pid=9) INFO 08-17 12:00:01 [core.py:90] Initializing a V1 LLM engine (v0.27.1) with config: model='m', enforce_eager=True
(EngineCore pid=9) INFO 08-17 12:00:02 [gpu_model_runner.py:5420] Starting to load model m...
(EngineCore pid=9) INFO 08-17 12:00:09 [gpu_model_runner.py:5516] Model loading took 14.99 GiB memory and 6.500000 seconds
(EngineCore pid=9) INFO 08-17 12:00:31 [gpu_worker.py:579] Available KV cache memory: 54.21 GiB
(APIServer pid=1) INFO 08-17 12:00:42 [api_server.py:541] Starting vLLM server on http://0.0.0.0:8000`,
			"loading profiling serving",
			Logged{EngineVersion: "0.27.1", KVCacheGiB: 54.21, ModelGiB: 14.99}},
		"two workers say it twice": {`
(Worker_TP0 pid=9) INFO 08-17 12:00:02 [gpu_model_runner.py:5420] Starting to load model m...
(Worker_TP0 pid=9) INFO 08-17 12:00:09 [gpu_model_runner.py:5516] Model loading took 7.50 GiB memory and 6.500000 seconds
(Worker_TP1 pid=9) INFO 08-17 12:00:09 [gpu_model_runner.py:5420] Starting to load model m...
(Worker_TP1 pid=9) INFO 08-17 12:00:10 [gpu_model_runner.py:5516] Model loading took 7.50 GiB memory and 6.500000 seconds`,
			"loading compiling", Logged{ModelGiB: 7.5}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []string
			w := watch{
				log: serverlog.NewTail(logFile(t, c.log+"\n")), begun: time.Now(),
				observe: func(p Phase) { seen = append(seen, p.Name) },
			}
			w.readLog()
			if got := strings.Join(seen, " "); got != c.phases || len(w.phases) != len(seen) {
				t.Errorf("phases %s, want %s", got, c.phases)
			}
			if w.reader.logged != c.logged {
				t.Errorf("logged %+v, want %+v", w.reader.logged, c.logged)
			}
		})
	}
}
