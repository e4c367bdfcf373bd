package vllmmemory

// Shares that separate "probably does not fit" from "cannot fit". Weights are
// known to 1% (2% are given away), the activation peak is not: measured
// peaks of multimodal models were 44% of what the formula for text says, so a
// quarter of it is counted, and none of such models. Memory outside torch and
// that of graphs is not counted at all: runs of 2025 freed some while they
// captured.
const (
	sureWeights    = 0.98
	sureActivation = 0.25
)

// Prediction is what is to be expected of a start.
type Prediction struct {
	Memory // best estimate
	// Most is the most that could be left for the KV cache, in bytes.
	Most float64
	// Impossible: the cache cannot hold one request of the full length even
	// then. Doubtful: it does not by the best estimate.
	Impossible, Doubtful bool
	// Largest is the longest length that fits by the best estimate.
	Largest int
}

// Predict estimates whether a configuration can start. What it calls
// impossible is certain to fail, as far as the model's shape is right.
func Predict(c Config) Prediction {
	p := Prediction{Memory: Plan(c)}
	lower := c
	if !understood(c.Quantization) {
		lower.Quantization = "awq" // no known method stores less
	}
	p.Most = p.Requested - sureWeights*Plan(lower).Weights
	if !c.Model.Multimodal {
		p.Most -= sureActivation * p.Activation
	}
	if c.KVCacheMemory > 0 {
		p.Most = c.KVCacheMemory
	}
	if c.BlocksOverride > 0 {
		p.Available = float64(c.BlocksOverride) * p.BlockBytes
		p.Most = p.Available
	}
	if c.Model.Unusual != "" {
		p.Needed = 0 // at least something must be left
	}
	p.Impossible = p.Most <= 0 || p.Needed > p.Most
	p.Doubtful = p.Available <= 0 || p.Needed > p.Available
	p.Largest = p.FittingLength(c.BlockSize)
	return p
}

func understood(quantization string) bool {
	return quantization == "" || quantization == "fp8" || quantization == "awq"
}
