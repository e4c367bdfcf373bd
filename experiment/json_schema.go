package experiment

import (
	"encoding/json"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema returns the JSON Schema (draft 2020-12) of the experiment file for
// editors. It is made from the same fields as the decoder; it is more lenient
// than the decoder, which also checks what a schema cannot say.
func Schema() ([]byte, error) {
	s := fileSection().schema()
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "sweep experiment file"
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// schema describes the section as an object.
func (s section[T]) schema() *jsonschema.Schema {
	out := object()
	for _, f := range s.fields {
		property := *f.schema
		property.Description = f.doc
		out.Properties[f.name] = &property
		out.PropertyOrder = append(out.PropertyOrder, f.name)
		if f.required {
			out.Required = append(out.Required, f.name)
		}
	}
	for _, name := range s.oneOf {
		out.OneOf = append(out.OneOf, &jsonschema.Schema{Required: []string{name}})
	}
	if len(out.Required) == 0 && len(s.oneOf) == 0 {
		out.Type, out.Types = "", []string{"object", "null"}
	}
	return out
}

// object is a mapping that allows no keys but those added.
func object() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type:                 "object",
		Properties:           map[string]*jsonschema.Schema{},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
}

// objectOf is a mapping with free keys.
func objectOf(values *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Types: []string{"object", "null"}, AdditionalProperties: values}
}

// arrayOf is a list.
func arrayOf(items *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Items: items}
}

// anyOf allows several forms.
func anyOf(forms ...*jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: slices.Clone(forms)}
}

// typed allows values of the JSON types.
func typed(types ...string) *jsonschema.Schema {
	if len(types) == 1 {
		return &jsonschema.Schema{Type: types[0]}
	}
	return &jsonschema.Schema{Types: types}
}

// enum allows the words.
func enum(words []string) *jsonschema.Schema {
	s := &jsonschema.Schema{}
	for _, w := range words {
		s.Enum = append(s.Enum, w)
	}
	return s
}

// number is a JSON number of at least minimum; strictly above it if open.
func number(kind string, minimum float64, open bool) *jsonschema.Schema {
	s := typed(kind)
	if open {
		s.ExclusiveMinimum = &minimum
	} else {
		s.Minimum = &minimum
	}
	return s
}

// pattern is text that matches the expression.
func pattern(expression string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: expression}
}
