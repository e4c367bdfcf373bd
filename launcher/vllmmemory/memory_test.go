package vllmmemory

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// h100 is the machine of llm-d-planner's measurements: vLLM 0.11, block size
// 128, defaults of an H100.
func h100(m Model, tp int, utilization float64, length int) Config {
	return Config{
		Model: m, Total: 79.18 * GiB, TP: tp, PP: 1, MaxModelLen: length, BlockSize: 128, MaxNumSeqs: 1024, MaxBatchedTokens: 8192,
		Utilization: utilization, Quantization: m.Quantization, WeightBytes: 2, KVBytes: 2,
	}
}

// measured are rows of empirical-vllm-memory-results.md of llm-d-planner:
// GiB available for the KV cache.
var measured = []struct {
	model  string
	tp     int
	length int
	kv     float64
	starts bool
}{
	{"meta-llama/Llama-3.1-8B-Instruct", 1, 16000, 51.38, true},
	{"Qwen/Qwen3-0.6B", 1, 16000, 64.45, true},
	{"Qwen/Qwen3-32B", 1, 16000, 4.45, true},
	{"Qwen/Qwen3-32B", 2, 16000, 34.49, true},
	{"RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", 2, 16000, 32.00, true},
	{"RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", 1, 16000, -1.44, false},
	{"Qwen/Qwen3-32B", 1, 32000, 4.45, false},
}

func TestPredictionsAgainstMeasurements(t *testing.T) {
	for _, c := range measured {
		m, ok := FindModel(c.model)
		if !ok {
			t.Fatalf("no model %s", c.model)
		}
		p := Predict(h100(m, c.tp, 0.9, c.length))
		if got := p.Available / GiB; math.Abs(got-c.kv) > 0.7 {
			t.Errorf("%s on %d: %.2f GiB for the cache, measured %.2f", c.model, c.tp, got, c.kv)
		}
		if p.Impossible && c.starts {
			t.Errorf("%s on %d at %d is called impossible and starts", c.model, c.tp, c.length)
		}
		if p.Doubtful == c.starts {
			t.Errorf("%s on %d at %d: doubtful %v, and it starts: %v (%.2f GiB needed, %.2f there)", c.model, c.tp, c.length, p.Doubtful, c.starts, p.Needed/GiB, p.Available/GiB)
		}
	}
}

func TestWhatIsFarTooLargeIsImpossible(t *testing.T) {
	llama, _ := FindModel("meta-llama/Llama-3.1-70B-Instruct")
	if p := Predict(h100(llama, 1, 0.9, 1024)); !p.Impossible {
		t.Errorf("131 GiB of weights on 79 GiB: %+v", p)
	}
	if p := Predict(h100(llama, 4, 0.9, 8192)); p.Impossible || p.Doubtful {
		t.Errorf("four GPUs hold it: %+v", p)
	}
	small, _ := FindModel("meta-llama/Llama-3.1-8B-Instruct")
	c := h100(small, 1, 0.9, 131072)
	c.KVCacheMemory = 4 * GiB
	if p := Predict(c); !p.Impossible || p.Largest != 4*GiB/131072/128*128 {
		t.Errorf("16 GiB of cache in 4: impossible %v, largest %d", p.Impossible, p.Largest)
	}
	c.KVCacheMemory, c.BlocksOverride = 0, 10
	if p := Predict(c); !p.Impossible {
		t.Error("ten blocks hold no 131072 tokens")
	}
	c.BlocksOverride, c.Model.Unusual = 0, "it is odd"
	c.MaxModelLen = 10_000_000
	if p := Predict(c); p.Impossible {
		t.Error("the cache of an unusual model is not known")
	}
}

// TestStages: of 64 layers in three stages, the one of 22 is not one with the
// embedding; in five, the first has 13 and the embedding.
func TestStages(t *testing.T) {
	m, _ := FindModel("Qwen/Qwen3-32B") // 64 layers
	layer, table := 2*m.Linear(), 2*m.Embedding()
	for pp, want := range map[int]float64{
		1: 64*layer + 2*table, 2: 32*layer + table, 3: 21*layer + table, 5: 13*layer + table, 7: 9*layer + table,
	} {
		c := h100(m, 1, 0.9, 16000)
		c.PP = pp
		if got := Plan(c).Weights; math.Abs(got-want) > 0.031*GiB {
			t.Errorf("%d stages: %.2f GiB of weights, want %.2f", pp, got/GiB, want/GiB)
		}
	}
}

const llamaConfig = `{"architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072,
 "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
 "vocab_size": 128256, "rope_scaling": {"factor": 8.0, "rope_type": "llama3"}}`

func TestParseConfig(t *testing.T) {
	library, _ := FindModel("meta-llama/Llama-3.1-8B-Instruct")
	got, err := ParseConfig([]byte(llamaConfig))
	if err != nil {
		t.Fatal(err)
	}
	want := library
	want.ID, want.Rescaled = "", true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct {
		text   string
		perTok float64 // bytes of cache per token
		check  func(Model) bool
	}{
		"latent attention": {
			`{"num_hidden_layers": 61, "hidden_size": 7168, "num_attention_heads": 128, "num_key_value_heads": 128, "vocab_size": 129280, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "n_routed_experts": 256, "moe_intermediate_size": 2048, "num_experts_per_tok": 8, "quantization_config": {"quant_method": "fp8"}}`,
			61 * 576 * 2, func(m Model) bool {
				return m.Latent == 576 && m.Experts == 256 && m.Quantization == "fp8" && m.Intermediate == 2048
			},
		},
		"a layer in two slides": {
			`{"num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 10, "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"], "sliding_window": 128}`,
			2 * 2 * 2 * 32 * 2, func(m Model) bool { return m.KVLayers == 2 && m.Unusual == "" },
		},
		"all slide": {
			`{"num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 10, "sliding_window": 4096}`,
			4 * 2 * 64 * 2, func(m Model) bool { return strings.Contains(m.Unusual, "sliding window") },
		},
		"sliding switched off": {
			`{"num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 10, "sliding_window": 4096, "use_sliding_window": false}`,
			4 * 2 * 64 * 2, func(m Model) bool { return m.Unusual == "" && m.Intermediate == 256 },
		},
		"images": {
			`{"architectures": ["X"], "vision_config": {"a": 1}, "text_config": {"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "vocab_size": 10}}`,
			2 * 2 * 8 * 2, func(m Model) bool { return m.Multimodal && m.Architecture == "X" },
		},
		"state space": {
			`{"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "vocab_size": 10, "hybrid_override_pattern": "M-*"}`,
			2 * 2 * 8 * 2, func(m Model) bool { return m.Unusual != "" },
		},
		"four bits": {
			`{"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "vocab_size": 10, "quantization_config": {"quant_method": "gptq", "bits": 4}}`,
			2 * 2 * 8 * 2, func(m Model) bool { return m.Quantization == "awq" },
		},
	} {
		m, err := ParseConfig([]byte(c.text))
		if err != nil || !c.check(m) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
		if got := (Config{Model: m, TP: 1, PP: 1, KVBytes: 2}).kvRank(); got != c.perTok {
			t.Errorf("%s: %.0f bytes a token, want %.0f", name, got, c.perTok)
		}
	}
	for _, bad := range []string{"", "[]", "{}", `{"num_hidden_layers": 2}`, `{"text_config": 3}`} {
		if m, err := ParseConfig([]byte(bad)); err == nil {
			t.Errorf("%q gave %+v", bad, m)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(llamaConfig))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseConfig(data)
		if err == nil && (m.Layers < 1 || m.Heads < 1 || m.HeadDim < 0) {
			t.Errorf("%+v", m)
		}
	})
}

func TestFindConfigInTheCache(t *testing.T) {
	cache := t.TempDir()
	snapshot := filepath.Join(cache, "hub", "models--acme--bot", "snapshots", "abc")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(cache, "hub", "models--acme--bot", "refs", "main"), "abc")
	write(filepath.Join(cache, "hub", "models--acme--bot", "snapshots", "old", "config.json"), "{}")
	write(filepath.Join(snapshot, "config.json"), llamaConfig)
	write(filepath.Join(snapshot, "model.safetensors.index.json"), `{"metadata": {"total_size": 16060522496}}`)
	path := FindConfig("acme/bot", []string{filepath.Join(cache, "none"), cache})
	if path != filepath.Join(snapshot, "config.json") {
		t.Fatalf("found %q", path)
	}
	m, err := ReadConfig(path)
	if err != nil || m.Stored != 16060522496 {
		t.Errorf("%+v, %v", m, err)
	}
	if got := Plan(h100(m, 1, 0.9, 16000)).Weights / GiB; math.Abs(got-14.96) > 0.01 {
		t.Errorf("%.2f GiB of weights", got)
	}
	if got := FindConfig(snapshot, nil); got != path {
		t.Errorf("a folder: %q", got)
	}
	if got := FindConfig("acme/none", []string{cache}); got != "" {
		t.Errorf("found %q", got)
	}
}
