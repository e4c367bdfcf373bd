package analysis

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Methods of an estimate.
const (
	MethodPooled      = "t-log pooled"           // variance of all cells at the load point
	MethodOwn         = "t-log own"              // variance of the cell's own trials
	MethodWithinStart = "t-log within one start" // repeats on one server start: start-to-start variance not seen
	MethodArithmetic  = "t arithmetic"           // a value of zero or less: arithmetic mean, own variance
	MethodRange       = "range"                  // n=2: Lo and Hi are the two values
	MethodPoint       = "point"                  // n=1
)

// largest is beyond any measurement and keeps squares finite.
const largest = 1e100

// replicate is one independent measurement of a cell: the mean over the trials
// that one server start contributes to one block. Repeats inside a start share
// what that start is like and are no replicates of each other.
type replicate struct {
	start      string
	block      int
	order      float64   // mean over the trials
	raw        []float64 // the trials' values
	value, log float64   // arithmetic and logarithmic mean
}

// series is the values of one metric in one cell.
type series struct {
	values      []Value // of every trial
	reps        []replicate
	logs        []float64 // of the replicates
	arithmetic  bool      // has values that have no logarithm
	withinStart bool      // repeats on the same server start
	family      *family
	place       int  // in the family's fit
	apart       bool // does not share the block effects or the variance of the others
	size        lengths
}

// family is the cells of one load point with one metric: they share blocks and
// a variance, except those that prove to stand apart.
type family struct {
	point, metric string
	cells         []*series
	obs           []stats.Observation // of all cells
	orders        []float64           // of the same
	numbers       []int               // of the blocks, in the order of the fit's
	fit           *stats.BlockFit     // of those that do not stand apart
	pooled        bool
	unequal       bool
}

// estimate fills the estimates of all cells.
func (a *analyser) estimate() {
	a.markUnlike()
	a.collectMetrics()
	for _, p := range a.in.Plan.LoadPoints {
		for _, m := range a.metrics {
			f := &family{point: p.ID, metric: m}
			for i := range a.findings.Cells {
				if a.findings.Cells[i].LoadPoint == p.ID {
					a.addSeries(f, i)
				}
			}
			if len(f.cells) > 0 {
				f.model()
				f.borrow(a.earlier[familyKey{f.point, f.metric}])
				a.families = append(a.families, f)
			}
		}
	}
	for i := range a.findings.Cells {
		c := &a.findings.Cells[i]
		for _, m := range a.metrics {
			if s, ok := a.series[seriesKey{i, m}]; ok {
				if c.Estimates == nil {
					c.Estimates = map[string]Estimate{}
				}
				e := s.estimate(a.confidence)
				e.Upper = upperBound(a.trials[i], m)
				c.Estimates[m] = e
			}
		}
	}
}

// upperBound is the geometric mean of the trials' upper bounds of a percentile,
// 0 unless every trial that has the percentile has one.
func upperBound(trials []rundir.Trial, name string) float64 {
	sum, n := 0.0, 0.0
	for _, t := range trials {
		if _, ok := t.Metrics[name]; !ok {
			continue
		}
		u, ok := t.Upper[name]
		if !ok || !(u > 0) || u > largest {
			return 0
		}
		sum, n = sum+math.Log(u), n+1
	}
	if n == 0 {
		return 0
	}
	return math.Exp(sum / n)
}

// addSeries collects a cell's values of the family's metric, or why there are none.
func (a *analyser) addSeries(f *family, cell int) {
	s := &series{family: f, place: -1, size: a.sizes[cell]}
	why := ""
	for _, t := range a.trials[cell] {
		v, ok := t.Metrics[f.metric]
		if !ok || !possible(f.metric, v) {
			if why == "" {
				why = absence(t, f.metric)
			}
			continue
		}
		s.values = append(s.values, Value{Trial: t.ID, Block: t.Block, Order: t.Order, Value: v})
		s.arithmetic = s.arithmetic || v <= 0
		s.replicate(t, v)
	}
	s.average()
	c := &a.findings.Cells[cell]
	if len(s.values) < c.Trials {
		if c.Absent == nil {
			c.Absent = map[string]string{}
		}
		c.Absent[f.metric] = why
	}
	if len(s.values) == 0 {
		return
	}
	f.cells = append(f.cells, s)
	a.series[seriesKey{cell, f.metric}] = s
}

// replicate adds a trial's value to the replicate of its start and block.
func (s *series) replicate(t rundir.Trial, v float64) {
	for i := range s.reps {
		r := &s.reps[i]
		if t.Start == "" || r.start != t.Start {
			continue
		}
		if r.block == t.Block {
			n := float64(len(r.raw))
			r.order = (r.order*n + float64(t.Order)) / (n + 1)
			r.raw = append(r.raw, v)
			return
		}
		s.withinStart = true // another block on the same start: order sequential
	}
	s.reps = append(s.reps, replicate{start: t.Start, block: t.Block, order: float64(t.Order), raw: []float64{v}})
}

// average fills in the means of the replicates.
func (s *series) average() {
	for i := range s.reps {
		r := &s.reps[i]
		r.value = stat.Mean(r.raw, nil)
		if s.arithmetic {
			continue
		}
		for _, v := range r.raw {
			r.log += math.Log(v) / float64(len(r.raw))
		}
		s.logs = append(s.logs, r.log)
	}
}

func absence(t rundir.Trial, name string) string {
	if why := t.Absent[name]; why != "" {
		return why
	}
	if _, ok := t.Metrics[name]; ok {
		return "the recorded value cannot be right"
	}
	return "not in the trial's record"
}

// possible says whether a metric can have the value: finite, and not negative.
// Nothing is answered in no time either, so that a latency of 0 up to the first
// token or to the last is a fault of the record.
func possible(name string, v float64) bool {
	if math.IsNaN(v) || v < 0 || v > largest || v > 0 && v < 1/largest {
		return false
	}
	return v > 0 || !strings.HasPrefix(name, "ttft_") && !strings.HasPrefix(name, "e2e_")
}

// model fits the family and decides which of its cells share a variance.
func (f *family) model() {
	blocks := map[int]int{}
	var numbers []int
	for _, s := range f.cells {
		for _, v := range s.reps {
			if !s.arithmetic && !slices.Contains(numbers, v.block) {
				numbers = append(numbers, v.block)
			}
		}
	}
	slices.Sort(numbers)
	f.numbers = numbers
	for i, b := range numbers {
		blocks[b] = i
	}
	cells := 0
	for _, s := range f.cells {
		if s.arithmetic {
			continue
		}
		s.place = cells
		cells++
		for _, v := range s.reps {
			f.obs = append(f.obs, stats.Observation{Group: s.place, Block: blocks[v.block], Y: v.log})
			f.orders = append(f.orders, v.order)
		}
	}
	if cells == 0 {
		return
	}
	var apart []bool
	f.fit, apart = stats.Pool(f.obs, cells, len(numbers), false)
	for _, s := range f.cells {
		s.apart = !s.arithmetic && apart[s.place]
	}
	if f.fit.HasVariance() {
		f.unequal = f.fit.UnequalVariances()
		f.pooled = !f.unequal
	}
}

// borrow adds the degrees of freedom that the blocks had for the variance at the
// same load point to those of the confirm stage, whose few cells have few. How
// much trials vary is not what finalists were chosen by; their values are, and
// those are not borrowed. It is left where the two variances differ (F test at
// 1%) or either is not pooled for its cells' sake.
func (f *family) borrow(from *family) {
	apart := func(s *series) bool { return s.apart }
	if from == nil || !from.pooled || f.fit == nil || f.unequal || slices.ContainsFunc(f.cells, apart) {
		return
	}
	f.pooled = f.fit.Borrow(from.fit) || f.pooled
}

// spread is a variance of one trial's log value, with its degrees of freedom.
type spread struct {
	variance, df float64
	own          bool
}

// spread returns the variance to judge the series by, false when there is none.
func (s *series) spread() (spread, bool) {
	n := len(s.logs)
	switch {
	case s.arithmetic || n < 2:
		return spread{}, false
	case s.family.pooled && !s.apart:
		return spread{variance: s.family.fit.Within, df: s.family.fit.WithinDF}, true
	case n < 3:
		return spread{}, false
	}
	v := stat.Variance(s.logs, nil)
	return spread{variance: v, df: float64(n - 1), own: true}, v >= stats.TinyVariance
}

func (s *series) estimate(confidence float64) Estimate {
	e := Estimate{N: len(s.reps), Values: s.values}
	if s.arithmetic {
		return s.arithmeticEstimate(e, confidence)
	}
	mean := stat.Mean(s.logs, nil)
	e.Center = math.Exp(mean)
	sp, ok := s.spread()
	switch {
	case e.N == 1:
		e.Center, e.Method = s.reps[0].value, MethodPoint
		if len(s.values) > 1 {
			e.Center = math.Exp(mean)
		}
		return e
	case ok && s.withinStart:
		e.Method = MethodWithinStart
	case ok && sp.own:
		e.Method = MethodOwn
	case ok:
		e.Method = MethodPooled
	case e.N == 2:
		e.Method = MethodRange
		e.setInterval(s.minmax())
		return e
	default: // trials without any variation
		e.Method = MethodOwn
		return e
	}
	lo, hi := stats.Estimate{Value: mean, SE: math.Sqrt(sp.variance / float64(e.N)), DF: sp.df}.Interval(confidence)
	e.setInterval(math.Exp(lo), math.Exp(hi))
	return e
}

// arithmeticEstimate is for values of zero or less, which have no logarithm.
func (s *series) arithmeticEstimate(e Estimate, confidence float64) Estimate {
	x := make([]float64, len(s.reps))
	for i, v := range s.reps {
		x[i] = v.value
	}
	e.Center = stat.Mean(x, nil)
	switch len(x) {
	case 1:
		e.Method = MethodPoint
	case 2:
		e.Method = MethodRange
		e.setInterval(s.minmax())
	default:
		e.Method = MethodArithmetic
		n := float64(len(x))
		h := stats.TQuantile(confidence, n-1) * stat.StdDev(x, nil) / math.Sqrt(n)
		lo := e.Center - h
		if slices.Min(x) >= 0 {
			lo = math.Max(lo, 0) // the quantity has no values under zero
		}
		e.setInterval(lo, e.Center+h)
	}
	return e
}

// setInterval keeps an interval that is one: finite and not empty.
func (e *Estimate) setInterval(lo, hi float64) {
	if finite(lo) && finite(hi) && hi > lo {
		e.Lo, e.Hi = lo, hi
	}
}

// minmax is the range of the replicates.
func (s *series) minmax() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, r := range s.reps {
		v := r.value
		if !s.arithmetic && len(r.raw) > 1 {
			v = math.Exp(r.log)
		}
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	return lo, hi
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
