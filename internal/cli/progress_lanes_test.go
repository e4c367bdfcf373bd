package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vllm-sweep/sweep/internal/runner"
)

// Lanes stand below each other, whichever told last, and go when they end.
func TestLanes(t *testing.T) {
	now := time.Date(2026, 1, 2, 22, 50, 0, 0, time.UTC)
	s := &screen{live: true, width: func() int { return 100 }, now: func() time.Time { return now }}
	lane := func(gpus, configuration, stage string) runner.Status {
		return runner.Status{
			GPUs: gpus, Done: 1, Total: 8, Share: .125, Block: 1, Blocks: 2, Configuration: configuration, Stage: stage,
		}
	}
	s.Status(lane("1", "max-num-seqs=8", runner.StageCooldown))
	s.Status(lane("0", "baseline", runner.StageStarting))
	got := strings.Join(s.stateLines(now, 100), "\n")
	want := "[##------------------] 1/8 | round 1/2\n  GPU 0 | baseline | starting\n  GPU 1 | max-num-seqs=8 | cooling down"
	if got != want {
		t.Errorf("drawn\n%s\nwant\n%s", got, want)
	}
	s.Status(lane("0", "baseline", ""))
	if got := s.stateLines(now, 100); len(got) != 2 || !strings.Contains(got[1], "GPU 1") {
		t.Errorf("after one lane: %q", got)
	}
	s.Status(lane("1", "", ""))
	s.Status(runner.Status{Done: 2, Total: 8, Stage: runner.StageReporting})
	if got := s.stateLines(now, 100); len(got) != 1 || !strings.Contains(got[0], "writing the report") {
		t.Errorf("after the lanes: %q", got)
	}

	logged := &screen{json: true, now: func() time.Time { return now }}
	logged.lanes.take(lane("1", "b", runner.StageStarting))
	logged.Status(lane("0", "a", runner.StageStarting))
	var seen []string
	for line := range strings.Lines(string(logged.render(nil, 0))) {
		var st jsonState
		if err := json.Unmarshal([]byte(line), &st); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, st.GPUs+st.Configuration)
	}
	if strings.Join(seen, " ") != "0a 1b" {
		t.Errorf("states %q", seen)
	}

	x := &metricsServer{Observer: new(screen)}
	x.Status(lane("0", "a", runner.StageStarting))
	x.Status(lane("1", "b", runner.StageStarting))
	registry := prometheus.NewRegistry()
	if err := registry.Register(runCollector{x, "acme"}); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "sweep_stage" && len(f.GetMetric()) != 2 {
			t.Errorf("%d stages, want one a lane", len(f.GetMetric()))
		}
	}
}
