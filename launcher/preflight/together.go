package preflight

import (
	"strconv"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/matrix"
)

// together checks flags against each other and against the model, as vLLM's
// configuration classes do (vllm/config/scheduler.py, model.py).
func (f Facts) together(flags experiment.Flags) []Finding {
	var out []Finding
	add := func(flag string, n notice.Notice) {
		out = append(out, Finding{Severity: Impossible, Class: launcher.ClassConfig, Flag: flag, Notice: n})
	}
	tokens, hasTokens := whole(flags, vllmflags.MaxNumBatchedTokens)
	seqs, hasSeqs := whole(flags, vllmflags.MaxNumSeqs)
	length, hasLength := whole(flags, vllmflags.MaxModelLen)
	threshold, hasThreshold := whole(flags, vllmflags.LongPrefillTokenThreshold)
	if hasTokens && hasSeqs && tokens < seqs {
		add(vllmflags.MaxNumBatchedTokens, notice.New("batched-tokens-low", notice.Args{"tokens": written(tokens),
			"seqs": written(seqs)}))
	}
	if chunked, given := flags.Get(vllmflags.EnableChunkedPrefill); given && chunked.Value == "false" && hasTokens &&
		hasLength && tokens < length {
		add(vllmflags.MaxNumBatchedTokens, notice.New("chunked-prefill-off", notice.Args{"tokens": written(tokens),
			"length": written(length)}))
	}
	if hasThreshold && hasLength && threshold > length {
		add(vllmflags.LongPrefillTokenThreshold, notice.New("prefill-threshold-high",
			notice.Args{"threshold": written(threshold), "length": written(length)}))
	}
	return append(out, f.withModel(flags, length, hasLength)...)
}

// withModel checks flags against the model's shape. What hf-overrides change
// is not known.
func (f Facts) withModel(flags experiment.Flags, length int, hasLength bool) []Finding {
	m := f.Model
	if _, overridden := flags.Get(vllmflags.HFOverrides); m == nil || overridden {
		return nil
	}
	var out []Finding
	tp, hasTP := whole(flags, vllmflags.TensorParallelSize)
	if hasTP && tp > 0 && m.Heads%tp != 0 {
		out = append(out, Finding{Severity: Impossible, Class: launcher.ClassConfig,
			Flag:   vllmflags.TensorParallelSize,
			Notice: notice.New("heads-not-divisible", notice.Args{"size": written(tp), "heads": notice.Count(m.Heads)})})
	}
	if pp, ok := whole(flags, vllmflags.PipelineParallelSize); ok && pp > m.Layers {
		out = append(out, Finding{Severity: Impossible, Class: launcher.ClassConfig,
			Flag:   vllmflags.PipelineParallelSize,
			Notice: notice.New("layers-too-few", notice.Args{"layers": notice.Count(m.Layers), "stages": notice.Count(pp)})})
	}
	_, rescaled := flags.Get(vllmflags.RopeScaling)
	if hasLength && m.MaxPosition > 0 && length > m.MaxPosition && !f.LongAllowed && !rescaled {
		found := Finding{Severity: Impossible, Class: launcher.ClassConfig, Flag: vllmflags.MaxModelLen,
			Notice: notice.New("model-len-too-long", notice.Args{"length": written(length), "most": written(m.MaxPosition)})}
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
	flag := vllmflags.TensorParallelSize
	for _, name := range vllmflags.Parallelism {
		if n, ok := whole(c.Flags, name); ok && n > 1 {
			flag = name
			break
		}
	}
	return []Finding{{Severity: Impossible, Class: launcher.ClassGPUs, Flag: flag,
		Notice: notice.New("gpus-too-few", notice.Args{"needs": notice.Count(c.GPUs), "gets": notice.Count(f.GPUs)})}}
}

// written is a number as the value of a flag, for which vLLM wants plain digits.
func written(n int) notice.Arg { return notice.Text(strconv.Itoa(n)) }

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
