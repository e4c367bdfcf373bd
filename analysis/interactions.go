package analysis

import (
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
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

// Interaction is how the effect of one change depends on another: the ratio of
// the two changes together to the product of each alone. 1 is none.
type Interaction struct {
	Parameters [2]string `json:"parameters"`
	Levels     [2]string `json:"levels"`
	Base       string    `json:"base"` // label of the configuration without either change
	LoadPoint  string    `json:"load_point"`
	Metric     string    `json:"metric"`
	Ratio      Ratio     `json:"ratio"`
	// Alone and Together are the effect of the first change without and with the
	// second; Flips: they are on different sides of 1, each beyond its margin.
	Alone    float64 `json:"alone"`
	Together float64 `json:"together"`
	Flips    bool    `json:"flips,omitempty"`
}

// NotTested names two parameters whose interaction the design did not measure.
type NotTested [2]string

// square is four configurations: without either change, with each, with both.
type square struct {
	base, first, second, both matrix.Configuration
	a, b                      setFlag // the two changes
}

// squares lists the complete squares of the measured configurations: a base
// whose two parameters have the reference's levels, each changed alone, and
// both together.
func (a *analyser) squares() []square {
	confs := a.measured()
	reference := a.reference(confs)
	at := map[string]matrix.Configuration{}
	for _, c := range confs {
		at[c.key()] = c.Configuration
	}
	var out []square
	for _, base := range confs {
		var single []flagSet
		var change []setFlag
		for _, c := range confs {
			if d := base.changed(c, 2); len(d) == 1 && reference.get(d[0].name).text == base.get(d[0].name).text {
				single, change = append(single, c), append(change, d[0])
			}
		}
		for i := range single {
			for j := range i {
				if change[i].name == change[j].name {
					continue
				}
				if both, ok := at[base.with(change[i]).with(change[j]).key()]; ok {
					out = append(out, square{
						base: base.Configuration, first: single[j].Configuration, second: single[i].Configuration, both: both,
						a: change[j], b: change[i],
					})
				}
			}
		}
	}
	return out
}

// reference is the baseline, or, without one, the configuration with the most
// neighbours one change away.
func (a *analyser) reference(confs []flagSet) flagSet {
	if b, ok := a.in.Plan.Baseline(); ok {
		return newFlagSet(b)
	}
	var best flagSet
	most := -1
	for _, x := range confs {
		n := 0
		for _, y := range confs {
			if len(x.changed(y, 2)) == 1 {
				n++
			}
		}
		if n > most {
			best, most = x, n
		}
	}
	return best
}

func levelText(f experiment.Flag) string {
	if f.Kind == experiment.FlagUnset {
		return "default"
	}
	return f.Value
}

// interactions tests every complete square at every load point, for the metrics
// that the run was asked about and the usual ones. They are exploration: the
// verdicts rest on Benjamini and Hochberg's correction over all of a metric.
func (a *analyser) interactions() (found []Interaction, missing []NotTested) {
	squares := a.squares()
	tested := map[NotTested]bool{}
	for _, m := range comparedMetrics(a) {
		found = append(found, a.interactionsOf(m, squares, tested)...)
	}
	for i, p := range a.in.Plan.Parameters {
		for _, q := range a.in.Plan.Parameters[:i] {
			if pair := (NotTested{q, p}); !tested[pair] && !tested[NotTested{p, q}] {
				missing = append(missing, pair)
			}
		}
	}
	return found, missing
}

func (a *analyser) interactionsOf(name string, squares []square, tested map[NotTested]bool) []Interaction {
	var out []Interaction
	var ps []float64
	var places, cells []int // of out: what was tested; the cell with both changes
	for _, q := range squares {
		for _, point := range a.in.Plan.LoadPoints {
			s := [4]*series{}
			for i, conf := range []string{q.both.ID, q.first.ID, q.second.ID, q.base.ID} {
				s[i] = a.seriesOf(conf, point.ID, name)
			}
			if s[0] == nil || s[1] == nil || s[2] == nil || s[3] == nil {
				continue
			}
			tested[NotTested{q.a.name, q.b.name}] = true
			d := contrastOf(map[*series]float64{s[0]: 1, s[1]: -1, s[2]: -1, s[3]: 1})
			r, ok := d.ratio(a.confidence)
			if !ok {
				continue
			}
			got := Interaction{
				Parameters: [2]string{q.a.name, q.b.name}, Levels: [2]string{levelText(q.a.flag), levelText(q.b.flag)},
				Base: q.base.Label, LoadPoint: point.ID, Metric: name, Ratio: r,
				Alone: math.Exp(compare(s[1], s[3]).d), Together: math.Exp(compare(s[0], s[2]).d),
			}
			if !finite(got.Alone) || !finite(got.Together) {
				continue
			}
			low, high := min(got.Alone, got.Together), max(got.Alone, got.Together)
			got.Flips = math.Log(low) < -a.margin && math.Log(high) > a.margin
			if r.P > 0 {
				ps, places = append(ps, r.P), append(places, len(out))
			}
			out, cells = append(out, got), append(cells, a.cellOf(q.both.ID, point.ID))
		}
	}
	for i, q := range benjaminiHochberg(ps) {
		out[places[i]].Ratio.Q = q
	}
	for i := range out {
		a.settleInteraction(&out[i], len(ps))
		a.respectFloor(&out[i].Ratio, cells[i], name)
	}
	return out
}

// settleInteraction gives an interaction its verdict. Verdicts are Equivalent (none worth the name), Undecided, or Better and Worse for more
// and less than the single changes promise, in the metric's better direction.
func (a *analyser) settleInteraction(x *Interaction, family int) {
	r := &x.Ratio
	level := 1 - a.confidence
	more := (r.Center > 1) == betterWhenHigher(x.Metric)
	switch {
	case r.HasInterval() && math.Log(r.Lo) > -a.margin && math.Log(r.Hi) < a.margin:
		r.Verdict, r.Reasons = Equivalent, nil
	case r.P > 0 && r.Q < level && more:
		r.Verdict, r.Reasons = Better, nil
	case r.P > 0 && r.Q < level:
		r.Verdict, r.Reasons = Worse, nil
	case r.P > 0:
		r.Reasons = a.undecided(*r, family)
	}
}

func betterWhenHigher(name string) bool {
	m, err := metric.Parse(name)
	return err == nil && m.Better == metric.Higher
}

func (a *analyser) seriesOf(configuration, point, name string) *series {
	return a.series[seriesKey{a.cellOf(configuration, point), name}]
}

// cellOf is the place of a cell in the findings, -1 for none.
func (a *analyser) cellOf(configuration, point string) int {
	return slices.IndexFunc(a.findings.Cells, func(c Cell) bool { return c.Configuration == configuration && c.LoadPoint == point })
}

// mainEffects averages the effect of every level against the baseline's over
// all settings of the other parameters at which both were measured, and over
// the load points of a load. A load's points share their starts, so they are
// averaged start by start before they are compared.
func (a *analyser) mainEffects() []MainEffect {
	plain, ok := a.in.Plan.Baseline()
	if !ok {
		return nil
	}
	base, confs := newFlagSet(plain), a.measured()
	var out []MainEffect
	for _, load := range a.loads() {
		for _, m := range comparedMetrics(a) {
			f := a.loadFamily(load, m)
			if f == nil {
				continue
			}
			for _, name := range a.in.Plan.Parameters {
				out = append(out, a.mainEffectsOf(f, confs, base, MainEffect{Parameter: name, Load: load, Metric: m})...)
			}
		}
	}
	a.correctMainEffects(out, plain.ID)
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
func (a *analyser) mainEffectsOf(f *loadSeries, confs []flagSet, base flagSet, template MainEffect) []MainEffect {
	type pair struct{ with, without *series }
	pairs := map[string][]pair{}
	var levels []string
	reference := base.get(template.Parameter)
	for _, x := range confs {
		flag := x.get(template.Parameter)
		if f.of[x.ID] == nil || flag.text == reference.text {
			continue
		}
		for _, y := range confs {
			if f.of[y.ID] == nil || y.get(template.Parameter).text != reference.text {
				continue
			}
			if d := y.changed(x, 2); len(d) == 1 {
				level := levelText(flag.flag)
				if pairs[level] == nil {
					levels = append(levels, level)
				}
				pairs[level] = append(pairs[level], pair{f.of[x.ID], f.of[y.ID]})
			}
		}
	}
	var out []MainEffect
	for _, level := range levels {
		weights := map[*series]float64{}
		n := float64(len(pairs[level]))
		for _, p := range pairs[level] {
			weights[p.with] += 1 / n
			weights[p.without] -= 1 / n
		}
		if r, ok := contrastOf(weights).ratio(a.confidence); ok {
			e := template
			e.Level, e.Against, e.Settings, e.Ratio = level, levelText(reference.flag), len(pairs[level]), r
			out = append(out, e)
		}
	}
	return out
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
		named, exploring := holm(ps), benjaminiHochberg(ps)
		for k, i := range places {
			r := &out[i].Ratio
			r.PAdjusted, r.Q = named[k], exploring[k]
			a.settleByInterval(r, name, len(ps))
			a.respectFloors(r, baseline, out[i].Load, name)
		}
	}
}

// settleByInterval gives the verdict of a ratio whose interval is at hand. The
// bounds of TOST at 5 % are those of the 90 % interval, which lies inside the 95 %
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
