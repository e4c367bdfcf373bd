package analysis

import (
	"maps"
	"slices"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// warnEnds says that end-to-end latencies of several kinds stand next to each
// other: tools end them with the last token, or with the response. Nil: of one
// kind, as far as is known.
func warnEnds(trials []rundir.Trial) []notice.Notice {
	tools := map[string]map[string]bool{} // by where the latencies end
	for _, t := range trials {
		if _, ok := t.Metrics["e2e_mean"]; !ok && t.Metrics["e2e_p50"] == 0 || t.Outcome != rundir.OutcomeOK {
			continue
		}
		end, tool := rundir.EndsToken, "sweep"
		if t.Source != nil {
			end, tool = t.Source.Ends, t.Source.Tool
		}
		if end == "" {
			continue
		}
		if tools[end] == nil {
			tools[end] = map[string]bool{}
		}
		tools[end][tool] = true
	}
	if len(tools) < 2 {
		return nil
	}
	of := func(end string) notice.Arg { return notice.List(slices.Sorted(maps.Keys(tools[end]))...) }
	return []notice.Notice{notice.New("ends-differ", notice.Args{"token": of(rundir.EndsToken), "response": of(rundir.EndsResponse)})}
}
