// Package notice holds what sweep has to say about a run as values: a code, a
// severity, a subject and typed arguments. Records, JSON and pages carry the
// value; the catalogue in this package makes the English of it, once. Notices
// are merged and filtered by code and subject, never by their text.
package notice

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Code names one thing that sweep can say, such as "client-late". Codes are
// stable: scripts filter by them.
type Code string

// Severity says what a notice means for the result.
type Severity string

// Severities, the gravest last.
const (
	Note      Severity = "note"      // good to know, nothing is wrong
	Caveat    Severity = "caveat"    // a reason to trust a number less
	Discarded Severity = "discarded" // the trial does not count
	Failed    Severity = "failed"    // the launch or trial failed
	Refused   Severity = "refused"   // sweep did not do what was asked
)

var severities = []Severity{Note, Caveat, Discarded, Failed, Refused}

// Kind is the sort of thing that a notice is about.
type Kind string

// Kinds of subjects.
const (
	Run           Kind = "run"
	Round         Kind = "round"
	Load          Kind = "load"
	Configuration Kind = "configuration"
	Result        Kind = "result" // a configuration at a load point
	Launch        Kind = "launch"
	Trial         Kind = "trial"
	File          Kind = "file"
	Field         Kind = "field"
)

// Subject is what a notice is about. The zero value is the run as a whole.
type Subject struct {
	Kind Kind   `json:"kind,omitempty"`
	ID   string `json:"id,omitempty"`
}

// Notice is one thing that sweep has to say.
type Notice struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Subject  Subject  `json:"subject,omitzero"`
	Args     Args     `json:"args,omitempty"`
}

// New makes a notice with the severity that the catalogue gives its code. It
// panics on a code without an entry, or with other arguments than the entry
// names: both are mistakes of the program that any test of the caller finds.
func New(code Code, args Args) Notice {
	e, ok := catalogue()[code]
	if !ok {
		panic(fmt.Sprintf("notice: %q has no entry in the catalogue", code))
	}
	for name := range args {
		if !e.names[name] {
			panic(fmt.Sprintf("notice: %s has no argument %q", code, name))
		}
	}
	for name := range e.required {
		if _, ok := args[name]; !ok {
			panic(fmt.Sprintf("notice: %s lacks the argument %q", code, name))
		}
	}
	return Notice{Code: code, Severity: e.Severity, Args: args}
}

// On is the notice about a subject.
func (n Notice) On(kind Kind, id string) Notice {
	n.Subject = Subject{Kind: kind, ID: id}
	return n
}

// As is the notice with another severity than its entry has.
func (n Notice) As(s Severity) Notice {
	n.Severity = s
	return n
}

// Equal reports whether two notices say the same of the same subject.
func (n Notice) Equal(m Notice) bool {
	return n.Code == m.Code && n.Severity == m.Severity && n.Subject == m.Subject && maps.EqualFunc(n.Args, m.Args, Arg.equal)
}

// UnmarshalJSON reads a notice; a bare string, as records of format 1 have it,
// becomes one of the code "recorded-text".
func (n *Notice) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		*n = Recorded(text)
		return nil
	}
	type plain Notice
	return json.Unmarshal(raw, (*plain)(n))
}

// Recorded is the notice of a sentence that somebody else made: an old record,
// or another tool.
func Recorded(text string) Notice { return New("recorded-text", Args{"text": Text(text)}) }

// Group is one code said of several subjects.
type Group struct {
	Notice   // the first one
	Subjects []Subject
	Differs  bool // the others have other arguments
	Others   int  // notices after the first
}

// Merge joins notices of the same code and severity, in the order of their
// first appearance. Equal notices count once.
func Merge(all []Notice) []Group {
	type key struct {
		code     Code
		severity Severity
		text     string // of what has no code of its own
	}
	var groups []Group
	at := map[key]int{}
	for i, n := range all {
		if slices.ContainsFunc(all[:i], n.Equal) {
			continue
		}
		k := key{code: n.Code, severity: n.Severity}
		if n.Code == "recorded-text" {
			k.text = n.Args["text"].text
		}
		j, ok := at[k]
		if !ok {
			at[k] = len(groups)
			groups = append(groups, Group{Notice: n, Subjects: []Subject{n.Subject}})
			continue
		}
		g := &groups[j]
		g.Others++
		g.Differs = g.Differs || !maps.EqualFunc(g.Args, n.Args, Arg.equal)
		if !slices.Contains(g.Subjects, n.Subject) {
			g.Subjects = append(g.Subjects, n.Subject)
		}
	}
	return groups
}

// Gravest sorts notices by severity, the gravest first, and keeps their order
// otherwise.
func Gravest(all []Notice) {
	slices.SortStableFunc(all, func(a, b Notice) int {
		return slices.Index(severities, b.Severity) - slices.Index(severities, a.Severity)
	})
}

// Error is a notice that ends what was asked for.
type Error struct {
	Notice
	Cause error // what the system or another program said; may be nil
}

// Refuse is the error of a notice.
func Refuse(code Code, args Args) *Error { return &Error{Notice: New(code, args)} }

// Error is the notice's sentence.
func (e *Error) Error() string { return e.Text() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Cause }
