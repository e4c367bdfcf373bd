package runner

import (
	"fmt"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// headline metrics of the line printed after each trial.
var headline = []string{"request_throughput", "output_throughput", "ttft_p50", "tpot_p50", "e2e_p50"}

// describe is one line about a finished trial.
func (r *session) describe(t rundir.Trial) string {
	conf, _ := r.Plan.Configuration(t.Configuration)
	point, _ := r.Plan.LoadPoint(t.LoadPoint)
	head := fmt.Sprintf("%s, %s, %s:", conf.Label, point.Label, matrix.RoundText(r.Plan.Round(t.Block)))
	why := notice.Join(t.Reasons) + " (trial " + t.ID + ")"
	switch t.Outcome {
	case rundir.OutcomeSkipped:
		return head + " skipped: " + notice.Join(t.Reasons)
	case rundir.OutcomeFailed:
		return head + " failed: " + why
	}
	var parts []string
	for _, name := range headline {
		if v, ok := t.Metrics[name]; ok {
			label := metric.Short(name)
			if strings.HasSuffix(name, "throughput") {
				label = "" // the unit says it
			}
			parts = append(parts, strings.TrimSpace(label+" "+say.Metric(name, v)))
		}
	}
	if t.Outcome == rundir.OutcomeInvalid {
		parts = append(parts, "DISCARDED: "+why)
	}
	return head + " " + strings.Join(parts, ", ")
}

// phaseTimes tells where a start of more than some seconds spent its time:
// " (loading weights 41s, compiling 22s)"; "" for a short one.
func phaseTimes(phases []launcher.Phase) string {
	var parts []string
	for i, p := range phases[:max(len(phases)-1, 0)] {
		if took := phases[i+1].At - p.At; took >= time.Second {
			parts = append(parts, launcher.PhaseText(p.Name)+" "+say.Duration(took))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
