package experiment

import (
	"encoding/json"
	"strings"
)

// Args renders the flag as the words of a command line, in one of the Flags
// styles; "" is FlagsHyphens. Whatever shows or makes a command line does it by
// this.
func (f Flag) Args(style string) []string {
	var out []string
	for _, words := range f.options() {
		switch style {
		case FlagsUnderscores:
			name, rest, dotted := strings.Cut(words[0], ".")
			name = "--" + strings.ReplaceAll(name[2:], "-", "_")
			if dotted {
				name += "." + rest
			}
			words = append([]string{name}, words[1:]...)
		case FlagsEquals:
			if len(words) == 2 { // of several, only the first would belong to the flag
				words = []string{strings.Join(words, "=")}
			}
		}
		out = append(out, words...)
	}
	return out
}

// options are the times that the command line names the flag, each its name
// with the words behind it. A key behind a dot has a value always: it stands in
// a mapping, where there are no switches.
func (f Flag) options() [][]string {
	name := "--" + f.Name
	switch {
	case f.Kind == FlagUnset:
		return nil
	case f.Kind == FlagBool && strings.Contains(f.Name, "."):
		return [][]string{{name, f.Value}}
	case f.Kind == FlagBool && f.Value == "true":
		return [][]string{{name}}
	case f.Kind == FlagBool:
		return [][]string{{"--no-" + f.Name}}
	case f.Kind == FlagWords:
		return [][]string{append([]string{name}, f.Words()...)}
	case f.Kind == FlagEach:
		var out [][]string
		for _, w := range f.Words() {
			out = append(out, []string{name, w})
		}
		return out
	default:
		return [][]string{{name, f.Value}}
	}
}

// Words are the words that the flag gives the server: the items of a list, or
// the value. An item that is a mapping or a list is one word, its JSON.
func (f Flag) Words() []string {
	if f.Kind != FlagWords && f.Kind != FlagEach {
		return []string{f.Value}
	}
	var items []json.RawMessage
	if err := json.Unmarshal([]byte(f.Value), &items); err != nil {
		return []string{f.Value} // no list: a record that was edited
	}
	var out []string
	for _, item := range items {
		var text string
		if err := json.Unmarshal(item, &text); err != nil {
			text = string(item)
		}
		out = append(out, text)
	}
	return out
}

// Args renders all flags in order, see Flag.Args.
func (fs Flags) Args(style string) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Args(style)...)
	}
	return out
}
