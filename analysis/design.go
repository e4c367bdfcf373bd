package analysis

import (
	"slices"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/matrix"
)

// design is the configurations of a run as a factorial design: each flag that any
// of them sets is a factor, and each value a level. 0 is not set.
type design struct {
	factors []string               // names of the flags, sorted
	runs    []matrix.Configuration // with a trial that counts
	base    *matrix.Configuration  // nil: none
	levels  map[[2]string]int      // by flag and the text under which equal values are alike
}

func (a *analyser) design() *design {
	d := &design{levels: map[[2]string]int{}}
	if b, ok := a.in.Plan.Baseline(); ok {
		d.base = &b
	}
	counts := map[string]bool{}
	for _, c := range a.findings.Cells {
		counts[c.Configuration] = counts[c.Configuration] || c.Trials > 0
	}
	for _, c := range a.in.Plan.Configurations {
		if counts[c.ID] {
			d.runs = append(d.runs, c)
		}
		for _, f := range c.Flags {
			if key := levelKey(f); f.Kind != experiment.FlagUnset && d.levels[key] == 0 {
				d.factors, d.levels[key] = append(d.factors, f.Name), len(d.levels)+1
			}
		}
	}
	slices.Sort(d.factors)
	d.factors = slices.Compact(d.factors)
	return d
}

func levelKey(f experiment.Flag) [2]string {
	return [2]string{f.Name, string(f.Kind) + "\x00" + f.Canonical()}
}

// flagOf is a configuration's flag of that name, perhaps not set.
func flagOf(c matrix.Configuration, name string) experiment.Flag {
	if f, ok := c.Flags.Get(name); ok {
		return f
	}
	return experiment.Flag{Name: name, Kind: experiment.FlagUnset}
}

func (d *design) level(c matrix.Configuration, factor int) int {
	return d.levels[levelKey(flagOf(c, d.factors[factor]))]
}

func (d *design) settings(c matrix.Configuration) stats.Settings {
	out := make(stats.Settings, len(d.factors))
	for i := range out {
		out[i] = d.level(c, i)
	}
	return out
}

// measured are the settings of the runs.
func (d *design) measured() []stats.Settings {
	var out []stats.Settings
	for _, c := range d.runs {
		out = append(out, d.settings(c))
	}
	return out
}

// reference is the baseline's settings, or, without one, those of the run with the
// most neighbors one change away.
func (d *design) reference() stats.Settings {
	if d.base != nil {
		return d.settings(*d.base)
	}
	var best stats.Settings
	most, runs := -1, d.measured()
	for _, x := range runs {
		n := 0
		for _, y := range runs {
			if len(stats.Changed(x, y, 2)) == 1 {
				n++
			}
		}
		if n > most {
			best, most = x, n
		}
	}
	return best
}
