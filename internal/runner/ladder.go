package runner

import (
	"context"
	"fmt"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// outrun says why a trial needs not be run: on the same start and in the same
// block a lower point of its load saturated the server already. Nothing when it
// is to be run.
func (r *run) outrun(p matrix.Start, t matrix.Trial) []notice.Notice {
	point, ok := r.pointOf(t)
	if !ok || !point.StopWhenSaturated {
		return nil
	}
	for _, other := range p.Trials {
		lower, ok := r.pointOf(other)
		if !ok || other.Block != t.Block || lower.Load != point.Load || lower.Value >= point.Value || !r.done[other.ID].Saturated {
			continue
		}
		return []notice.Notice{notice.New("lower-point-saturated", notice.Args{"point": notice.Text(lower.Label)})}
	}
	return nil
}

func (r *run) pointOf(t matrix.Trial) (matrix.LoadPoint, bool) {
	cell, ok := r.Plan.Cell(t.Cell)
	if !ok {
		return matrix.LoadPoint{}, false
	}
	return r.Plan.LoadPoint(cell.LoadPoint)
}

// pass records a trial that is not run.
func (r *run) pass(ctx context.Context, t matrix.Trial, start string, reasons []notice.Notice) error {
	cell, ok := r.Plan.Cell(t.Cell)
	if !ok {
		return fmt.Errorf("plan.json names cell %s, which it does not hold", t.Cell)
	}
	rec := r.newTrial(t, cell, start)
	rec.Ended = rec.Began
	rec.Outcome, rec.Reasons = rundir.OutcomeSkipped, reasons
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
