package analysis

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

// warnEnds says that end-to-end latencies of several kinds stand next to each
// other: tools end them with the last token, or with the response. "": of one
// kind, as far as is known.
func warnEnds(trials []rundir.Trial) string {
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
		return ""
	}
	var parts []string
	for _, end := range slices.Sorted(maps.Keys(tools)) {
		parts = append(parts, fmt.Sprintf("those of %s end with the %s", strings.Join(slices.Sorted(maps.Keys(tools[end])), ", "), end))
	}
	return "end-to-end latencies are not of one kind: " + strings.Join(parts, ", ") + ". Compare the times per token instead"
}
