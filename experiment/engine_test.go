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
		{Name: "kernel-config.autotune", Value: "false", Kind: FlagBool},
		{Name: "lora-modules", Value: `["a=/a",{"name":"b"},3]`, Kind: FlagWords},
		{Name: "middle-ware", Value: `["a.B","c.D"]`, Kind: FlagEach},
	}
	for style, want := range map[string][]string{
		FlagsHyphens: {"--max-model-len", "8192", "--enforce-eager", "--no-mmap", "--compilation-config.cudagraph-mode", "NONE",
			"--kernel-config.autotune", "false", "--lora-modules", "a=/a", `{"name":"b"}`, "3", "--middle-ware", "a.B", "--middle-ware", "c.D"},
		FlagsUnderscores: {"--max_model_len", "8192", "--enforce_eager", "--no_mmap", "--compilation_config.cudagraph-mode", "NONE",
			"--kernel_config.autotune", "false", "--lora_modules", "a=/a", `{"name":"b"}`, "3", "--middle_ware", "a.B", "--middle_ware", "c.D"},
		FlagsEquals: {"--max-model-len=8192", "--enforce-eager", "--no-mmap", "--compilation-config.cudagraph-mode=NONE",
			"--kernel-config.autotune=false", "--lora-modules", "a=/a", `{"name":"b"}`, "3", "--middle-ware=a.B", "--middle-ware=c.D"},
	} {
		if got := flags.Args(style); !slices.Equal(got, want) {
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

// TestFlagValues: which values of flags are refused or warned of without any
// server.
func TestFlagValues(t *testing.T) {
	for flag, want := range map[string]string{
		"long-prefill-token-threshold: 2048": "", "return-tokens-as-token-ids: true": "", "max-key: x": "looks like a secret in plain text",
		"hf-token: abc": "looks like a secret in plain text", "max-key: [x, y]": "looks like a secret in plain text", "some-token: 7": "", "lora-modules: []": "found an empty list", "allowed-origins: []": "",
		"cc.mode: 3": `did you mean "compilation-config.mode"?`, "-sc.method: mtp": `did you mean "speculative-config.method"?`,
		"tp: 2": `did you mean "tensor-parallel-size"?`, "n: 2": `did you mean "nnodes"?`, "compilation-config.sizes+: 3": "",
	} {
		_, ds := Parse("x.yaml", []byte("version: 1\nname: x\nserver:\n  model: m\n  simulated: {}\n  flags: {"+flag+"}\nloads:\n  a: {prompt_tokens: 1, output_tokens: 1, arrivals: {concurrency: 1}, requests: 5}\n"))
		got := ""
		for _, d := range ds {
			got += d.Label
		}
		if got != want {
			t.Errorf("%s: %q, want %q", flag, got, want)
		}
	}
	e, ds := Parse("x.yaml", []byte("version: 1\nname: x\nserver:\n  model: m\n  simulated: {}\n  flags: {served-model-name: [bot, b]}\nloads:\n  a: {prompt_tokens: 1, output_tokens: 1, arrivals: {concurrency: 1}, requests: 5}\n"))
	if e == nil || e.Server.ModelName != "bot" {
		t.Errorf("the first of several names is asked for: %+v, %v", e, ds)
	}
}
