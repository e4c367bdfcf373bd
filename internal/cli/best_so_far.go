package cli

import (
	"sync"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// bestSoFar shows what leads each use case, from each trial as it ends. Lanes
// call it side by side.
type bestSoFar struct {
	mu     sync.Mutex
	plan   *matrix.Plan
	best   *analysis.Running
	screen *screen
}

// newBestSoFar begins with the trials of earlier sessions.
func newBestSoFar(e *experiment.Experiment, p *matrix.Plan, past []rundir.Trial, s *screen) *bestSoFar {
	b := &bestSoFar{plan: p, best: analysis.NewRunning(e.UseCases, e.SLO), screen: s}
	for _, t := range past {
		b.take(t)
	}
	return b
}

// Take shows the leaders after a trial.
func (b *bestSoFar) Take(t rundir.Trial) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.take(t)
	var lines []string
	for _, l := range b.best.Best() {
		cell, known := b.plan.Cell(l.Cell)
		if !known {
			continue // none yet, or one of the confirmation runs
		}
		conf, _ := b.plan.Configuration(cell.Configuration)
		point, _ := b.plan.LoadPoint(cell.LoadPoint)
		lines = append(lines, l.UseCase.Name+": "+conf.Label+" at "+point.Label+", "+
			metric.Short(l.UseCase.Objective)+" "+say.Metric(l.UseCase.Objective, l.Value))
	}
	b.screen.Best(lines)
}

func (b *bestSoFar) take(t rundir.Trial) {
	point, _ := b.plan.LoadPoint(t.LoadPoint)
	b.best.Take(t, point.Load)
}
