package analysis

import (
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
)

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
	d := a.design()
	squares := stats.Squares(d.measured(), d.reference())
	tested := map[NotTested]bool{}
	for _, m := range comparedMetrics(a) {
		found = append(found, a.interactionsOf(m, d, squares, tested)...)
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

func (a *analyser) interactionsOf(
	name string, d *design, squares []stats.Square, tested map[NotTested]bool,
) (out []Interaction) {
	var ps []float64
	var places, cells []int // of out: what was tested; the cell with both changes
	for _, q := range squares {
		first, second, both, base := d.runs[q.First], d.runs[q.Second], d.runs[q.Both], d.runs[q.Base]
		one, two := d.factors[q.Factors[0]], d.factors[q.Factors[1]]
		for _, point := range a.in.Plan.LoadPoints {
			s := [4]*series{}
			for i, conf := range []string{both.ID, first.ID, second.ID, base.ID} {
				s[i] = a.seriesOf(conf, point.ID, name)
			}
			if s[0] == nil || s[1] == nil || s[2] == nil || s[3] == nil {
				continue
			}
			tested[NotTested{one, two}] = true
			r, ok := contrastOf([]term{{s[0], 1}, {s[1], -1}, {s[2], -1}, {s[3], 1}}).ratio(a.confidence)
			if !ok {
				continue
			}
			got := Interaction{
				Parameters: [2]string{one, two},
				Levels:     [2]string{levelText(flagOf(first, one)), levelText(flagOf(second, two))},
				Base:       base.Label, LoadPoint: point.ID, Metric: name, Ratio: r,
				Alone: math.Exp(compare(s[1], s[3]).Value), Together: math.Exp(compare(s[0], s[2]).Value),
			}
			if !finite(got.Alone) || !finite(got.Together) {
				continue
			}
			low, high := min(got.Alone, got.Together), max(got.Alone, got.Together)
			got.Flips = math.Log(low) < -a.margin && math.Log(high) > a.margin
			if r.P > 0 {
				ps, places = append(ps, r.P), append(places, len(out))
			}
			out, cells = append(out, got), append(cells, a.cellOf(both.ID, point.ID))
		}
	}
	for i, q := range stats.BenjaminiHochberg(ps) {
		out[places[i]].Ratio.Q = q
	}
	for i := range out {
		a.settleInteraction(&out[i], len(ps))
		a.respectFloor(&out[i].Ratio, cells[i], name)
	}
	return out
}

// settleInteraction gives an interaction its verdict: Equivalent (none worth the
// name), Undecided, or Better and Worse for more and less than the single changes
// promise, in the metric's better direction.
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
