package experiment

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
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
	Code     notice.Code `json:"code"` // `sweep explain` knows it
	Severity Severity    `json:"severity"`
	Summary  string      `json:"summary"` // what is wrong or what was expected, one line
	Range    Range       `json:"range"`
	Label    string      `json:"label,omitempty"` // said at the caret: what was found, the nearest right word
	Related  []Related   `json:"related,omitempty"`
	Help     string      `json:"help,omitempty"` // what to write instead
	Args     notice.Args `json:"args,omitempty"` // of the code
	// Configuration is the label of the one that the fault is in, where no place
	// of the file shows it.
	Configuration string `json:"configuration,omitempty"`
}

// Diagnose is the diagnostic of a notice at a place.
func Diagnose(s Severity, n notice.Notice, at Range) Diagnostic {
	return Diagnostic{Code: n.Code, Severity: s, Summary: n.Text(), Range: at, Label: n.Label(), Help: n.Remedy(), Args: n.Args}
}

// args are the arguments of a diagnostic's notice: text, counts and times as
// they are, and whatever else package notice has.
type args map[string]any

func (a args) typed() notice.Args {
	out := notice.Args{}
	for name, v := range a {
		switch v := v.(type) {
		case notice.Arg:
			out[name] = v
		case int:
			out[name] = notice.Count(v)
		case time.Duration:
			out[name] = notice.Span(v)
		default:
			out[name] = notice.Text(fmt.Sprint(v))
		}
	}
	return out
}

// fault is the error of a code at a place.
func fault(code notice.Code, at Range, a args) Diagnostic {
	return Diagnose(Error, notice.New(code, a.typed()), at)
}

// Says reports whether two diagnostics say the same, wherever and however grave.
func (d Diagnostic) Says(o Diagnostic) bool {
	said := func(d Diagnostic) notice.Notice { return notice.Notice{Code: d.Code, Args: d.Args} }
	return d.Configuration == o.Configuration && said(d).Equal(said(o))
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
		return a.Range == b.Range && a.Severity == b.Severity && a.Says(b)
	})
}
