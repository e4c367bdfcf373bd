package runner

import (
	"fmt"
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// loads turns the load points of a plan into runs of the load generator. Nothing
// of it changes once lanes work.
type loads struct {
	experiment *experiment.Experiment
	server     launcher.Setup
	secrets    []string         // of the server and of the loads
	samples    map[string][]int // empirical lengths by file and column
	material   material         // files and header values of the loads
	// salt makes the prompts of a run its own: they are shared by the cells of a
	// round, but a server that outlives the run (endpoint) meets fresh ones next
	// time.
	salt string
	// ratesOf are the ends of a sweep load, once they were found.
	ratesOf func(load string) (rundir.Rates, bool)
}

// newLoads reads once what the loads take from outside the experiment file.
func newLoads(e *experiment.Experiment, server launcher.Setup, lookup func(string) (string, bool)) (*loads, error) {
	w := &loads{experiment: e, server: server, samples: map[string][]int{}}
	var err error
	for _, l := range e.Loads {
		for _, d := range l.AllLengths() {
			if d.Kind != experiment.Empirical || w.samples[sampleKey(d)] != nil {
				continue
			}
			file, err := experiment.ReadLengths(d.File, d.Column)
			if err != nil {
				return nil, fmt.Errorf("lengths of load %s: %w", l.Name, err)
			}
			values := make([]int, len(file.Rows))
			for i, row := range file.Rows {
				values[i] = row[0]
			}
			w.samples[sampleKey(d)] = values
		}
	}
	if w.material, err = gather(e.Loads, lookup); err != nil {
		return nil, err
	}
	w.secrets = slices.Concat(server.Secrets, w.material.secrets)
	return w, nil
}

// named returns the load of that name.
func (w *loads) named(name string) (experiment.Load, error) {
	for _, l := range w.experiment.Loads {
		if l.Name == name {
			return l, nil
		}
	}
	return experiment.Load{}, fmt.Errorf("the plan names load %q, which the experiment does not have", name)
}

// config translates one load point into a run of the generator against a server.
func (w *loads) config(l experiment.Load, p matrix.LoadPoint, seed uint64, base, model string) (loadgen.Config, error) {
	arrivals, err := w.arrivals(l, p)
	if err != nil {
		return loadgen.Config{}, err
	}
	cfg := loadgen.Config{
		BaseURL:   base,
		Model:     model,
		API:       loadgen.API(l.API),
		APIKey:    w.server.APIKey,
		Arrivals:  arrivals,
		Prompt:    w.lengths(l.Prompt),
		Output:    w.lengths(l.Output),
		Warmup:    w.experiment.Trials.Warmup,
		Duration:  l.Duration,
		Requests:  l.Requests,
		Timeout:   l.Timeout,
		IgnoreEOS: l.IgnoreEOS,
		Seed:      seed,
		Salt:      w.salt,
	}
	cfg.Limits, cfg.Beside = w.clientLimits(base)
	err = w.furnish(&cfg, l)
	return cfg, err
}

func (w *loads) arrivals(l experiment.Load, p matrix.LoadPoint) (loadgen.Arrivals, error) {
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
		return w.sweepArrivals(l, p)
	default:
		return loadgen.Arrivals{}, fmt.Errorf("load %s: arrivals %q are not known", l.Name, p.Kind)
	}
}

// sweepArrivals places a point of a sweep load between the synchronous and the
// saturated rate that the search for rates found.
func (w *loads) sweepArrivals(l experiment.Load, p matrix.LoadPoint) (loadgen.Arrivals, error) {
	limit := sweepCap(l)
	switch p.Value {
	case 0:
		return loadgen.Arrivals{Kind: loadgen.Concurrency, Concurrency: 1}, nil
	case 1:
		// Saturation is held, not burst: a closed loop at the cap has a steady window.
		return loadgen.Arrivals{Kind: loadgen.Concurrency, Concurrency: limit}, nil
	}
	rates, ok := w.ratesOf(l.Name)
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

// lengths translates a distribution; empirical samples were read at the start.
func (w *loads) lengths(l experiment.Lengths) loadgen.Lengths {
	return loadgen.Lengths{
		Kind: loadgen.LengthKind(l.Kind), Mean: l.Mean, Stdev: l.Stdev, Min: l.Min, Max: l.Max,
		Values: w.samples[sampleKey(l)], Source: l.File,
	}
}

func sampleKey(l experiment.Lengths) string { return l.File + "\x00" + l.Column }

// goodput takes the per-request limits for goodput from an slo: its limits on
// ttft, tpot and e2e, whichever percentile they are stated for.
func goodput(slo []experiment.Constraint) map[string]float64 {
	out := map[string]float64{}
	for _, c := range slo {
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
