package experiment

import (
	"slices"
	"testing"
)

func TestFlagStyles(t *testing.T) {
	flags := Flags{
		{Name: "max-model-len", Value: "8192"}, {Name: "enforce-eager", Value: "true", Kind: FlagBool},
		{Name: "mmap", Value: "false", Kind: FlagBool}, {Name: "seed", Kind: FlagUnset},
		{Name: "compilation-config.cudagraph-mode", Value: "NONE"},
	}
	for style, want := range map[string][]string{
		FlagsHyphens:     {"--max-model-len", "8192", "--enforce-eager", "--no-mmap", "--compilation-config.cudagraph-mode", "NONE"},
		FlagsUnderscores: {"--max_model_len", "8192", "--enforce_eager", "--no_mmap", "--compilation_config.cudagraph-mode", "NONE"},
		FlagsEquals:      {"--max-model-len=8192", "--enforce-eager", "--no-mmap", "--compilation-config.cudagraph-mode=NONE"},
	} {
		if got := (Server{FlagStyle: style}).CommandLine(flags); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", style, got, want)
		}
	}
}

func TestFlagPlaces(t *testing.T) {
	const file = `version: 1
name: places
server:
  model: m
  simulated: {}
  flags: {max-model-len: 8192}
matrix:
  parameters:
    max_num_seqs: [1, 2]
loads:
  a: {prompt_tokens: 1, output_tokens: 1, arrivals: {concurrency: 1}, requests: 5}
`
	e, ds := Parse("x.yaml", []byte(file))
	if e == nil {
		t.Fatal(ds)
	}
	got := e.FlagPlaces()
	if len(got) != 3 {
		t.Fatalf("%d flags, want 3: %+v", len(got), got)
	}
	second := got[2]
	if second.Flag.Name != "max-num-seqs" || second.Flag.Value != "2" || second.NameAt.Line != 9 || second.NameAt.Column != 5 || second.ValueAt.Column != 23 {
		t.Errorf("the second level: %+v", second)
	}
}
