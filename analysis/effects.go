package analysis

import (
	"github.com/vllm-sweep/sweep/experiment"
)

// effects lists every configuration that differs from the baseline in exactly
// one flag, at each load point where the two were measured, in plan order.
func (a *analyser) effects() []Effect {
	out := []Effect{}
	for _, conf := range a.in.Plan.Configurations {
		if conf.Baseline || len(conf.Changed) != 1 {
			continue
		}
		flag := conf.Changed[0]
		level := flag.Value
		if flag.Kind == experiment.FlagUnset {
			level = "default"
		}
		for _, c := range a.findings.Cells {
			if c.Configuration == conf.ID && len(c.Ratios) > 0 {
				out = append(out, Effect{
					Parameter: flag.Name, Level: level, Configuration: conf.ID,
					LoadPoint: c.LoadPoint, Ratios: c.Ratios,
				})
			}
		}
	}
	return out
}
