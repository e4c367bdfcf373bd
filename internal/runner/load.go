package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// load returns the load of that name.
func (r *run) load(name string) (experiment.Load, error) {
	for _, l := range r.Experiment.Loads {
		if l.Name == name {
			return l, nil
		}
	}
	return experiment.Load{}, fmt.Errorf("the plan names load %q, which the experiment does not have", name)
}

// config translates one load point on one server into a run of the generator.
func (r *run) config(l experiment.Load, p matrix.LoadPoint, seed uint64, s *launcher.Server) (loadgen.Config, error) {
	return r.configAt(l, p, seed, s.BaseURL(), s.Identity.Model)
}

func (r *run) configAt(l experiment.Load, p matrix.LoadPoint, seed uint64, base, model string) (loadgen.Config, error) {
	arrivals, err := r.arrivals(l, p)
	if err != nil {
		return loadgen.Config{}, err
	}
	cfg := loadgen.Config{
		BaseURL:    base,
		Model:      model,
		API:        loadgen.API(l.API),
		APIKey:     r.apiKey,
		Arrivals:   arrivals,
		Prompt:     r.lengths(l.Prompt),
		Output:     r.lengths(l.Output),
		Warmup:     r.Experiment.Trials.Warmup,
		Duration:   l.Duration,
		Requests:   l.Requests,
		Timeout:    l.Timeout,
		IgnoreEOS:  l.IgnoreEOS,
		Vocabulary: r.vocabulary,
		Seed:       seed,
		// One salt a run: prompts are shared by the cells of a block, but a
		// server that outlives the run (endpoint) meets fresh ones next time.
		Salt:     r.runID,
		Progress: r.progress,
	}
	cfg.Limits, cfg.Beside = r.clientLimits(base)
	err = r.furnish(&cfg, l)
	return cfg, err
}

func (r *run) progress(p loadgen.Progress) {
	if !r.mu.TryLock() { // it is only shown, and comes again in a moment
		return
	}
	defer r.mu.Unlock()
	live := r.live.look(p, r.monitor)
	r.updateStatus(func(s *Status) {
		s.Load = LoadStatus{InWindow: p.InWindow, Completed: p.Completed, Failed: p.Failed, InFlight: p.InFlight}
		s.Live = live
	})
}

func (r *run) arrivals(l experiment.Load, p matrix.LoadPoint) (loadgen.Arrivals, error) {
	switch p.Kind {
	case experiment.Constant, experiment.Poisson, experiment.Gamma:
		return loadgen.Arrivals{Kind: loadgen.ArrivalKind(p.Kind), Rate: p.Value, Burstiness: l.Arrivals.Burstiness, MaxConcurrency: p.MaxConcurrency}, nil
	case experiment.Ramp:
		return loadgen.Arrivals{Kind: loadgen.Ramp, Rate: l.Arrivals.From, RateTo: p.Value, MaxConcurrency: p.MaxConcurrency}, nil
	case experiment.TraceReplay:
		return loadgen.Arrivals{Kind: loadgen.Trace, Speed: p.Value, MaxConcurrency: p.MaxConcurrency}, nil
	case experiment.Concurrency, experiment.Throughput:
		return loadgen.Arrivals{Kind: loadgen.ArrivalKind(p.Kind), Concurrency: int(p.Value)}, nil
	case experiment.Sweep:
		return r.sweepArrivals(l, p)
	default:
		return loadgen.Arrivals{}, fmt.Errorf("load %s: arrivals %q are not known", l.Name, p.Kind)
	}
}

// sweepArrivals places a point of a sweep load between the synchronous and the
// saturated rate that the calibration found.
func (r *run) sweepArrivals(l experiment.Load, p matrix.LoadPoint) (loadgen.Arrivals, error) {
	limit := sweepCap(l)
	switch p.Value {
	case 0:
		return loadgen.Arrivals{Kind: loadgen.Concurrency, Concurrency: 1}, nil
	case 1:
		// Saturation is held, not burst: a closed loop at the cap has a steady window.
		return loadgen.Arrivals{Kind: loadgen.Concurrency, Concurrency: limit}, nil
	}
	rates, ok := r.rates[l.Name]
	if !ok {
		return loadgen.Arrivals{}, fmt.Errorf("load %s: its rates were not found yet", l.Name)
	}
	rate := loadgen.SweepRate(p.Value, rates.Synchronous, rates.Saturated)
	return loadgen.Arrivals{Kind: loadgen.Poisson, Rate: rate, MaxConcurrency: l.Arrivals.MaxConcurrency}, nil
}

// sweepCap is the concurrency that counts as saturation of a sweep load.
func sweepCap(l experiment.Load) int {
	if l.Arrivals.MaxConcurrency > 0 {
		return l.Arrivals.MaxConcurrency
	}
	return experiment.DefaultThroughputCap
}

func (r *run) sweepLoads() []experiment.Load {
	var out []experiment.Load
	for _, l := range r.Experiment.Loads {
		if l.Arrivals.Kind == experiment.Sweep {
			out = append(out, l)
		}
	}
	return out
}

// unresolved lists the sweep loads whose rates are not known and for which a
// trial is waiting.
func (r *run) unresolved() []experiment.Load {
	waiting := map[string]bool{}
	for _, t := range r.waitingForRates() {
		waiting[t.load] = true
	}
	var out []experiment.Load
	for _, l := range r.sweepLoads() {
		if waiting[l.Name] {
			out = append(out, l)
		}
	}
	return out
}

// waiting is an unfinished trial of a sweep load.
type waiting struct {
	trial matrix.Trial
	cell  matrix.Cell
	load  string
}

func (r *run) waitingForRates() []waiting {
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

// calibrations is how often the rates of a load are looked for: the client may
// have been held up by something that has passed.
const calibrations = 3

// calibrate finds the rates of all sweep loads on a running baseline. They are
// found once, so that every configuration is measured at the same rates. A
// load whose rates cannot be found fails alone; the others go on.
func (r *run) calibrate(ctx context.Context, s *launcher.Server, rec *rundir.Start) error {
	var names []string
	for _, l := range r.unresolved() {
		names = append(names, l.Name)
	}
	refused, err := r.probe(ctx, names, s, rec)
	if err == nil {
		err = r.hopelessLoad(refused)
	}
	if err != nil {
		return err
	}
	r.stage(StageMeasuring)
	var lost []notice.Notice
	for _, l := range r.unresolved() {
		if words := refused[l.Name]; words != "" {
			lost = []notice.Notice{refusedNotice(words)}
			continue
		}
		for try := 1; ; try++ {
			rates, err := r.findRates(ctx, l, s, try)
			if err == nil {
				r.rates[l.Name] = rates
				r.message("load %s: %s synchronous, %s saturated on the baseline", l.Name,
					say.Unit(metric.Requests, rates.Synchronous), say.Unit(metric.Requests, rates.Saturated))
				break
			}
			if ctx.Err() != nil || errors.Is(err, errServerDied) {
				return err
			}
			r.message("warning: find the rates of load %s on %s, try %d of %d: %v", l.Name, rec.ID, try, calibrations, err)
			if try == calibrations {
				lost = []notice.Notice{notice.New("calibration-failed", notice.Args{"error": notice.Text(err.Error())})}
				break
			}
		}
	}
	err = r.dir.Journal.Append(rundir.Event{Event: rundir.EventLoadsResolved, Start: rec.ID, Rates: r.rates})
	if err != nil || lost == nil {
		return err
	}
	return r.failUnresolved(ctx, rec.ID, lost)
}

// findRates looks for the rates of one load. Each try has prompts of its own.
func (r *run) findRates(ctx context.Context, l experiment.Load, s *launcher.Server, try int) (rundir.Rates, error) {
	cfg, err := r.config(l, matrix.LoadPoint{Kind: experiment.Sweep, Value: 1}, r.Experiment.Trials.Seed, s)
	if err != nil {
		return rundir.Rates{}, err
	}
	if try > 1 {
		cfg.Salt += fmt.Sprintf(" try %d", try)
	}
	loadCtx, dog := r.guard(ctx, s)
	shown := cfg.Progress
	cfg.Progress = func(p loadgen.Progress) {
		dog.progress(p)
		shown(p)
	}
	var rates rundir.Rates
	var dead *death
	r.blocking(func() {
		err = boundary.Guard("what the load brought back", func() (err error) {
			rates.Synchronous, rates.Saturated, err = loadgen.Calibrate(loadCtx, cfg)
			return err
		})
		if dead = dog.stop(loadCtx); dead != nil {
			dog.exit(ctx, dead)
		}
	})
	if dead != nil {
		return rundir.Rates{}, dead
	}
	return rates, err
}

// failUnresolved records the trials that wait for rates which cannot be found,
// so that the other loads go on.
func (r *run) failUnresolved(ctx context.Context, start string, why []notice.Notice) error {
	for _, w := range r.waitingForRates() {
		reasons := append([]notice.Notice{notice.New("rates-not-found", notice.Args{"load": notice.Text(w.load)})}, why...)
		if err := r.unmeasured(w.trial, w.cell, start, rundir.OutcomeFailed, rundir.FailedRates, reasons); err != nil {
			return err
		}
	}
	r.afterTrial(ctx)
	return nil
}

// lengths translates a distribution; empirical samples were read at the start.
func (r *run) lengths(l experiment.Lengths) loadgen.Lengths {
	return loadgen.Lengths{
		Kind: loadgen.LengthKind(l.Kind), Mean: l.Mean, Stdev: l.Stdev, Min: l.Min, Max: l.Max,
		Values: r.samples[sampleKey(l)], Source: l.File,
	}
}

func sampleKey(l experiment.Lengths) string { return l.File + "\x00" + l.Column }

// loadSamples reads every empirical distribution once.
func (r *run) loadSamples() error {
	for _, l := range r.Experiment.Loads {
		for _, d := range l.AllLengths() {
			if d.Kind != experiment.Empirical || r.samples[sampleKey(d)] != nil {
				continue
			}
			file, err := experiment.ReadLengths(d.File, d.Column)
			if err != nil {
				return fmt.Errorf("lengths of load %s: %w", l.Name, err)
			}
			values := make([]int, len(file.Rows))
			for i, row := range file.Rows {
				values[i] = row[0]
			}
			r.samples[sampleKey(d)] = values
		}
	}
	return nil
}

// goodput takes the per-request limits for goodput from the experiment's slo:
// its limits on ttft, tpot and e2e, whichever percentile they are stated for.
func (r *run) goodput() map[string]float64 {
	out := map[string]float64{}
	for _, c := range r.Experiment.SLO {
		m, err := metric.Parse(c.Metric)
		if err != nil || c.Op != experiment.AtMost {
			continue
		}
		switch m.Base {
		case "ttft", "tpot", "e2e":
			if old, ok := out[m.Base]; !ok || c.Value < old {
				out[m.Base] = c.Value
			}
		}
	}
	return out
}
