package runner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// confirmed is the small experiment with a confirm stage of two starts.
var confirmed = strings.Replace(small, "confirm: false", "confirm: {starts: 2, finalists: 1}", 1)

// choose makes the two configurations finalists at the second load point.
func choose(p *matrix.Plan) func(context.Context) ([]matrix.Finalist, error) {
	return func(context.Context) ([]matrix.Finalist, error) {
		var out []matrix.Finalist
		for i, role := range []string{matrix.RoleBaseline, matrix.RoleWinner} {
			out = append(out, matrix.Finalist{UseCase: "throughput", Role: role, Configuration: p.Configurations[i].ID, LoadPoint: p.LoadPoints[1].ID})
		}
		return out, nil
	}
}

func TestFinalistsAreMeasuredOnFreshStartsWithNewSeeds(t *testing.T) {
	t.Parallel()
	b := newBench(t, confirmed)
	b.finalists = choose(b.plan)
	// Interrupted in the confirm stage: what is confirmed must not change when
	// the run goes on, even if the choice would be another one now.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.watch.hook = func(s Status) {
		if s.Done == 9 && s.Stage == StageMeasuring {
			cancel()
		}
	}
	if _, err := b.run(ctx); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("err = %v, want interrupted\n%s", err, strings.Join(b.watch.messages, "\n"))
	}
	b.watch.hook = nil
	part := b.read()
	if _, err := Continuable(part, b.e, part.Provenance); err != nil && !strings.Contains(err.Error(), "edited") {
		t.Errorf("a run in its confirm stage cannot be continued: %v", err)
	}
	b.plan = part.Plan
	b.finalists = func(context.Context) ([]matrix.Finalist, error) { return nil, errors.New("chosen twice") }
	res, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := b.read()
	if res.OK+res.Invalid != 12 || len(run.Trials) != 12 || !run.Finished() {
		t.Fatalf("result %+v, %d trials, finished %v; want 12", res, len(run.Trials), run.Finished())
	}
	var confirm []rundir.Start
	for _, s := range run.Starts {
		if s.Purpose == matrix.PurposeConfirm && !strings.Contains(s.ID, ".") {
			confirm = append(confirm, s)
		}
	}
	if len(confirm) != 4 {
		t.Errorf("%d confirm starts, want 2 of each configuration", len(confirm))
	}
	seeds := map[uint64]int{}
	for _, tr := range run.Trials {
		seeds[tr.Seed]++
		late := slices.ContainsFunc(confirm, func(s rundir.Start) bool { return planned(tr.Start) == s.ID })
		if late != (tr.Block > 2) || late && tr.LoadPoint != run.Plan.LoadPoints[1].ID {
			t.Errorf("trial %s: block %d at %s on start %s", tr.ID, tr.Block, tr.LoadPoint, tr.Start)
		}
	}
	if len(seeds) != 6 { // 2 blocks x 2 load points, and 2 blocks of the confirm stage
		t.Errorf("%d seeds, want 6: %v", len(seeds), seeds)
	}
}
