package vllmsim

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// outcome sums up one simulated run.
type outcome struct {
	*Result
	ttft, tpot float64 // means, s
	throughput float64 // output tokens per second
}

// simulate runs a load on a quiet machine with eight GPUs.
func simulate(t *testing.T, args string, load []Arrival, concurrency int) outcome {
	t.Helper()
	r, err := Simulate(quiet(strings.Fields(args)...), load, concurrency)
	if err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	o := outcome{Result: r}
	o.ttft, o.tpot = means(r)
	tokens := 0
	for _, x := range r.Timings {
		tokens += x.Output
	}
	o.throughput = float64(tokens) / r.Duration
	return o
}

// uniform is n equal requests for a closed loop.
func uniform(n, prompt, output int) []Arrival {
	return slices.Repeat([]Arrival{{Prompt: prompt, Output: output}}, n)
}

const llama = "meta-llama/Llama-3.1-8B-Instruct --max-model-len 8192 "

// about says that a/b is within the bounds.
func ratio(t *testing.T, what string, a, b, low, high float64) {
	t.Helper()
	if r := a / b; !(r >= low && r <= high) {
		t.Errorf("%s: ratio %.3f (%.4g / %.4g), want %.2f..%.2f", what, r, a, b, low, high)
	}
}

// TestCacheSizes: bytes per token and, from them, the cache of a start.
func TestCacheSizes(t *testing.T) {
	for _, x := range []struct {
		args  string
		bytes float64 // per token and rank
	}{
		{"Qwen/Qwen2.5-7B-Instruct", 57344},
		{"meta-llama/Llama-3.1-8B-Instruct", 131072},
		{"meta-llama/Llama-3.1-8B-Instruct --kv-cache-dtype fp8", 65536},
		{"meta-llama/Llama-3.1-8B-Instruct -tp 2", 65536},
		{"Qwen/Qwen2.5-7B-Instruct -tp 4", 14336},
		{"meta-llama/Llama-3.1-8B-Instruct -pp 2", 65536},
	} {
		m := simulate(t, x.args, nil, 0).Memory
		if got := m.BlockBytes / 16; got != x.bytes {
			t.Errorf("%s: %g bytes per token, want %g", x.args, got, x.bytes)
		}
		if want := int(m.Available / (16 * x.bytes)); m.Blocks != want {
			t.Errorf("%s: %d blocks, want %d", x.args, m.Blocks, want)
		}
	}
}

// TestMemoryUtilization: more memory raises throughput only once the KV cache
// binds.
func TestMemoryUtilization(t *testing.T) {
	binding := uniform(400, 6000, 500) // 100 x 6500 tokens are 85 GB of cache
	low := simulate(t, llama+"--gpu-memory-utilization 0.5", binding, 100)
	high := simulate(t, llama+"--gpu-memory-utilization 0.92", binding, 100)
	ratio(t, "throughput with a full cache", high.throughput, low.throughput, 1.10, 3)
	if low.Stats[0].Preemptions == 0 {
		t.Error("a full cache preempted nobody")
	}
	free := uniform(64, 500, 100)
	low = simulate(t, llama+"--gpu-memory-utilization 0.5", free, 16)
	high = simulate(t, llama+"--gpu-memory-utilization 0.92", free, 16)
	ratio(t, "throughput with room to spare", high.throughput, low.throughput, 0.999, 1.001)
}

// TestCacheBinds: the sizes of KV cache of a published comparison on an A100:
// 5.0 and 24.8 GiB serve a low load equally, and 200 prompts at once at 2,058
// and 4,443 tok/s there.
func TestCacheBinds(t *testing.T) {
	const small, large = llama + "--sim-gpu A100-80 --kv-cache-memory-bytes 5368709120", llama + "--sim-gpu A100-80 --kv-cache-memory-bytes 26628797235"
	low := uniform(8, 500, 500)
	ratio(t, "throughput of 8 prompts", simulate(t, large, low, 8).throughput, simulate(t, small, low, 8).throughput, 0.999, 1.001)
	high := uniform(200, 500, 500)
	ratio(t, "throughput of 200 prompts", simulate(t, large, high, 200).throughput, simulate(t, small, high, 200).throughput, 1.5, 2.6)
}

// TestLittlesLaw: the arrival rate times the mean residence in the engine is
// the number that runs, which --max-num-seqs caps; below the cap it is set by
// the clients.
func TestLittlesLaw(t *testing.T) {
	for _, limit := range []int{4, 16, 64} {
		o := simulate(t, llama+"--max-num-seqs "+strconv.Itoa(limit), uniform(960, 200, 200), 96)
		residence := 0.0
		for _, x := range o.Timings {
			residence += x.Done - x.Scheduled
		}
		running := residence / o.Duration
		ratio(t, "running requests against the limit", running, float64(limit), 0.97, 1.01)
		// Each step of a saturated engine decodes for everybody who runs.
		steps := float64(o.Stats[0].GenerationTokens) / float64(o.Stats[0].Steps)
		ratio(t, "running requests against tokens per step", running, steps, 0.9, 1.1)
	}
	free := simulate(t, llama+"--max-num-seqs 256", uniform(960, 200, 200), 16)
	residence := 0.0
	for _, x := range free.Timings {
		residence += x.Done - x.Scheduled
	}
	ratio(t, "running requests of 16 clients", residence/free.Duration, 16, 0.9, 1)
}

// TestKVCacheType: fp8 holds twice the tokens and reads half the bytes.
func TestKVCacheType(t *testing.T) {
	load := uniform(200, 4000, 200)
	bf16 := simulate(t, llama, load, 64)
	fp8 := simulate(t, llama+"--kv-cache-dtype fp8", load, 64)
	ratio(t, "blocks", float64(fp8.Memory.Blocks), float64(bf16.Memory.Blocks), 1.99, 2.01)
	ratio(t, "TPOT", fp8.tpot, bf16.tpot, 0.5, 0.98)
}

// TestMaxNumSeqs: the limit caps the running requests; what it keeps out
// waits, what runs decodes faster.
func TestMaxNumSeqs(t *testing.T) {
	load := uniform(256, 200, 200)
	few := simulate(t, llama+"--max-num-seqs 16", load, 128)
	many := simulate(t, llama+"--max-num-seqs 256", load, 128)
	if batch := few.Stats[0].GenerationTokens / few.Stats[0].Steps; batch > 16 {
		t.Errorf("%d sequences a step", batch)
	}
	ratio(t, "TTFT", few.ttft, many.ttft, 5, 1e4)
	ratio(t, "TPOT", few.tpot, many.tpot, 0.3, 0.95)
	ratio(t, "throughput", few.throughput, many.throughput, 0.1, 0.6)
}

// TestMaxNumBatchedTokens: a small budget protects the ITL of running
// requests from prefills and makes prompts wait longer.
func TestMaxNumBatchedTokens(t *testing.T) {
	var load []Arrival
	for i := range 300 {
		load = append(load, Arrival{At: float64(i) * 0.4, Prompt: 6000, Output: 100})
	}
	small := simulate(t, llama+"--max-num-batched-tokens 512 --max-num-seqs 128", load, 0)
	large := simulate(t, llama+"--max-num-batched-tokens 8192 --max-num-seqs 128", load, 0)
	ratio(t, "TTFT", small.ttft, large.ttft, 1.05, 4)
	ratio(t, "p99 ITL", small.ITL.Quantile(0.99), large.ITL.Quantile(0.99), 0.02, 0.4)
}

// TestTensorParallel: more GPUs decode faster, but less than in proportion.
func TestTensorParallel(t *testing.T) {
	load := uniform(16, 500, 200)
	last := simulate(t, llama, load, 4).tpot
	for _, tp := range []int{2, 4, 8} {
		tpot := simulate(t, llama+"-tp "+strconv.Itoa(tp), load, 4).tpot
		ratio(t, "TPOT with TP "+strconv.Itoa(tp), tpot, last, 0.51, 0.99)
		last = tpot
	}
}

// TestPipelineAndDataParallel: both raise throughput; neither lowers the
// decode latency of a lone request.
func TestPipelineAndDataParallel(t *testing.T) {
	load := uniform(400, 500, 100)
	one := simulate(t, llama, load, 200)
	for _, flag := range []string{"-pp 2", "-dp 2"} {
		two := simulate(t, llama+flag, load, 200)
		ratio(t, "throughput with "+flag, two.throughput, one.throughput, 1.1, 2.1)
		alone := simulate(t, llama+flag, uniform(2, 500, 100), 1)
		ratio(t, "lone TPOT with "+flag, alone.tpot, simulate(t, llama, uniform(2, 500, 100), 1).tpot, 0.95, 1.1)
	}
	if n := len(simulate(t, llama+"-dp 2", load, 200).Stats); n != 2 {
		t.Errorf("%d ranks, want 2", n)
	}
}

// TestEagerAndGraphs: without CUDA graphs small batches wait for the host;
// batch sizes above a captured size pay for the next.
func TestEagerAndGraphs(t *testing.T) {
	load := uniform(8, 100, 200)
	graphs := simulate(t, llama, load, 1)
	ratio(t, "eager TPOT", simulate(t, llama+"--enforce-eager", load, 1).tpot, graphs.tpot, 1.1, 2.5)
	ratio(t, "-O0 TPOT", simulate(t, llama+"-O0", load, 1).tpot, graphs.tpot, 1.1, 2.5)
	padded := simulate(t, llama+"--cudagraph-capture-sizes 1 512", uniform(48, 100, 200), 24)
	exact := simulate(t, llama+"--cudagraph-capture-sizes 1 24 512", uniform(48, 100, 200), 24)
	ratio(t, "TPOT of a padded batch", padded.tpot, exact.tpot, 1.1, 3)
}

// TestQuantization: fp8 weights make a small batch decode faster.
func TestQuantization(t *testing.T) {
	load := uniform(8, 100, 200)
	ratio(t, "TPOT", simulate(t, llama+"-q fp8", load, 1).tpot, simulate(t, llama, load, 1).tpot, 0.5, 0.85)
}

// TestPrefixCachingFlag: requests with a common beginning prefill less.
func TestPrefixCachingFlag(t *testing.T) {
	var load []Arrival
	for i := range 100 {
		load = append(load, Arrival{At: float64(i) * 0.5, Prompt: 4000, Output: 20, Group: 1, Shared: 3900})
	}
	on, off := simulate(t, llama, load, 0), simulate(t, llama+"--no-enable-prefix-caching", load, 0)
	ratio(t, "TTFT", on.ttft, off.ttft, 0.1, 0.5)
	if got := on.Timings[50].Cached; got != 3888 { // whole blocks of 16
		t.Errorf("%d tokens cached, want 3888", got)
	}
	if s := off.Stats[0]; s.PrefixHits != 0 || s.PrefixQueries != 0 {
		t.Errorf("switched off, yet %d of %d tokens hit", s.PrefixHits, s.PrefixQueries)
	}
}

// TestPriorityPolicy: urgent requests overtake under the priority policy
// only.
func TestPriorityPolicy(t *testing.T) {
	load := uniform(200, 300, 50)
	load[199].Priority = -1
	for i := range load {
		load[i].At = float64(i) * 1e-4
	}
	fcfs := simulate(t, llama+"--max-num-seqs 8", load, 0)
	priority := simulate(t, llama+"--max-num-seqs 8 --scheduling-policy priority", load, 0)
	ratio(t, "TTFT of the urgent request", priority.Timings[199].TTFT(), fcfs.Timings[199].TTFT(), 0.001, 0.2)
}

// TestAsyncScheduling: scheduling behind the GPU's back saves time a step.
func TestAsyncScheduling(t *testing.T) {
	load := uniform(64, 100, 100)
	ratio(t, "TPOT", simulate(t, llama, load, 64).tpot, simulate(t, llama+"--no-async-scheduling", load, 64).tpot, 0.6, 0.95)
}

// TestGPUs: bandwidth orders the cards at decode.
func TestGPUs(t *testing.T) {
	last := math.Inf(1)
	for _, gpu := range []string{"L40S", "A100-80", "H100", "H200", "B200"} {
		tpot := simulate(t, llama+"--sim-gpu "+gpu, uniform(4, 100, 50), 1).tpot
		if tpot >= last {
			t.Errorf("%s: TPOT %.1f ms is not below %.1f ms", gpu, tpot*1e3, last*1e3)
		}
		last = tpot
	}
}

// TestMixtureOfExperts: a small batch reads few experts.
func TestMixtureOfExperts(t *testing.T) {
	const args = "Qwen/Qwen3-30B-A3B --max-model-len 4096"
	one := simulate(t, args, uniform(2, 100, 50), 1)
	many := simulate(t, args, uniform(64, 100, 50), 32)
	ratio(t, "TPOT of 32 sequences", many.tpot, one.tpot, 2, 10)
}

// TestSeeds: equal seeds give equal runs, other seeds other starts of about
// the same speed.
func TestSeeds(t *testing.T) {
	run := func(seed string) float64 {
		r, err := Simulate([]string{"meta-llama/Llama-3.1-8B-Instruct", "--max-model-len", "8192", "--sim-seed", seed}, uniform(8, 100, 100), 2)
		if err != nil {
			t.Fatal(err)
		}
		_, tpot := means(r)
		return tpot
	}
	if a, b := run("1"), run("1"); a != b {
		t.Errorf("the same seed gave %g and %g", a, b)
	}
	a, b := run("1"), run("2")
	if a == b {
		t.Error("two seeds gave the same run")
	}
	ratio(t, "two starts", a, b, 0.92, 1.08)
}

// TestClosedLoop: the load never exceeds its concurrency, and every request
// is answered.
func TestClosedLoop(t *testing.T) {
	r := simulate(t, llama, uniform(50, 100, 40), 7)
	type event struct {
		at    float64
		delta int
	}
	var events []event
	for _, x := range r.Timings {
		if x.Done <= x.FirstToken {
			t.Fatalf("request ends at %g after a first token at %g", x.Done, x.FirstToken)
		}
		events = append(events, event{x.Sent, 1}, event{x.Done, -1})
	}
	slices.SortFunc(events, func(a, b event) int {
		if a.at != b.at {
			return int(math.Copysign(1, a.at-b.at))
		}
		return a.delta - b.delta
	})
	open, most := 0, 0
	for _, e := range events {
		open += e.delta
		most = max(most, open)
	}
	if most != 7 {
		t.Errorf("at most %d requests in flight, want 7", most)
	}
	if r.ITL.Count() != 50*39 {
		t.Errorf("%d gaps between tokens, want %d", r.ITL.Count(), 50*39)
	}
}
