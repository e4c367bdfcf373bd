package analysis

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// Analyze computes the findings of a run, finished or not. The order of the
// records does not matter. An error means that the records contradict each
// other or the plan; everything else that is wrong with a run is a warning, a
// reason or an absence in the findings.
func Analyze(in Input) (*Findings, error) {
	in.Trials = Judge(in)
	blocks, stage := splitConfirm(in)
	a, err := newAnalyser(blocks)
	if err != nil {
		return nil, err
	}
	a.reliability = reliabilities(in)
	a.estimate()
	a.findings.Checks = append(a.findings.Checks, a.runChecks()...)
	a.compareWithBaseline()
	a.checkSLO()
	a.findings.Frontiers = a.frontiers()
	a.findings.Effects = a.effects()
	a.findings.MainEffects = a.mainEffects()
	a.findings.Interactions, a.findings.NotTested = a.interactions()
	a.findings.BlockEffects = a.blockEffects()
	a.findings.Precision = a.precision()
	if a.hasRepeats() {
		a.findings.VarianceSplits = a.splits()
	}
	a.findings.Failures = a.failures()
	a.findings.Discounted = a.discounted(blocks.Trials)
	drifts := a.drifts()
	a.findings.Recommendations = a.recommend(drifts)
	if stage == nil {
		a.findings.Finalists = a.finalists()
	} else if err := a.confirm(*stage); err != nil {
		return nil, err
	}
	a.warn(drifts)
	return &a.findings, nil
}

// analyser holds the records of one run, indexed, while they are worked on.
type analyser struct {
	in         Input
	confidence float64
	margin     float64 // on the log scale: log(1 + margin)
	findings   Findings
	index      map[string]int // cell ID → place in findings.Cells
	changed    map[string]int // configuration ID → flags that differ from the baseline
	trials     [][]rundir.Trial
	sizes      []lengths // of the cells
	metrics    []string  // every metric that a counting trial carries or misses, sorted
	series     map[seriesKey]*series
	families   []*family
	unknown    []string                   // metric names that are not in the vocabulary
	only       map[string]map[string]bool // use case → cells it may recommend; nil: all
	strangers  int                        // trials of cells that the plan does not have
	earlier    map[familyKey]*family      // of the blocks, while the confirm stage is analysed
	// reliability is by configuration, over the whole run.
	reliability map[string]*Reliability
}

type seriesKey struct {
	cell   int
	metric string
}

type familyKey struct{ point, metric string }

func newAnalyser(in Input) (*analyser, error) {
	if in.Plan == nil {
		return nil, errors.New("analyze run: no plan")
	}
	a := &analyser{
		in:         in,
		confidence: in.Confidence,
		index:      map[string]int{},
		changed:    map[string]int{},
		series:     map[seriesKey]*series{},
	}
	if a.confidence == 0 {
		a.confidence = DefaultConfidence
	}
	margin := in.Margin
	if margin == 0 {
		margin = DefaultMargin
	}
	if !(a.confidence > 0.5 && a.confidence < 1) {
		return nil, fmt.Errorf("analyze run: confidence %g is not between 0.5 and 1", a.confidence)
	}
	if !(margin > 0 && margin < 1) {
		return nil, fmt.Errorf("analyze run: margin %g is not between 0 and 1", margin)
	}
	a.margin = math.Log1p(margin)
	a.findings = Findings{
		Confidence:      a.confidence,
		Margin:          margin,
		Cells:           []Cell{},
		Frontiers:       []Frontier{},
		Effects:         []Effect{},
		Recommendations: []Recommendation{},
	}
	if b, ok := in.Plan.Baseline(); ok {
		a.findings.Baseline = b.ID
	}
	if err := a.addCells(); err != nil {
		return nil, err
	}
	return a, a.addTrials()
}

// addCells lists the cells of the plan.
func (a *analyser) addCells() error {
	onProcessors := map[string]bool{}
	for _, s := range a.in.Starts {
		onProcessors[s.Configuration] = onProcessors[s.Configuration] || s.Compute == experiment.ComputeCPU
	}
	for _, pc := range a.in.Plan.Cells {
		conf, ok := a.in.Plan.Configuration(pc.Configuration)
		if onProcessors[conf.ID] {
			conf.GPUs = 0 // the plan did not know
		}
		if !ok {
			return fmt.Errorf("analyze run: cell %s names unknown configuration %s", pc.ID, pc.Configuration)
		}
		point, ok := a.in.Plan.LoadPoint(pc.LoadPoint)
		if !ok {
			return fmt.Errorf("analyze run: cell %s names unknown load point %s", pc.ID, pc.LoadPoint)
		}
		if _, twice := a.index[pc.ID]; twice {
			return fmt.Errorf("analyze run: cell %s appears twice in the plan", pc.ID)
		}
		a.index[pc.ID] = len(a.findings.Cells)
		a.changed[conf.ID] = len(conf.Changed)
		a.findings.Cells = append(a.findings.Cells, Cell{
			ID: pc.ID, Configuration: conf.ID, Label: conf.Label,
			LoadPoint: point.ID, PointLabel: point.Label, Load: point.Load,
			Baseline: conf.Baseline, GPUs: conf.GPUs,
		})
	}
	a.trials = make([][]rundir.Trial, len(a.findings.Cells))
	return nil
}

// addTrials sorts the records to their cells and counts them. Trials of
// starts that find rates find the rates of a load and are not results.
func (a *analyser) addTrials() error {
	calibration := map[string]bool{}
	for _, s := range a.in.Starts {
		calibration[s.ID] = s.Purpose == matrix.PurposeFindRates
	}
	for _, s := range a.in.Plan.Starts {
		if s.Purpose == matrix.PurposeFindRates {
			calibration[s.ID] = true
		}
	}
	seen := map[string]bool{}
	for _, t := range sortedTrials(a.in.Trials) {
		if seen[t.ID] {
			return fmt.Errorf("analyze run: trial %s is recorded twice", t.ID)
		}
		seen[t.ID] = true
		if calibration[t.Start] {
			continue
		}
		i, ok := a.index[t.Cell]
		if !ok {
			a.strangers++
			continue
		}
		c := &a.findings.Cells[i]
		if t.Repeats != "" {
			c.Repeats++
		}
		switch t.Outcome {
		case rundir.OutcomeOK:
			a.check(t)
			c.Trials++
			a.trials[i] = append(a.trials[i], t)
		case rundir.OutcomeInvalid:
			if impossible(t) {
				a.check(t)
			}
			c.Invalid++
		case rundir.OutcomeFailed:
			c.Failed++
			if c.FailedBy == nil {
				c.FailedBy = map[string]int{}
			}
			c.FailedBy[t.FailureCause()]++
		case rundir.OutcomeSkipped:
			c.Skipped++
		default:
			return fmt.Errorf("analyze run: trial %s has unknown outcome %q", t.ID, t.Outcome)
		}
	}
	a.countMissing(seen)
	return nil
}

// check lists what contradicts itself in a trial.
func (a *analyser) check(t rundir.Trial) {
	conf, _ := a.in.Plan.Configuration(t.Configuration)
	point, _ := a.in.Plan.LoadPoint(t.LoadPoint)
	a.findings.Checks = append(a.findings.Checks, checkTrial(t, conf, point, a.in.Plan.Model, a.in.GPU)...)
}

func sortedTrials(ts []rundir.Trial) []rundir.Trial {
	out := slices.Clone(ts)
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].Order != out[j].Order {
			return out[i].Order < out[j].Order
		}
		return out[i].ID < out[j].ID
	})
	return out
}

// countMissing counts planned trials without a record.
func (a *analyser) countMissing(seen map[string]bool) {
	for _, s := range a.in.Plan.Starts {
		if s.Purpose == matrix.PurposeFindRates {
			continue
		}
		for _, t := range s.Trials {
			if i, ok := a.index[t.Cell]; ok && !seen[t.ID] {
				a.findings.Cells[i].Missing++
			}
		}
	}
}

// collectMetrics lists the metrics that the counting trials name.
func (a *analyser) collectMetrics() {
	names := map[string]bool{}
	for _, ts := range a.trials {
		for _, t := range ts {
			for m := range t.Metrics {
				names[m] = true
			}
			for m := range t.Absent {
				names[m] = true
			}
		}
	}
	for m := range names {
		if _, err := metric.Parse(m); err != nil {
			a.unknown = append(a.unknown, m)
			continue
		}
		a.metrics = append(a.metrics, m)
	}
	slices.Sort(a.metrics)
	slices.Sort(a.unknown)
}
