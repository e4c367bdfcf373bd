package experiment

import (
	"cmp"
	"slices"
)

// Severity says whether a diagnostic prevents a run.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Range is a place on one line of the experiment file. Line and Column count
// from 1, Column and EndColumn count runes, EndColumn is the column after the
// last rune. Line 0 means the file as a whole.
type Range struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndColumn int    `json:"end_column"`
	Text      string `json:"text,omitempty"` // the line itself, without its end
}

// Related is a further place that a diagnostic speaks of.
type Related struct {
	Range Range  `json:"range"`
	Label string `json:"label"`
}

// Diagnostic is one fault of an experiment file.
type Diagnostic struct {
	Severity Severity  `json:"severity"`
	Summary  string    `json:"summary"` // what is wrong or what was expected, one line
	Range    Range     `json:"range"`
	Label    string    `json:"label,omitempty"` // said at the caret: what was found, the nearest right word
	Related  []Related `json:"related,omitempty"`
	Help     string    `json:"help,omitempty"` // what to write instead
}

// Diagnostics are all faults of one file, ordered by place.
type Diagnostics []Diagnostic

// HasErrors says whether any diagnostic is an error, not just a warning.
func (ds Diagnostics) HasErrors() bool {
	errors, _ := ds.Count()
	return errors > 0
}

// Count returns how many errors and warnings there are.
func (ds Diagnostics) Count() (errors, warnings int) {
	for _, d := range ds {
		if d.Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// sorted returns the diagnostics in file order, each once: an alias can make
// the decoder visit the same place twice.
func (ds Diagnostics) sorted() Diagnostics {
	out := slices.Clone(ds)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Range.Line, b.Range.Line),
			cmp.Compare(a.Range.Column, b.Range.Column),
		)
	})
	return slices.CompactFunc(out, func(a, b Diagnostic) bool {
		return a.Range == b.Range && a.Severity == b.Severity && a.Summary == b.Summary && a.Label == b.Label
	})
}
