package runner

import (
	"context"
	"fmt"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// outrun says why a trial needs not be run: on the same start and in the same
// block a lower point of its load saturated the server already. "" when it is
// to be run.
func (r *run) outrun(p matrix.Start, t matrix.Trial) string {
	point, ok := r.pointOf(t)
	if !ok || !point.StopWhenSaturated {
		return ""
	}
	for _, other := range p.Trials {
		lower, ok := r.pointOf(other)
		if !ok || other.Block != t.Block || lower.Load != point.Load || lower.Value >= point.Value || !r.done[other.ID].Saturated {
			continue
		}
		return fmt.Sprintf("%s saturated the server already (%s): clearly more requests were due than it completed", lower.Label, other.ID)
	}
	return ""
}

func (r *run) pointOf(t matrix.Trial) (matrix.LoadPoint, bool) {
	cell, ok := r.Plan.Cell(t.Cell)
	if !ok {
		return matrix.LoadPoint{}, false
	}
	return r.Plan.LoadPoint(cell.LoadPoint)
}

// pass records a trial that is not run.
func (r *run) pass(ctx context.Context, t matrix.Trial, start, reason string) error {
	cell, ok := r.Plan.Cell(t.Cell)
	if !ok {
		return fmt.Errorf("plan.json names cell %s, which it does not hold", t.Cell)
	}
	rec := r.newTrial(t, cell, start)
	rec.Ended = rec.Began
	rec.Outcome, rec.Reasons = rundir.OutcomeSkipped, []string{reason}
	if err := r.finish(*rec); err != nil {
		return err
	}
	r.afterTrial(ctx)
	return nil
}

// measured says whether an outcome took the time of a trial.
func measured(outcome string) bool {
	return outcome == rundir.OutcomeOK || outcome == rundir.OutcomeInvalid
}
