package vllmflags

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestOptionsFile holds options.tsv to its form: what parse passes over would
// be missing without a word.
func TestOptionsFile(t *testing.T) {
	d := read()
	if !slices.IsSorted(d.minors) || len(d.minors) != Newest()-Oldest()+1 {
		t.Errorf("releases %v are not one after the other", d.minors)
	}
	told := 0
	for i, l := range strings.Split(strings.TrimSpace(optionsFile), "\n") {
		columns := strings.Split(l, "\t")
		if strings.HasPrefix(l, "#") || columns[0] == "option" {
			continue
		}
		told++
		if len(columns) != 6 {
			t.Fatalf("line %d has %d columns", i+1, len(columns))
		}
		kind := strings.TrimSuffix(columns[2], "?")
		if _, ok := kinds[kind]; !ok {
			t.Errorf("line %d: kind %q", i+1, columns[2])
		}
		if _, ok := words[columns[3]]; !ok && columns[3] != "0" && columns[3] != "1" || (kind == "switch") != (columns[3] == "0") {
			t.Errorf("line %d: %s of %s words", i+1, kind, columns[3])
		}
		if v := columns[4]; v != "-" && (len(strings.Fields(v)) < 2 || !strings.Contains("=~+", v[:1])) {
			t.Errorf("line %d: values %q", i+1, v)
		}
		for _, r := range spans(columns[5]) {
			if !slices.Contains(d.minors, r) {
				t.Errorf("line %d: release %d is not described", i+1, r)
			}
		}
	}
	if told != len(d.lines) {
		t.Errorf("%d of %d lines were read", len(d.lines), told)
	}
}

// TestCatalogue: in every release each string means one flag, and each flag
// takes the values that are listed for it.
func TestCatalogue(t *testing.T) {
	sizes := map[int]int{11: 201, 15: 208, 20: 240, 25: 271, 28: 285, 32: 317} // as argparse counts them, without the model
	for release := Oldest() - 4; release <= Newest()+1; release++ {
		seen := map[string]bool{}
		for _, f := range Table(release) {
			for _, s := range append([]string{"--" + f.Name}, f.Others...) {
				if seen[s] {
					t.Errorf("0.%d: %s is there twice", release, s)
				}
				seen[s] = true
			}
			if strings.ContainsAny(f.Name, "_ ") || strings.HasPrefix(f.Name, "-") {
				t.Errorf("%q is not spelled as vLLM spells it", f.Name)
			}
			for _, c := range f.Choices {
				if err := f.Check(c); err != nil {
					t.Errorf("0.%d: %s refuses its own value %s: %v", release, f.Name, c, err)
				}
			}
			if f.Gone > 0 && (f.Instead == "" || f.Gone <= release && release >= Oldest()) {
				t.Errorf("0.%d: %s is gone since 0.%d; instead %q", release, f.Name, f.Gone, f.Instead)
			}
			if f.Since > release && release >= Oldest() {
				t.Errorf("0.%d has %s, which came with 0.%d", release, f.Name, f.Since)
			}
		}
		if want := sizes[release]; want > 0 && len(Table(release)) != want {
			t.Errorf("0.%d has %d flags, want %d", release, len(Table(release)), want)
		}
	}
	for name := range instead {
		if f, ok := Find(name); !ok || f.Gone == 0 {
			t.Errorf("%s: something to write instead, and the newest release has it", name)
		}
	}
	for _, f := range earlier {
		if g := options()[f.Name]; len(g) > 0 || f.Instead == "" {
			t.Errorf("%s is among the earlier flags and in options.tsv", f.Name)
		}
	}
}

// TestAccepts holds values to what the real parsers of the releases do with
// them.
func TestAccepts(t *testing.T) {
	for _, c := range []struct {
		release     int
		flag, value string
		want        bool
	}{
		{32, "max-model-len", "32k", true}, {32, "max-model-len", "1.5m", true}, {32, "max-model-len", "1.5M", false},
		{32, "max-model-len", "auto", true}, {32, "max-model-len", "AUTO", true}, {11, "max-model-len", "auto", false}, {11, "max-model-len", "-1", true},
		{32, "max-num-seqs", "1k", false}, {32, "max-num-seqs", "1_000", true}, {32, "max-num-seqs", " 16 ", true}, {32, "max-num-seqs", "16.0", false},
		{32, "max-num-batched-tokens", "8K", true}, {32, "kv-cache-memory-bytes", "None", true}, {32, "kv-cache-memory-bytes", "4g", true},
		{32, "gpu-memory-utilization", ".9", true}, {32, "gpu-memory-utilization", "9e-1", true}, {32, "gpu-memory-utilization", "90%", false},
		{32, "moe-backend", "FlashInfer-TRTLLM", true}, {32, "moe-backend", "flashinfer-trt", false}, {32, "dtype", "BFLOAT16", false},
		{32, "kv-cache-dtype", "ultraquant_4bit", true}, {28, "kv-cache-dtype", "ultraquant_4bit", false}, {30, "kv-cache-dtype", "ultraquant_4bit", true},
		{32, "mamba-cache-mode", "all", false}, {28, "mamba-cache-mode", "all", true}, {30, "mamba-cache-mode", "all", true},
		{32, "attention-backend", "flashinfer", true}, {32, "tokenizer-mode", "of-a-plug-in", true}, {11, "tokenizer-mode", "deepseek_v32", false},
		{18, "tokenizer-mode", "deepseek_v4", true}, {32, "max-lora-rank", "64", true}, {32, "max-lora-rank", "064", true}, {32, "max-lora-rank", "24", false},
		{15, "block-size", "17", false}, {20, "block-size", "17", true}, {16, "block-size", "17", true},
		{32, "compilation-config", `{"mode": 3}`, true}, {32, "compilation-config", `{"size": 80m, "of": "80m"}`, true}, {32, "compilation-config", "3", false},
		{32, "allowed-origins", `["*"]`, true}, {32, "allowed-origins", "NaN", true}, {32, "allowed-origins", "*", false},
		{32, "hf-overrides", "a_function", true}, {32, "hf-overrides", `{"a": }`, false},
		{32, "safetensors-load-strategy", "", true}, {32, "safetensors-load-strategy", "lazily", false},
		{32, "device-ids", "0,GPU-1a", true}, {32, "seed", "None", false}, {11, "seed", "None", true},
		{32, "scheduling-policy", "lifo", false}, {32, "collect-detailed-traces", "model", true},
	} {
		f, ok := Index(c.release)[c.flag]
		if err := f.Check(c.value); !ok || (err == nil) != c.want {
			t.Errorf("0.%d --%s %q: known %v, %v; want accepted %v", c.release, c.flag, c.value, ok, err, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	for name, want := range map[string]Words{
		"lora-modules": Many, "served-model-name": Many, "cudagraph-capture-sizes": Many, "logits-processors": Many, "api-key": Many,
		"middleware": Each, "hf-token": Maybe, "allowed-origins": One, "port": One,
	} {
		if f, ok := Find(name); !ok || f.Words != want {
			t.Errorf("%s: words %d, want %d", name, f.Words, want)
		}
	}
	for name, want := range map[string]bool{"enable-prefix-caching": true, "headless": false, "disable-log-stats": false} {
		if f, _ := Find(name); f.Kind != Bool || f.Negated() != want {
			t.Errorf("%s: negated %v, want %v", name, f.Negated(), want)
		}
	}
	for short, want := range map[string]string{"tp": "tensor-parallel-size", "O": "optimization-level", "cc": "compilation-config", "x": ""} {
		if got, _ := Long(short); got != want {
			t.Errorf("-%s is %q, want %q", short, got, want)
		}
	}
}

func TestReleasesHaveTheirFlags(t *testing.T) {
	for _, c := range []struct {
		flag    string
		release int
		want    bool
	}{
		{"max-num-seqs", 8, true}, {"max-num-seqs", 32, true}, {"max-num-seqs", 41, true},
		{"swap-space", 17, true}, {"swap-space", 18, false}, {"cuda-graph-sizes", 12, true}, {"cuda-graph-sizes", 13, false},
		{"scheduler-reserve-full-isl", 18, false}, {"scheduler-reserve-full-isl", 19, true},
		{"task", 8, true}, {"task", 12, true}, {"task", 13, false}, {"num-scheduler-steps", 9, true}, {"num-scheduler-steps", 10, false},
		{"calculate-kv-scales", 27, true}, {"calculate-kv-scales", 28, false}, {"enable-bf16x3-router-gemm", 29, true}, {"enable-bf16x3-router-gemm", 30, false},
		{"watermark-config", 28, false}, {"watermark-config", 32, true},
	} {
		if got := slices.Contains(Names(c.release), c.flag); got != c.want {
			t.Errorf("0.%d has %s: %v, want %v", c.release, c.flag, got, c.want)
		}
	}
	for name, want := range map[string]string{"swap-space": "in 0.18", "speculative-model": "in 0.8 or earlier", "port": ""} {
		if f, _ := Find(name); f.Removed() != want {
			t.Errorf("%s was removed %q, want %q", name, f.Removed(), want)
		}
	}
}

func TestRelease(t *testing.T) {
	for text, want := range map[string]int{
		"v0.27.1": 27, "0.8.5": 8, "0.11.0rc2": 11, "v0.20.0-x86_64": 20, "0.21.0.dev3+g1a2b3c4": 21, "0.32.0+cpu": 32, "v0.9": 9,
		"latest": -1, "nightly": -1, "": -1, "27": -1, "1.2.3": -1, "v0.x": -1, "cu128-nightly": -1,
	} {
		got, ok := Release(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("Release(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		flag, value string
		want        bool
	}{
		{"gpu-memory-utilization", "0.9", true}, {"gpu-memory-utilization", "1", true}, {"gpu-memory-utilization", "0", false},
		{"gpu-memory-utilization", "1.01", false}, {"max-model-len", "auto", true}, {"max-model-len", "-1", true},
		{"max-model-len", "0", false}, {"max-model-len", "32k", true}, {"max-num-seqs", "0", false}, {"watermark", "0", true},
		{"kv-cache-dtype", "fp8", true}, {"optimization-level", "4", false}, {"optimization-level", "O2", true},
	} {
		if f, _ := Find(c.flag); f.InRange(c.value) != c.want {
			t.Errorf("%s %s: in range %v, want %v (%v)", c.flag, c.value, !c.want, c.want, f.Range)
		}
	}
	for name := range ranges {
		if _, ok := Find(name); !ok {
			t.Errorf("a range of %s, which does not exist", name)
		}
	}
	if got := fmt.Sprint(atLeast(131072)); got != "at least 131072" {
		t.Error(got)
	}
}
