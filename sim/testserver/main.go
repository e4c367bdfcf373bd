// Command testserver stands in for vLLM in the tests of the launcher: it
// speaks as much of vLLM's HTTP and log as the launcher reads, and misbehaves
// on demand. --mode chooses how:
//
//	serve        become ready and serve (default)
//	usage        end at once as argparse does, exit code 2
//	kv-cache     end as an engine whose cache is too small, exit code 1
//	killed       end by SIGKILL while loading
//	hang         never listen, and do not end on SIGTERM, as vLLM before it is ready
//	stubborn     serve, and ignore SIGTERM
//	family       serve, with a child in the group and one in a session of its own, both ignoring SIGTERM
//	vllm         serve with processes as vLLM's: engine and worker, which live on when this one is killed, and
//	             Python's resource tracker, which removes the file --segment when all others are gone. On SIGTERM
//	             the engine ends, and this process when the last stream is closed
//	vllm-hang    the same processes, never ready
//	chatter      print the value of HF_TOKEN in pieces, then serve
//	limits       print the cores it may use and the size of /dev/shm, then serve
//
// POST /say?text=... logs the text. POST /v1/completions streams until the
// client leaves; the stream is silent once SIGTERM came.
// POST /die ends it the way vLLM ends after the death of its engine: exit
// code 0.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	args := parse(os.Args[1:])
	os.Exit(run(args, os.Stdout))
}

// parse reads --name value pairs; flags that it does not know are kept too.
func parse(args []string) map[string]string {
	out := map[string]string{"mode": "serve", "host": "127.0.0.1", "port": "8000"}
	for i := 0; i < len(args); i++ {
		name, ok := strings.CutPrefix(args[i], "--")
		if ok && i+1 < len(args) && !strings.HasPrefix(args[i+1], "--") {
			out[name] = args[i+1]
			i++
		} else if ok {
			out[name] = "true"
		}
	}
	return out
}

func run(args map[string]string, out io.Writer) int {
	mode := args["mode"]
	switch mode {
	case "usage":
		fmt.Fprintln(out, "usage: vllm serve [-h] [--model MODEL]")
		fmt.Fprintln(out, "vllm serve: error: unrecognized arguments: --swap-space 4")
		return 2
	case "kv-cache":
		fmt.Fprint(out, kvCacheLog)
		return 1
	case "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang":
		fmt.Fprintf(out, "(EngineCore pid=7) INFO 08-17 12:00:01 [gpu_model_runner.py:5420] Starting to load model %s...\n", args["model"])
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	case "vllm", "vllm-hang":
		startEngine(args["segment"])
		if mode == "vllm-hang" {
			fmt.Fprintln(out, "waiting for the engine")
			signal.Ignore(syscall.SIGTERM)
			time.Sleep(time.Hour)
		}
	case engineMode, workerMode, trackerMode:
		return engineProcess(mode, args["segment"])
	case "child":
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	case "family":
		spawn(&syscall.SysProcAttr{})
		spawn(&syscall.SysProcAttr{Setsid: true})
	case "chatter":
		token := os.Getenv("HF_TOKEN")
		fmt.Fprint(out, "token ", token[:4])
		time.Sleep(20 * time.Millisecond)
		fmt.Fprintln(out, token[4:])
	case "limits":
		printLimits(out)
	}
	return serve(args, out, mode == "stubborn")
}

func printLimits(out io.Writer) {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if cores, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			fmt.Fprintln(out, "cores", strings.TrimSpace(cores))
		}
	}
	var fs syscall.Statfs_t
	if syscall.Statfs("/dev/shm", &fs) == nil {
		fmt.Fprintln(out, "shm", int64(fs.Blocks)*int64(fs.Bsize))
	}
}

func spawn(attr *syscall.SysProcAttr) {
	cmd := exec.Command(os.Args[0], "--mode", "child")
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func serve(args map[string]string, out io.Writer, stubborn bool) int {
	l, err := net.Listen("tcp", net.JoinHostPort(args["host"], args["port"]))
	if err != nil {
		fmt.Fprintln(out, "(APIServer pid=1) OSError: [Errno 98] Address already in use")
		return 1
	}
	fmt.Fprint(out, startupLog)
	name := args["served-model-name"]
	if name == "" {
		name = args["model"]
	}
	ended := make(chan int, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"version":"0.0.1-test"}`) })
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, r *http.Request) {
		if key := args["api-key"]; key != "" && r.Header.Get("Authorization") != "Bearer "+key {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"data": []any{map[string]any{"id": name, "max_model_len": 4096}}})
	})
	mux.HandleFunc("POST /die", func(http.ResponseWriter, *http.Request) {
		fmt.Fprint(out, deathLog)
		ended <- 0
	})
	mux.HandleFunc("POST /say", func(_ http.ResponseWriter, r *http.Request) { fmt.Fprintln(out, r.FormValue("text")) })
	terminated := make(chan struct{})
	mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) { stream(w, r, terminated) })
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	if !stubborn {
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		go func() {
			<-term
			close(terminated)
			endEngine()
			server.Shutdown(context.Background()) // as long as streams are open
			ended <- 0
		}()
	}
	return <-ended
}

const startupLog = `(EngineCore pid=7) INFO 08-17 12:00:00 [core.py:93] Initializing a V1 LLM engine (v0.0.1) with config: model='m'
(EngineCore pid=7) INFO 08-17 12:00:01 [gpu_model_runner.py:5420] Starting to load model m...
(EngineCore pid=7) INFO 08-17 12:00:02 [gpu_worker.py:579] Available KV cache memory: 60.18 GiB
(EngineCore pid=7) INFO 08-17 12:00:02 [kv_cache_utils.py:1876] GPU KV cache size: 176,240 tokens, Maximum concurrency for 8,192 tokens per request: 21.51x
(APIServer pid=1) INFO 08-17 12:00:03 [api_server.py:541] Starting vLLM server on http://0.0.0.0:8000
`

const kvCacheLog = `(EngineCore pid=7) ERROR 08-17 12:00:03 [core.py:1346] EngineCore failed to start.
(EngineCore pid=7) ERROR 08-17 12:00:03 [core.py:1346] Traceback (most recent call last):
(EngineCore pid=7) ERROR 08-17 12:00:03 [core.py:1346] ValueError: To serve at least one request with the model's max seq len (32768), (4.00 GiB KV cache is needed, which is larger than the available KV cache memory (1.50 GiB). Based on the available memory, the estimated maximum model length is 12288. Try increasing gpu_memory_utilization or decreasing max_model_len when initializing the engine.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}
`

const deathLog = `(EngineCore pid=7) ERROR 08-17 12:30:03 [core.py:1348] EngineCore encountered a fatal error.
(EngineCore pid=7) ERROR 08-17 12:30:03 [core.py:1348] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.
(APIServer pid=1) ERROR 08-17 12:30:03 [async_llm.py:500] AsyncLLM output_handler failed.
`
