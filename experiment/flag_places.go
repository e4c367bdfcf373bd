package experiment

import "bytes"

// FlagPlace is one flag of the file with where it stands.
type FlagPlace struct {
	Flag
	NameAt  Range
	ValueAt Range
}

// FlagPlaces lists the flags that the file gives to servers, level by level:
// those of server.flags, matrix.parameters and matrix.configurations. Package
// experiment does not know which flags a server has; whoever does can point
// at the place.
func (e *Experiment) FlagPlaces() []FlagPlace {
	root, _ := parseYAML(newSource(e.File, e.Raw), bytes.TrimPrefix(e.Raw, []byte("\ufeff")))
	if root == nil {
		return nil
	}
	var out []FlagPlace
	mapping := func(n *node) {
		for _, f := range placedFlags(n) {
			out = append(out, FlagPlace{f.Flag, f.entry.key.at, f.entry.place()})
		}
	}
	if server, ok := root.get("server"); ok {
		if flags, ok := server.value.get("flags"); ok {
			mapping(flags.value)
		}
	}
	matrix, ok := root.get("matrix")
	if !ok {
		return out
	}
	if parameters, ok := matrix.value.get("parameters"); ok {
		for _, p := range parameters.value.entries {
			for _, level := range p.value.items {
				out = append(out, FlagPlace{flagOf(CanonicalFlagName(p.name), level), p.key.at, level.at})
			}
		}
	}
	if configurations, ok := matrix.value.get("configurations"); ok {
		for _, c := range configurations.value.items {
			mapping(c)
		}
	}
	return out
}

// Add returns the diagnostics with others, in file order and each once.
func (ds Diagnostics) Add(others ...Diagnostic) Diagnostics {
	return append(ds[:len(ds):len(ds)], others...).sorted()
}
