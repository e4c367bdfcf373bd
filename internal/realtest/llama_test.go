package realtest

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

const llamaExperiment = `
version: 1
name: real-llama
server:
  model: tiny
  engine: llama.cpp
  flags: {alias: tiny, parallel: 4, ctx-size: 8192, metrics: true}
  process: {command: [%s, -m, %s], model: none}
matrix:
  strategy: list
  configurations: [{parallel: 2, ctx-size: 4096}, {ctx-size: not-a-number}]
loads:
  chat: {prompt_tokens: 64, output_tokens: 32, arrivals: {concurrency: [1, 4]}, requests: 60, timeout: 30s}
  steady: {prompt_tokens: 64, output_tokens: 32, arrivals: {constant: 5}, requests: 40, timeout: 30s}
trials: {repeat: 1, warmup: 1s, seed: 1}
confirm: false
cooldown: {at_least: 10ms}
gates: {requeue: 3}
use_cases:
  throughput: {maximize: output_throughput, load: chat}
`

// llama-server as it is shipped: it closes each connection right after a
// streamed answer, so a closed loop meets connections that are gone.
func TestLlamaServer(t *testing.T) {
	root := need(t, short, llama, gguf)
	dir := write(t, fmt.Sprintf(llamaExperiment, filepath.Join(root, llama.file), filepath.Join(root, gguf.file)))
	left := before()
	stdout, stderr, code := sweep(t, dir, 5*time.Minute, "run", "e.yaml")
	if code != 3 {
		t.Fatalf("exit code %d, want 3\n%s\n%s", code, stdout, stderr)
	}
	left.check(t, dir)
	r := read(t, dir)
	counted(t, r, 6)
	for _, trial := range r.Trials {
		for class, n := range trial.Requests {
			if trial.Outcome == rundir.OutcomeOK && class != string(loadgen.ClassOK) {
				t.Errorf("%s on %s: %d requests are %s", trial.ID, trial.LoadPoint, n, class)
			}
		}
	}
}

// What the client saw against llama-server's own clocks: the time per token
// that it spent predicting, and all that it counted.
func TestLlamaTruth(t *testing.T) {
	root := need(t, short, llama, gguf)
	url := llamaServer(t, root)
	truth(t, url, "tiny.gguf", "llamacpp:requests_processing", "prompt tokens | tokens | TPOT ms", []load{
		{name: "1 in flight", arrivals: closed(1), prompt: 64, output: 128, requests: 20},
		{name: "1 in flight, chat", arrivals: closed(1), prompt: 64, output: 128, requests: 20, api: loadgen.Chat},
		{name: "4 in flight", arrivals: closed(4), prompt: 64, output: 128, requests: 40},
	}, func(row *truthRow, s seen) {
		prompts, answers := s.tokens()
		row.cell("| %.0f / %.0f ", prompts, row.equal("prompt tokens", prompts,
			s.b.since(s.a, "llamacpp:prompt_tokens_total")+s.b.since(s.a, "llamacpp:prompt_tokens_cached_total")))
		row.cell("| %.0f / %.0f ", answers,
			row.equal("tokens", answers, s.b.since(s.a, "llamacpp:tokens_predicted_total")))
		// Its clock of predicting starts when the prompt is done and the first
		// token is drawn, and counts all tokens: n-1 steps for n tokens.
		steps := answers - float64(s.requests)
		row.near("tpot", s.sum.Metrics["tpot_mean"], s.b.since(s.a, "llamacpp:tokens_predicted_seconds_total")/steps)
	})
}
