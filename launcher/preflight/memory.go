package preflight

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/launcher/vllmmemory"
	"github.com/vllm-sweep/sweep/matrix"
)

// memory predicts whether the KV cache holds one request of the full length.
func (f Facts) memory(conf matrix.Configuration) []Finding {
	c, ok := f.config(conf.Flags)
	if !ok {
		return nil
	}
	p := vllmmemory.Predict(c)
	if length, given := conf.Flags.Get(vllmflags.MaxModelLen); (!given || length.Kind == experiment.FlagUnset) &&
		!p.Impossible && !p.Doubtful {
		// The model's own length applies; whether it is what the file of its
		// shape says is not certain.
		c.MaxModelLen = max(1, f.Model.MaxPosition)
		p = vllmmemory.Predict(c)
		p.Doubtful, p.Impossible = p.Doubtful || p.Impossible, false
	}
	if !p.Impossible && !p.Doubtful {
		return nil
	}
	found := Finding{Severity: Doubtful, Class: launcher.ClassKVCache, Flag: cmp.Or(toBlame(conf.Changed), toBlame(conf.Flags))}
	have := p.Available
	if p.Impossible {
		found.Severity, have = Impossible, p.Most
	}
	args := notice.Args{"weights": notice.Bytes(p.Weights)}
	if c.KVCacheMemory > 0 {
		args["reserved"] = written(int(c.KVCacheMemory))
	} else {
		args["utilization"], args["total"] = notice.Number(c.Utilization), notice.Bytes(c.Total)
	}
	if have <= 0 {
		found.Notice = notice.New("weights-fill-memory", args)
		return []Finding{found}
	}
	args["length"], args["needed"], args["free"] = written(c.MaxModelLen), notice.Bytes(p.Needed), notice.Bytes(have)
	args["largest"] = written(max(p.Largest, 0))
	if p.Impossible {
		found.Notice = notice.New("kv-cache-does-not-fit", args)
	} else {
		found.Notice = notice.New("kv-cache-tight", args)
	}
	return []Finding{found}
}

// toBlame is the flag at which the finding is shown: the length, or what else
// the configuration sets of the memory.
func toBlame(flags experiment.Flags) string {
	for _, name := range []string{vllmflags.MaxModelLen, vllmflags.GPUMemoryUtilization,
		vllmflags.TensorParallelSize, vllmflags.KVCacheMemoryBytes} {
		if f, ok := flags.Get(name); ok && f.Kind == experiment.FlagText {
			return name
		}
	}
	return ""
}

// config resolves what decides the memory, with vLLM's defaults
// (vllm/engine/arg_utils.py). It is false when something that decides is not
// known.
func (f Facts) config(flags experiment.Flags) (vllmmemory.Config, bool) {
	none := vllmmemory.Config{}
	if f.Model == nil || f.GPUMemory == 0 {
		return none, false
	}
	if slices.ContainsFunc(flags, func(f experiment.Flag) bool {
		return vllmflags.Means(f.Name).Weights &&
			f.Kind != experiment.FlagUnset
	}) {
		return none, false
	}
	if dp, ok := whole(flags, vllmflags.DataParallelSize); ok && dp > 1 {
		return none, false // experts may be spread over the replicas
	}
	c := vllmmemory.Config{Model: *f.Model, Total: f.GPUMemory, TP: 1, PP: 1, BlockSize: 16, WeightBytes: 2, KVBytes: 2, Quantization: f.Model.Quantization}
	c.Utilization = decimal(flags, vllmflags.GPUMemoryUtilization, f.defaultUtilization())
	c.MaxNumSeqs, c.MaxBatchedTokens = 256, 2048
	switch {
	case c.Total >= 160*vllmmemory.GiB:
		c.MaxNumSeqs, c.MaxBatchedTokens = 1024, 16384
	case c.Total >= 70*vllmmemory.GiB && !f.A100:
		c.MaxNumSeqs, c.MaxBatchedTokens = 1024, 8192
	}
	for name, field := range map[string]*int{
		vllmflags.TensorParallelSize: &c.TP, vllmflags.PipelineParallelSize: &c.PP,
		vllmflags.BlockSize: &c.BlockSize, vllmflags.MaxNumSeqs: &c.MaxNumSeqs,
		vllmflags.MaxNumBatchedTokens: &c.MaxBatchedTokens, vllmflags.NumGPUBlocksOverride: &c.BlocksOverride,
	} {
		if n, ok := whole(flags, name); ok {
			*field = n
		}
	}
	if bytes, ok := whole(flags, vllmflags.KVCacheMemoryBytes); ok {
		c.KVCacheMemory = float64(bytes)
	}
	c.CPUOffload = decimal(flags, vllmflags.CPUOffloadGB, 0) * vllmmemory.GiB
	if method, ok := flags.Get(vllmflags.Quantization); ok && strings.HasPrefix(method.Value, "fp8") &&
		c.Quantization == "" {
		c.Quantization = "fp8"
	}
	if dtype, ok := flags.Get(vllmflags.Dtype); ok && strings.HasPrefix(dtype.Value, "float32") ||
		dtype.Value == "float" {
		c.WeightBytes, c.KVBytes, c.Model.Stored = 4, 4, 0
	}
	c.KVBytes = cacheBytes(flags, c.KVBytes)
	if eager, ok := flags.Get(vllmflags.EnforceEager); !ok || eager.Value != "true" {
		c.GraphSizes = graphSizes(min(2*c.MaxNumSeqs, 512, c.MaxBatchedTokens))
		c.GraphEstimate = !f.Known || f.Release >= 21 // the plan counts graphs since v0.21
	}
	length, given := whole(flags, vllmflags.MaxModelLen)
	c.MaxModelLen = cmp.Or(length, 1)
	if !given { // auto, or what the model allows: only the weights are certain
		c.MaxModelLen = 1
	}
	if c.KVBytes == 0 || c.MaxNumSeqs < 1 {
		return none, false
	}
	return c, true
}

// graphSizes counts the batch sizes that are captured by default: 1, 2, 4, then
// by 8 to 256 and by 16 beyond (vllm/config/vllm.py).
func graphSizes(most int) int {
	n := 0
	for size := 1; size <= most; n++ {
		switch {
		case size < 4:
			size *= 2
		case size < 8:
			size += 4
		case size < 256:
			size += 8
		default:
			size += 16
		}
	}
	return n
}

func (f Facts) defaultUtilization() float64 {
	if f.Known && f.Release < 20 {
		return 0.90 // 0.92 since 2026-04-21
	}
	return 0.92
}

// cacheBytes is the size of a cached element; 0: not known. Formats with
// scales are taken at their bare width, so that nothing fitting is refused.
func cacheBytes(flags experiment.Flags, plain float64) float64 {
	dtype, ok := flags.Get(vllmflags.KVCacheDtype)
	switch v := dtype.Value; {
	case !ok || v == "auto" || dtype.Kind != experiment.FlagText:
		return plain
	case v == "float16", v == "bfloat16":
		return 2
	case strings.HasPrefix(v, "fp8"), strings.HasPrefix(v, "int8"):
		return 1
	case strings.HasPrefix(v, "int4"), strings.HasPrefix(v, "nvfp4"):
		return 0.5
	}
	return 0
}
