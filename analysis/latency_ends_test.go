package analysis

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
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
		if list := warnEnds(trials); len(list) > 0 {
			t.Errorf("%v: %v", trials, list)
		}
	}
	text := notice.Join(warnEnds([]rundir.Trial{of("", ""), of("guidellm", rundir.EndsResponse), of("vllm-bench", rundir.EndsToken)}))
	if !strings.Contains(text, "those of sweep and vllm-bench end with the last token, those of guidellm with the response") {
		t.Error(text)
	}
}
