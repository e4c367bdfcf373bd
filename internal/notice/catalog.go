package notice

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// entry is what the catalogue holds of one code. Its texts are templates:
//
//	{name}             the argument
//	{name|one|many}    the argument and the noun in the form that it asks for
//	{name:one|many}    the word in that form, without the argument
//	[ text {name} ]    left out where the argument is absent
//
// A period after an argument that ends in one already is left out.
type entry struct {
	Code     Code
	Severity Severity
	Says     string // what happened, one or two sentences
	Evidence string // the test behind it, for details and pages; may be empty
	Do       string // what to do about it; may be empty
	Label    string // what is said at its place in a file; may be empty
	Means    string // for `sweep explain`: when it appears and what it means for the numbers
	Example  Args
	// Apart names an argument: notices that differ in it are never merged.
	Apart string

	says, evidence, do, label []piece
	names, required           map[string]bool
}

// piece is a literal, an argument, or an optional part.
type piece struct {
	literal   string
	name      string
	one, many string
	alone     bool // the word without the argument
	optional  []piece
}

// areas are the entries by what they are about.
var areas = [][]entry{
	general, progress, command, load, arrival, trial, launch, conditions, sharing, causes, remedies, record, analysis, check, verdict, result,
	agreement, reasons, imports, planned, preflight, file, machine,
}

// catalogue is all entries with their templates parsed.
var catalogue = sync.OnceValue(func() map[Code]*entry {
	all := map[Code]*entry{}
	for _, area := range areas {
		for i := range area {
			e := &area[i]
			if all[e.Code] != nil {
				panic("notice: two entries for " + string(e.Code))
			}
			e.names, e.required = map[string]bool{}, map[string]bool{}
			e.says, e.evidence, e.do, e.label = e.parse(e.Says), e.parse(e.Evidence), e.parse(e.Do), e.parse(e.Label)
			all[e.Code] = e
		}
	}
	return all
})

func (e *entry) parse(text string) []piece {
	pieces, rest := e.parseUntil(text, false)
	if rest != "" {
		panic("notice: a closing bracket too many in " + string(e.Code))
	}
	return pieces
}

// parseUntil reads pieces up to the end, or to the bracket that closes an
// optional part.
func (e *entry) parseUntil(text string, optional bool) (pieces []piece, rest string) {
	for text != "" {
		i := strings.IndexAny(text, "{[]")
		if i < 0 {
			i = len(text)
		}
		if i > 0 {
			pieces, text = append(pieces, piece{literal: text[:i]}), text[i:]
			continue
		}
		switch text[0] {
		case '{':
			inside, after, ok := strings.Cut(text[1:], "}")
			name, forms, alone := strings.Cut(inside, ":")
			words := strings.Split(inside, "|")
			if alone {
				words = append([]string{name}, strings.Split(forms, "|")...)
			}
			if !ok || len(words) != 3 && (alone || len(words) != 1) {
				panic("notice: a broken argument in " + string(e.Code))
			}
			p := piece{name: words[0], alone: alone}
			if len(words) == 3 {
				p.one, p.many = words[1], words[2]
			}
			e.names[p.name] = true
			if !optional {
				e.required[p.name] = true
			}
			pieces, text = append(pieces, p), after
		case '[':
			var part []piece
			part, text = e.parseUntil(text[1:], true)
			if !strings.HasPrefix(text, "]") {
				panic("notice: an open bracket in " + string(e.Code))
			}
			pieces, text = append(pieces, piece{optional: part}), text[1:]
		default: // ]
			return pieces, text
		}
	}
	return pieces, ""
}

func render(pieces []piece, args Args) (text string, whole bool) {
	var b strings.Builder
	whole = true
	for _, p := range pieces {
		switch {
		case p.name != "":
			a, ok := args[p.name]
			if !ok {
				whole = false
			}
			printed, word := a.String(), p.many
			if printed == "1" {
				word = p.one
			}
			if p.alone {
				printed = ""
			}
			b.WriteString(strings.TrimSpace(printed + " " + word))
		case p.optional != nil:
			if part, ok := render(p.optional, args); ok {
				b.WriteString(part)
			}
		default:
			literal := p.literal
			if strings.HasPrefix(literal, ".") && endsSentence(b.String()) {
				literal = literal[1:]
			}
			b.WriteString(literal)
		}
	}
	return b.String(), whole
}

func endsSentence(text string) bool {
	return strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "…")
}

// String is all that there is to say: what happened, the test behind it, and what
// to do.
func (n Notice) String() string {
	return strings.Join(slices.DeleteFunc([]string{n.Text(), n.Evidence(), n.Remedy()}, func(s string) bool { return s == "" }), " ")
}

// Text is what happened, in English. Of a code that this version of sweep does
// not know, it is the code and the arguments.
func (n Notice) Text() string {
	e, ok := catalogue()[n.Code]
	if !ok {
		return cmp.Or(n.said, n.bare())
	}
	return n.part(func(*entry) []piece { return e.says })
}

// Evidence is the test behind it, in English; "" where there is none.
func (n Notice) Evidence() string { return n.part(func(e *entry) []piece { return e.evidence }) }

// Remedy is what to do about it, in English; "" where nothing helps.
func (n Notice) Remedy() string { return n.part(func(e *entry) []piece { return e.do }) }

// part is one of the texts of a notice; "" of a code that is not known.
func (n Notice) part(of func(*entry) []piece) string {
	e, ok := catalogue()[n.Code]
	if !ok {
		return ""
	}
	text, _ := render(of(e), n.Args)
	return strings.TrimSpace(text) // an optional part may be the first
}

// Label is what is said at the place of a file that the notice is about; ""
// where the text says it all.
func (n Notice) Label() string { return n.part(func(e *entry) []piece { return e.label }) }

func (n Notice) bare() string {
	words := []string{string(n.Code)}
	for _, name := range slices.Sorted(maps.Keys(n.Args)) {
		words = append(words, name+"="+n.Args[name].String())
	}
	return strings.Join(words, " ")
}

// Codes are all codes, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(catalogue())) }

// Explanation is what the catalogue says of a code.
type Explanation struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Means    string   `json:"means"`
	Do       string   `json:"do,omitempty"`
	Example  string   `json:"example"`
}

// Explain looks a code up.
func Explain(code Code) (Explanation, bool) {
	e, ok := catalogue()[code]
	if !ok {
		return Explanation{}, false
	}
	example := New(code, e.Example)
	text := strings.TrimSuffix(example.Text()+" "+example.Evidence(), " ")
	return Explanation{code, e.Severity, e.Means, example.Remedy(), text}, true
}
