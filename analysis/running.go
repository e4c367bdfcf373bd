package analysis

import (
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Running is the best so far of each use case, kept up to date from each trial
// as it ends: that costs the same after two trials and after two thousand. It
// is a glimpse by means, without intervals or verdicts. It is not safe for
// concurrent use.
type Running struct {
	useCases []experiment.UseCase
	slo      []experiment.Constraint
	metrics  []string                // those that use cases ask for
	cells    map[string]*runningCell // by ID
	best     []Leading
}

// runningCell is what the trials of a cell came to.
type runningCell struct {
	load string
	sums map[string]sum // by metric
}

// Leading is the result that leads a use case by its mean, in the metric's base
// unit; Cell is empty while nothing meets the limits.
type Leading struct {
	UseCase experiment.UseCase
	Cell    string
	Value   float64
}

type sum struct {
	total float64
	n     int
}

func (s sum) mean() float64 { return s.total / float64(s.n) }

// NewRunning begins with no trial.
func NewRunning(useCases []experiment.UseCase, slo []experiment.Constraint) *Running {
	r := &Running{useCases: useCases, slo: slo, cells: map[string]*runningCell{}}
	for _, u := range useCases {
		r.best = append(r.best, Leading{UseCase: u})
		for _, name := range namesOf(u, slo) {
			if !slices.Contains(r.metrics, name) {
				r.metrics = append(r.metrics, name)
			}
		}
	}
	return r
}

// Take adds a trial on a load. One that does not count changes nothing.
func (r *Running) Take(t rundir.Trial, load string) {
	if t.Outcome != rundir.OutcomeOK {
		return
	}
	if r.cells[t.Cell] == nil {
		r.cells[t.Cell] = &runningCell{load, map[string]sum{}}
	}
	sums := r.cells[t.Cell].sums
	for _, name := range r.metrics {
		if v, ok := t.Metrics[name]; ok && finite(v) {
			sums[name] = sum{sums[name].total + v, sums[name].n + 1}
		}
	}
	for i := range r.best {
		if b := &r.best[i]; b.UseCase.Load == load {
			r.rank(b, t.Cell)
		}
	}
}

// rank takes what a cell has now. Where the leader itself fell behind, all are
// looked at.
func (r *Running) rank(b *Leading, id string) {
	value, fits := r.value(b.UseCase, id)
	if id == b.Cell {
		b.Cell = ""
		for other := range r.cells {
			if v, ok := r.value(b.UseCase, other); ok && (b.Cell == "" || ahead(b.UseCase, v, b.Value) || v == b.Value && other < b.Cell) {
				b.Cell, b.Value = other, v
			}
		}
		return
	}
	if fits && (b.Cell == "" || ahead(b.UseCase, value, b.Value)) {
		b.Cell, b.Value = id, value
	}
}

// value is a cell's mean of the objective; false where it has none or misses a
// limit.
func (r *Running) value(u experiment.UseCase, id string) (float64, bool) {
	cell := r.cells[id]
	if cell.load != u.Load {
		return 0, false
	}
	for _, k := range constraintsOf(u, r.slo) {
		if s := cell.sums[k.Metric]; s.n == 0 || !holds(s.mean(), k) {
			return 0, false
		}
	}
	s := cell.sums[u.Objective]
	if s.n == 0 {
		return 0, false
	}
	return s.mean(), true
}

func ahead(u experiment.UseCase, a, b float64) bool {
	if u.Maximize {
		return a > b
	}
	return a < b
}

// Best are the leaders, in the order of the use cases.
func (r *Running) Best() []Leading { return slices.Clone(r.best) }
