package matrix

import (
	"math"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// warnings says what the plan's results will not be able to show.
func warnings(p *Plan, e *experiment.Experiment) []notice.Notice {
	var out []notice.Notice
	add := func(n notice.Notice) { out = append(out, n) }
	if p.Order == experiment.Sequential {
		add(notice.New("order-sequential", nil))
	}
	if p.Blocks == 1 {
		add(notice.New("one-round", nil))
	}
	if len(p.Configurations) == 1 && p.Backend != "endpoint" {
		add(notice.New("nothing-varies", nil))
	}
	if p.Backend == "endpoint" {
		add(notice.New("endpoint-not-restarted", nil))
	}
	if e.Server.Parallel == experiment.PerGPU {
		add(notice.New("parallel-busy-host", nil))
		if gpusKnown(e.Server) == 0 {
			add(notice.New("parallel-not-estimated", nil))
		}
	}
	for _, l := range e.Loads {
		if l.Arrivals.MaxConcurrency > 0 {
			add(notice.New("concurrency-cap", notice.Args{"load": notice.Text(l.Name), "n": notice.Count(l.Arrivals.MaxConcurrency)}))
		}
		if need, short := tooLong(p, l); len(short) > 0 {
			add(notice.New("context-too-short", notice.Args{
				"load": notice.Text(l.Name), "tokens": notice.Count(int(math.Round(need))), "configurations": notice.List(short...),
			}))
		}
	}
	return append(out, tooFewRequests(p, e)...)
}

// tooLong is the longest request of a load, in tokens, and the labels of the
// configurations whose context is too short for it.
func tooLong(p *Plan, l experiment.Load) (need float64, short []string) {
	need = longest(l.Prompt) + longest(l.Output)
	for _, c := range p.Configurations {
		if limit, ok := get(c.Flags, vllmflags.MaxModelLen).Int(); ok && limit > 0 && float64(limit) < need {
			short = append(short, c.Label)
		}
	}
	return need, short
}

// longest is a length that the load certainly draws or may reach: its bound,
// else its mean.
func longest(l experiment.Lengths) float64 {
	if l.Max > 0 {
		return float64(l.Max)
	}
	return l.Mean
}
