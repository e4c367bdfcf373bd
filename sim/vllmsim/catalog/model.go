package catalog

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/modelconfigs"
)

// Model is the shape of a decoder-only transformer, as its config.json gives
// it.
type Model struct {
	ID           string // on Hugging Face
	Architecture string
	Layers       int `json:"num_hidden_layers"`
	Hidden       int `json:"hidden_size"`
	Heads        int `json:"num_attention_heads"`
	KVHeads      int `json:"num_key_value_heads"`
	HeadDim      int `json:"head_dim"`
	Intermediate int // of the MLP; of one expert when Experts > 0
	Vocab        int `json:"vocab_size"`
	MaxPosition  int `json:"max_position_embeddings"`
	Experts      int // 0 = dense
	TopK         int `json:"num_experts_per_tok"` // experts per token
	// Tied: the output head is the token embedding.
	Tied bool `json:"tie_word_embeddings"`
	// Quantization is that of the checkpoint: "", "fp8" or "awq" (any 4-bit
	// weights).
	Quantization string
}

// FindModel returns the model of that Hugging Face name, or of a folder that
// is called like it.
func FindModel(id string) (Model, bool) {
	c, ok := modelconfigs.Find(id)
	if !ok {
		return Model{}, false
	}
	var m struct {
		Model
		Architectures []string `json:"architectures"`
		MLP           int      `json:"intermediate_size"`
		ExpertMLP     int      `json:"moe_intermediate_size"`
		Experts       int      `json:"num_experts"`
		LocalExperts  int      `json:"num_local_experts"`
		Checkpoint    struct {
			Bits int `json:"bits"`
		} `json:"quantization_config"`
	}
	if json.Unmarshal(c.Text, &m) != nil || len(m.Architectures) == 0 {
		return Model{}, false
	}
	m.Model.Architecture = m.Architectures[0]
	m.Model.Experts = cmp.Or(m.Experts, m.LocalExperts)
	m.Model.Intermediate = cmp.Or(m.ExpertMLP, m.MLP)
	m.Model.Quantization = map[int]string{4: "awq", 8: "fp8"}[m.Checkpoint.Bits]
	return m.Model, true
}

// Models lists the library.
func Models() []Model {
	var all []Model
	for _, c := range modelconfigs.All() {
		if m, ok := FindModel(c.ID); ok {
			all = append(all, m)
		}
	}
	return all
}

// Attention is the number of weights of one layer's projections on one of tp
// ranks. Each rank has at least one head of keys and values, a copy where there
// are fewer heads than ranks.
func (m Model) Attention(tp int) float64 {
	queries, kv := m.Heads/tp*m.HeadDim, m.KVRank(tp)*m.HeadDim
	return float64(m.Hidden * (queries + 2*kv + queries)) // q, k and v in; o out
}

// KVRank is the number of heads of keys and values on one of tp ranks.
func (m Model) KVRank(tp int) int { return max(1, m.KVHeads/tp) }

// Expert is the number of weights of one expert in a layer (gate, up, down); of
// the whole MLP in dense models.
func (m Model) Expert() float64 { return float64(3 * m.Hidden * m.Intermediate) }

// Router is the number of weights that choose a layer's experts.
func (m Model) Router() float64 { return float64(m.Hidden * m.Experts) }

// Embedding is the number of weights of the token embedding, or of the output
// head.
func (m Model) Embedding() float64 { return float64(m.Vocab * m.Hidden) }

// Vectors is the number of weights of one layer that are no matrices: the two
// norms, the biases of Qwen2's projections on one of tp ranks, and the norms of
// Qwen3's heads.
func (m Model) Vectors(tp int) float64 {
	n := 2 * m.Hidden
	switch {
	case strings.HasPrefix(m.Architecture, "Qwen2"):
		n += (m.Heads/tp + 2*m.KVRank(tp)) * m.HeadDim
	case strings.HasPrefix(m.Architecture, "Qwen3"):
		n += 2 * m.HeadDim
	}
	return float64(n)
}
