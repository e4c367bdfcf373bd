package vllmflags

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Check tests one word against the flag's type and its allowed values, as
// argparse does and in its words.
func (f Flag) Check(value string) error {
	err := f.check(value)
	if err != nil && f.Or != nil && f.Or.Check(value) == nil {
		return nil
	}
	return err
}

func (f Flag) check(value string) error {
	if f.Optional && (value == "" || value == "None") {
		return nil
	}
	if typ, ok := f.typed(value); !ok {
		return fmt.Errorf("argument %s: invalid %s value: %s", f.Display(), typ, Quote(value))
	}
	if f.Closed && !slices.ContainsFunc(f.Choices, func(c string) bool { return f.fold(c) == f.fold(value) }) {
		given, choices := Quote(value), QuoteAll(f.Choices)
		if f.Kind == Int {
			given, choices = value, f.Choices
		}
		return fmt.Errorf("argument %s: invalid choice: %s (choose from %s)", f.Display(), given, strings.Join(choices, ", "))
	}
	return nil
}

// fold is the value as it is compared with the choices.
func (f Flag) fold(value string) string {
	switch {
	case f.Fold:
		return strings.ReplaceAll(strings.ToLower(value), "-", "_")
	case f.Kind == Int:
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
			return strconv.Itoa(n)
		}
	}
	return value
}

var (
	pythonInt   = regexp.MustCompile(`^[+-]?\d+(_\d+)*$`)
	pythonFloat = regexp.MustCompile(`^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)([eE][+-]?\d+(_\d+)*)?$|^(?i:[+-]?(inf|infinity|nan))$`)
)

// typed says whether the word has the flag's type, and what Python calls that.
func (f Flag) typed(value string) (string, bool) {
	trimmed := strings.TrimSpace(value)
	switch f.Kind {
	case Int:
		return "int", pythonInt.MatchString(trimmed)
	case Float:
		return "float", pythonFloat.MatchString(trimmed)
	case AutoInt:
		_, err := ReadHumanInt(value)
		return "human_readable_int", err == nil || strings.EqualFold(trimmed, "auto")
	case HumanInt:
		_, err := ReadHumanInt(value)
		return "human_readable_int", err == nil
	case JSON:
		return "loads", pythonJSON(value)
	case Object:
		return "loads", strings.HasPrefix(trimmed, "{") && pythonJSON(readableNumbers(value))
	case JSONOrText:
		return "loads", !strings.HasPrefix(trimmed, "{") || !strings.HasSuffix(trimmed, "}") || pythonJSON(value)
	}
	return "str", true
}

// outsideStrings finds JSON's strings, which stay as they are, and words.
var (
	outsideStrings = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[\w.+-]+`)
	humanNumber    = regexp.MustCompile(`^-?\d+(\.\d+)?[kKmMgGtT]$`)
	pythonNumber   = regexp.MustCompile(`^-?Infinity$|^NaN$`)
)

// readableNumbers writes 0 for 80m and the like, which vLLM expands in its
// configuration's JSON.
func readableNumbers(value string) string {
	return outsideStrings.ReplaceAllStringFunc(value, func(word string) string {
		if humanNumber.MatchString(word) {
			return "0"
		}
		return word
	})
}

// pythonJSON says whether Python reads the JSON, which knows NaN and Infinity.
func pythonJSON(value string) bool {
	return json.Valid([]byte(outsideStrings.ReplaceAllStringFunc(value, func(word string) string {
		if pythonNumber.MatchString(word) {
			return "0"
		}
		return word
	})))
}

// InRange tests a number against the flag's range, which vLLM's configuration
// classes check after argparse. A value that is no number has been refused
// before.
func (f Flag) InRange(value string) bool {
	if f.Range == nil || f.Kind == AutoInt && (strings.EqualFold(value, "auto") || value == "-1") {
		return true
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if f.Kind == HumanInt || f.Kind == AutoInt {
		var n int
		n, err = ReadHumanInt(value)
		x = float64(n)
	}
	if err != nil {
		return true
	}
	return x <= f.Range.Max && (x > f.Range.Min || x == f.Range.Min && !f.Range.Above)
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

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
		if err != nil || strings.Trim(body, "0123456789") != "" || math.Abs(float64(n)*factor) > 1<<53 {
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
