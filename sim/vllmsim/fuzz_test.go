package vllmsim

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// drawFlags is a command line of flags that move memory and scheduler, in
// and out of their ranges.
func drawFlags(t *rapid.T) []string {
	args := []string{rapid.SampledFrom([]string{
		"Qwen/Qwen2.5-7B-Instruct", "meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-30B-A3B", "Qwen/Qwen2.5-32B-Instruct", "Qwen/Qwen3-0.6B",
	}).Draw(t, "model"), "--sim-gpus", "8"}
	add := func(name string, values ...string) {
		if rapid.Bool().Draw(t, "give "+name) {
			args = append(args, "--"+name+"="+rapid.SampledFrom(values).Draw(t, name))
		}
	}
	add("sim-gpu", "A10G", "L40S", "A100-40", "A100-80", "H100", "B200")
	add("gpu-memory-utilization", "0.3", "0.6", "0.85", "0.95", "0.99", "1.2")
	add("max-model-len", "64", "1000", "4k", "8K", "32768", "1m", "auto")
	add("max-num-seqs", "1", "3", "64", "1024", "0")
	add("max-num-batched-tokens", "1", "64", "500", "2048", "16384")
	add("tensor-parallel-size", "1", "2", "4", "5")
	add("pipeline-parallel-size", "1", "2", "3")
	add("data-parallel-size", "1", "2")
	add("block-size", "8", "16", "128", "7")
	add("kv-cache-dtype", "auto", "fp8", "nvfp4")
	add("num-gpu-blocks-override", "1", "50", "3000")
	add("long-prefill-token-threshold", "0", "10", "3000")
	add("scheduling-policy", "fcfs", "priority")
	add("watermark", "0", "0.05", "1")
	add("quantization", "fp8", "awq")
	add("optimization-level", "0", "1", "2")
	add("sim-run-noise", "0", "0.1")
	add("sim-request-noise", "0", "0.5")
	add("sim-temp-slope", "0", "0.05")
	for _, flag := range []string{"enable-prefix-caching", "enable-chunked-prefill", "async-scheduling", "scheduler-reserve-full-isl", "enforce-eager"} {
		switch rapid.IntRange(0, 2).Draw(t, flag) {
		case 0:
			args = append(args, "--"+flag)
		case 1:
			args = append(args, "--no-"+flag)
		}
	}
	return args
}

// TestFuzzedConfigurations: any command line either is refused like vLLM
// refuses it, or starts and answers every request of a load, with memory,
// times and counters that hold together.
func TestFuzzedConfigurations(t *testing.T) {
	started, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		args := drawFlags(t)
		empty, err := Simulate(args, nil, 0)
		var start *StartError
		if errors.As(err, &start) {
			if start.Message == "" || start.Code != exitFailed && start.Code != exitUsage {
				t.Fatalf("%v: code %d, %q", args, start.Code, start.Message)
			}
			refused++
			return
		}
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		started++
		m := empty.Memory
		if m.Blocks < m.NeededBlocks || m.Weights <= 0 || m.Activation <= 0 || m.BlockBytes <= 0 {
			t.Fatalf("%v: started with memory %+v", args, m)
		}
		var load []Arrival
		at := 0.0
		for i := range rapid.IntRange(1, 25).Draw(t, "requests") {
			at += rapid.SampledFrom([]float64{0, 0.01, 0.5, 20}).Draw(t, "gap")
			load = append(load, Arrival{
				At: at, Prompt: rapid.IntRange(1, 40).Draw(t, "prompt"), Output: rapid.IntRange(1, 24).Draw(t, "output"),
				Priority: i % 3, Group: uint64(i % 2), Shared: rapid.IntRange(0, 40).Draw(t, "shared"),
			})
		}
		r, err := Simulate(args, load, rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(t, "concurrency"))
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		if err := sound(r); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	})
	if started == 0 || refused == 0 {
		t.Errorf("%d configurations started, %d were refused: the draw is one-sided", started, refused)
	}
}

// sound checks what every result must satisfy.
func sound(r *Result) error {
	var finished, generated, output int
	for i, x := range r.Timings {
		output += x.Output
		if !(x.Sent < x.Scheduled && x.Scheduled < x.FirstToken && x.FirstToken < x.Done && x.Done <= r.Duration) {
			return fmt.Errorf("request %d: times %g, %g, %g, %g of %g", i, x.Sent, x.Scheduled, x.FirstToken, x.Done, r.Duration)
		}
		if x.Cached < 0 || x.Cached >= x.Prompt {
			return fmt.Errorf("request %d: %d of %d tokens cached", i, x.Cached, x.Prompt)
		}
	}
	for rank, s := range r.Stats {
		finished += s.Finished
		generated += s.GenerationTokens
		if s.Busy > r.Duration || s.PrefixHits > s.PrefixQueries {
			return fmt.Errorf("rank %d: %+v in %g s", rank, s, r.Duration)
		}
	}
	if finished != len(r.Timings) || generated != output {
		return fmt.Errorf("%d of %d requests and %d of %d tokens", finished, len(r.Timings), generated, output)
	}
	return nil
}
