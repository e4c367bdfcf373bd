// Package catalog holds the hardware and the models that the simulator knows:
// the numbers of data sheets and of Hugging Face config.json files, each with
// its source. Everything derived from them (memory, step times) lives in
// package engine.
package catalog

import (
	"fmt"
	"strings"
)

// GiB is 2^30 bytes.
const GiB = 1 << 30

// GPU is one accelerator. Rates are dense (no sparsity), per GPU and per
// second; sizes are bytes.
type GPU struct {
	Name       string  // as --sim-gpu takes it
	Device     string  // as CUDA reports it
	Capability string  // CUDA compute capability
	Memory     float64 // torch.cuda.mem_get_info total
	BF16       float64 // FLOP/s, bf16 inputs, fp32 accumulation
	FP8        float64 // FLOP/s; 0 where the tensor cores have no FP8
	Bandwidth  float64 // HBM or GDDR, B/s
	// Link is what one GPU sends to its peers, one direction, B/s; LinkLatency
	// the fixed cost of one all-reduce in seconds.
	Link        float64
	LinkLatency float64
	// Shares of the data-sheet rates that kernels reach: large matrix products
	// of peak FLOP/s, weight and KV cache reads of the bandwidth.
	MFU, WeightShare, KVShare float64
	Power                     float64 // board power limit, W
	Clock, MemoryClock        int     // largest SM clock and the memory clock, MHz
	// LargeBatches is the class of GPUs for which vLLM defaults to 1024
	// sequences and 8192 batched tokens (memory >= 70 GiB, not A100).
	LargeBatches bool
}

// GPUs lists the library. Peaks and bandwidths: NVIDIA data sheets (A10G: AWS
// G5; RTX 4090: Ada white paper, fp32 accumulation). Memory totals: H100 from
// the llm-d-planner measurements, the others from memory, good to about 1%.
// MFU, WeightShare and KVShare: the aiconfigurator kernel tables (vLLM 0.14)
// for H100 and A100-80, the MFU lowered by a tenth, which whole runs on H100
// show; H200 takes H100's, A100-40 takes A100-80's, the others are estimates.
// LinkLatency and Link: the custom all-reduce table
// for H100, estimates elsewhere. Power: data sheets; the clocks are from memory
// and shown only, no step time depends on them.
func GPUs() []GPU {
	return []GPU{
		{Name: "A10G", Power: 300, Clock: 1710, MemoryClock: 6251, Device: "NVIDIA A10G", Capability: "8.6", Memory: 22.06 * GiB, BF16: 70e12, Bandwidth: 600e9, Link: 20e9, LinkLatency: 30e-6, MFU: 0.70, WeightShare: 0.80, KVShare: 0.80},
		{Name: "L40S", Power: 350, Clock: 2520, MemoryClock: 9001, Device: "NVIDIA L40S", Capability: "8.9", Memory: 44.40 * GiB, BF16: 362.05e12, FP8: 733e12, Bandwidth: 864e9, Link: 20e9, LinkLatency: 30e-6, MFU: 0.60, WeightShare: 0.80, KVShare: 0.80},
		{Name: "RTX4090", Power: 450, Clock: 2520, MemoryClock: 10501, Device: "NVIDIA GeForce RTX 4090", Capability: "8.9", Memory: 23.55 * GiB, BF16: 165.2e12, FP8: 330.3e12, Bandwidth: 1008e9, Link: 12e9, LinkLatency: 40e-6, MFU: 0.75, WeightShare: 0.80, KVShare: 0.80},
		{Name: "A100-40", Power: 400, Clock: 1410, MemoryClock: 1215, Device: "NVIDIA A100-SXM4-40GB", Capability: "8.0", Memory: 39.39 * GiB, BF16: 312e12, Bandwidth: 1555e9, Link: 300e9, LinkLatency: 5e-6, MFU: 0.74, WeightShare: 0.68, KVShare: 0.80},
		{Name: "A100-80", Power: 400, Clock: 1410, MemoryClock: 1593, Device: "NVIDIA A100-SXM4-80GB", Capability: "8.0", Memory: 79.25 * GiB, BF16: 312e12, Bandwidth: 2039e9, Link: 300e9, LinkLatency: 5e-6, MFU: 0.74, WeightShare: 0.68, KVShare: 0.80},
		{Name: "H100", Power: 700, Clock: 1980, MemoryClock: 2619, Device: "NVIDIA H100 80GB HBM3", Capability: "9.0", Memory: 79.18 * GiB, BF16: 989.5e12, FP8: 1979e12, Bandwidth: 3350e9, Link: 450e9, LinkLatency: 5e-6, MFU: 0.72, WeightShare: 0.83, KVShare: 0.90, LargeBatches: true},
		{Name: "H200", Power: 700, Clock: 1980, MemoryClock: 3201, Device: "NVIDIA H200", Capability: "9.0", Memory: 139.81 * GiB, BF16: 989.5e12, FP8: 1979e12, Bandwidth: 4800e9, Link: 450e9, LinkLatency: 5e-6, MFU: 0.72, WeightShare: 0.83, KVShare: 0.90, LargeBatches: true},
		{Name: "B200", Power: 1000, Clock: 1965, MemoryClock: 3996, Device: "NVIDIA B200", Capability: "10.0", Memory: 178.35 * GiB, BF16: 2250e12, FP8: 4500e12, Bandwidth: 7700e9, Link: 900e9, LinkLatency: 5e-6, MFU: 0.75, WeightShare: 0.80, KVShare: 0.85, LargeBatches: true},
	}
}

// FindGPU returns the GPU of that name, letter case aside.
func FindGPU(name string) (GPU, error) {
	var names []string
	for _, g := range GPUs() {
		if strings.EqualFold(g.Name, name) {
			return g, nil
		}
		names = append(names, g.Name)
	}
	return GPU{}, fmt.Errorf("unknown GPU %q: the library has %s", name, strings.Join(names, ", "))
}
