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
		add("order sequential: each configuration runs on one start only, so differences between starts and drift over the run are not separated from the configuration's effect; repeats on one start are not independent of each other")
	}
	if p.Blocks == 1 {
		add("repeat 1: with one trial per cell there is no interval and no verdict")
	}
	if len(p.Configurations) == 1 && p.Backend != "endpoint" {
		add("nothing varies: the plan has the baseline alone")
	}
	if p.Backend == "endpoint" {
		add("an endpoint is not restarted: differences between starts are not measured, and caches stay warm from trial to trial")
	}
	if e.Server.Parallel == experiment.PerGPU {
		add("parallel per-gpu: servers that run side by side share the host's processor, memory and power; numbers are those of a busy host")
		if gpusKnown(e.Server) == 0 {
			add("parallel per-gpu: how many servers run side by side depends on the host's GPUs; the duration is that of one at a time")
		}
	}
	for _, l := range e.Loads {
		if l.Arrivals.MaxConcurrency > 0 {
			add("load %s is partly open: with %d requests in flight further ones wait at the client", l.Name, l.Arrivals.MaxConcurrency)
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
	return fmt.Sprintf("load %s asks for up to %.0f tokens a request, more than max-model-len in %s: vLLM refuses such requests",
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
