package translate

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
)

// parsed is the experiment that the draft writes; it must be valid.
func parsed(t *testing.T, d Draft, err error) experiment.Experiment {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Write("pasted", "from a command")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "e.yaml")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	e, diagnostics := experiment.LoadFile(file)
	for _, d := range diagnostics {
		if d.Severity == experiment.Error {
			t.Fatalf("%s: %s\n%s", d.Summary, d.Label, b)
		}
	}
	return *e
}

func TestDockerRun(t *testing.T) {
	t.Setenv("HF_TOKEN", "x")
	t.Setenv("HOME", "/home/someone")
	for _, test := range []struct {
		name, command   string
		backend, image  string
		model, modelArg string
		flags           string // the words of the baseline
		check           func(*testing.T, experiment.Container, []string)
	}{
		{
			name: "vLLM's own page", backend: "docker", image: "docker.io/vllm/vllm-openai:latest",
			model: "Qwen/Qwen3-0.6B", modelArg: "flag",
			command: "docker run --runtime nvidia --gpus all \\\n" +
				"    -v ~/.cache/huggingface:/root/.cache/huggingface \\\n    --env \"HF_TOKEN=$HF_TOKEN\" \\\n" +
				"    -p 8000:8000 --ipc=host vllm/vllm-openai:latest --model Qwen/Qwen3-0.6B",
			check: func(t *testing.T, c experiment.Container, left []string) {
				if c.GPUs != "all" || c.IPC != "host" || len(c.Volumes) != 1 || c.Env[0].FromEnv != "HF_TOKEN" ||
					len(left) != 0 {
					t.Errorf("%+v, left %q", c, left)
				}
			},
		},
		{
			name: "podman, one GPU by CDI, positional model", backend: "podman", image: "quay.io/acme/vllm:0.27.1",
			model: "meta-llama/Llama-3.1-8B-Instruct", modelArg: "flag",
			flags: "--tensor-parallel-size 2 --max-model-len 8192 --no-enable-prefix-caching --enforce-eager",
			command: "sudo podman run -it --rm --name vllm -p8000:8000 " +
				"--device nvidia.com/gpu=0 --device nvidia.com/gpu=1 --security-opt=label=disable --shm-size 4g " +
				"-e HF_TOKEN=$HF_TOKEN quay.io/acme/vllm:0.27.1 meta-llama/Llama-3.1-8B-Instruct " +
				"-tp 2 --max_model_len=8192 --no-enable-prefix-caching --host 0.0.0.0 --port 8000 --enforce-eager",
			check: func(t *testing.T, c experiment.Container, left []string) {
				if c.GPUs != "0,1" || c.ShmSize != 4<<30 || c.Env[0].FromEnv != "HF_TOKEN" ||
					!slices.Equal(left, []string{"--security-opt=label=disable"}) {
					t.Errorf("%+v, left %q", c, left)
				}
			},
		},
		{
			name: "entry point of its own", backend: "docker", image: "docker.io/vllm/vllm-openai:v0.27.1",
			model: "acme/m", modelArg: "positional",
			flags: "--lora-modules a=/a b=/b --max-num-seqs 32",
			command: `docker run -d --gpus '"device=2,3"' --entrypoint vllm --mount type=bind,source=/models,target=/models,readonly ` +
				`-e OPENAI_API_KEY=verysecret vllm/vllm-openai:v0.27.1 serve acme/m --lora-modules a=/a b=/b --max-num-seqs 32`,
			check: func(t *testing.T, c experiment.Container, left []string) {
				if c.GPUs != "2,3" || c.Volumes[0] != "/models:/models:ro" ||
					!slices.Equal(c.Command, []string{"vllm", "serve"}) || c.Env[0].Value != "" ||
					c.Env[0].FromEnv != "OPENAI_API_KEY" {
					t.Errorf("%+v, left %q", c, left)
				}
			},
		},
		{
			name: "a command that names Python's module", backend: "docker",
			image: "docker.io/vllm/vllm-openai:v0.11.0",
			model: "/models/m", modelArg: "flag", flags: "--gpu-memory-utilization 0.9",
			command: "docker run --gpus 2 --entrypoint python3 vllm/vllm-openai:v0.11.0 " +
				"-m vllm.entrypoints.openai.api_server --model /models/m --gpu-memory-utilization 0.9",
			check: func(t *testing.T, c experiment.Container, _ []string) {
				module := []string{"python3", "-m", "vllm.entrypoints.openai.api_server"}
				if c.GPUs != "0,1" || !slices.Equal(c.Command, module) {
					t.Errorf("%+v", c)
				}
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := DockerRun(test.command)
			e := parsed(t, d, err)
			c := e.Server.Container()
			if e.Server.Backend() != test.backend || c.Image != test.image || e.Server.Model != test.model ||
				c.ModelArg != test.modelArg {
				t.Errorf("%s %s, model %s by %s", e.Server.Backend(), c.Image, e.Server.Model, c.ModelArg)
			}
			if got := strings.Join(e.Server.Flags.Args(""), " "); got != test.flags {
				t.Errorf("flags %q, want %q", got, test.flags)
			}
			test.check(t, *c, d.Left)
		})
	}
}

func TestIncompleteCommands(t *testing.T) {
	for _, command := range []string{"", "docker ps", "docker run", "docker run -it --gpus", `docker run "`, "docker run --gpus all"} {
		if d, err := DockerRun(command); err == nil {
			t.Errorf("%q is a server: %+v", command, d.Server)
		}
	}
	if _, err := VLLMServe("HF_TOKEN=x"); err == nil {
		t.Error("an assignment alone is a server")
	}
	if _, err := GuideLLM("vllm bench serve"); err == nil {
		t.Error("GuideLLM read another tool's command")
	}
	if _, err := VLLMBench("guidellm run"); err == nil {
		t.Error("vLLM's benchmark read another tool's command")
	}
}

func TestVLLMServe(t *testing.T) {
	d, err := VLLMServe("CUDA_VISIBLE_DEVICES=0 VLLM_USE_V1=1 /opt/venv/bin/vllm serve acme/m " +
		`--max-num-seqs 64 --trust-remote-code --speculative-config '{"method": "ngram", "num_speculative_tokens": 3}' --disable-log-requests --port 9000`)
	e := parsed(t, d, err)
	p := e.Server.Process
	if !slices.Equal(p.Command, []string{"/opt/venv/bin/vllm", "serve"}) || e.Server.Model != "acme/m" ||
		len(p.Env) != 2 || p.Env[1].Value != "1" {
		t.Errorf("%+v, model %s", p, e.Server.Model)
	}
	want := []string{"--max-num-seqs", "64", "--trust-remote-code", "--speculative-config",
		`{"method": "ngram", "num_speculative_tokens": 3}`, "--disable-log-requests"}
	if got := e.Server.Flags.Args(""); !slices.Equal(got, want) {
		t.Errorf("flags %q, want %q", got, want)
	}
}

func TestBenchmarks(t *testing.T) {
	scenario := filepath.Join(t.TempDir(), "scenario.yaml")
	text := "rate_type: poisson\nrate: [1, 2]\nmax_seconds: 45\n" +
		"data: {prompt_tokens: 64, prompt_tokens_stdev: 8, output_tokens: 32}\n"
	if err := os.WriteFile(scenario, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(t.TempDir(), "new.yaml")
	text = "spec:\n  backend: {kind: openai_http, target: 'http://127.0.0.1:8001'}\n" +
		"  profile: {kind: concurrent, streams: [1, 8]}\n" +
		"  constraints: [{kind: max_requests, count: 100}]\n" +
		"  data: [{kind: synthetic_text, prompt_tokens: 64, output_tokens: 32}]\n"
	if err := os.WriteFile(newer, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	type want struct {
		url, api string
		arrivals experiment.Arrivals
		requests int
		seconds  float64
		prompt   experiment.Lengths
		output   float64
	}
	for _, test := range []struct {
		command string
		read    func(string) (Draft, error)
		want    want
	}{
		{"guidellm benchmark --target http://127.0.0.1:8000 --rate-type sweep --max-seconds 30 " +
			"--data 'prompt_tokens=256,output_tokens=128'", GuideLLM,
			want{"http://127.0.0.1:8000", "completions",
				experiment.Arrivals{Kind: experiment.Sweep, SweepPoints: 10}, 0, 30,
				experiment.Lengths{Kind: experiment.Fixed, Mean: 256}, 128}},
		{"guidellm run --backend kind=openai_http,target=http://10.0.0.1:80,model=m " +
			"--profile kind=poisson,rate=1,2.5,4 " +
			"--constraint kind=max_duration,seconds=60 --constraint kind=max_requests,count=500 " +
			"--data kind=synthetic_text,prompt_tokens=100,output_tokens=50", GuideLLM,
			want{"http://10.0.0.1:80", "completions",
				experiment.Arrivals{Kind: experiment.Poisson, Points: []float64{1, 2.5, 4}}, 500, 60,
				experiment.Lengths{Kind: experiment.Fixed, Mean: 100}, 50}},
		{"guidellm benchmark --target http://127.0.0.1:8000 --scenario " + scenario, GuideLLM,
			want{"http://127.0.0.1:8000", "completions",
				experiment.Arrivals{Kind: experiment.Poisson, Points: []float64{1, 2}}, 0, 45,
				experiment.Lengths{Kind: experiment.Normal, Mean: 64, Stdev: 8}, 32}},
		{"guidellm run -c " + newer, GuideLLM,
			want{"http://127.0.0.1:8001", "completions",
				experiment.Arrivals{Kind: experiment.Concurrency, Points: []float64{1, 8}}, 100, 0,
				experiment.Lengths{Kind: experiment.Fixed, Mean: 64}, 32}},
		{"vllm bench serve --backend openai-chat --endpoint /v1/chat/completions --model m --dataset-name random " +
			"--random-input-len 512 --random-output-len 64 --num-prompts 200 --request-rate 5 --burstiness 0.5 " +
			"--max-concurrency 32 --ignore-eos --save-result", VLLMBench,
			want{"http://127.0.0.1:8000", "chat",
				experiment.Arrivals{Kind: experiment.Gamma, Points: []float64{5}, Burstiness: 0.5, MaxConcurrency: 32},
				200, 0,
				experiment.Lengths{Kind: experiment.Fixed, Mean: 512}, 64}},
		{"python benchmark_serving.py --host 10.0.0.2 --port 9000 --model m " +
			"--max-concurrency 16 --num-prompts 160", VLLMBench,
			want{"http://10.0.0.2:9000", "completions",
				experiment.Arrivals{Kind: experiment.Concurrency, Points: []float64{16}}, 160, 0,
				experiment.Lengths{Kind: experiment.Fixed, Mean: 1024}, 128}},
		{"vllm bench serve --model m --num-prompts 50", VLLMBench,
			want{"http://127.0.0.1:8000", "completions",
				experiment.Arrivals{Kind: experiment.Throughput, Points: []float64{50}}, 50, 0,
				experiment.Lengths{Kind: experiment.Fixed, Mean: 1024}, 128}},
	} {
		d, err := test.read(test.command)
		e := parsed(t, d, err)
		l := e.Loads[0]
		got := want{e.Server.Endpoint.URL, l.API, l.Arrivals, l.Requests, l.Duration.Seconds(), l.Prompt, l.Output.Mean}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s\n got %+v\nwant %+v", test.command, got, test.want)
		}
		if len(d.Left) > 0 {
			t.Errorf("%s: left %q", test.command, d.Left)
		}
	}
}

// A server's command and a benchmark's make one experiment: the server that is
// launched, with the benchmark's load.
func TestMerge(t *testing.T) {
	d, err := DockerRun("docker run --gpus all vllm/vllm-openai:v0.27.1 --model m --max-num-seqs 64")
	if err != nil {
		t.Fatal(err)
	}
	load, err := VLLMBench("vllm bench serve --model m --num-prompts 50 --max-concurrency 4 --goodput ttft:500 tpot:40")
	if err != nil {
		t.Fatal(err)
	}
	d.Merge(load)
	e := parsed(t, d, nil)
	if e.Server.Docker == nil || e.Loads[0].Name != "bench" || len(e.SLO) != 2 {
		t.Errorf("%+v\n%+v\n%+v", e.Server, e.Loads, e.SLO)
	}
}

func TestCompose(t *testing.T) {
	file := filepath.Join(t.TempDir(), "compose.yaml")
	text := `
services:
  web:
    image: nginx
    depends_on: [llm]
  llm:
    image: docker.io/vllm/vllm-openai:v0.27.1
    command: ["--model", "acme/m", "--max-num-seqs", "64", "--enable-prefix-caching"]
    environment:
      HF_TOKEN: ${HF_TOKEN}
      VLLM_LOGGING_LEVEL: INFO
    volumes: ["~/.cache/huggingface:/root/.cache/huggingface", "models:/models:ro"]
    ports: ["8000:8000"]
    ipc: host
    shm_size: 8gb
    ulimits: {memlock: -1}
    deploy:
      resources:
        reservations:
          devices: [{driver: nvidia, device_ids: ["1"], capabilities: [gpu]}]
volumes: {models: {}}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{file, file + "#llm"} {
		d, err := Compose(t.Context(), place, []string{"HF_TOKEN=secret", "HOME=/home/someone"})
		e := parsed(t, d, err)
		c := e.Server.Docker
		if c == nil || c.GPUs != "1" || c.IPC != "host" || c.ShmSize != 8<<30 || len(c.Volumes) != 2 ||
			e.Server.Model != "acme/m" {
			t.Fatalf("%+v", c)
		}
		token := experiment.EnvVar{Name: "HF_TOKEN", FromEnv: "HF_TOKEN"}
		if !slices.Contains(c.Env, token) {
			t.Errorf("environment %+v", c.Env)
		}
		if got := strings.Join(e.Server.Flags.Args(""), " "); got != "--max-num-seqs 64 --enable-prefix-caching" {
			t.Errorf("flags %q", got)
		}
	}
	if _, err := Compose(t.Context(), file+"#nobody", nil); err == nil || !strings.Contains(err.Error(), "llm") {
		t.Errorf("a service that is not there: %v", err)
	}
}
