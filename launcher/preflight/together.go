package preflight

import (
	"fmt"
	"strconv"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/matrix"
)

// together checks flags against each other and against the model, as vLLM's
// configuration classes do (vllm/config/scheduler.py, model.py).
func (f Facts) together(flags experiment.Flags) []Finding {
	var out []Finding
	add := func(flag, remedy, cause string, args ...any) {
		out = append(out, Finding{Severity: Impossible, Class: launcher.ClassConfig, Flag: flag, Cause: fmt.Sprintf(cause, args...), Remedy: remedy})
	}
	tokens, hasTokens := whole(flags, "max-num-batched-tokens")
	seqs, hasSeqs := whole(flags, "max-num-seqs")
	length, hasLength := whole(flags, "max-model-len")
	threshold, hasThreshold := whole(flags, "long-prefill-token-threshold")
	if hasTokens && hasSeqs && tokens < seqs {
		add("max-num-batched-tokens", fmt.Sprintf("raise max-num-batched-tokens to at least %d, or lower max-num-seqs to at most %d", seqs, tokens),
			"max-num-batched-tokens %d is less than max-num-seqs %d", tokens, seqs)
	}
	if chunked, given := flags.Get("enable-chunked-prefill"); given && chunked.Value == "false" && hasTokens && hasLength && tokens < length {
		add("max-num-batched-tokens", fmt.Sprintf("raise max-num-batched-tokens to at least %d, or allow chunked prefill", length),
			"without chunked prefill, max-num-batched-tokens %d must be at least max-model-len %d", tokens, length)
	}
	if hasThreshold && hasLength && threshold > length {
		add("long-prefill-token-threshold", fmt.Sprintf("set it to at most %d", length), "long-prefill-token-threshold %d is greater than max-model-len %d", threshold, length)
	}
	return append(out, f.withModel(flags, length, hasLength)...)
}

// withModel checks flags against the model's shape. What hf-overrides change
// is not known.
func (f Facts) withModel(flags experiment.Flags, length int, hasLength bool) []Finding {
	m := f.Model
	if _, overridden := flags.Get("hf-overrides"); m == nil || overridden {
		return nil
	}
	var out []Finding
	tp, hasTP := whole(flags, "tensor-parallel-size")
	if hasTP && tp > 0 && m.Heads%tp != 0 {
		out = append(out, Finding{Severity: Impossible, Class: launcher.ClassConfig, Flag: "tensor-parallel-size",
			Cause:  fmt.Sprintf("tensor-parallel-size %d does not divide the model's %d attention heads", tp, m.Heads),
			Remedy: fmt.Sprintf("choose a tensor-parallel-size that divides %d", m.Heads)})
	}
	if pp, ok := whole(flags, "pipeline-parallel-size"); ok && pp > m.Layers {
		out = append(out, Finding{Severity: Impossible, Class: launcher.ClassConfig, Flag: "pipeline-parallel-size",
			Cause: fmt.Sprintf("the model's %d layers are too few for %d pipeline stages", m.Layers, pp)})
	}
	_, rescaled := flags.Get("rope-scaling")
	if hasLength && m.MaxPosition > 0 && length > m.MaxPosition && !f.LongAllowed && !rescaled {
		found := Finding{Severity: Impossible, Class: launcher.ClassConfig, Flag: "max-model-len",
			Cause:  fmt.Sprintf("max-model-len %d is greater than the model's maximum, %d", length, m.MaxPosition),
			Remedy: fmt.Sprintf("set it to at most %d, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 if the model supports more", m.MaxPosition)}
		if m.Rescaled { // some families' positions are scaled beyond
			found.Severity = Doubtful
		}
		out = append(out, found)
	}
	return out
}

// gpus checks the number of GPUs.
func (f Facts) gpus(c matrix.Configuration) []Finding {
	if f.GPUs == 0 || c.GPUs <= f.GPUs {
		return nil
	}
	flag := "tensor-parallel-size"
	for _, name := range []string{"tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size"} {
		if n, ok := whole(c.Flags, name); ok && n > 1 {
			flag = name
			break
		}
	}
	return []Finding{{Severity: Impossible, Class: launcher.ClassGPUs, Flag: flag,
		Cause:  fmt.Sprintf("it needs %d GPUs, but the server gets %d", c.GPUs, f.GPUs),
		Remedy: "lower the parallel sizes, or give the server more GPUs"}}
}

// whole is a flag's whole number above zero.
func whole(flags experiment.Flags, name string) (int, bool) {
	flag, ok := flags.Get(name)
	if !ok || flag.Kind != experiment.FlagText {
		return 0, false
	}
	n, err := vllmflags.ReadHumanInt(flag.Value)
	return n, err == nil && n > 0
}

// decimal is a flag's number.
func decimal(flags experiment.Flags, name string, fallback float64) float64 {
	flag, ok := flags.Get(name)
	if !ok {
		return fallback
	}
	x, err := strconv.ParseFloat(flag.Value, 64)
	if err != nil {
		return fallback
	}
	return x
}
