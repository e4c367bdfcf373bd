package loadtools

import (
	"fmt"
	"math"
	"strconv"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// vllmArgs translates the load into `vllm bench serve`. Its random prompts
// depend on the seed alone, so each trial brings its own: with one seed for
// all, the prefix cache would answer from the second run on.
func (j *Job) vllmArgs() ([]string, error) {
	l := j.Load
	backend, endpoint := "openai", "/v1/completions"
	if l.API == loadgen.Chat {
		backend, endpoint = "openai-chat", "/v1/chat/completions"
	}
	rate, burstiness, limit, err := j.vllmArrivals()
	if err != nil {
		return nil, err
	}
	requests, err := j.vllmRequests()
	if err != nil {
		return nil, err
	}
	if l.Prompt.Kind != loadgen.Fixed || l.Output.Kind != loadgen.Fixed {
		return nil, fmt.Errorf("vllm bench serve draws fixed lengths only, not %s and %s", l.Prompt.Kind, l.Output.Kind)
	}
	out := []string{
		"bench", "serve", "--backend", backend, "--base-url", l.BaseURL, "--endpoint", endpoint, "--model", l.Model, "--tokenizer", j.tokenizer(),
		"--dataset-name", "random", "--random-input-len", tokens(l.Prompt), "--random-output-len", tokens(l.Output), "--random-range-ratio", "0",
		"--num-prompts", strconv.Itoa(requests), "--request-rate", rate, "--burstiness", burstiness,
		"--ignore-eos", "--temperature", "0", "--seed", strconv.FormatUint(smallSeed(l.Seed), 10), "--disable-tqdm",
		"--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,75,90,95,97,99,99.9",
		"--save-result", "--save-detailed", "--result-dir", j.Dir, "--result-filename", rundir.ToolResultFile,
	}
	if limit > 0 {
		out = append(out, "--max-concurrency", strconv.Itoa(limit))
	}
	return out, nil
}

func tokens(l loadgen.Lengths) string { return strconv.Itoa(int(l.Mean + 0.5)) }

func (j *Job) vllmArrivals() (rate, burstiness string, limit int, err error) {
	a := j.Load.Arrivals
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	switch a.Kind {
	case loadgen.Concurrency, loadgen.Throughput:
		return "inf", "1.0", a.Concurrency, nil
	case loadgen.Constant:
		return number(a.Rate), "inf", a.MaxConcurrency, nil
	case loadgen.Poisson:
		return number(a.Rate), "1.0", a.MaxConcurrency, nil
	case loadgen.Gamma:
		return number(a.Rate), number(a.Burstiness), a.MaxConcurrency, nil
	default:
		return "", "", 0, fmt.Errorf("vllm bench serve knows no arrivals %q", a.Kind)
	}
}

// vllmRequests is the number of requests, which alone ends the tool: of an
// open loop those that its rate and length give.
func (j *Job) vllmRequests() (int, error) {
	n := j.Load.Requests
	switch rate := j.Load.Arrivals.Rate; {
	case j.Load.Duration == 0:
	case rate > 0:
		byTime := int(math.Ceil(rate * j.Load.Duration.Seconds()))
		if n == 0 || byTime < n {
			n = byTime
		}
	default:
		return 0, fmt.Errorf("vllm bench serve ends after a number of requests, not after a time: give requests instead of duration")
	}
	if n < 1 {
		return 0, fmt.Errorf("no request in %s at %g/s", j.Load.Duration, j.Load.Arrivals.Rate)
	}
	return n, nil
}
