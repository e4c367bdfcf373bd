package analysis

import (
	"slices"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Judge returns the trials of a run as everybody is to count them: with the
// outcomes that were recorded, and invalid where figures cannot be true. That is
// found when the run is read, because it takes the GPU's name and the plan.
// Whoever counts, lists or exports trials takes these, so that no two do it
// differently. Judging twice changes nothing.
func Judge(in Input) []rundir.Trial {
	out := slices.Clone(in.Trials)
	if in.Plan == nil {
		return out
	}
	for i, t := range out {
		if t.Outcome != rundir.OutcomeOK {
			continue
		}
		conf, _ := in.Plan.Configuration(t.Configuration)
		point, _ := in.Plan.LoadPoint(t.LoadPoint)
		for _, c := range checkTrial(t, conf, point, in.Plan.Model, in.GPU) {
			if c.Notice.Severity == notice.Discarded {
				t.Outcome = rundir.OutcomeInvalid
				if !slices.Contains(t.Causes, rundir.CauseImpossible) {
					t.Causes = append(slices.Clone(t.Causes), rundir.CauseImpossible)
				}
				t.Reasons = append(slices.Clone(t.Reasons), c.Notice)
			}
		}
		out[i] = t
	}
	return out
}

// impossible reports whether a trial was judged to be one that cannot be true.
func impossible(t rundir.Trial) bool {
	return t.Outcome == rundir.OutcomeInvalid && slices.Contains(t.Causes, rundir.CauseImpossible)
}
