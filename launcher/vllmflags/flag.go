// Package vllmflags is the catalogue of the flags of `vllm serve`, by release:
// their types, the values and the number of words that they take, and the
// nearest right word for a wrong one. What a release's parser accepts is data,
// options.tsv, made by options.py where that vLLM is installed; what the
// parser does not tell (ranges, what replaced a removed flag, words that
// plug-ins add to) is knowledge.go. The simulated server parses its command
// line with the same catalogue of flags, types and values.
package vllmflags

import (
	"math"
	"slices"
	"strings"
)

//go:generate -command options python3 options.py
//go:generate options options.tsv

// Kind is the type of a flag's value.
type Kind int

// The kinds.
const (
	Bool       Kind = iota // a switch: --x, --no-x
	Int                    // 17
	HumanInt               // 17, 32k, 32K, 1.5m
	AutoInt                // the same, -1 or auto
	Float                  // 0.9
	Text                   // any word
	JSON                   // any JSON; dotted --x.key value
	Object                 // JSON of a mapping, in which numbers may be 32k; dotted --x.key value
	JSONOrText             // a word that is read as JSON if it is a mapping; dotted --x.key value
)

// Words says how many words follow a flag.
type Words int

// The numbers of words.
const (
	One   Words = iota
	Maybe       // one or none
	Many        // one or more
	Each        // one, and the flag may be given several times
)

// Flag is one option of the command line, as a release has it. Releases are
// the minor numbers of 0.x.
type Flag struct {
	Name     string   // without dashes
	Others   []string // its other strings, with their dashes: "-tp", "--no-x"
	Kind     Kind
	Words    Words
	Optional bool     // an empty word or None stands for no value
	Choices  []string // the values that are known
	Closed   bool     // others are refused
	Fold     bool     // of closed choices: letter case and - for _ make no difference
	Range    *Range   // of numbers; nil: any
	Since    int      // first release with the flag; 0: the catalogue's first, or older
	Gone     int      // first release without it; 0: the newest has it
	Instead  string   // Gone only: what to write instead
	Help     string   // of the simulator's own flags

	// Or is the flag as the release before had it, where it is not known which
	// of the two this release has.
	Or *Flag
}

// Range is an interval of numbers; Above excludes the lower end.
type Range struct {
	Min, Max float64
	Above    bool
}

func (r Range) String() string {
	least := "at least " + number(r.Min)
	if r.Above {
		least = "above " + number(r.Min)
	}
	if math.IsInf(r.Max, 1) {
		return least
	}
	return least + " and at most " + number(r.Max)
}

// Keys says whether the flag takes a JSON mapping, whose keys can be given
// behind dots.
func (f Flag) Keys() bool {
	return f.Kind == JSON || f.Kind == Object || f.Kind == JSONOrText || f.Or != nil && f.Or.Keys()
}

// Negated says whether --no-name exists.
func (f Flag) Negated() bool {
	return slices.Contains(f.Others, "--no-"+f.Name) || f.Or != nil && f.Or.Negated()
}

// Display is how argparse names the flag in messages.
func (f Flag) Display() string {
	return strings.Join(append([]string{"--" + f.Name}, f.Others...), "/")
}
