package vllmmemory

import (
	"path"
	"strings"
)

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
	QKVBias      bool
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

// Models lists the library.
func Models() []Model {
	qwen2 := func(m Model) Model {
		m.Architecture, m.QKVBias, m.MaxPosition = "Qwen2ForCausalLM", true, 32768
		return m
	}
	qwen3 := func(m Model) Model {
		m.Architecture, m.HeadDim, m.MaxPosition, m.Vocab = "Qwen3ForCausalLM", 128, 40960, 151936
		return m
	}
	llama := func(m Model) Model {
		m.Architecture, m.MaxPosition, m.Vocab = "LlamaForCausalLM", 131072, 128256
		return m
	}
	qwen7 := qwen2(Model{ID: "Qwen/Qwen2.5-7B-Instruct", Layers: 28, Hidden: 3584, Heads: 28, KVHeads: 4, HeadDim: 128, Intermediate: 18944, Vocab: 152064})
	qwen32 := qwen2(Model{ID: "Qwen/Qwen2.5-32B-Instruct", Layers: 64, Hidden: 5120, Heads: 40, KVHeads: 8, HeadDim: 128, Intermediate: 27648, Vocab: 152064})
	llama8 := llama(Model{ID: "meta-llama/Llama-3.1-8B-Instruct", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336})
	llama70 := llama(Model{ID: "meta-llama/Llama-3.1-70B-Instruct", Layers: 80, Hidden: 8192, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 28672})
	return []Model{
		qwen2(Model{ID: "Qwen/Qwen2.5-0.5B-Instruct", Layers: 24, Hidden: 896, Heads: 14, KVHeads: 2, HeadDim: 64, Intermediate: 4864, Vocab: 151936, Tied: true}),
		qwen2(Model{ID: "Qwen/Qwen2.5-1.5B-Instruct", Layers: 28, Hidden: 1536, Heads: 12, KVHeads: 2, HeadDim: 128, Intermediate: 8960, Vocab: 151936, Tied: true}),
		qwen2(Model{ID: "Qwen/Qwen2.5-3B-Instruct", Layers: 36, Hidden: 2048, Heads: 16, KVHeads: 2, HeadDim: 128, Intermediate: 11008, Vocab: 151936, Tied: true}),
		qwen7,
		quantized(qwen7, "Qwen/Qwen2.5-7B-Instruct-AWQ", "awq"),
		qwen2(Model{ID: "Qwen/Qwen2.5-14B-Instruct", Layers: 48, Hidden: 5120, Heads: 40, KVHeads: 8, HeadDim: 128, Intermediate: 13824, Vocab: 152064}),
		qwen32,
		quantized(qwen32, "Qwen/Qwen2.5-32B-Instruct-AWQ", "awq"),
		qwen2(Model{ID: "Qwen/Qwen2.5-72B-Instruct", Layers: 80, Hidden: 8192, Heads: 64, KVHeads: 8, HeadDim: 128, Intermediate: 29568, Vocab: 152064}),
		qwen3(Model{ID: "Qwen/Qwen3-0.6B", Layers: 28, Hidden: 1024, Heads: 16, KVHeads: 8, Intermediate: 3072, Tied: true}),
		qwen3(Model{ID: "Qwen/Qwen3-8B", Layers: 36, Hidden: 4096, Heads: 32, KVHeads: 8, Intermediate: 12288}),
		qwen3(Model{ID: "Qwen/Qwen3-32B", Layers: 64, Hidden: 5120, Heads: 64, KVHeads: 8, Intermediate: 25600}),
		moe(qwen3(Model{ID: "Qwen/Qwen3-30B-A3B", Layers: 48, Hidden: 2048, Heads: 32, KVHeads: 4, Intermediate: 768}), 128, 8, "Qwen3MoeForCausalLM"),
		llama(Model{ID: "meta-llama/Llama-3.2-1B-Instruct", Layers: 16, Hidden: 2048, Heads: 32, KVHeads: 8, HeadDim: 64, Intermediate: 8192, Tied: true}),
		llama(Model{ID: "meta-llama/Llama-3.2-3B-Instruct", Layers: 28, Hidden: 3072, Heads: 24, KVHeads: 8, HeadDim: 128, Intermediate: 8192, Tied: true}),
		llama8,
		quantized(llama8, "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8", "fp8"),
		llama70,
		renamed(llama70, "meta-llama/Llama-3.3-70B-Instruct"),
		quantized(llama70, "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "fp8"),
		{ID: "mistralai/Mistral-7B-Instruct-v0.3", Architecture: "MistralForCausalLM", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 32768, MaxPosition: 32768},
		moe(Model{ID: "mistralai/Mixtral-8x7B-Instruct-v0.1", Layers: 32, Hidden: 4096, Heads: 32, KVHeads: 8, HeadDim: 128, Intermediate: 14336, Vocab: 32000, MaxPosition: 32768}, 8, 2, "MixtralForCausalLM"),
	}
}

func renamed(m Model, id string) Model {
	m.ID = id
	return m
}

func quantized(m Model, id, method string) Model {
	m.ID, m.Quantization = id, method
	return m
}

func moe(m Model, experts, topK int, architecture string) Model {
	m.Experts, m.TopK, m.Architecture = experts, topK, architecture
	return m
}

// FindModel returns the model of that Hugging Face name. A path (absolute, or
// starting with a dot) stands for the model whose name is its last element,
// so that command lines with mounted model folders work unchanged.
func FindModel(id string) (Model, bool) {
	folder := strings.HasPrefix(id, "/") || strings.HasPrefix(id, ".")
	for _, m := range Models() {
		if m.ID == id || folder && path.Base(m.ID) == path.Base(id) {
			return m, true
		}
	}
	return Model{}, false
}

// Linear is the number of parameters in the matrices of one layer, with all
// experts: the part that quantisation shrinks and tensor parallelism splits.
func (m Model) Linear() float64 { return m.attention() + m.mlp(max(1, m.Experts)) + m.router() }

// Active is the number of matrix parameters that one token passes in a layer.
func (m Model) Active() float64 { return m.attention() + m.mlp(max(1, m.TopK)) + m.router() }

// Expert is the number of parameters of one expert in a layer; of the whole
// MLP in dense models.
func (m Model) Expert() float64 { return m.mlp(1) }

// Embedding is the number of parameters of the token embedding, or of the
// output head.
func (m Model) Embedding() float64 { return float64(m.Vocab) * float64(m.Hidden) }

// Parameters counts the whole model: about 8.03e9 for Llama-3.1-8B.
func (m Model) Parameters() float64 {
	heads := 2.0
	if m.Tied {
		heads = 1
	}
	small := 2 * float64(m.Hidden) // the two norms
	if m.QKVBias {
		small += float64((m.Heads + 2*m.KVHeads) * m.HeadDim)
	}
	return float64(m.Layers)*(m.Linear()+small) + heads*m.Embedding() + float64(m.Hidden)
}

func (m Model) attention() float64 {
	return float64(m.Hidden) * float64(m.HeadDim) * float64(2*m.Heads+2*m.KVHeads)
}

func (m Model) mlp(copies int) float64 {
	return 3 * float64(m.Hidden) * float64(m.Intermediate) * float64(copies)
}

func (m Model) router() float64 { return float64(m.Hidden) * float64(m.Experts) }
