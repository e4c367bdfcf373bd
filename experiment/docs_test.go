package experiment

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedExamples decodes every YAML example of the reference and of
// the tutorial. An example that shows only a part is completed with the other
// required parts; files that it names lie in testdata.
func TestDocumentedExamples(t *testing.T) {
	rest := map[string]string{
		"version": "version: 1\n", "name": "name: x\n", "server": "server: {model: m, simulated: {}}\n",
		"loads": "loads: {chat: {prompt_tokens: 1, output_tokens: 1, arrivals: {poisson: 1}, requests: 1}}\n",
	}
	for page, least := range map[string]int{"experiment-file.md": 10, "first-answer.md": 3} {
		doc, err := os.ReadFile("../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
		if len(blocks) < least {
			t.Fatalf("%s: %d examples", page, len(blocks))
		}
		for _, block := range blocks {
			text := block[1]
			for name, part := range rest {
				if !strings.HasPrefix(text, name+":") && !strings.Contains(text, "\n"+name+":") {
					text += part
				}
			}
			if _, ds := Parse("testdata/"+page, []byte(text)); len(ds) > 0 {
				t.Errorf("%s", render(t, ds))
			}
		}
	}
}

// TestDocumentedFields expects the reference to name every field.
func TestDocumentedFields(t *testing.T) {
	doc, err := os.ReadFile("../docs/experiment-file.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	schemaKeys(fileSection().schema(), "", keys)
	for key := range keys {
		name := key[strings.LastIndex(key, ".")+1:]
		limit := strings.HasPrefix(key, ".slo.") || strings.HasPrefix(key, ".use_cases.*.subject_to.")
		if name == "*" || name == "[]" || limit {
			continue
		}
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).Match(doc) {
			t.Errorf("the reference does not name %s", key)
		}
	}
}
