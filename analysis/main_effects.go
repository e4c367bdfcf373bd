package analysis

import (
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// MainEffect is what one level of a parameter does against another on average
// over everything else that the design varied with it, for one load and metric.
type MainEffect struct {
	Parameter string `json:"parameter"`
	Level     string `json:"level"`
	Against   string `json:"against"` // the baseline's level
	Load      string `json:"load"`
	Metric    string `json:"metric"`
	// Settings is the number of settings of the other parameters at which both
	// levels were measured; 1: the effect is known beside the baseline alone.
	Settings int   `json:"settings"`
	Ratio    Ratio `json:"ratio"`
}

// mainEffects averages the effect of every level against the baseline's over
// all settings of the other parameters at which both were measured, and over
// the load points of a load. A load's points share their starts, so they are
// averaged start by start before they are compared.
func (a *analyser) mainEffects() []MainEffect {
	base, ok := a.in.Plan.Baseline()
	if !ok {
		return nil
	}
	d := a.design()
	var out []MainEffect
	for _, load := range a.loads() {
		for _, m := range comparedMetrics(a) {
			f := a.loadFamily(load, m)
			if f == nil {
				continue
			}
			for _, name := range a.in.Plan.Parameters {
				out = append(out, a.mainEffectsOf(f, d, base, MainEffect{Parameter: name, Load: load, Metric: m})...)
			}
		}
	}
	a.correctMainEffects(out, base.ID)
	return out
}

// loadSeries are the configurations of a load with their means over its points.
type loadSeries struct {
	of map[string]*series // by configuration
}

// loadFamily makes a family of the load's configurations, whose replicates are
// the means of the log metric over all load points on one start. Starts that
// lack a point are left out. Nil without two configurations.
func (a *analyser) loadFamily(load, name string) *loadSeries {
	type key struct {
		start string
		block int
	}
	points := 0
	for _, p := range a.in.Plan.LoadPoints {
		if p.Load == load {
			points++
		}
	}
	f := &family{metric: name}
	out := &loadSeries{of: map[string]*series{}}
	for _, conf := range a.in.Plan.Configurations {
		sums, counts := map[key]replicate{}, map[key]int{}
		var order []key
		var all []rundir.Trial
		for i, c := range a.findings.Cells {
			s := a.series[seriesKey{i, name}]
			if c.Configuration != conf.ID || c.Load != load || s == nil || s.arithmetic {
				continue
			}
			all = append(all, a.trials[i]...)
			for _, r := range s.reps {
				k := key{r.start, r.block}
				sum, seen := sums[k]
				if !seen {
					sum = replicate{start: r.start, block: r.block}
					order = append(order, k)
				}
				sum.log += r.log / float64(points)
				sum.order += r.order / float64(points)
				sums[k], counts[k] = sum, counts[k]+1
			}
		}
		s := &series{family: f, place: -1, size: lengthsOf(all)}
		for _, k := range order {
			if counts[k] == points {
				s.reps = append(s.reps, sums[k])
				s.logs = append(s.logs, sums[k].log)
			}
		}
		if len(s.reps) > 0 {
			f.cells = append(f.cells, s)
			out.of[conf.ID] = s
		}
	}
	if len(f.cells) < 2 {
		return nil
	}
	f.model()
	return out
}

// mainEffectsOf are the effects of one parameter's levels on one load and
// metric, which the template names.
func (a *analyser) mainEffectsOf(
	f *loadSeries, d *design, base matrix.Configuration, template MainEffect,
) (out []MainEffect) {
	factor, varied := slices.BinarySearch(d.factors, template.Parameter)
	if !varied {
		return nil
	}
	terms, settings := map[string][]term{}, map[string]int{}
	var levels []string
	for _, p := range stats.Pairs(d.measured(), factor, d.level(base, factor)) {
		with, without := f.of[d.runs[p[0]].ID], f.of[d.runs[p[1]].ID]
		if with == nil || without == nil {
			continue
		}
		level := levelText(flagOf(d.runs[p[0]], template.Parameter))
		if terms[level] == nil {
			levels = append(levels, level)
		}
		terms[level] = addTerm(addTerm(terms[level], with, 1), without, -1)
		settings[level]++
	}
	against := levelText(flagOf(base, template.Parameter))
	for _, level := range levels {
		for i := range terms[level] {
			terms[level][i].weight /= float64(settings[level])
		}
		if r, ok := contrastOf(terms[level]).ratio(a.confidence); ok {
			e := template
			e.Level, e.Against, e.Settings, e.Ratio = level, against, settings[level], r
			out = append(out, e)
		}
	}
	return out
}

func addTerm(terms []term, s *series, weight float64) []term {
	if i := slices.IndexFunc(terms, func(t term) bool { return t.series == s }); i >= 0 {
		terms[i].weight += weight
		return terms
	}
	return append(terms, term{s, weight})
}

// correctMainEffects corrects the effects of each metric together and gives the
// verdicts.
func (a *analyser) correctMainEffects(out []MainEffect, baseline string) {
	byMetric := map[string][]int{}
	for i, e := range out {
		if e.Ratio.P > 0 {
			byMetric[e.Metric] = append(byMetric[e.Metric], i)
		}
	}
	for name, places := range byMetric {
		var ps []float64
		for _, i := range places {
			ps = append(ps, out[i].Ratio.P)
		}
		named, exploring := stats.Holm(ps), stats.BenjaminiHochberg(ps)
		for k, i := range places {
			r := &out[i].Ratio
			r.PAdjusted, r.Q = named[k], exploring[k]
			a.settleByInterval(r, name, len(ps))
			a.respectFloors(r, baseline, out[i].Load, name)
		}
	}
}

// settleByInterval gives the verdict of a ratio whose interval is at hand. The
// bounds of TOST at 5% are those of the 90% interval, which lies inside the 95%
// one: equivalence by the latter is the stricter.
func (a *analyser) settleByInterval(r *Ratio, name string, family int) {
	more := (r.Center > 1) == betterWhenHigher(name)
	switch {
	case r.HasInterval() && math.Log(r.Lo) > -a.margin && math.Log(r.Hi) < a.margin:
		r.Verdict = Equivalent
	case r.PAdjusted < 1-a.confidence && more:
		r.Verdict = Better
	case r.PAdjusted < 1-a.confidence:
		r.Verdict = Worse
	default:
		r.Reasons = a.undecided(*r, family)
	}
}
