package analysis

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// gpuLimits are peak figures of one GPU from its maker's data sheet: dense
// 8-bit tensor operations (16-bit where it has no faster 8-bit ones) and memory
// bandwidth. They bound what cannot be, so the more generous figure is taken
// where variants differ.
type gpuLimits struct {
	words     []string // all in the device's name, in lower case
	flops     float64  // per second
	bandwidth float64  // bytes per second
}

// knownGPUs, the more special names first.
func knownGPUs() []gpuLimits {
	return []gpuLimits{
		{[]string{"gb300"}, 5.0e15, 8.0e12},
		{[]string{"b300"}, 5.0e15, 8.0e12},
		{[]string{"gb200"}, 5.0e15, 8.0e12},
		{[]string{"b200"}, 4.5e15, 8.0e12},
		{[]string{"gh200"}, 1.979e15, 4.9e12},
		{[]string{"h200"}, 1.979e15, 4.8e12},
		{[]string{"h100", "nvl"}, 1.979e15, 3.9e12},
		{[]string{"h100"}, 1.979e15, 3.35e12},
		{[]string{"a100"}, 6.24e14, 2.04e12},
		{[]string{"l40s"}, 7.33e14, 8.64e11},
		{[]string{"l4"}, 2.42e14, 3.0e11},
		{[]string{"a10"}, 2.5e14, 6.0e11},
		{[]string{"mi355"}, 5.0e15, 8.0e12},
		{[]string{"mi325"}, 2.61e15, 6.0e12},
		{[]string{"mi300x"}, 2.61e15, 5.3e12},
	}
}

// limitsOf finds the GPU by its name.
func limitsOf(gpu string) (gpuLimits, bool) {
	words := strings.FieldsFunc(strings.ToLower(gpu), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	for _, g := range knownGPUs() {
		all := gpu != ""
		for _, w := range g.words {
			all = all && slices.ContainsFunc(words, func(x string) bool { return strings.HasPrefix(x, w) })
		}
		if all {
			return g, true
		}
	}
	return gpuLimits{}, false
}

var sizePattern = regexp.MustCompile(`(?i)(?:^|[^a-z0-9.])(?:(\d+)x)?(a?)(\d+(?:\.\d+)?)b(?:[^a-z0-9]|$)`)

// parameters reads the number of parameters that compute every token from a
// model's name: "Llama-3.1-405B" 405e9, "Qwen3-30B-A3B" 3e9 (the active ones of
// a mixture of experts). It is false where the name tells none.
func parameters(model string) (float64, bool) {
	total, active := math.Inf(1), math.Inf(1)
	rest := model
	for {
		m := sizePattern.FindStringSubmatchIndex(rest)
		if m == nil {
			break
		}
		n, err := strconv.ParseFloat(rest[m[6]:m[7]], 64)
		switch {
		case err != nil:
		case m[4] < m[5]:
			active = math.Min(active, n)
		default:
			// 8x7B runs two of its eight experts; at least one is certain.
			total = math.Min(total, n)
		}
		rest = rest[m[7]:]
	}
	n := math.Min(total, active)
	return n * 1e9, finite(n) && n > 0
}

// leastBytes is the smallest storage of a parameter in use: four bits.
const leastBytes = 0.5

// roofline refuses what the GPUs cannot have done: every token costs two
// operations for each parameter, and one step reads every weight once.
func (c *trialCheck) roofline() {
	gpu, known := limitsOf(c.gpu)
	params, sized := parameters(c.model)
	if !known || !sized {
		return
	}
	n := float64(max(1, c.conf.GPUs))
	name := notice.Text(fmt.Sprintf("%g x %s", n, c.gpu))
	if v, ok := c.get("total_throughput"); ok {
		// Tokens from the prefix cache are not computed.
		most := n * gpu.flops / (2 * params)
		if e := c.t.Engine; e != nil && e.PrefixCacheHits != nil && c.t.Window > 0 {
			most += *e.PrefixCacheHits / c.t.Window
		}
		if v[0] > most && !c.mayHit() {
			c.add(notice.New("roofline", notice.Args{
				"rate": notice.Metric("total_throughput", v[0]), "most": notice.Metric("total_throughput", most),
				"gpus": name, "parameters": notice.Number(params / 1e9),
			}), map[string]float64{"total_throughput": v[0], "most": most})
		}
	}
	if _, drafting := c.conf.Flags.Get(vllmflags.SpeculativeConfig); drafting {
		return // several tokens a step
	}
	if v, ok := c.get("tpot_p50"); ok {
		least := leastBytes * params / (n * gpu.bandwidth)
		if v[0] < least {
			c.add(notice.New("roofline", notice.Args{"tpot": notice.Seconds(v[0]), "least": notice.Seconds(least), "gpus": name}),
				map[string]float64{"tpot_p50": v[0], "least": least})
		}
	}
}

// mayHit reports whether prompt tokens may have come from a cache that nobody
// counted.
func (c *trialCheck) mayHit() bool {
	f, ok := c.conf.Flags.Get(vllmflags.EnablePrefixCaching)
	return ok && f.Value == "true" && (c.t.Engine == nil || c.t.Engine.PrefixCacheHits == nil)
}
