package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// rateTries is how often the rates of a load are looked for: the client may
// have been held up by something that has passed.
const rateTries = 3

// waiting is an unfinished trial of a sweep load.
type waiting struct {
	trial matrix.Trial
	cell  matrix.Cell
	load  string
}

// waitingForRates lists the unfinished trials of sweep loads whose rates are not
// known.
func (r *session) waitingForRates() []waiting {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []waiting
	for _, t := range r.Plan.MeasuredTrials() {
		cell, _ := r.Plan.Cell(t.Cell)
		point, _ := r.Plan.LoadPoint(cell.LoadPoint)
		_, known := r.rates[point.Load]
		if _, done := r.done[t.ID]; !done && !known && point.Kind == experiment.Sweep {
			out = append(out, waiting{t, cell, point.Load})
		}
	}
	return out
}

// unresolved lists the sweep loads whose rates are not known and for which a
// trial is waiting.
func (r *session) unresolved() []experiment.Load {
	wanted := map[string]bool{}
	for _, t := range r.waitingForRates() {
		wanted[t.load] = true
	}
	var out []experiment.Load
	for _, load := range r.Experiment.Loads {
		if load.Arrivals.Kind == experiment.Sweep && wanted[load.Name] {
			out = append(out, load)
		}
	}
	return out
}

// findAllRates finds the rates of all sweep loads on a running baseline. They are
// found once, so that every configuration is measured at the same rates. A
// load whose rates cannot be found fails alone; the others go on.
func (l *lane) findAllRates(ctx context.Context, s *launcher.Server, rec *rundir.Start) error {
	var names []string
	for _, load := range l.unresolved() {
		names = append(names, load.Name)
	}
	refused, err := l.probe(ctx, names, s, rec)
	if err == nil {
		err = l.hopelessLoad(refused)
	}
	if err != nil {
		return err
	}
	l.stage(StageMeasuring)
	var lost []notice.Notice
	for _, load := range l.unresolved() {
		if words := refused[load.Name]; words != "" {
			lost = []notice.Notice{refusedNotice(words)}
			continue
		}
		for try := 1; ; try++ {
			rates, err := l.findRates(ctx, load, s, try)
			if err == nil {
				l.locked(func() { l.rates[load.Name] = rates })
				l.announce(notice.New("rates-found", notice.Args{
					"load":        notice.Text(load.Name),
					"synchronous": notice.Metric("request_throughput", rates.Synchronous),
					"saturated":   notice.Metric("request_throughput", rates.Saturated),
				}))
				break
			}
			if ctx.Err() != nil || errors.Is(err, errServerDied) {
				return err
			}
			l.tell(notice.Launch, rec.ID, notice.New("rates-search-failed", notice.Args{
				"try": notice.Count(try), "of": notice.Count(rateTries), "load": notice.Text(load.Name), "error": notice.Text(err.Error()),
			}))
			if try == rateTries {
				lost = []notice.Notice{notice.New("calibration-failed", notice.Args{"error": notice.Text(err.Error())})}
				break
			}
		}
	}
	var found map[string]rundir.Rates
	l.locked(func() { found = maps.Clone(l.rates) })
	err = l.step(rundir.Event{Event: rundir.EventLoadsResolved, Start: rec.ID, Rates: found})
	if err != nil || lost == nil {
		return err
	}
	return l.failUnresolved(rec.ID, lost)
}

// findRates looks for the rates of one load. Each try has prompts of its own.
func (l *lane) findRates(ctx context.Context, load experiment.Load, s *launcher.Server, try int) (rates rundir.Rates, err error) {
	cfg, err := l.config(load, matrix.LoadPoint{Kind: experiment.Sweep, Value: 1}, l.Experiment.Trials.Seed, s)
	if err != nil {
		return rundir.Rates{}, err
	}
	if try > 1 {
		cfg.Salt += fmt.Sprintf(" try %d", try)
	}
	loadCtx, dog := l.guard(ctx, s)
	cfg.Progress = dog.beside(cfg.Progress)
	err = boundary.Guard("what the load brought back", func() (err error) {
		rates.Synchronous, rates.Saturated, err = loadgen.FindRates(loadCtx, cfg)
		return err
	})
	if dead := dog.stop(loadCtx); dead != nil {
		dog.exit(ctx, dead)
		return rundir.Rates{}, dead
	}
	return rates, err
}

// failUnresolved records the trials that wait for rates which cannot be found,
// so that the other loads go on.
func (l *lane) failUnresolved(start string, why []notice.Notice) error {
	for _, w := range l.waitingForRates() {
		reasons := append([]notice.Notice{notice.New("rates-not-found", notice.Args{"load": notice.Text(w.load)})}, why...)
		if err := l.unmeasured(w.trial, w.cell, start, rundir.OutcomeFailed, rundir.FailedRates, reasons); err != nil {
			return err
		}
	}
	return nil
}
