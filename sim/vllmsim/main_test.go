package vllmsim

import (
	"bytes"
	"context"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRefusedStarts: each command line ends with vLLM's exit code and text,
// and no failing start leaves the wrappers without the cause.
func TestRefusedStarts(t *testing.T) {
	const llama, qwen32 = "meta-llama/Llama-3.1-8B-Instruct ", "Qwen/Qwen2.5-32B-Instruct "
	for _, test := range []struct {
		args string
		code int
		want string // regular expression over stdout and stderr
	}{
		{"--foo", 2, `^usage: vllm \[-h\] .*\nvllm: error: unrecognized arguments: --foo\n$`},
		{"--port", 2, `^usage: vllm serve \[model_tag\] \[options\]\nvllm serve: error: argument --port: expected one argument\n$`},
		{"--scheduling-policy lifo", 2, `^usage: vllm serve .*\nvllm serve: error: argument --scheduling-policy: invalid choice: 'lifo' \(choose from 'fcfs', 'priority'\)\n$`},
		{"--swap-space 4", 2, `unrecognized arguments: --swap-space`},
		{"--sim-gpu Z80", 2, `unknown GPU "Z80": the library has A10G`},
		{"--sim-fault melt", 2, `unknown fault "melt"`},
		{"--sim-speedup 0", 2, `--sim-speedup must be positive`},
		{"foo/bar", 1, `\(APIServer pid=\d+\) .*ValidationError: 1 validation error for ModelConfig\n.*Value error, Invalid repository ID or local directory specified: 'foo/bar'`},
		{llama + "--max-model-len 200000", 1, `User-specified max_model_len \(200000\) is greater than the derived max_model_len \(max_position_embeddings=131072`},
		{llama + "-tp 2", 1, `1 validation error for ParallelConfig\n.*World size \(2\) is larger than the number of available GPUs \(1\) in this node\.`},
		{"Qwen/Qwen2.5-7B-Instruct -tp 8 --sim-gpus 8", 1, `Total number of attention heads \(28\) must be divisible by tensor parallel size \(8\)\.`},
		{llama + "-dp 2", 1, `DP adjusted local rank 1 is out of bounds for 1 devices`},
		{llama + "-tp 0", 1, `greater than or equal to 1`},
		{llama + "--max-num-seqs 64 --max-num-batched-tokens 32", 1, `max_num_batched_tokens \(32\) must be greater than or equal to max_num_seqs \(64\)\.`},
		{llama + "--no-enable-chunked-prefill --max-num-batched-tokens 4096 --max-model-len 8192", 1, `max_num_batched_tokens \(4096\) is smaller than max_model_len \(8192\)`},
		{llama + "--max-model-len 4096 --long-prefill-token-threshold 5000", 1, `long_prefill_token_threshold \(5000\) cannot be greater than the max_model_len \(4096\)`},
		{llama + "--gpu-memory-utilization 1.5", 1, `validation error for CacheConfig`},
		{llama + "--quantization awq", 1, `Cannot find the config file for awq`},
		{"Qwen/Qwen2.5-7B-Instruct-AWQ -q fp8", 1, `Quantization method specified in the model config \(awq\) does not match the quantization method specified in the .quantization. argument \(fp8\)`},
		{llama + "--sim-free-memory-gib 30", 1, `Free memory on device cuda:0 \(30/79\.18 GiB\) on startup is less than desired GPU memory utilization \(0\.92, 72\.85 GiB\)\.`},
		{llama + "--gpu-memory-utilization 0.998", 1, `Free memory on device cuda:0 \(78\.69/79\.18 GiB\)`},
		{qwen32, 1, `To serve at least one request with the model's max seq len \(32768\), \(8 GiB KV cache is needed, which is larger than the available KV cache memory \([\d.]+ GiB\)\. Based on the available memory, the estimated maximum model length is \d+\.`},
		{qwen32 + "--gpu-memory-utilization 0.8", 1, `No available memory for the cache blocks\. Try increasing .gpu_memory_utilization.`},
		{qwen32 + "--max-model-len auto --gpu-memory-utilization 0.8", 1, `Cannot auto-fit max_model_len`},
		{"meta-llama/Llama-3.1-70B-Instruct", 1, `Failed to load model - not enough GPU memory[\s\S]*torch\.OutOfMemoryError: CUDA out of memory\. Tried to allocate`},
		{"meta-llama/Llama-3.1-70B-Instruct --sim-gpus 2 -tp 2 --sim-free-memory-gib 50", 1, `\(Worker_TP0 pid=\d+\) ERROR .*\] ValueError: Free memory on device`},
		{"--config /nowhere.yaml", 1, `Traceback[\s\S]*\nFileNotFoundError: \[Errno 2\] No such file or directory: '/nowhere\.yaml'\n`},
		{llama + "-O5", 1, `1 validation error for VllmConfig\n.*optimization_level\n.*Input should be 0, 1, 2 or 3`},
		{"--max-lora-rank 5", 2, `vllm serve: error: argument --max-lora-rank: invalid choice: 5 \(choose from 1, 8, 16`},
		{qwen32 + "--sim-version 0.11.0", 1, `with the models's max seq len \(32768\), \(`},
		{llama + "--sim-version 0.11.0 --sim-free-memory-gib 30", 1, `Free memory on device \(30/79\.18 GiB\) on startup is less than`},
		{llama + "--sim-version 0.12.0 -tp 2", 1, `1 validation error for ParallelConfig\n.*Value error, Tensor parallel size \(2\) cannot be larger than the number of available GPUs \(1\)\.`},
		{"--sim-fault exit-at-once=3", 3, ``},
	} {
		var out, errOut bytes.Buffer
		args := append(strings.Fields(test.args), "--port", "0", "--sim-startup", "0")
		code := Main(t.Context(), args, &out, &errOut)
		text := out.String() + errOut.String()
		if code != test.code {
			t.Errorf("%s: exit code %d, want %d\n%s", test.args, code, test.code, text)
		}
		if !regexp.MustCompile(test.want).MatchString(text) {
			t.Errorf("%s: the log does not match %s\n%s", test.args, test.want, text)
		}
		if strings.Contains(text, "EngineCore failed to start") != strings.Contains(text, "RuntimeError: Engine core initialization failed. See root cause above.") {
			t.Errorf("%s: wrappers do not go together\n%s", test.args, text)
		}
	}
}

// TestStartLines: the lines of a start in both generations.
func TestStartLines(t *testing.T) {
	const seconds = `\d+\.\d\d`
	for version, want := range map[string][]string{
		vllmflags.NewestVersion(): {
			`non-default args: \{'model': 'Qwen/Qwen3-0\.6B', 'host': '127\.0\.0\.1', 'port': 0, .*'max_model_len': 4096, 'gpu_memory_utilization': 0\.5, 'enable_prefix_caching': False\}$`,
			`Model loading took [\d.]+ GiB memory and \d+\.\d{6} seconds$`, `torch\.compile took ` + seconds + ` s in total$`,
			`GPU KV cache size: [\d,]+ tokens, Maximum concurrency for 4,096 tokens per request: ` + seconds + `x$`,
			`--kv-cache-memory=\d+. \([\d.]+ GiB\) to fit into requested memory, or .*in use is [\d.]+ GiB\.$`,
			`init engine \(profile, create kv cache, warmup model\) took ` + seconds + ` s \(compilation: ` + seconds + ` s\)$`,
			`Starting vLLM server on http://127\.0\.0\.1:\d+$`,
		},
		"0.11.0": {
			`Model loading took \d+\.\d{4} GiB and \d+\.\d{6} seconds$`, `torch\.compile takes ` + seconds + ` s in total$`,
			`GPU KV cache size: [\d,]+ tokens$`, `Maximum concurrency for 4,096 tokens per request: ` + seconds + `x$`,
			`--kv-cache-memory=\d+. to fit into requested memory, or .*in use is \d+ bytes\.$`,
			`init engine \(profile, create kv cache, warmup model\) took ` + seconds + ` seconds$`,
			`Starting vLLM API server 0 on http://127\.0\.0\.1:\d+$`,
		},
	} {
		log := serve(t, "--sim-version", version, "--max-model-len", "4K", "--gpu-memory-utilization", "0.5", "--no-enable-prefix-caching").out.String()
		for _, w := range want {
			if !regexp.MustCompile(`(?m)` + w).MatchString(log) {
				t.Errorf("%s: no line matches %s\n%s", version, w, log)
			}
		}
	}
}

// TestAllowLongLength: the variable lets a length beyond the model's pass.
func TestAllowLongLength(t *testing.T) {
	args := []string{"Qwen/Qwen2.5-7B-Instruct", "--max-model-len", "40000"}
	if _, err := Simulate(args, nil, 0); err == nil || !strings.Contains(err.Error(), "User-specified max_model_len (40000)") {
		t.Errorf("without the variable: %v", err)
	}
	t.Setenv("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1")
	if _, err := Simulate(args, nil, 0); err != nil {
		t.Error(err)
	}
}

// TestEstimatedLength: the length that a refused start suggests does start,
// one block more does not.
func TestEstimatedLength(t *testing.T) {
	serve := func(extra ...string) error {
		_, err := Simulate(append([]string{"Qwen/Qwen2.5-32B-Instruct"}, extra...), nil, 0)
		return err
	}
	err := serve()
	if err == nil {
		t.Fatal("32768 tokens should not fit")
	}
	found := regexp.MustCompile(`maximum model length is (\d+)`).FindStringSubmatch(err.Error())
	if found == nil {
		t.Fatalf("no length in %v", err)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := serve("--max-model-len", strconv.Itoa(n)); err != nil {
		t.Errorf("length %d: %v", n, err)
	}
	if err := serve("--max-model-len", strconv.Itoa(n+1)); err == nil {
		t.Errorf("length %d starts", n+1)
	}
	if err := serve("--max-model-len", "auto"); err != nil {
		t.Errorf("auto: %v", err)
	}
}

// TestPortInUse: a conflict shows before the engine starts.
func TestPortInUse(t *testing.T) {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	code := Main(t.Context(), []string{"Qwen/Qwen3-0.6B", "--host", "127.0.0.1", "--port", port}, &out, &errOut)
	if code != 1 || !strings.Contains(errOut.String(), "OSError: [Errno 98] Address already in use") {
		t.Errorf("exit code %d\n%s", code, errOut.String())
	}
	if strings.Contains(out.String(), "Starting to load model") {
		t.Error("the engine started before the port was bound")
	}
}

// TestCancelledStart: SIGTERM during the start ends the server with 0.
func TestCancelledStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errOut bytes.Buffer
	if code := Main(ctx, []string{"Qwen/Qwen3-0.6B", "--port", "0", "--sim-fault", "hang-at-start"}, &out, &errOut); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errOut.String())
	}
}

func TestHelp(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := Main(t.Context(), []string{"--help"}, &out, &errOut); code != 0 || !strings.Contains(out.String(), "--sim-gpu") {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
}
