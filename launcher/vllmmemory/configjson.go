package vllmmemory

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// configJSON are the fields of a Hugging Face config.json that decide the
// memory. Their names differ between families; the first that is there counts.
type configJSON struct {
	Architectures     []string        `json:"architectures"`
	TextConfig        json.RawMessage `json:"text_config"` // of models for text and images
	VisionConfig      json.RawMessage `json:"vision_config"`
	AudioConfig       json.RawMessage `json:"audio_config"`
	Layers            int             `json:"num_hidden_layers"`
	LayersGPT2        int             `json:"n_layer"`
	Hidden            int             `json:"hidden_size"`
	HiddenGPT2        int             `json:"n_embd"`
	Heads             int             `json:"num_attention_heads"`
	HeadsGPT2         int             `json:"n_head"`
	KVHeads           int             `json:"num_key_value_heads"`
	HeadDim           int             `json:"head_dim"`
	Intermediate      int             `json:"intermediate_size"`
	Vocab             int             `json:"vocab_size"`
	MaxPosition       int             `json:"max_position_embeddings"`
	Tied              bool            `json:"tie_word_embeddings"`
	Experts           int             `json:"num_experts"`
	ExpertsMixtral    int             `json:"num_local_experts"`
	ExpertsDeepSeek   int             `json:"n_routed_experts"`
	TopK              int             `json:"num_experts_per_tok"`
	ExpertWidth       int             `json:"moe_intermediate_size"`
	DType             string          `json:"torch_dtype"`
	DTypeNew          string          `json:"dtype"`
	RopeScaling       map[string]any  `json:"rope_scaling"`
	RopeParameters    map[string]any  `json:"rope_parameters"`
	LayerTypes        []string        `json:"layer_types"`
	SlidingWindow     int             `json:"sliding_window"`
	UseSliding        *bool           `json:"use_sliding_window"`
	LatentRank        int             `json:"kv_lora_rank"`
	LatentRope        int             `json:"qk_rope_head_dim"`
	HybridPattern     string          `json:"hybrid_override_pattern"`
	LayerBlockTypes   []string        `json:"layers_block_type"`
	AttentionLayers   []int           `json:"attn_layer_indices"`
	StateSpace        int             `json:"state_size"`
	Quantization      quantConfigJSON `json:"quantization_config"`
	CompressionConfig quantConfigJSON `json:"compression_config"`
}

type quantConfigJSON struct {
	Method string `json:"quant_method"`
	Bits   int    `json:"bits"`
}

// ReadConfig reads the config.json at path. Of a model that it does not
// understand the error says what is missing; of one whose cache is of another
// kind, Unusual does.
func ReadConfig(path string) (Model, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Model{}, fmt.Errorf("read the model's configuration: %w", err)
	}
	m, err := ParseConfig(data)
	if err != nil {
		return Model{}, fmt.Errorf("%s: %w", path, err)
	}
	if !m.Float32 {
		m.Stored = storedBytes(filepath.Dir(path))
	}
	return m, nil
}

// ParseConfig reads the text of a config.json.
func ParseConfig(data []byte) (Model, error) {
	var c configJSON
	if err := json.Unmarshal(data, &c); err != nil {
		return Model{}, fmt.Errorf("read the model's configuration: %w", err)
	}
	outer := c
	if len(c.TextConfig) > 0 {
		c = configJSON{}
		if err := json.Unmarshal(outer.TextConfig, &c); err != nil {
			return Model{}, fmt.Errorf("read the model's text_config: %w", err)
		}
	}
	m := Model{
		Layers: cmp.Or(c.Layers, c.LayersGPT2), Hidden: cmp.Or(c.Hidden, c.HiddenGPT2), Heads: cmp.Or(c.Heads, c.HeadsGPT2),
		Intermediate: c.Intermediate, Vocab: cmp.Or(c.Vocab, outer.Vocab), MaxPosition: c.MaxPosition,
		Tied: c.Tied || outer.Tied, Experts: cmp.Or(c.Experts, c.ExpertsMixtral, c.ExpertsDeepSeek), TopK: c.TopK,
		Multimodal: len(outer.VisionConfig) > 0 || len(outer.AudioConfig) > 0,
		Rescaled:   rescaled(c.RopeScaling) || rescaled(c.RopeParameters),
	}
	if len(outer.Architectures) > 0 {
		m.Architecture = outer.Architectures[0]
	}
	for _, f := range []struct {
		name string
		n    int
	}{{"num_hidden_layers", m.Layers}, {"hidden_size", m.Hidden}, {"num_attention_heads", m.Heads}, {"vocab_size", m.Vocab}} {
		if f.n < 1 {
			return Model{}, fmt.Errorf("the model's configuration has no %s", f.name)
		}
	}
	m.KVHeads = cmp.Or(c.KVHeads, m.Heads)
	m.HeadDim = cmp.Or(c.HeadDim, m.Hidden/m.Heads)
	m.Intermediate = cmp.Or(m.Intermediate, 4*m.Hidden)
	if m.Experts > 0 {
		m.Intermediate = cmp.Or(c.ExpertWidth, m.Intermediate)
	}
	m.Float32 = cmp.Or(c.DType, c.DTypeNew, outer.DType, outer.DTypeNew) == "float32"
	m.Quantization = quantization(cmp.Or(outer.Quantization.Method, c.Quantization.Method), cmp.Or(outer.Quantization.Bits, c.Quantization.Bits))
	m.cache(c)
	return m, nil
}

// rescaled reports a scaling of rotary positions other than none.
func rescaled(rope map[string]any) bool {
	if _, factor := rope["factor"]; factor {
		return true
	}
	kind, _ := cmp.Or(rope["rope_type"], rope["type"]).(string)
	return kind != "" && kind != "default"
}

// quantization folds a checkpoint's method to the size of its weights. Methods
// that are not understood keep their name: their weights are not predicted.
func quantization(method string, bits int) string {
	switch {
	case method == "":
		return ""
	case bits == 4, method == "awq", method == "mxfp4":
		return "awq"
	case bits == 8, method == "fp8", method == "fbgemm_fp8":
		return "fp8"
	}
	return method
}

// cache settles how many layers hold a cache that grows with the length, and
// of what width.
func (m *Model) cache(c configJSON) {
	switch {
	case len(c.LayerBlockTypes) > 0, c.HybridPattern != "", len(c.AttentionLayers) > 0, c.StateSpace > 0:
		m.Unusual = "it mixes attention with state-space layers"
	case c.LatentRank > 0:
		m.Latent = c.LatentRank + c.LatentRope
	case len(c.LayerTypes) > 0:
		for _, kind := range c.LayerTypes {
			if kind == "full_attention" {
				m.KVLayers++
			} else if !slices.Contains([]string{"sliding_attention", "chunked_attention", "linear_attention"}, kind) {
				m.Unusual = "it has layers of type " + kind
			}
		}
		if m.KVLayers == 0 {
			m.Unusual = "none of its layers has full attention"
		}
	case c.SlidingWindow > 0 && (c.UseSliding == nil || *c.UseSliding):
		m.Unusual = "its attention has a sliding window"
	}
}

// storedBytes is the size of the weights in a folder: as the index of the
// safetensors files tells it, else the sum of the files. 0: there are none, or
// not all.
func storedBytes(dir string) float64 {
	if data, err := os.ReadFile(filepath.Join(dir, "model.safetensors.index.json")); err == nil {
		var index struct {
			Metadata struct {
				Total float64 `json:"total_size"`
			} `json:"metadata"`
		}
		if json.Unmarshal(data, &index) == nil {
			return index.Metadata.Total
		}
		return 0
	}
	info, err := os.Stat(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		return 0
	}
	return float64(info.Size())
}

// FindConfig looks for the config.json of a model: in the folder that the name
// is, else in the Hugging Face caches given (folders that hold "hub", or are
// it). It returns "" when there is none.
func FindConfig(model string, caches []string) string {
	if strings.HasPrefix(model, "/") || strings.HasPrefix(model, ".") {
		if path := filepath.Join(model, "config.json"); exists(path) {
			return path
		}
		return ""
	}
	folder := "models--" + strings.ReplaceAll(model, "/", "--")
	for _, cache := range caches {
		for _, hub := range []string{filepath.Join(cache, "hub"), cache} {
			repo := filepath.Join(hub, folder)
			if commit, err := os.ReadFile(filepath.Join(repo, "refs", "main")); err == nil {
				if path := filepath.Join(repo, "snapshots", strings.TrimSpace(string(commit)), "config.json"); exists(path) {
					return path
				}
			}
			found, _ := filepath.Glob(filepath.Join(repo, "snapshots", "*", "config.json")) // the pattern is well formed
			if len(found) > 0 {
				return found[len(found)-1]
			}
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
