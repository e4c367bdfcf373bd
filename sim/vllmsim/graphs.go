package vllmsim

import (
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// resolveGraphs settles compilation and CUDA graphs from --enforce-eager, -O
// and -cc, as vllm/config/vllm.py does.
func (s *setup) resolveGraphs() {
	v, e := s.values, &s.engine
	level := v.Int("optimization-level", 2)
	e.Eager = v.Bool("enforce-eager", false) || level == 0
	e.Graphs = engine.GraphsFullAndPiecewise
	if level == 1 {
		e.Graphs = engine.GraphsPiecewise
	}
	cc := v.JSON("compilation-config")
	if mode, ok := cc["cudagraph_mode"].(string); ok {
		e.Graphs = graphMode(mode, e.Graphs)
	}
	if e.Eager {
		e.Graphs = engine.GraphsNone
		return
	}
	if e.Graphs != engine.GraphsNone {
		e.GraphSizes = s.graphSizes(cc)
	}
}

func graphMode(name string, fallback engine.GraphMode) engine.GraphMode {
	switch strings.ToUpper(name) {
	case "NONE":
		return engine.GraphsNone
	case "PIECEWISE":
		return engine.GraphsPiecewise
	case "FULL":
		return engine.GraphsFull
	case "FULL_DECODE_ONLY":
		return engine.GraphsFullDecodeOnly
	case "FULL_AND_PIECEWISE":
		return engine.GraphsFullAndPiecewise
	}
	return fallback
}

// graphSizes lists the captured batch sizes, ascending.
func (s *setup) graphSizes(cc map[string]any) []int {
	v, e := s.values, &s.engine
	var sizes []int
	for _, text := range v.Texts("cudagraph-capture-sizes") {
		if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && n > 0 {
			sizes = append(sizes, n)
		}
	}
	if list, ok := cc["cudagraph_capture_sizes"].([]any); ok && len(sizes) == 0 {
		for _, item := range list {
			if n, ok := item.(float64); ok && n >= 1 {
				sizes = append(sizes, int(n))
			}
		}
	}
	if len(sizes) == 0 {
		sizes = s.defaultSizes()
	}
	sizes = slices.DeleteFunc(sizes, func(n int) bool { return n > e.MaxBatchedTokens })
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

// defaultSizes is [1 2 4] + 8..248 by 8 + 256..max by 16.
func (s *setup) defaultSizes() []int {
	v, e := s.values, &s.engine
	most := 512
	if e.GPU.Memory >= 160*catalog.GiB {
		most = 1024 // data-centre Blackwell
	}
	most = v.Int("max-cudagraph-capture-size", min(2*e.MaxNumSeqs, most, e.MaxBatchedTokens))
	step := func(n int) int {
		switch {
		case v.Text("performance-mode", "") == "interactivity" && n < 32:
			return 1
		case n < 4:
			return n
		case n < 8:
			return 4
		case n < 256:
			return 8
		}
		return 16
	}
	var sizes []int
	for n := 1; n <= most; n += step(n) {
		sizes = append(sizes, n)
	}
	if e.MaxBatchedTokens <= most {
		sizes = append(sizes, e.MaxBatchedTokens)
	}
	return sizes
}
