package vllmsim

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
	"github.com/vllm-sweep/sweep/sim/vllmsim/flags"
	"github.com/vllm-sweep/sweep/sim/vllmsim/server"
)

// setup is the effective configuration of a start.
type setup struct {
	values   *flags.Values
	engine   engine.Config
	model    string // as given
	served   []string
	dp       int // data-parallel ranks
	gpus     int // in the machine
	autoLen  bool
	version  version
	speedup  float64
	startup  float64 // scale of the phases' durations
	faults   server.Faults
	warnings []string // what vLLM would log, and what the simulator ignores
}

// defaultModel is what vLLM serves without a model argument.
const defaultModel = "Qwen/Qwen3-0.6B"

// resolve turns flags into a configuration in vLLM's order of checks.
// refused is the startup failure that vLLM would report, nil if none; err is
// a mistake in the simulator's own flags.
func resolve(v *flags.Values, seed uint64) (s *setup, refused *failure, err error) {
	s = &setup{values: v, model: v.Text("model", defaultModel)}
	if err := s.own(seed); err != nil {
		return nil, nil, err
	}
	for _, check := range []func() *failure{s.resolveModel, s.resolveLength, s.resolveParallel, s.resolveCache, s.resolveScheduler} {
		if refused := check(); refused != nil {
			return s, refused, nil
		}
	}
	s.resolveGraphs()
	s.resolveNames()
	s.remark()
	return s, nil, nil
}

// own reads the simulator's flags.
func (s *setup) own(seed uint64) error {
	v := s.values
	var err error
	if s.engine.GPU, err = catalog.FindGPU(v.Text("sim-gpu", "H100")); err != nil {
		return fmt.Errorf("argument --sim-gpu: %w", err)
	}
	if s.version, err = parseVersion(v.Text("sim-version", vllmflags.NewestVersion())); err != nil {
		return fmt.Errorf("argument --sim-version: %w", err)
	}
	if s.faults, err = server.ParseFaults(v.Text("sim-fault", "")); err != nil {
		return fmt.Errorf("argument --sim-fault: %w", err)
	}
	if s.faults.LateMemory > 0 && !v.Has("sim-gpu-state") {
		return errors.New("argument --sim-fault: late-memory needs --sim-gpu-state")
	}
	s.gpus = v.Int("sim-gpus", 1)
	s.speedup = v.Float("sim-speedup", 1)
	s.startup = v.Float("sim-startup", 0.002)
	free := v.Float("sim-free-memory-gib", 0)
	for name, ok := range map[string]bool{
		"--sim-gpus must be at least 1":              s.gpus >= 1,
		"--sim-speedup must be positive":             s.speedup > 0 && !math.IsInf(s.speedup, 0),
		"--sim-startup must not be negative":         s.startup >= 0,
		"--sim-free-memory-gib must not be negative": free >= 0,
		"--sim-output-mean must be positive":         v.Float("sim-output-mean", 250) > 0,
	} {
		if !ok {
			return fmt.Errorf("argument %s", name)
		}
	}
	s.engine.FreeMemory = free * catalog.GiB
	return s.disturb(seed)
}

func (s *setup) resolveModel() *failure {
	v := s.values
	m, ok := catalog.FindModel(s.model)
	if !ok {
		return validation("ModelConfig", fmt.Sprintf("Invalid repository ID or local directory specified: '%s'.\nPlease verify the following requirements:\n1. Provide a valid Hugging Face repository ID.\n2. Specify a local directory that contains a recognized configuration file.", s.model))
	}
	s.engine.Model = m
	s.engine.WeightBytes = 2
	if d := v.Text("dtype", "auto"); d == "float" || d == "float32" {
		s.engine.WeightBytes = 4
	}
	return s.resolveQuantization()
}

// resolveQuantization compares the flag with the checkpoint's own method.
func (s *setup) resolveQuantization() *failure {
	asked, own := s.values.Text("quantization", ""), s.engine.Model.Quantization
	method := map[string]string{"fp8": "compressed-tensors", "awq": "awq"}[own]
	s.engine.Quantization = own
	switch {
	case asked == "" || asked == method:
	case own == "awq" && (asked == "awq_marlin" || asked == "auto_awq"):
	case own != "":
		return validation("ModelConfig", fmt.Sprintf("Quantization method specified in the model config (%s) does not match the quantization method specified in the `quantization` argument (%s).", method, asked))
	case strings.HasPrefix(asked, "fp8"):
		s.engine.Quantization = "fp8"
	case asked == "bitsandbytes", asked == "torchao", asked == "experts_int8":
		s.warnings = append(s.warnings, "simulator: --quantization "+asked+" is not modelled; weights stay unquantised")
	default:
		return validation("VllmConfig", "Cannot find the config file for "+asked)
	}
	return nil
}

func (s *setup) resolveLength() *failure {
	v, derived := s.values, s.engine.Model.MaxPosition
	n := v.Int("max-model-len", derived)
	if n == -1 {
		s.autoLen, n = true, derived
	}
	switch {
	case n < 1:
		return validation("ModelConfig", fmt.Sprintf("max_model_len must be a positive integer or -1, got %d.", n))
	case n > derived && os.Getenv("VLLM_ALLOW_LONG_MAX_MODEL_LEN") == "1":
		s.warnings = append(s.warnings, fmt.Sprintf("User-specified max_model_len (%d) is greater than the derived max_model_len (max_position_embeddings=%d or model_max_length=None in model's config.json).", n, derived))
	case n > derived:
		return validation("ModelConfig", fmt.Sprintf("User-specified max_model_len (%d) is greater than the derived max_model_len (max_position_embeddings=%d or model_max_length=None in model's config.json). To allow overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. VLLM_ALLOW_LONG_MAX_MODEL_LEN must be used with extreme caution.", n, derived))
	}
	s.engine.MaxModelLen = n
	return nil
}

func (s *setup) resolveParallel() *failure {
	v, e := s.values, &s.engine
	e.TP, e.PP, s.dp = v.Int("tensor-parallel-size", 1), v.Int("pipeline-parallel-size", 1), v.Int("data-parallel-size", 1)
	for _, p := range []struct {
		name string
		n    int
	}{{"tensor_parallel_size", e.TP}, {"pipeline_parallel_size", e.PP}, {"data_parallel_size", s.dp}} {
		if p.n < 1 {
			return validation("ParallelConfig", fmt.Sprintf("%s\n  Input should be greater than or equal to 1 [type=greater_than_equal, input_value=%d, input_type=int]", p.name, p.n))
		}
	}
	if e.TP > s.gpus && s.version.before(0, 14) {
		return validation("ParallelConfig", fmt.Sprintf("Tensor parallel size (%d) cannot be larger than the number of available GPUs (%d).", e.TP, s.gpus))
	}
	if world := e.TP * e.PP; world > s.gpus {
		return validation("ParallelConfig", fmt.Sprintf("World size (%d) is larger than the number of available GPUs (%d) in this node. If this is intentional and you are using:\n- ray, set '--distributed-executor-backend ray'.\n- multiprocessing, set '--nnodes' appropriately.", world, s.gpus))
	}
	if e.Model.Heads%e.TP != 0 {
		return validation("VllmConfig", fmt.Sprintf("Total number of attention heads (%d) must be divisible by tensor parallel size (%d).", e.Model.Heads, e.TP))
	}
	if e.PP > e.Model.Layers {
		return validation("VllmConfig", fmt.Sprintf("Total number of hidden layers (%d) must not be less than pipeline parallel size (%d).", e.Model.Layers, e.PP))
	}
	if e.TP*e.PP*s.dp > s.gpus {
		return &failure{worker: true, kind: "AssertionError", text: fmt.Sprintf("DP adjusted local rank %d is out of bounds for %d devices.", s.gpus, s.gpus)}
	}
	return nil
}

func (s *setup) resolveCache() *failure {
	v, e := s.values, &s.engine
	fallback := 0.92
	if s.version.before(0, 20) {
		fallback = 0.9
	}
	e.Utilization = v.Float("gpu-memory-utilization", fallback)
	if e.Utilization <= 0 || e.Utilization > 1 {
		return validation("CacheConfig", fmt.Sprintf("gpu_memory_utilization\n  Input should be greater than 0 and less than or equal to 1 [input_value=%g, input_type=float]", e.Utilization))
	}
	e.KVCacheMemory = float64(v.Int("kv-cache-memory-bytes", 0))
	e.BlockSize = v.Int("block-size", 16)
	e.BlocksOverride = v.Int("num-gpu-blocks-override", 0)
	e.CPUOffload = v.Float("cpu-offload-gb", 0) * catalog.GiB
	if e.BlockSize < 1 || e.BlockSize%8 != 0 {
		return validation("CacheConfig", fmt.Sprintf("block_size must be a positive multiple of 8, got %d", e.BlockSize))
	}
	e.KVBytes = e.WeightBytes
	switch d := v.Text("kv-cache-dtype", "auto"); {
	case d == "float16" || d == "bfloat16":
		e.KVBytes = 2
	case strings.HasPrefix(d, "fp8"), strings.HasPrefix(d, "int8"):
		e.KVBytes = 1
	case strings.HasPrefix(d, "int4"), strings.HasPrefix(d, "nvfp4"):
		e.KVBytes = 0.5625 // a scale per group of 16
	}
	if bits, ok := turboBits()[v.Text("kv-cache-dtype", "auto")]; ok {
		e.KVBytes = bits / 8
	}
	e.PrefixCaching = v.Bool("enable-prefix-caching", true)
	e.GraphEstimate = !s.version.before(0, 21)
	return nil
}

// turboBits are the mean bits of a key or value in the TurboQuant formats; the
// norms and scales of each head, some per cent, are left out.
func turboBits() map[string]float64 {
	return map[string]float64{"turboquant_k8v4": 6, "turboquant_4bit_nc": 4, "turboquant_k3v4_nc": 3.5, "turboquant_3bit_nc": 3}
}

func (s *setup) resolveScheduler() *failure {
	v, e := s.values, &s.engine
	seqs, tokens := 256, 2048
	switch {
	case e.GPU.Memory >= 160*catalog.GiB:
		seqs, tokens = 1024, 16384
	case e.GPU.LargeBatches:
		seqs, tokens = 1024, 8192
	}
	if v.Text("performance-mode", "balanced") == "throughput" {
		tokens *= 2
	}
	e.ChunkedPrefill = v.Bool("enable-chunked-prefill", true)
	e.MaxNumSeqs = v.Int("max-num-seqs", seqs)
	if !e.ChunkedPrefill {
		tokens = max(tokens, e.MaxModelLen)
	}
	e.MaxBatchedTokens = v.Int("max-num-batched-tokens", min(tokens, e.MaxNumSeqs*e.MaxModelLen))
	if !v.Has("max-num-seqs") {
		e.MaxNumSeqs = min(e.MaxNumSeqs, max(1, e.MaxBatchedTokens))
	}
	e.LongPrefill = v.Int("long-prefill-token-threshold", 0)
	e.Priority = v.Text("scheduling-policy", "fcfs") == "priority"
	e.AsyncScheduling = v.Bool("async-scheduling", !s.version.before(0, 14))
	e.ReserveFullISL = v.Bool("scheduler-reserve-full-isl", true)
	e.Watermark = v.Float("watermark", 0)
	return s.checkScheduler()
}

// checkScheduler are the cross-checks of vllm/config/scheduler.py.
func (s *setup) checkScheduler() *failure {
	e := &s.engine
	switch level := s.values.Text("optimization-level", "2"); {
	case !slices.Contains([]string{"0", "1", "2", "3"}, level): // of VllmConfig; the parser takes any word
		return validation("VllmConfig", fmt.Sprintf("optimization_level\n  Input should be 0, 1, 2 or 3 [type=enum, input_value='%s', input_type=str]", level))
	case e.MaxNumSeqs < 1:
		return validation("SchedulerConfig", fmt.Sprintf("max_num_seqs\n  Input should be greater than or equal to 1 [type=greater_than_equal, input_value=%d, input_type=int]", e.MaxNumSeqs))
	case e.MaxBatchedTokens < 1:
		return validation("SchedulerConfig", fmt.Sprintf("max_num_batched_tokens\n  Input should be greater than or equal to 1 [type=greater_than_equal, input_value=%d, input_type=int]", e.MaxBatchedTokens))
	case e.MaxBatchedTokens < e.MaxModelLen && !e.ChunkedPrefill:
		return validation("SchedulerConfig", fmt.Sprintf("max_num_batched_tokens (%d) is smaller than max_model_len (%d). This effectively limits the maximum sequence length to max_num_batched_tokens and makes vLLM reject longer sequences. Please increase max_num_batched_tokens or decrease max_model_len.", e.MaxBatchedTokens, e.MaxModelLen))
	case e.MaxBatchedTokens < e.MaxNumSeqs:
		return validation("SchedulerConfig", fmt.Sprintf("max_num_batched_tokens (%d) must be greater than or equal to max_num_seqs (%d).", e.MaxBatchedTokens, e.MaxNumSeqs))
	case e.LongPrefill > e.MaxModelLen:
		return validation("SchedulerConfig", fmt.Sprintf("long_prefill_token_threshold (%d) cannot be greater than the max_model_len (%d).", e.LongPrefill, e.MaxModelLen))
	case e.Watermark < 0 || e.Watermark >= 1:
		return validation("SchedulerConfig", fmt.Sprintf("watermark must be in [0, 1), got %g.", e.Watermark))
	}
	if e.MaxBatchedTokens > e.MaxNumSeqs*e.MaxModelLen {
		s.warnings = append(s.warnings, fmt.Sprintf("max_num_batched_tokens (%d) exceeds max_num_seqs * max_model_len (%d). This may lead to unexpected behavior.", e.MaxBatchedTokens, e.MaxNumSeqs*e.MaxModelLen))
	}
	return nil
}

// resolveNames settles the names under which the model is served.
func (s *setup) resolveNames() {
	s.served = s.values.Texts("served-model-name")
	if len(s.served) == 0 {
		s.served = []string{s.model}
	}
}

// remark warns about accepted flags that change nothing here.
func (s *setup) remark() {
	for _, f := range flags.Table(s.version.minor) {
		if flags.Inert(f) && s.values.Has(f.Name) {
			s.warnings = append(s.warnings, "simulator: --"+f.Name+" is accepted but has no effect")
		}
	}
}

// options are the settings of the HTTP server.
func (s *setup) options(engines []*engine.Engine) server.Options {
	v := s.values
	return server.Options{
		Engines: engines, Served: s.served, Root: s.model, APIKeys: v.Texts("api-key"), Version: s.version.String(),
		StreamInterval: max(1, v.Int("stream-interval", 1)), Speedup: s.speedup,
		OutputMean: v.Float("sim-output-mean", 250), Seed: s.engine.Noise.Seed, Noise: s.engine.Noise, Faults: s.faults,
		OldMetrics: s.version.before(0, 12),
		SleepMode:  v.Bool("enable-sleep-mode", false), PromptDetails: v.Bool("enable-prompt-tokens-details", false), ForceUsage: v.Bool("enable-force-include-usage", false),
	}
}
