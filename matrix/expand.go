package matrix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// expand fills Configurations and Excluded: the baseline, then what the
// strategy adds in declaration order, each configuration once.
func (p *Plan) expand(e *experiment.Experiment) error {
	baseline := e.Server.Flags
	if pattern, hit := excludedBy(e.Matrix.Exclude, baseline); hit {
		return fmt.Errorf("the pattern %s excludes the baseline, but every comparison needs it", label(pattern))
	}
	more, err := candidates(e)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, flags := range append([]experiment.Flags{baseline}, more...) {
		key := flagsKey(flags)
		if seen[key] {
			if e.Matrix.Strategy == experiment.List {
				p.Warnings = append(p.Warnings, notice.New("configuration-repeated", notice.Args{
					"n": notice.Count(i), "label": notice.Text(label(e.Matrix.Configurations[i-1])),
				}))
			}
			continue
		}
		seen[key] = true
		changed := changes(baseline, flags)
		c := Configuration{
			ID: configurationID(e, flags), Label: label(changed), Baseline: i == 0,
			Flags: flags, Changed: changed, GPUs: gpus(e.Server, flags),
		}
		if pattern, hit := excludedBy(e.Matrix.Exclude, flags); hit {
			p.Excluded = append(p.Excluded, Exclusion{Label: c.Label, Flags: flags, Reason: "matches exclude " + label(pattern)})
			continue
		}
		p.Configurations = append(p.Configurations, c)
	}
	return nil
}

// candidates are the flags that the strategy asks for beside the baseline,
// in declaration order and with repetitions.
func candidates(e *experiment.Experiment) ([]experiment.Flags, error) {
	baseline, m := e.Server.Flags, e.Matrix
	switch m.Strategy {
	case experiment.OneAtATime:
		var out []experiment.Flags
		for _, p := range m.Parameters {
			for _, level := range p.Levels {
				out = append(out, with(baseline, level))
			}
		}
		return out, nil
	case experiment.Grid:
		return grid(baseline, m.Parameters)
	case experiment.List:
		var out []experiment.Flags
		for _, c := range m.Configurations {
			out = append(out, with(baseline, c...))
		}
		return out, nil
	default:
		return nil, fmt.Errorf("unknown strategy %q", m.Strategy)
	}
}

// grid is every combination of levels; the last parameter varies fastest.
func grid(baseline experiment.Flags, parameters []experiment.Parameter) ([]experiment.Flags, error) {
	if len(parameters) == 0 {
		return nil, nil
	}
	out := []experiment.Flags{baseline}
	for _, p := range parameters {
		if n := len(out) * len(p.Levels); n > maxCells {
			return nil, fmt.Errorf("the grid already has %d combinations at parameter %s, more than the limit of %d: use fewer values, or strategy one-at-a-time",
				n, p.Name, maxCells)
		}
		var next []experiment.Flags
		for _, flags := range out {
			for _, level := range p.Levels {
				next = append(next, with(flags, level))
			}
		}
		out = next
	}
	return out, nil
}

// with returns the flags with others in their places. A flag that means the
// same keeps its writing, so that 0.9 and 0.90 stay one level.
func with(flags experiment.Flags, others ...experiment.Flag) experiment.Flags {
	for _, f := range others {
		if old, ok := flags.Get(f.Name); !ok || !old.Equal(f) {
			flags = flags.With(f)
		}
	}
	return flags
}

// get is the flag's value; a flag that is not there is unset.
func get(flags experiment.Flags, name string) experiment.Flag {
	if f, ok := flags.Get(name); ok {
		return f
	}
	return experiment.Flag{Name: name, Kind: experiment.FlagUnset}
}

// changes are the flags that differ from the baseline, in file order.
func changes(baseline, flags experiment.Flags) experiment.Flags {
	var out experiment.Flags
	for _, f := range flags {
		if !get(baseline, f.Name).Equal(f) {
			out = append(out, f)
		}
	}
	return out
}

// excludedBy returns the first pattern whose flags all have their values.
func excludedBy(patterns []experiment.Flags, flags experiment.Flags) (experiment.Flags, bool) {
	for _, pattern := range patterns {
		if len(pattern) > 0 && !slices.ContainsFunc(pattern, func(f experiment.Flag) bool { return !get(flags, f.Name).Equal(f) }) {
			return pattern, true
		}
	}
	return nil, false
}

// label shows flags as people read them: "max-model-len=4096".
func label(flags experiment.Flags) string {
	if len(flags) == 0 {
		return "baseline"
	}
	parts := make([]string, len(flags))
	for i, f := range flags {
		parts[i] = f.String()
	}
	return strings.Join(parts, " ")
}

// gpus is the number of GPUs that a server with these flags takes; 0: none, or
// not known.
func gpus(s experiment.Server, flags experiment.Flags) int {
	if s.Compute == experiment.ComputeCPU || s.Engine == experiment.EngineLlamaCPP && s.Compute != experiment.ComputeGPU {
		return 0 // llama.cpp takes as many as it finds, and needs none
	}
	n := 1
	for _, name := range vllmflags.Parallelism {
		if size, ok := get(flags, name).Int(); ok && size > 0 && size < 1<<16 {
			n *= int(size)
		}
	}
	return n
}
