package experiment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// decoder reads nodes into values and collects what is wrong with them.
type decoder struct {
	src *source
	dir string // of the experiment file, against which paths in it are resolved
	ds  Diagnostics
}

func (d *decoder) fail(at Range, label, format string, args ...any) *Diagnostic {
	return d.report(Error, at, label, format, args...)
}

func (d *decoder) warn(at Range, label, format string, args ...any) *Diagnostic {
	return d.report(Warning, at, label, format, args...)
}

// report appends a diagnostic. The pointer is for adding help or related
// places at once; it does not survive the next report.
func (d *decoder) report(s Severity, at Range, label, format string, args ...any) *Diagnostic {
	d.ds = append(d.ds, Diagnostic{Severity: s, Summary: fmt.Sprintf(format, args...), Range: at, Label: label})
	return &d.ds[len(d.ds)-1]
}

// expect reports that the value at path is not what it must be.
func (d *decoder) expect(path string, e entry, want string) *Diagnostic {
	return d.fail(e.place(), e.value.found(), "%s must be %s", path, want)
}

// value is a kind of value: what the schema says of it and how it is read.
// read reports faults itself and then returns false.
type value[V any] struct {
	schema *jsonschema.Schema
	read   func(d *decoder, path string, e entry) (V, bool)
}

// field is one key of a section. The decoder and the schema are both made
// from the same list of fields, so that neither knows a key that the other
// does not.
type field[T any] struct {
	name     string
	doc      string // description in the schema
	required bool
	schema   *jsonschema.Schema
	read     func(d *decoder, path string, e entry, to *T)
}

// bind makes a field that stores a value of kind v where the pointer says.
func bind[T, V any](name, doc string, v value[V], pointer func(*T) *V) field[T] {
	return field[T]{
		name: name, doc: doc, schema: v.schema,
		read: func(d *decoder, path string, e entry, to *T) {
			if got, ok := v.read(d, path, e); ok {
				*pointer(to) = got
			}
		},
	}
}

// must makes a field required.
func must[T any](f field[T]) field[T] {
	f.required = true
	return f
}

// section is a mapping with fixed keys.
type section[T any] struct {
	fields []field[T]
	// initial is the value before anything is read: the defaults.
	initial T
	// oneOf names the keys of which exactly one is given; empty: no such rule.
	oneOf []string
	// check looks for faults between keys, after all have been read.
	check func(d *decoder, path string, e entry, got *T)
}

func (s section[T]) names() []string {
	out := make([]string, len(s.fields))
	for i, f := range s.fields {
		out[i] = f.name
	}
	return out
}

// decode reads the mapping of e. A key without value counts as an empty
// mapping. The result is false only when e is no mapping at all.
func (s section[T]) decode(d *decoder, path string, e entry) (T, bool) {
	got := s.initial
	if e.value.kind != mapNode && e.value.kind != nullNode {
		d.expect(orFile(path), e, "a mapping").Help = "its fields are " + strings.Join(s.names(), ", ")
		return got, false
	}
	var meant []string // fields that a misspelt key stands for: not missing as well
	for _, child := range e.value.entries {
		i := slices.IndexFunc(s.fields, func(f field[T]) bool { return f.name == child.name })
		if i < 0 {
			meant = append(meant, d.unknown(child.key.at, "field", child.name, s.names()))
			continue
		}
		s.fields[i].read(d, join(path, child.name), child, &got)
	}
	for _, f := range s.fields {
		if _, ok := e.value.get(f.name); f.required && !ok && !slices.Contains(meant, f.name) {
			at := e.keyPlace()
			if path == "" {
				at = d.src.whole()
			}
			d.fail(at, "", "missing field %q", join(path, f.name)).Help = f.name + ": " + f.doc
		}
	}
	s.checkOneOf(d, path, e, meant)
	if s.check != nil {
		s.check(d, path, e, &got)
	}
	return got, true
}

// checkOneOf reports none or several of the alternatives.
func (s section[T]) checkOneOf(d *decoder, path string, e entry, meant []string) {
	var given []entry
	for _, child := range e.value.entries {
		if slices.Contains(s.oneOf, child.name) {
			given = append(given, child)
		}
	}
	switch {
	case len(s.oneOf) == 0 || len(given) == 1:
	case len(given) == 0 && slices.ContainsFunc(meant, func(m string) bool { return slices.Contains(s.oneOf, m) }):
	case len(given) == 0:
		d.fail(e.keyPlace(), "found none", "%s needs exactly one of %s", orFile(path), list(s.oneOf))
	default:
		diag := d.fail(given[1].key.at, "given, too", "%s takes exactly one of %s", orFile(path), list(s.oneOf))
		diag.Related = []Related{{given[0].key.at, "first given here"}}
	}
}

// value makes a kind of value of the section.
func (s section[T]) value() value[T] { return value[T]{schema: s.schema(), read: s.decode} }

// pointerTo makes a kind of value that is absent when nil.
func pointerTo[T any](v value[T]) value[*T] {
	return value[*T]{schema: v.schema, read: func(d *decoder, path string, e entry) (*T, bool) {
		got, ok := v.read(d, path, e)
		return &got, ok
	}}
}

// unknown reports a word that is not in a fixed vocabulary. It returns the
// word that was probably meant, if there is one.
func (d *decoder) unknown(at Range, what, word string, known []string) string {
	label := "expected " + list(known)
	near, ok := nearest(word, known)
	if ok {
		label = fmt.Sprintf("did you mean %q?", near)
	}
	d.fail(at, label, "unknown %s %q", what, word)
	return near
}

// keyPlace is where to point for something that is missing inside e.
func (e entry) keyPlace() Range {
	if e.key != nil {
		return e.key.at
	}
	return e.value.at
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// orFile names the path of the root for messages.
func orFile(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}
