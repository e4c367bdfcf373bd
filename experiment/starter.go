package experiment

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
)

//go:embed starter.yaml
var starter []byte

// Starter is a commented experiment file of that name to begin with. It is
// valid as it stands and runs without a GPU. Characters that a name cannot
// have become hyphens.
func Starter(name string) []byte {
	return bytes.Replace(starter, []byte("name: NAME"), []byte("name: "+plain(UsableName(name))), 1)
}

// UsableName makes text fit the names of experiments: other characters become
// hyphens.
func UsableName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		default:
			return '-'
		}
	}, name)
	name = strings.Trim(name, ".-_")
	if len(name) > 100 {
		name = strings.TrimRight(name[:100], ".-_")
	}
	if name == "" {
		return "experiment"
	}
	return name
}

// plain quotes a name that YAML would not read as text, such as 2026 or true.
func plain(name string) string {
	first := name[0] | 0x20 // in lower case
	if first < 'a' || first > 'z' || slices.Contains([]string{"true", "false", "null"}, strings.ToLower(name)) {
		return `"` + name + `"`
	}
	return name
}
