package experiment

import (
	"fmt"
	"slices"

	"github.com/vllm-sweep/sweep/internal/wording"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

func matrixSection() section[Matrix] {
	return section[Matrix]{
		initial: Matrix{Strategy: OneAtATime, Prune: true},
		fields: []field[Matrix]{
			bind("strategy", "one-at-a-time (default): the baseline, then each value of each parameter alone. grid: every combination. list: the baseline and the listed configurations.",
				word(OneAtATime, Grid, List), func(m *Matrix) *string { return &m.Strategy }),
			bind("parameters", "Flags to vary, each with a list of its values. null is the server's default.", parameters(),
				func(m *Matrix) *[]Parameter { return &m.Parameters }),
			bind("configurations", "With strategy list: for each configuration, the flags that differ from the baseline.",
				listOf(flags(), "a list of mappings of flags to values", false), func(m *Matrix) *[]Flags { return &m.Configurations }),
			bind("exclude", "Patterns. sweep leaves out a configuration that has all flags of a pattern.",
				listOf(flags(), "a list of mappings of flags to values", false), func(m *Matrix) *[]Flags { return &m.Exclude }),
			bind("prune", "Skip a configuration if one that asks for less memory already failed for lack of it. Default: true. false: launch it anyway.",
				boolean(), func(m *Matrix) *bool { return &m.Prune }),
		},
		check: checkMatrix,
	}
}

// parameters is a mapping of flag names to lists of levels.
func parameters() value[[]Parameter] {
	level := typed("string", "number", "boolean", "null", "object", "array")
	return value[[]Parameter]{schema: objectOf(arrayOf(level)), read: func(d *decoder, path string, e entry) ([]Parameter, bool) {
		if e.value.kind != mapNode && e.value.kind != nullNode {
			d.expectLike(path, e, "a mapping of flags to lists of values", "{max-model-len: [4096, 8192]}")
			return nil, false
		}
		var out []Parameter
		places := map[string]entry{}
		for _, child := range e.value.entries {
			name := CanonicalFlagName(child.name)
			if first, dup := places[name]; dup {
				d.duplicateFlag(name, child, first)
				continue
			}
			places[name] = child
			if !d.checkFlagName(child) {
				continue
			}
			if levels, ok := d.levels(path, name, child); ok {
				out = append(out, Parameter{Name: name, Levels: levels})
			}
		}
		return out, true
	}}
}

// levels reads the levels of one parameter.
func (d *decoder) levels(path, name string, e entry) ([]Flag, bool) {
	path = join(path, name)
	if e.value.kind != listNode {
		a := args{"path": path, "want": "a list of values", "found": e.value.found()}
		if e.value.scalar() {
			a["instead"] = "[" + e.value.text + "]"
		}
		d.fail("wrong-type", e.place(), a)
		return nil, false
	}
	if len(e.value.items) == 0 {
		d.fail("empty-list", e.place(), args{"path": path, "what": "value"})
		return nil, false
	}
	if name == vllmflags.ServedModelName {
		d.fail("name-varies", e.key.at, nil)
		return nil, false
	}
	var out []Flag
	for i, item := range e.value.items {
		f := placedFlag{flagOf(name, item), entry{name: e.name, value: item}}
		if j := slices.IndexFunc(out, f.Equal); j >= 0 {
			diag := d.fail("duplicate-value", item.at, args{"value": levelText(f.Flag), "flag": name})
			diag.Related = []Related{{e.value.items[j].at, "first given here"}}
		}
		if !d.checkFlag(path, f) {
			f.Flag = Flag{Name: name, Value: fmt.Sprint("\x00", i)} // keeps the places in step; the file is refused anyway
		}
		out = append(out, f.Flag)
	}
	return out, true
}

// levelText is a level as the file writes it.
func levelText(f Flag) string {
	if f.Kind == FlagUnset {
		return "null"
	}
	return f.Value
}

func checkMatrix(d *decoder, path string, e entry, m *Matrix) {
	parameters, hasParameters := e.value.get("parameters")
	configurations, hasConfigurations := e.value.get("configurations")
	switch {
	case m.Strategy == List && hasParameters:
		d.fail("parameters-with-list", parameters.key.at, args{"path": path})
	case m.Strategy == List && !hasConfigurations:
		d.fail("list-without-configurations", e.keyPlace(), args{"field": join(path, "configurations")})
	case m.Strategy != List && hasConfigurations:
		d.fail("configurations-without-list", configurations.key.at, args{"path": path, "strategy": m.Strategy})
	}
}

// checkExclude warns of patterns that cannot match: a flag that never varies,
// or a value that no configuration has.
func (d *decoder) checkExclude(matrix entry, e *Experiment) {
	exclude, ok := matrix.value.get("exclude")
	if !ok || exclude.value.kind != listNode {
		return
	}
	values := flagValues(e)
	names := make([]string, 0, len(values))
	for _, v := range values {
		if !slices.Contains(names, v.Name) {
			names = append(names, v.Name)
		}
	}
	for _, item := range exclude.value.items {
		if item.kind == mapNode && len(item.entries) == 0 || item.kind == nullNode {
			d.fail("exclude-empty", item.at, nil)
		}
		for _, f := range placedFlags(item) {
			switch {
			case !e.Matrix.varies(f.Name):
				a := args{"flag": f.Name, "varied": "varied"}
				if near, ok := wording.Nearest(f.Name, names); ok && near != f.Name {
					a = args{"flag": f.Name, "near": near}
				}
				d.warn("exclude-never-varied", f.entry.key.at, a)
			case !slices.ContainsFunc(values, f.Equal):
				d.warn("exclude-without-match", f.entry.place(), args{"pattern": f.Name + "=" + levelText(f.Flag)})
			}
		}
	}
}

// varies says whether the flag differs between configurations.
func (m Matrix) varies(name string) bool {
	for _, p := range m.Parameters {
		if p.Name == name {
			return true
		}
	}
	for _, c := range m.Configurations {
		if _, ok := c.Get(name); ok {
			return true
		}
	}
	return false
}

// flagValues lists every flag value that some configuration may have. A flag
// that only some configurations set is unset in the others.
func flagValues(e *Experiment) Flags {
	out := slices.Clone(e.Server.Flags)
	unset := func(name string) {
		if _, inBaseline := e.Server.Flags.Get(name); !inBaseline {
			out = append(out, Flag{Name: name, Kind: FlagUnset})
		}
	}
	for _, p := range e.Matrix.Parameters {
		unset(p.Name)
		out = append(out, p.Levels...)
	}
	for _, c := range e.Matrix.Configurations {
		for _, f := range c {
			unset(f.Name)
			out = append(out, f)
		}
	}
	return out
}
