package experiment

import (
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wording"
)

// decoder reads nodes into values and collects what is wrong with them.
type decoder struct {
	src *source
	dir string // of the experiment file, against which paths in it are resolved
	ds  Diagnostics
}

// fail appends an error. The pointer is for adding related places at once; it
// does not survive the next report.
func (d *decoder) fail(code notice.Code, at Range, a args) *Diagnostic {
	d.ds = append(d.ds, fault(code, at, a))
	return &d.ds[len(d.ds)-1]
}

// refuse appends an error that another package found.
func (d *decoder) refuse(n notice.Notice, at Range) { d.ds = append(d.ds, Diagnose(Error, n, at)) }

// warn appends a warning.
func (d *decoder) warn(code notice.Code, at Range, a args) *Diagnostic {
	diag := d.fail(code, at, a)
	diag.Severity = Warning
	return diag
}

// expect reports that the value at path is not what it must be.
func (d *decoder) expect(code notice.Code, path string, e entry, want string) {
	d.fail(code, e.place(), args{"path": path, "want": want, "found": e.value.found()})
}

// expectLike is expect for a value of another type, with an example of the right one.
func (d *decoder) expectLike(path string, e entry, want, example string) {
	d.fail("wrong-type", e.place(), args{"path": path, "want": want, "found": e.value.found(), "example": example})
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

// formerly are fields that had another spelling, which is still read.
var formerly = map[string]string{"utilisation": "utilization"}

// decode reads the mapping of e. A key without value counts as an empty
// mapping. The result is false only when e is no mapping at all.
func (s section[T]) decode(d *decoder, path string, e entry) (T, bool) {
	got := s.initial
	if e.value.kind != mapNode && e.value.kind != nullNode {
		d.fail("wrong-type", e.place(), args{
			"path": orFile(path), "want": "a mapping", "found": e.value.found(), "fields": notice.List(s.names()...),
		})
		return got, false
	}
	for i, child := range e.value.entries {
		if now, ok := formerly[child.name]; ok {
			e.value.entries[i].name = now
		}
	}
	var meant []string // fields that a misspelt key stands for: not missing as well
	for _, child := range e.value.entries {
		i := slices.IndexFunc(s.fields, func(f field[T]) bool { return f.name == child.name })
		if i < 0 {
			known, near := meantBy(child.name, s.names())
			d.fail("unknown-field", child.key.at, known)
			meant = append(meant, near)
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
			d.fail("missing-field", at, args{"field": join(path, f.name), "name": f.name, "doc": f.doc})
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
		d.fail("one-of-missing", e.keyPlace(), args{"path": orFile(path), "fields": notice.Choice(s.oneOf...)})
	default:
		diag := d.fail("one-of-several", given[1].key.at, args{"path": orFile(path), "fields": notice.Choice(s.oneOf...)})
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

// meantBy is what to say of a word that is not in a fixed vocabulary: the word
// that was probably meant, if there is one, or all of them.
func meantBy(word string, known []string) (a args, near string) {
	near, ok := wording.Nearest(word, known)
	if ok {
		return args{"name": word, "near": near}, near
	}
	return args{"name": word, "known": notice.Choice(known...)}, ""
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
