package vllmmemory

import "github.com/vllm-sweep/sweep/launcher/modelconfigs"

// Model is the shape of a decoder-only transformer, as its config.json gives
// it.
type Model struct {
	ID           string // on Hugging Face
	Layers       int
	Hidden       int
	Heads        int // attention heads
	KVHeads      int
	HeadDim      int
	Intermediate int // of the MLP; of one expert when Experts > 0
	Vocab        int
	MaxPosition  int // max_position_embeddings
	Tied         bool
	Experts      int // 0 = dense
	TopK         int // experts per token
	// Quantization is that of the checkpoint: "", "fp8" or "awq" (any 4-bit
	// weights).
	Quantization string
	Architecture string

	// What follows is known of models read from their config.json only.

	// KVLayers are the layers whose cache grows with the length of a request; 0:
	// all. Layers with a sliding window or a recurrent state hold a bounded one.
	KVLayers int
	// Latent is the width of the one vector that multi-head latent attention
	// caches per layer and token, instead of keys and values; 0: none.
	Latent int
	// Stored are the bytes of the weight files; 0: not known.
	Stored float64
	// Float32 checkpoints are loaded in 16 bits unless dtype says otherwise.
	Float32 bool
	// Rescaled: the config.json scales rotary positions, so that the longest
	// length is not MaxPosition alone.
	Rescaled bool
	// Multimodal models take images or sound: the peak of their profile run is
	// not known here.
	Multimodal bool
	// Unusual says what makes the cache unpredictable; "" for nothing.
	Unusual string
}

// FindModel returns the well-known model of that Hugging Face name, or of a
// folder that is called like it.
func FindModel(id string) (Model, bool) {
	c, ok := modelconfigs.Find(id)
	if !ok {
		return Model{}, false
	}
	m, err := ParseConfig(c.Text)
	m.ID = c.ID
	return m, err == nil
}

// Linear is the number of parameters in the matrices of one layer, with all
// experts: the part that quantisation shrinks and tensor parallelism splits.
func (m Model) Linear() float64 { return m.attention() + m.mlp(max(1, m.Experts)) + m.router() }

// Embedding is the number of parameters of the token embedding, or of the
// output head.
func (m Model) Embedding() float64 { return float64(m.Vocab) * float64(m.Hidden) }

func (m Model) attention() float64 {
	return float64(m.Hidden) * float64(m.HeadDim) * float64(2*m.Heads+2*m.KVHeads)
}

func (m Model) mlp(copies int) float64 {
	return 3 * float64(m.Hidden) * float64(m.Intermediate) * float64(copies)
}

func (m Model) router() float64 { return float64(m.Hidden) * float64(m.Experts) }
