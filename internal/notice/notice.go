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
	"strings"
)

// Code names one thing that sweep can say, such as "client-late". Codes are
// stable: scripts filter by them.
type Code string

// Severity says what a notice means for the result; see Meaning.
type Severity string

// Severities, the gravest last.
const (
	Note      Severity = "note"
	Caveat    Severity = "caveat"
	Discarded Severity = "discarded"
	Failed    Severity = "failed"
	Refused   Severity = "refused"
)

var severities = []Severity{Note, Caveat, Discarded, Failed, Refused}

// Severities are all of them, the gravest last.
func Severities() []Severity { return slices.Clone(severities) }

// Meaning says what a severity means for the result.
func (s Severity) Meaning() string {
	switch s {
	case Note:
		return "good to know, nothing is wrong"
	case Caveat:
		return "a reason to trust a number less"
	case Discarded:
		return "sweep excludes the trial and says why"
	case Failed:
		return "the launch or the trial failed"
	case Refused:
		return "sweep did not do what was asked"
	}
	return ""
}

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
	Client        Kind = "client" // a load generator
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

	said string // of a code that this version does not know: the recorded text
}

// New makes a notice with the severity that the catalogue gives its code. It
// panics on a code without an entry, or with other arguments than the entry
// names: both are mistakes of the program that any test of the caller finds.
func New(code Code, args Args) Notice {
	e, ok := catalogue()[code]
	if !ok {
		panic(fmt.Sprintf("notice: %q has no entry in the catalog", code))
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

// Known is a code that the catalogue has: for tables, whose notices are made
// elsewhere. It panics on any other.
func Known(code Code) Code {
	if catalogue()[code] == nil {
		panic(fmt.Sprintf("notice: %q has no entry in the catalog", code))
	}
	return code
}

// Needs are the arguments that the sentence of a code always has.
func Needs(code Code) []string { return slices.Sorted(maps.Keys(catalogue()[Known(code)].required)) }

// Read makes a notice out of text by the names of its arguments, such as the
// groups of a pattern: numbers, sizes and lists become values of the types that
// the entry's example has. Names that the entry does not have are left out, and
// what its sentence needs and text lacks is empty.
func Read(code Code, text map[string]string) Notice {
	e := catalogue()[Known(code)]
	args := Args{}
	for name := range e.names {
		if value := text[name]; value != "" || e.required[name] {
			args[name] = read(e.Example[name], value)
		}
	}
	return New(code, args)
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

// With is the notice with one more argument, if its entry has that argument,
// and otherwise the notice as it was.
func (n Notice) With(name string, a Arg) Notice {
	if e, ok := catalogue()[n.Code]; ok && e.names[name] {
		args := Args{name: a}
		for other, b := range n.Args {
			if other != name {
				args[other] = b
			}
		}
		n.Args = args
	}
	return n
}

// Redacted is the notice without a secret, which somebody else's words may
// repeat.
func (n Notice) Redacted(secret string) Notice {
	if secret == "" {
		return n
	}
	args := Args{}
	for name, a := range n.Args {
		a.text = strings.ReplaceAll(a.text, secret, "[redacted]")
		a.words = slices.Clone(a.words)
		if a.inner != nil {
			inner := a.inner.Redacted(secret)
			a.inner = &inner
		}
		for i, w := range a.words {
			a.words[i] = strings.ReplaceAll(w, secret, "[redacted]")
		}
		args[name] = a
	}
	n.Args = args
	return n
}

// Equal reports whether two notices say the same of the same subject.
func (n Notice) Equal(m Notice) bool {
	return n.Code == m.Code && n.Severity == m.Severity && n.Subject == m.Subject && maps.EqualFunc(n.Args, m.Args, Arg.equal)
}

// MarshalJSON writes the notice with its text, for readers that do not have the
// catalogue. sweep itself reads the text of codes that it does not know only.
func (n Notice) MarshalJSON() ([]byte, error) {
	type plain Notice
	return json.Marshal(struct {
		plain
		Text string `json:"text"`
	}{plain(n), n.Text()})
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
	var read struct {
		plain
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &read); err != nil {
		return err
	}
	*n = Notice(read.plain)
	if _, known := catalogue()[n.Code]; !known {
		n.said = read.Text
	}
	return nil
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
		apart    string // see entry.Apart
	}
	var groups []Group
	at := map[key]int{}
	seen := map[key]map[Subject][]Notice{}
	for _, n := range all {
		k := key{code: n.Code, severity: n.Severity}
		if e, ok := catalogue()[n.Code]; ok && e.Apart != "" {
			k.apart = n.Args[e.Apart].String()
		}
		if slices.ContainsFunc(seen[k][n.Subject], n.Equal) {
			continue
		}
		j, ok := at[k]
		if !ok {
			at[k], seen[k] = len(groups), map[Subject][]Notice{n.Subject: {n}}
			groups = append(groups, Group{Notice: n, Subjects: []Subject{n.Subject}})
			continue
		}
		g := &groups[j]
		g.Others++
		g.Differs = g.Differs || !maps.EqualFunc(g.Args, n.Args, Arg.equal)
		if len(seen[k][n.Subject]) == 0 {
			g.Subjects = append(g.Subjects, n.Subject)
		}
		seen[k][n.Subject] = append(seen[k][n.Subject], n)
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

// Has reports whether a list holds a code.
func Has(list []Notice, code Code) bool {
	return slices.ContainsFunc(list, func(n Notice) bool { return n.Code == code })
}

// CodesOf are the codes of a list, each once, in order.
func CodesOf(list []Notice) []string {
	var out []string
	for _, n := range list {
		if !slices.Contains(out, string(n.Code)) {
			out = append(out, string(n.Code))
		}
	}
	return out
}

// Texts are the sentences of a list.
func Texts(list []Notice) []string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = n.Text()
	}
	return out
}

// Remedies are what to do about the notices of a list, each once.
func Remedies(list []Notice) []string {
	var out []string
	for _, n := range list {
		if r := n.Remedy(); r != "" && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// Join is what happened, all of it, and then what to do.
func Join(list []Notice) string { return strings.Join(append(Texts(list), Remedies(list)...), " ") }

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
