package runner

import (
	"context"
	"fmt"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// confirmAhead reports whether finalists are still to be chosen.
func (r *run) confirmAhead() bool {
	return r.Finalists != nil && r.Plan.ConfirmStage != nil && r.Plan.Confirmation == nil
}

// confirm chooses the finalists from what the blocks found, stores the choice,
// and measures them on fresh starts. A run that is resumed keeps its choice.
func (r *run) confirm(ctx context.Context) error {
	if !r.confirmAhead() {
		return nil
	}
	finalists, err := r.Finalists(ctx)
	if err != nil {
		return fmt.Errorf("choose what to confirm: %w", err)
	}
	c, err := r.Plan.Confirm(r.Experiment, finalists)
	if err != nil {
		return err
	}
	if err := r.dir.WriteConfirmation(c); err != nil {
		return err
	}
	if err := r.dir.Journal.Append(rundir.Event{Event: rundir.EventConfirmPlanned, Detail: fmt.Sprintf("%d starts", len(c.Starts))}); err != nil {
		return err
	}
	r.Plan = r.Plan.With(c)
	r.clock.plan = r.Plan
	for _, note := range c.Notes {
		r.message("confirm: %s", note)
	}
	if len(c.Starts) == 0 {
		r.message("confirm: no use case has a configuration to confirm")
		return nil
	}
	r.message("confirm: %d fresh starts of %s", len(c.Starts), r.finalistLabels(c))
	return r.starts(ctx)
}

// finalistLabels names the configurations of the confirm stage.
func (r *run) finalistLabels(c *matrix.Confirmation) string {
	text, seen := "", map[string]bool{}
	for _, f := range c.Finalists {
		if seen[f.Configuration] {
			continue
		}
		seen[f.Configuration] = true
		conf, _ := r.Plan.Configuration(f.Configuration)
		if text != "" {
			text += ", "
		}
		text += conf.Label
	}
	return text
}
