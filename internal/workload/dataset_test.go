package workload

import (
	"fmt"
	"strings"
	"testing"
)

func TestReadDatasets(t *testing.T) {
	share := func(s string) ([]Sample, error) { return ReadShareGPT(strings.NewReader(s)) }
	lines := func(s string) ([]Sample, error) { return ReadJSONL(strings.NewReader(s)) }
	table := func(s string) ([]Sample, error) { return ReadCSV(strings.NewReader(s)) }
	for name, c := range map[string]struct {
		read func(string) ([]Sample, error)
		in   string
		want string // "" for an error
	}{
		"ShareGPT": {share, `[{"id":"a","conversations":[{"from":"human","value":"hi \"x\""},{"from":"gpt","value":"yo"}]},
			{"id":"b","conversations":[{"from":"gpt","value":"no"},{"from":"human","value":"no"}]},{"id":"c","conversations":[]}]`, `[{hi "x" 0 yo}]`},
		"ShareGPT empty":     {share, `[]`, ""},
		"ShareGPT no array":  {share, `{"conversations":[]}`, ""},
		"ShareGPT cut":       {share, `[{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]}`, ""},
		"JSON lines":         {lines, "{\"prompt\":\"a\"}\n\n{\"prompt\":\"b\",\"output_tokens\":5}\n", `[{a 0 } {b 5 }]`},
		"JSON lines empty":   {lines, "\n", ""},
		"JSON lines prompt":  {lines, `{"text":"a"}`, ""},
		"JSON lines tokens":  {lines, `{"prompt":"a","output_tokens":-1}`, ""},
		"CSV":                {table, "Prompt,output_tokens,x\n\"a, \"\"b\"\"\nc\",7,\nd,,\n", "[{a, \"b\"\nc 7 } {d 0 }]"},
		"CSV without tokens": {table, "prompt\na\n", `[{a 0 }]`},
		"CSV column":         {table, "text\na\n", ""},
		"CSV empty prompt":   {table, "prompt,x\n,1\n", ""},
		"CSV tokens":         {table, "prompt,output_tokens\na,many\n", ""},
	} {
		got, err := c.read(c.in)
		if (err != nil) != (c.want == "") || (err == nil && fmt.Sprint(got) != c.want) {
			t.Errorf("%s: %v %v, want %s", name, got, err, c.want)
		}
	}
}
