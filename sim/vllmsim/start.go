package vllmsim

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// Durations of the startup phases in seconds at --sim-startup 1: estimates
// for a server with weights on local NVMe and a cold compile cache.
const (
	importSeconds   = 9.0   // Python, CUDA context, NCCL
	loadRate        = 2.5e9 // B/s of weights per GPU
	compileSeconds  = 8.0   // torch.compile, fixed part
	compilePerLayer = 0.5
	profileSeconds  = 1.5
	captureSeconds  = 0.12 // per captured batch size
	allocateSeconds = 0.5
	frontendSeconds = 2.0
)

// run is one start of the server.
type run struct {
	*setup
	log       *logger
	feed      *gpuFeed // nil without --sim-gpu-state
	api, core process
	compiled  float64 // seconds that compilation took
}

func (r *run) worker(rank int) process {
	if r.world() == 1 {
		return r.core
	}
	return process{fmt.Sprintf("Worker_TP%d", rank), r.core.pid + 1 + rank}
}

func (r *run) world() int { return r.engine.TP * r.engine.PP }

// phase waits for a phase's scaled duration and returns it in seconds.
func (r *run) phase(ctx context.Context, seconds float64) (float64, error) {
	seconds *= r.startup
	return seconds, wait(ctx, time.Duration(seconds*float64(time.Second)))
}

// wait sleeps for d unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start goes through vLLM's phases up to the idle engines. It ends with a
// failure of the configuration, or an error when ctx ends first.
func (r *run) start(ctx context.Context) ([]*engine.Engine, *failure, error) {
	r.announce()
	if _, err := r.phase(ctx, importSeconds); err != nil {
		return nil, nil, err
	}
	r.log.info(r.core, "core.py:108", "Initializing a V1 LLM engine (v%s) with config: model='%s', dtype=torch.bfloat16, max_seq_len=%d, tensor_parallel_size=%d, pipeline_parallel_size=%d, data_parallel_size=%d, quantization=%s, enforce_eager=%s, kv_cache_dtype=%s, enable_prefix_caching=%s, enable_chunked_prefill=%s",
		r.version, r.model, r.engine.MaxModelLen, r.engine.TP, r.engine.PP, r.dp, pyNone(r.engine.Quantization), pyBool(r.engine.Eager), r.values.Text("kv-cache-dtype", "auto"), pyBool(r.engine.PrefixCaching), pyBool(r.engine.ChunkedPrefill))
	m := engine.PlanMemory(r.engine)
	if f := checkFree(r.engine, m); f != nil {
		return nil, f, nil
	}
	if err := r.feed.hold(m.NonTorch + contextBytes(r.engine)); err != nil {
		return nil, nil, err
	}
	began := time.Now()
	if f, err := r.load(ctx, m); f != nil || err != nil {
		return nil, f, err
	}
	if f, err := r.profile(ctx, m); f != nil || err != nil {
		return nil, f, err
	}
	if err := r.capture(ctx, m); err != nil {
		return nil, nil, err
	}
	r.log.info(r.core, "core.py:339", "init engine (profile, create kv cache, warmup model) took %s", r.initTook(time.Since(began).Seconds()))
	return r.engines()
}

// initTook renders the duration of the engine's start in the version's dialect.
func (r *run) initTook(seconds float64) string {
	switch {
	case r.version.before(0, 15):
		return fmt.Sprintf("%.2f seconds", seconds)
	case r.engine.Eager:
		return fmt.Sprintf("%.2f s", seconds)
	}
	return fmt.Sprintf("%.2f s (compilation: %.2f s)", seconds, r.compiled)
}

// announce logs what the API server says before the engine starts.
func (r *run) announce() {
	for _, w := range r.values.Warnings {
		r.log.record(r.api, "WARNING", "argparse_utils.py:257", "%s", w)
	}
	var args []string
	for _, name := range r.values.Order {
		args = append(args, fmt.Sprintf("'%s': %s", strings.ReplaceAll(name, "-", "_"), r.values.Python(name)))
	}
	r.log.info(r.api, "utils.py:233", "non-default args: {%s}", strings.Join(args, ", "))
	r.log.info(r.api, "model.py:547", "Resolved architecture: %s", r.engine.Model.Architecture)
	r.log.info(r.api, "model.py:1510", "Using max model len %d", r.engine.MaxModelLen)
	if r.engine.ChunkedPrefill {
		r.log.info(r.api, "scheduler.py:243", "Chunked prefill is enabled with max_num_batched_tokens=%d.", r.engine.MaxBatchedTokens)
	}
	for _, w := range r.warnings {
		r.log.record(r.api, "WARNING", "scheduler.py:270", "%s", w)
	}
}

func (r *run) load(ctx context.Context, m engine.Memory) (*failure, error) {
	w := r.worker(0)
	r.log.info(w, "gpu_model_runner.py:5420", "Starting to load model %s...", r.model)
	if f := checkWeights(m); f != nil {
		r.log.record(w, "ERROR", "gpu_model_runner.py:5506", "Failed to load model - not enough GPU memory. Try lowering --gpu-memory-utilization to free memory for weights, increasing --tensor-parallel-size, or using --quantization. See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more tips. (original error: CUDA out of memory.)")
		return f, nil
	}
	took, err := r.phase(ctx, m.Weights/loadRate)
	if err == nil {
		err = wait(ctx, r.faults.SlowStart)
	}
	if err != nil {
		return nil, err
	}
	if err := r.feed.hold(m.NonTorch + contextBytes(r.engine) + m.Weights); err != nil {
		return nil, err
	}
	r.log.info(w, "default_loader.py:431", "Loading weights took %.2f seconds", took)
	if r.version.before(0, 15) {
		r.log.info(w, "gpu_model_runner.py:2653", "Model loading took %.4f GiB and %.6f seconds", m.Weights/catalog.GiB, took)
	} else {
		r.log.info(w, "gpu_model_runner.py:5516", "Model loading took %s GiB memory and %.6f seconds", gib(m.Weights), took)
	}
	if r.faults.HangAtStart {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, nil
}

// profile compiles, measures the memory of a full batch and sizes the cache.
func (r *run) profile(ctx context.Context, m engine.Memory) (*failure, error) {
	w := r.worker(0)
	if !r.engine.Eager {
		took, err := r.phase(ctx, compileSeconds+compilePerLayer*float64(r.engine.Model.Layers))
		if err != nil {
			return nil, err
		}
		r.compiled = took
		verb := "took"
		if r.version.before(0, 15) {
			verb = "takes"
		}
		r.log.info(w, "monitor.py:20", "torch.compile %s %.2f s in total", verb, took)
	}
	if f := checkProfile(r.engine, m); f != nil {
		return f, nil
	}
	took, err := r.phase(ctx, profileSeconds)
	if err != nil {
		return nil, err
	}
	r.log.info(w, "monitor.py:82", "Initial profiling/warmup run took %.2f s", took)
	r.log.info(w, "gpu_worker.py:579", "Available KV cache memory: %s GiB", gib(m.Available))
	if r.autoLen {
		if f := fitLength(&r.engine); f != nil {
			return f, nil
		}
		m = engine.PlanMemory(r.engine)
	}
	if f := checkCache(r.engine, m); f != nil {
		return f, nil
	}
	r.cacheSize(m)
	if err := r.feed.hold(awakeBytes(r.engine)); err != nil {
		return nil, err
	}
	_, err = r.phase(ctx, allocateSeconds)
	return nil, err
}

// cacheSize logs the size of the KV cache in the version's dialect.
func (r *run) cacheSize(m engine.Memory) {
	length := thousands(r.engine.MaxModelLen)
	if r.version.before(0, 27) {
		r.log.info(r.core, "kv_cache_utils.py:1087", "GPU KV cache size: %s tokens", thousands(m.Blocks*r.engine.BlockSize))
		r.log.info(r.core, "kv_cache_utils.py:1091", "Maximum concurrency for %s tokens per request: %.2fx", length, m.MaxConcurrency())
		return
	}
	tokens := int(m.MaxConcurrency() * float64(r.engine.MaxModelLen))
	r.log.info(r.core, "kv_cache_utils.py:1876", "GPU KV cache size: %s tokens, Maximum concurrency for %s tokens per request: %.2fx", thousands(tokens), length, m.MaxConcurrency())
}

// capture records CUDA graphs and advises on memory.
func (r *run) capture(ctx context.Context, m engine.Memory) error {
	w := r.worker(0)
	if n := len(r.engine.GraphSizes); n > 0 {
		took, err := r.phase(ctx, captureSeconds*float64(n))
		if err != nil {
			return err
		}
		r.log.write(r.log.errOut, fmt.Sprintf("%sCapturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%%|██████████| %d/%d\n", w.prefix(), n, n))
		r.log.info(w, "gpu_model_runner.py:7049", "Graph capturing finished in %.0f secs, took %.2f GiB", took, m.Graph/catalog.GiB)
		if r.engine.GraphEstimate {
			r.log.info(w, "gpu_worker.py:742", "CUDA graph pool memory: %s GiB (actual), %s GiB (estimated), difference: 0.0 GiB (0.0%%).", gib(m.Graph), gib(m.GraphEstimate))
		}
	}
	r.advise(w, m)
	return nil
}

// advise logs what the memory went to and a size of the cache that fits.
func (r *run) advise(w process, m engine.Memory) {
	const spare = 150 << 20
	fit := m.Requested - m.Weights - m.NonTorch - m.Activation - m.Graph - spare
	option := func(bytes float64) string {
		bytes = max(0, bytes)
		if r.version.before(0, 14) {
			return fmt.Sprintf("`--kv-cache-memory=%.0f`", bytes)
		}
		return fmt.Sprintf("`--kv-cache-memory=%.0f` (%s GiB)", bytes, gib(bytes))
	}
	inUse := gib(m.Available) + " GiB"
	if r.version.before(0, 14) {
		inUse = fmt.Sprintf("%.0f bytes", m.Available)
	}
	r.log.info(w, "gpu_worker.py:783", "Free memory on device (%s/%s GiB) on startup. Desired GPU memory utilization is (%g, %s GiB). Actual usage is %s GiB for consumed memory (weights + non-torch), %s GiB for peak activation, and %s GiB for CUDAGraph memory. Replace gpu_memory_utilization config with %s to fit into requested memory, or %s to fully utilize gpu memory. Current kv cache memory in use is %s.",
		gib(m.Free), gib(m.Total), r.engine.Utilization, gib(m.Requested), gib(m.Weights+m.NonTorch), gib(m.Activation), gib(m.Graph),
		option(fit), option(fit+m.Free-m.Requested), inUse)
}

// engines builds one engine per data-parallel rank.
func (r *run) engines() ([]*engine.Engine, *failure, error) {
	var list []*engine.Engine
	for rank := range r.dp {
		c := r.engine
		c.Noise.Seed += uint64(rank)
		e, err := engine.New(c)
		if err != nil {
			return nil, nil, fmt.Errorf("create engine %d: %w", rank, err)
		}
		list = append(list, e)
	}
	return list, nil, nil
}

// thousands groups digits with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func pyBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func pyNone(s string) string {
	if s == "" {
		return "None"
	}
	return s
}
