package flags

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
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
	for _, f := range Table() {
		if f.Name != name {
			continue
		}
		switch f.Kind {
		case Bool:
			return map[bool]string{true: "True", false: "False"}[v.Bool(name, false)]
		case Int, HumanInt:
			return strconv.Itoa(v.Int(name, 0))
		case Float:
			return strings.TrimSpace(v.Text(name, ""))
		case Texts:
			return "[" + strings.Join(quoted(values), ", ") + "]"
		case Ints:
			return "[" + strings.Join(values, ", ") + "]"
		}
	}
	return quote(v.Text(name, ""))
}

func quoted(list []string) []string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = quote(s)
	}
	return all
}

// Int returns an integer value; "auto" reads as -1.
func (v *Values) Int(name string, fallback int) int {
	if !v.Has(name) {
		return fallback
	}
	n, err := humanInt(v.Text(name, ""))
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

// check tests one value against the flag's type; the error is argparse's.
func (f Flag) check(value string) error {
	var err error
	typ := ""
	switch f.Kind {
	case Int, Ints:
		_, err = strconv.Atoi(strings.TrimSpace(value))
		typ = "int"
	case Float:
		_, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
		typ = "float"
	case HumanInt:
		if f.Auto && value == "auto" {
			return nil
		}
		_, err = humanInt(value)
		typ = "human_readable_int"
	case JSON:
		if strings.HasPrefix(value, "{") {
			var object map[string]any
			err = json.Unmarshal([]byte(value), &object)
			typ = "loads"
		}
	}
	if err != nil {
		return fmt.Errorf("argument %s: invalid %s value: %s", f.display(), typ, quote(value))
	}
	if len(f.Choices) > 0 && !contains(f.Choices, value) {
		given, choices := quote(value), quoted(f.Choices)
		if f.Kind == Int {
			given, choices = value, f.Choices
		}
		return fmt.Errorf("argument %s: invalid choice: %s (choose from %s)", f.display(), given, strings.Join(choices, ", "))
	}
	return nil
}

// display is how argparse names the flag in messages.
func (f Flag) display() string {
	names := []string{"--" + f.Name}
	if f.Kind == Bool {
		names = append(names, "--no-"+f.Name)
	}
	return strings.Join(append(names, f.Short...), "/")
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// quote renders s as Python's repr of a simple string does.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }

// humanInt reads 1000, 1k (1000), 1K (1024), 1.5m; vLLM's
// human_readable_int. Decimal fractions go with the decimal suffixes only.
func humanInt(s string) (int, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, fmt.Errorf("empty number")
	}
	factors := map[byte]float64{
		'k': 1e3, 'm': 1e6, 'g': 1e9, 't': 1e12,
		'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40,
	}
	factor, scaled := factors[s[len(s)-1]]
	if !scaled {
		return strconv.Atoi(s)
	}
	body := s[:len(s)-1]
	if factor == math.Trunc(factor) && s[len(s)-1] < 'a' { // binary suffix
		n, err := strconv.Atoi(body)
		if err != nil || math.Abs(float64(n)*factor) > 1<<53 {
			return 0, fmt.Errorf("not a number: %q", s)
		}
		return n * int(factor), nil
	}
	if strings.Trim(body, "0123456789.") != "" {
		return 0, fmt.Errorf("not a number: %q", s)
	}
	x, err := strconv.ParseFloat(body, 64)
	if err != nil || x*factor > 1<<53 {
		return 0, fmt.Errorf("not a number: %q", s)
	}
	return int(math.Round(x * factor)), nil
}
