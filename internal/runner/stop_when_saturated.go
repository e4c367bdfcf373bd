package runner

import (
	"fmt"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// outrun says why a trial needs not be run: on the same start and in the same
// block a lower point of its load saturated the server already. Nothing when it
// is to be run.
func (r *session) outrun(p matrix.Start, t matrix.Trial) []notice.Notice {
	point, ok := r.pointOf(t)
	if !ok || !point.StopWhenSaturated {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range p.Trials {
		lower, ok := r.pointOf(other)
		if !ok || other.Block != t.Block || lower.Load != point.Load || lower.Value >= point.Value || !r.done[other.ID].Saturated {
			continue
		}
		return []notice.Notice{notice.New("lower-point-saturated", notice.Args{"point": notice.Text(lower.Label)})}
	}
	return nil
}

func (r *session) pointOf(t matrix.Trial) (matrix.LoadPoint, bool) {
	cell, ok := r.Plan.Cell(t.Cell)
	if !ok {
		return matrix.LoadPoint{}, false
	}
	return r.Plan.LoadPoint(cell.LoadPoint)
}

// pass records a trial that is not run.
func (l *lane) pass(t matrix.Trial, start string, reasons []notice.Notice) error {
	cell, ok := l.Plan.Cell(t.Cell)
	if !ok {
		return fmt.Errorf("plan.json names cell %s, which it does not hold", t.Cell)
	}
	rec := l.nextTrial(t, cell, start)
	rec.Ended = rec.Began
	rec.Outcome, rec.Reasons = rundir.OutcomeSkipped, reasons
	return l.finish(*rec)
}

// measured says whether an outcome took the time of a trial.
func measured(outcome string) bool {
	return outcome == rundir.OutcomeOK || outcome == rundir.OutcomeInvalid
}
