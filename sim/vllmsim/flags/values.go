package flags

import (
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// Values are the flags given on a command line, by name without dashes.
type Values struct {
	text map[string][]string
	json map[string]map[string]any
	// Order lists the given flags as first seen.
	Order []string
	// Warnings are remarks that vLLM logs: duplicates, deprecated forms.
	Warnings []string
}

// Has says that the flag was given.
func (v *Values) Has(name string) bool {
	_, ok := v.text[name]
	return ok
}

// Text returns the flag's value, or fallback if it was not given.
func (v *Values) Text(name, fallback string) string {
	if s := v.text[name]; len(s) > 0 {
		return s[len(s)-1]
	}
	return fallback
}

// Texts returns all values of a flag that takes several.
func (v *Values) Texts(name string) []string { return v.text[name] }

// Bool returns the state of a switch.
func (v *Values) Bool(name string, fallback bool) bool {
	return v.Text(name, strconv.FormatBool(fallback)) == "true"
}

// Python renders the flag's value as Python's repr does.
func (v *Values) Python(name string) string {
	values := v.text[name]
	f, _ := vllmflags.Find(name)
	for _, g := range own() {
		if g.Name == name {
			f = g
		}
	}
	many := f.Words == vllmflags.Many || f.Words == vllmflags.Each
	switch {
	case f.Kind == Bool:
		return map[bool]string{true: "True", false: "False"}[v.Bool(name, false)]
	case f.Kind == Int && many:
		return "[" + strings.Join(values, ", ") + "]"
	case many:
		return "[" + strings.Join(vllmflags.QuoteAll(values), ", ") + "]"
	case f.Kind == Int, f.Kind == vllmflags.HumanInt, f.Kind == vllmflags.AutoInt:
		return strconv.Itoa(v.Int(name, 0))
	case f.Kind == Float:
		return strings.TrimSpace(v.Text(name, ""))
	}
	return vllmflags.Quote(v.Text(name, ""))
}

// Int returns an integer value; "auto" reads as -1.
func (v *Values) Int(name string, fallback int) int {
	if !v.Has(name) {
		return fallback
	}
	n, err := vllmflags.ReadHumanInt(v.Text(name, ""))
	if err != nil {
		return -1
	}
	return n
}

// Float returns a real value.
func (v *Values) Float(name string, fallback float64) float64 {
	f, err := strconv.ParseFloat(v.Text(name, ""), 64)
	if err != nil {
		return fallback
	}
	return f
}

// JSON returns the object of a flag that takes one, nil if it was not given.
func (v *Values) JSON(name string) map[string]any { return v.json[name] }

func (v *Values) set(name string, values []string) {
	if !v.Has(name) {
		v.Order = append(v.Order, name)
	}
	v.text[name] = values
}
