// Package vllmflags is the catalogue of the flags of `vllm serve`: their types,
// allowed values and ranges, the releases that have them, and the nearest
// right word for a wrong one. The simulated server parses its command line
// with the same table, so that what the catalogue calls wrong is refused there
// as vLLM refuses it.
package vllmflags

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind is the type of a flag's value.
type Kind int

// The kinds.
const (
	Bool     Kind = iota // --x, --no-x
	Int                  // 17
	HumanInt             // 17, 32k, 32K, 1.5m; -1 and auto where the flag says so
	Float
	Text
	JSON  // an object, or a bare word, or dotted --x.key value
	Texts // one or more
	Ints  // one or more
)

// Flag is one option of the command line. Releases are the minor numbers of
// 0.x.
type Flag struct {
	Name    string   // without dashes
	Short   []string // with one dash: "-tp"
	Kind    Kind
	Choices []string
	Open    bool   // plug-ins and other releases add choices
	Auto    bool   // HumanInt: "auto" and -1 are accepted
	Range   *Range // of numbers; nil: any
	Since   int    // first release with the flag; 0: older than the catalogue, or not known
	Old     bool   // removed: the newest release refuses it
	Gone    int    // Old only: first release without it; 0: all that the catalogue knows
	Instead string // Old only: what to write instead
	Help    string // of the simulator's own flags
}

// Range is an interval of numbers; Above excludes the lower end.
type Range struct {
	Min, Max float64
	Above    bool
}

func (r Range) String() string {
	least := fmt.Sprintf("at least %g", r.Min)
	if r.Above {
		least = fmt.Sprintf("above %g", r.Min)
	}
	if math.IsInf(r.Max, 1) {
		return least
	}
	return least + fmt.Sprintf(" and at most %g", r.Max)
}

// Check tests one value against the flag's type and its allowed values, as
// argparse does and in its words.
func (f Flag) Check(value string) error {
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
		_, err = ReadHumanInt(value)
		typ = "human_readable_int"
	case JSON:
		if strings.HasPrefix(value, "{") {
			var object map[string]any
			err = json.Unmarshal([]byte(value), &object)
			typ = "loads"
		}
	}
	if err != nil {
		return fmt.Errorf("argument %s: invalid %s value: %s", f.Display(), typ, Quote(value))
	}
	if len(f.Choices) > 0 && !slices.Contains(f.Choices, value) {
		given, choices := Quote(value), QuoteAll(f.Choices)
		if f.Kind == Int {
			given, choices = value, f.Choices
		}
		return fmt.Errorf("argument %s: invalid choice: %s (choose from %s)", f.Display(), given, strings.Join(choices, ", "))
	}
	return nil
}

// InRange tests a number against the flag's range, which vLLM's configuration
// classes check after argparse. A value that is no number has been refused
// before.
func (f Flag) InRange(value string) bool {
	if f.Range == nil || f.Auto && (value == "auto" || value == "-1") {
		return true
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if f.Kind == HumanInt {
		var n int
		n, err = ReadHumanInt(value)
		x = float64(n)
	}
	if err != nil {
		return true
	}
	return x <= f.Range.Max && (x > f.Range.Min || x == f.Range.Min && !f.Range.Above)
}

// In says whether vLLM 0.release has the flag.
func (f Flag) In(release int) bool {
	return release >= f.Since && !(f.Old && release >= f.Gone)
}

// Display is how argparse names the flag in messages.
func (f Flag) Display() string {
	names := []string{"--" + f.Name}
	if f.Kind == Bool {
		names = append(names, "--no-"+f.Name)
	}
	return strings.Join(append(names, f.Short...), "/")
}

// Quote renders s as Python's repr of a simple string does.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }

// QuoteAll quotes each of the list.
func QuoteAll(list []string) []string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = Quote(s)
	}
	return all
}

// ReadHumanInt reads 1000, 1k (1000), 1K (1024), 1.5m; vLLM's
// human_readable_int. Decimal fractions go with the decimal suffixes only.
func ReadHumanInt(s string) (int, error) {
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
