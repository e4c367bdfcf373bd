// Package engine simulates one vLLM engine core on a virtual clock: the
// memory plan of its start, the scheduler step by step (continuous batching,
// chunked prefill, preemption, prefix caching) and the duration of each step
// from a roofline. It has no goroutines and reads no wall clock: Schedule
// plans the step that starts now and says how long it takes, Complete ends it.
// Times are seconds, sizes bytes, lengths tokens.
package engine

import (
	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
)

// GraphMode says which batches replay captured CUDA graphs.
type GraphMode int

// The modes of vLLM's cudagraph_mode, as far as they differ in speed.
const (
	GraphsFullAndPiecewise GraphMode = iota // decode batches whole, mixed ones by piece
	GraphsFull                              // as above for this model
	GraphsFullDecodeOnly                    // decode batches whole, mixed ones without
	GraphsPiecewise                         // all by piece
	GraphsNone                              // compiled, launched kernel by kernel
)

// Config is the effective configuration of one engine: every value resolved,
// nothing left to default.
type Config struct {
	GPU    catalog.GPU
	Model  catalog.Model
	TP, PP int

	MaxModelLen      int
	BlockSize        int // tokens per KV cache block
	MaxNumSeqs       int
	MaxBatchedTokens int
	LongPrefill      int // long_prefill_token_threshold; 0 = off

	Utilization    float64 // gpu_memory_utilization
	FreeMemory     float64 // free on the device before the start; 0 = all of it
	KVCacheMemory  float64 // kv_cache_memory_bytes; 0 = by Utilization
	BlocksOverride int     // num_gpu_blocks_override; 0 = none
	CPUOffload     float64 // bytes of weights kept in host memory
	Quantization   string  // "", "fp8", "awq" (any 4-bit weights)
	WeightBytes    float64 // bytes of an unquantised weight: 2, or 4 for float32
	KVBytes        float64 // bytes of a cached element: 2, or 1 for fp8

	PrefixCaching   bool
	ChunkedPrefill  bool
	Priority        bool // scheduling_policy priority
	AsyncScheduling bool
	ReserveFullISL  bool // scheduler_reserve_full_isl
	Watermark       float64

	Eager         bool // enforce_eager: neither compiled nor captured
	Graphs        GraphMode
	GraphSizes    []int // captured batch sizes, ascending
	GraphEstimate bool  // graph memory is part of the start's memory plan

	Noise   Noise
	Thermal Thermal
}
