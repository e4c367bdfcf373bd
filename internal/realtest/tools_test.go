package realtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

// clients are the other load generators: their names, the words that call
// them, and the part of the environment that they need.
var clients = []struct {
	name, command string
	part          part
}{
	{"guidellm", "guidellm/bin/guidellm", guidellm},
	{"vllm", "vllm/bin/vllm", vllm},
	{"aiperf", "aiperf/bin/aiperf", aiperf},
}

// Every other load generator measures a trial of a run on real vLLM: a closed
// loop and a constant rate, both of which count.
func TestBenchmarkDrivers(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			root := need(t, full, vllm, tiny, c.part)
			url := vllmServer(t, root)
			dir := write(t, fmt.Sprintf(`
version: 1
name: driven
server:
  endpoint: {url: %q}
  model: tiny
benchmark: {tool: %s, command: [%s], tokenizer: %s}
loads:
  chat: {prompt_tokens: 64, output_tokens: 32, arrivals: {concurrency: 2}, requests: 40, timeout: 60s}
  steady: {prompt_tokens: 64, output_tokens: 32, arrivals: {constant: 2}, requests: 30, timeout: 60s}
trials: {repeat: 1, warmup: 2s, seed: 1}
confirm: false
`, url, c.name, filepath.Join(root, c.command), filepath.Join(root, "models/tiny")))
			stdout, stderr, code := sweep(t, dir, 10*time.Minute, "run", "e.yaml")
			if code != 0 {
				t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
			}
			r := read(t, dir)
			counted(t, r, 2)
			for _, trial := range r.Trials {
				if trial.Outcome != rundir.OutcomeOK {
					continue
				}
				if trial.Metrics["output_throughput"] <= 0 || trial.Metrics["ttft_mean"] <= 0 {
					t.Errorf("%s on %s: %v", trial.ID, trial.LoadPoint, trial.Metrics)
				}
			}
		})
	}
}

// All clients on one server, one after the other: the table of docs/truth.md.
func TestClientsAgree(t *testing.T) {
	root := need(t, full, vllm, tiny, guidellm, aiperf)
	url := vllmServer(t, root)
	for _, arrivals := range [][]string{{"--concurrency", "4"}, {"--constant", "3"}} {
		args := append([]string{"bench", url, "--with", "native,guidellm,vllm,aiperf", "--prompt-tokens", "64",
			"--output-tokens", "32", "--requests", "60", "--shared-machine",
			"--guidellm", filepath.Join(root, guidellm.file), "--vllm", filepath.Join(root, vllm.file),
			"--aiperf", filepath.Join(root, aiperf.file), "--tokenizer", filepath.Join(root, "models/tiny")}, arrivals...)
		stdout, stderr, code := sweep(t, t.TempDir(), 15*time.Minute, args...)
		t.Logf("%s\n%s", strings.Join(arrivals, " "), stdout)
		if code != 0 && code != 5 { // 5: they do not agree, which the table shows
			t.Errorf("exit code %d\n%s", code, stderr)
		}
	}
}

// The files that the tools write by themselves are read: one run each, with
// the load that was asked for.
func TestToolFiles(t *testing.T) {
	root := need(t, full, vllm, tiny, guidellm, aiperf)
	url := vllmServer(t, root)
	tokenizer := filepath.Join(root, "models/tiny")
	for name, words := range map[string][]string{
		"guidellm": {filepath.Join(root, guidellm.file), "run", "--backend", "kind=openai_http,target=" + url + ",model=tiny",
			"--tokenizer", "kind=huggingface_auto,model=" + tokenizer, "--profile", "kind=concurrent,streams=2",
			"--constraint", "kind=max_requests,count=20", "--data", "kind=synthetic_text,prompt_tokens=64,output_tokens=32",
			"--disable-console-interactive"},
		"aiperf": {filepath.Join(root, aiperf.file), "profile", "-m", "tiny", "--tokenizer", tokenizer, "--endpoint-type", "chat",
			"--streaming", "-u", url, "--synthetic-input-tokens-mean", "64", "--output-tokens-mean", "32", "--extra-inputs",
			"ignore_eos:true", "--concurrency", "2", "--request-count", "20", "--ui", "none", "--artifact-dir", "artifacts"},
		"vllm": {filepath.Join(root, vllm.file), "bench", "serve", "--base-url", url, "--model", "tiny", "--tokenizer", tokenizer,
			"--dataset-name", "random", "--random-input-len", "64", "--random-output-len", "32", "--num-prompts", "20",
			"--max-concurrency", "2", "--ignore-eos", "--save-result"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "VLLM_NO_USAGE_STATS=1")
			if name != "aiperf" { // it refuses a local tokenizer while the hub is switched off
				cmd.Env = append(cmd.Env, "HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1")
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			home := t.TempDir()
			stdout, stderr, code := sweep(t, home, time.Minute, "import", dir, "--name", "imported")
			if code != 0 {
				t.Fatalf("import: exit code %d\n%s\n%s", code, stdout, stderr)
			}
			r := read(t, home)
			if len(r.Trials) != 1 {
				t.Fatalf("%d trials of one run\n%s\n%s", len(r.Trials), stdout, stderr)
			}
			if out := r.Trials[0].OutputTokens; out < 600 || out > 680 {
				t.Errorf("%d output tokens, want about 640", out)
			}
			point, _ := r.Plan.LoadPoint(r.Trials[0].LoadPoint)
			if text, _ := json.Marshal(point); !strings.Contains(string(text), "2") {
				t.Errorf("load point %s, want two in flight", text)
			}
		})
	}
}

// A router in front of two servers is an endpoint like any other.
func TestRouter(t *testing.T) {
	root := need(t, full, router, llama, gguf)
	workers := make([]string, 2)
	for i := range workers {
		workers[i] = sharedServer(t, fmt.Sprintf("worker %d", i), func(port int) *exec.Cmd {
			return exec.Command(filepath.Join(root, llama.file), "-m", filepath.Join(root, gguf.file), "--alias", "tiny",
				"--host", "127.0.0.1", "--port", fmt.Sprint(port), "--metrics")
		})
	}
	url := sharedServer(t, "router", func(port int) *exec.Cmd {
		args := append([]string{"--host", "127.0.0.1", "--port", fmt.Sprint(port), "--policy", "round_robin",
			"--prometheus-port", fmt.Sprint(freePort(t)), "--worker-urls"}, workers...)
		return exec.Command(filepath.Join(root, router.file), args...)
	})
	dir := write(t, fmt.Sprintf(`
version: 1
name: routed
server:
  endpoint: {url: %q}
  model: tiny
loads:
  chat: {prompt_tokens: 64, output_tokens: 32, arrivals: {concurrency: 4}, requests: 60, timeout: 30s, api: chat}
trials: {repeat: 1, warmup: 1s, seed: 1}
confirm: false
`, url))
	stdout, stderr, code := sweep(t, dir, 5*time.Minute, "run", "e.yaml")
	if code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	counted(t, read(t, dir), 1)
}
