package matrix

import (
	"fmt"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
)

// warnings says what the plan's results will not be able to show.
func warnings(p *Plan, e *experiment.Experiment) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if p.Order == experiment.Sequential {
		add("order sequential: each configuration gets one launch, so drift and differences between launches look like effects of its flags; repeats on one launch are not independent")
	}
	if p.Blocks == 1 {
		add("repeat 1: with one trial per configuration and load, there are no intervals and no verdicts")
	}
	if len(p.Configurations) == 1 && p.Backend != "endpoint" {
		add("nothing varies: the plan has only the baseline")
	}
	if p.Backend == "endpoint" {
		add("sweep does not restart an endpoint, so it cannot measure differences between launches, and caches stay warm from trial to trial")
	}
	if e.Server.Parallel == experiment.PerGPU {
		add("parallel per-gpu: servers that run side by side share the host's CPU, memory and power, so the numbers are those of a busy host")
		if gpusKnown(e.Server) == 0 {
			add("parallel per-gpu: the number of servers side by side depends on the host's GPUs; the estimate assumes one at a time")
		}
	}
	for _, l := range e.Loads {
		if l.Arrivals.MaxConcurrency > 0 {
			add("load %s is an open loop with a concurrency cap: above %d requests in flight, requests wait at the client", l.Name, l.Arrivals.MaxConcurrency)
		}
		if w := tooLong(p, l); w != "" {
			add("%s", w)
		}
	}
	return append(out, tooFewRequests(p, e)...)
}

// tooLong names the configurations whose context is too short for a load.
func tooLong(p *Plan, l experiment.Load) string {
	need := longest(l.Prompt) + longest(l.Output)
	var short []string
	for _, c := range p.Configurations {
		if limit, ok := get(c.Flags, "max-model-len").Int(); ok && limit > 0 && float64(limit) < need {
			short = append(short, c.Label)
		}
	}
	if len(short) == 0 {
		return ""
	}
	return fmt.Sprintf("load %s asks for up to %.0f tokens per request, more than max-model-len in %s: vLLM refuses such requests",
		l.Name, need, strings.Join(short, ", "))
}

// longest is a length that the load certainly draws or may reach: its bound,
// else its mean.
func longest(l experiment.Lengths) float64 {
	if l.Max > 0 {
		return float64(l.Max)
	}
	return l.Mean
}
