package experiment

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

func readNode(t *testing.T, file string) *node {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data = []byte(strings.TrimPrefix(string(data), "\ufeff"))
	n, ds := parseYAML(newSource(file, data), data)
	if n == nil || ds.HasErrors() {
		t.Fatalf("diagnostics:\n%s", render(t, ds))
	}
	return n
}

// instance is the node as JSON would hold it.
func instance(t *testing.T, n *node) any {
	t.Helper()
	switch n.kind {
	case listNode:
		out := []any{}
		for _, item := range n.items {
			out = append(out, instance(t, item))
		}
		return out
	case mapNode:
		out := map[string]any{}
		for _, e := range n.entries {
			out[e.name] = instance(t, e.value)
		}
		return out
	case nullNode:
		return nil
	case boolNode:
		return n.text == "true"
	case intNode, floatNode:
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			i, intErr := strconv.ParseInt(n.text, 0, 64)
			if intErr != nil {
				t.Fatal(err)
			}
			f = float64(i)
		}
		return f
	default:
		return n.text
	}
}

func resolvedSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

func TestSchemaGolden(t *testing.T) {
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "schema.json"), data)
}

// TestSchemaAcceptsGoodFiles expects that what the decoder accepts, editors do.
func TestSchemaAcceptsGoodFiles(t *testing.T) {
	files := append(matches(t, "*.good.yaml", 5), "starter.yaml")
	examples, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples, error %v", err)
	}
	schema := resolvedSchema(t)
	for _, file := range append(files, examples...) {
		if err := schema.Validate(instance(t, readNode(t, file))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSchemaRefuses expects editors to show the commonest mistakes.
func TestSchemaRefuses(t *testing.T) {
	schema := resolvedSchema(t)
	for _, name := range []string{
		"unknown-field", "wrong-types", "version-2", "two-backends", "no-backend", "arrivals-two", "arrivals-typo",
		"lengths-kind", "lengths", "repeat-zero", "sizes", "durations", "sweep-points", "slo-metrics", "use-case-goal",
		"podman-fields", "strategy", "load-missing", "loads-empty", "api-key-plain", "missing-everything",
	} {
		if err := schema.Validate(instance(t, readNode(t, filepath.Join("testdata", name+".bad.yaml")))); err == nil {
			t.Errorf("the schema accepts %s", name)
		}
	}
}

// schemaKeys collects the fixed keys below s as paths; free keys are "*".
func schemaKeys(s *jsonschema.Schema, path string, into map[string]bool) {
	if s == nil {
		return
	}
	for name, property := range s.Properties {
		into[path+"."+name] = true
		schemaKeys(property, path+"."+name, into)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Not == nil {
		schemaKeys(s.AdditionalProperties, path+".*", into)
	}
	schemaKeys(s.Items, path+".[]", into)
	for _, form := range s.AnyOf {
		schemaKeys(form, path, into)
	}
}

// nodeKeys collects the paths that n uses, in the form of schemaKeys: a
// mapping with free keys is one that the schema describes as such.
func nodeKeys(n *node, path string, schema, into map[string]bool) {
	for _, e := range n.entries {
		key := path + "." + e.name
		if !schema[key] {
			key = path + ".*"
		}
		into[key] = true
		nodeKeys(e.value, key, schema, into)
	}
	for _, item := range n.items {
		nodeKeys(item, path+".[]", schema, into)
	}
}

// TestSchemaAndDecoderAgree expects every key of the schema to be used in a
// file that decodes without a fault, and every misspelt key to be refused by
// both. The metrics in limits are left out: they are package metric's.
func TestSchemaAndDecoderAgree(t *testing.T) {
	inSchema, used := map[string]bool{}, map[string]bool{}
	schemaKeys(fileSection().schema(), "", inSchema)
	for _, file := range matches(t, "*.good.yaml", 5) {
		nodeKeys(readNode(t, file), "", inSchema, used)
	}
	for _, key := range slices.Sorted(maps.Keys(inSchema)) {
		limit := strings.HasPrefix(key, ".slo.") || strings.HasPrefix(key, ".use_cases.*.subject_to.")
		if !limit && !used[key] {
			t.Errorf("no good file uses %s, so nothing shows that the decoder knows it", key)
		}
	}
	schema := resolvedSchema(t)
	base, err := os.ReadFile("testdata/everything.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"version", "strategy", "ready_timeout", "image", "prompt_tokens", "mean", "max_concurrency", "repeat", "gpu_memory", "maximize", "from_env", "column"} {
		text := strings.ReplaceAll(string(base), name+":", "x"+name+":")
		if _, ds := Parse("testdata/x.yaml", []byte(text)); !strings.Contains(render(t, ds), strconv.Quote("x"+name)) {
			t.Errorf("the decoder accepts x%s", name)
		}
		n, _ := parseYAML(newSource("x", []byte(text)), []byte(text))
		if schema.Validate(instance(t, n)) == nil {
			t.Errorf("the schema accepts x%s", name)
		}
	}
}
