package analysis

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/matrix"
)

// flagSet is a configuration's flags prepared for comparison: those that are
// set, by name, each with the text under which equal values are alike.
type flagSet struct {
	matrix.Configuration
	flags []setFlag // sorted by name
}

type setFlag struct {
	name, text string
	flag       experiment.Flag
}

func newFlagSet(c matrix.Configuration) flagSet {
	s := flagSet{Configuration: c}
	for _, f := range c.Flags {
		if f.Kind != experiment.FlagUnset {
			s.flags = append(s.flags, setFlag{f.Name, string(f.Kind) + "\x00" + f.Canonical(), f})
		}
	}
	slices.SortFunc(s.flags, func(a, b setFlag) int { return cmp.Compare(a.name, b.name) })
	return s
}

// get is the flag of that name; one that is not set has its own text.
func (s flagSet) get(name string) setFlag {
	i, ok := slices.BinarySearchFunc(s.flags, name, func(f setFlag, name string) int { return cmp.Compare(f.name, name) })
	if ok {
		return s.flags[i]
	}
	return setFlag{name: name, flag: experiment.Flag{Name: name, Kind: experiment.FlagUnset}}
}

// key is the same for equal sets.
func (s flagSet) key() string {
	var b strings.Builder
	for _, f := range s.flags {
		b.WriteString(f.name + "\x01" + f.text + "\x02")
	}
	return b.String()
}

// with returns the set with another flag in its place.
func (s flagSet) with(f setFlag) flagSet {
	out := flagSet{}
	for _, g := range s.flags {
		if g.name != f.name {
			out.flags = append(out.flags, g)
		}
	}
	if f.flag.Kind != experiment.FlagUnset {
		out.flags = append(out.flags, f)
		slices.SortFunc(out.flags, func(a, b setFlag) int { return cmp.Compare(a.name, b.name) })
	}
	return out
}

// changed lists the flags of other that s does not have so, at most the first
// `most`; a flag that only s has is among them as unset.
func (s flagSet) changed(other flagSet, most int) []setFlag {
	var out []setFlag
	i, j := 0, 0
	for (i < len(s.flags) || j < len(other.flags)) && len(out) < most {
		switch {
		case j == len(other.flags) || i < len(s.flags) && s.flags[i].name < other.flags[j].name:
			out = append(out, setFlag{name: s.flags[i].name, flag: experiment.Flag{Name: s.flags[i].name, Kind: experiment.FlagUnset}})
			i++
		case i == len(s.flags) || other.flags[j].name < s.flags[i].name:
			out = append(out, other.flags[j])
			j++
		default:
			if s.flags[i].text != other.flags[j].text {
				out = append(out, other.flags[j])
			}
			i, j = i+1, j+1
		}
	}
	return out
}

// measured are the configurations with a trial that counts.
func (a *analyser) measured() []flagSet {
	counts := map[string]bool{}
	for _, c := range a.findings.Cells {
		counts[c.Configuration] = counts[c.Configuration] || c.Trials > 0
	}
	var out []flagSet
	for _, c := range a.in.Plan.Configurations {
		if counts[c.ID] {
			out = append(out, newFlagSet(c))
		}
	}
	return out
}
