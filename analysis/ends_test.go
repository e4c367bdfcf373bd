package analysis

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

func TestEndToEndLatenciesOfSeveralKinds(t *testing.T) {
	of := func(tool, ends string) rundir.Trial {
		t := rundir.Trial{Outcome: rundir.OutcomeOK, Metrics: map[string]float64{"e2e_mean": 1}}
		if tool != "" {
			t.Source = &rundir.Source{Tool: tool, Ends: ends}
		}
		return t
	}
	for _, trials := range [][]rundir.Trial{
		{of("", ""), of("", "")},
		{of("", ""), of("vllm-bench", rundir.EndsToken)},
		{of("csv", ""), of("guidellm", rundir.EndsResponse)}, // of the table nothing is known
	} {
		if text := warnEnds(trials); text != "" {
			t.Errorf("%v: %s", trials, text)
		}
	}
	text := warnEnds([]rundir.Trial{of("", ""), of("guidellm", rundir.EndsResponse), of("vllm-bench", rundir.EndsToken)})
	if !strings.Contains(text, "those of sweep, vllm-bench end with the last token, those of guidellm end with the response") {
		t.Error(text)
	}
}
