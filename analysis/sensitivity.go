package analysis

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/experiment"
)

// Sensitivity says for which limits of one constraint the same configuration
// wins, the other constraints as they are.
type Sensitivity struct {
	Metric string        `json:"metric"`
	Op     experiment.Op `json:"op"`
	Limit  float64       `json:"limit"`
	// Tightest and Loosest are the ends of the range; Loosest is absent where no
	// limit tried changes the winner.
	Tightest float64  `json:"tightest"`
	Loosest  *float64 `json:"loosest,omitempty"`
	// Tighter and Looser name what wins beyond; empty: nothing qualifies.
	Tighter string `json:"tighter,omitempty"`
	Looser  string `json:"looser,omitempty"`
}

// Rival is a configuration that could overturn a recommendation.
type Rival struct {
	Cell        string  `json:"cell"`
	Label       string  `json:"label"`
	PointLabel  string  `json:"point_label"`
	Ratio       float64 `json:"ratio"`                 // its objective over the winner's
	Probability float64 `json:"probability,omitempty"` // that it is the better one in truth; 0: cannot be told
}

// NearestMiss is the cell that comes nearest to the constraints that none meets.
type NearestMiss struct {
	Cell        string            `json:"cell"`
	Label       string            `json:"label"`
	PointLabel  string            `json:"point_label"`
	Constraints []ConstraintCheck `json:"constraints"`
	Off         float64           `json:"off,omitempty"` // largest violation as a share of its limit; 0: a metric is missing
	Binding     string            `json:"binding"`       // metric of the constraint that most cells fail
	Fails       int               `json:"fails"`         // cells that fail it
	Cells       int               `json:"cells"`         // of so many
}

// rivalsShown is how many rivals a recommendation names.
const rivalsShown = 3

// holding is the probability that the true value of a cell's metric keeps a
// limit: a one-sided statement by Student's t, blocks counted as noise. Nil
// where the spread is not known.
func (a *analyser) holding(cell int, k ConstraintCheck) *float64 {
	s := a.series[seriesKey{cell, k.Metric}]
	if s == nil {
		return nil
	}
	var e stats.Estimate
	limit := k.Limit
	if s.arithmetic {
		var x []float64
		for _, r := range s.reps {
			x = append(x, r.value)
		}
		ok := false
		if e, ok = stats.MeanOf(x); !ok || len(x) < 3 {
			return nil
		}
	} else {
		sp, ok := s.spread()
		if !ok || k.Limit <= 0 {
			return nil
		}
		e = stats.Estimate{Value: stat.Mean(s.logs, nil), SE: math.Sqrt(sp.variance / float64(len(s.logs))), DF: sp.df}
		limit = math.Log(k.Limit)
	}
	p := e.Below(limit)
	if k.Op == experiment.AtLeast {
		p = 1 - p
	}
	return &p
}

// probabilities fills in how surely each constraint of a cell holds, and
// returns the product: the probability that all hold if they are independent.
// Latencies rise and fall together, so that the truth is rather above it.
func (a *analyser) probabilities(cell int, checks []ConstraintCheck) *float64 {
	all := 1.0
	known := len(checks) > 0
	for i := range checks {
		checks[i].Probability = a.holding(cell, checks[i])
		if checks[i].Probability == nil {
			known = false
			continue
		}
		all *= *checks[i].Probability
	}
	if !known {
		return nil
	}
	return &all
}

// sensitivities says how far each limit can move before another configuration
// wins. all are the candidates of the use case.
func (a *analyser) sensitivities(u experiment.UseCase, all []candidate, winner candidate) []Sensitivity {
	out := []Sensitivity{}
	for k := range winner.checks {
		if winner.checks[k].Value != nil {
			out = append(out, a.sensitivity(u, all, winner, k))
		}
	}
	return out
}

func (a *analyser) sensitivity(u experiment.UseCase, all []candidate, winner candidate, k int) Sensitivity {
	c := winner.checks[k]
	out := Sensitivity{Metric: c.Metric, Op: c.Op, Limit: c.Limit}
	// The set of qualifying cells changes only where a limit passes a value.
	var limits []float64
	for _, x := range all {
		if v := x.checks[k].Value; v != nil && x.holdsBut(k) {
			limits = append(limits, *v)
		}
	}
	slices.Sort(limits)
	limits = slices.Compact(limits)
	if c.Op == experiment.AtLeast { // from tight to loose
		slices.Reverse(limits)
	}
	kept := func(limit float64) bool {
		return holds(limit, experiment.Constraint{Metric: c.Metric, Op: c.Op, Value: c.Limit})
	}
	here := -1 // the last value that the limit in force lets in
	for i, v := range limits {
		if kept(v) {
			here = i
		}
	}
	mine := a.findings.Cells[winner.cell].Configuration
	out.Tightest = c.Limit
	for i := here; i >= 0; i-- {
		w, ok := a.winnerAt(u, all, k, limits[i])
		if !ok || a.findings.Cells[w.cell].Configuration != mine {
			if ok {
				out.Tighter = a.at(w)
			}
			break
		}
		out.Tightest = limits[i]
	}
	for i := here + 1; i < len(limits); i++ {
		w, ok := a.winnerAt(u, all, k, limits[i])
		if ok && a.findings.Cells[w.cell].Configuration != mine {
			loosest := limits[i]
			out.Loosest, out.Looser = &loosest, a.at(w)
			break
		}
	}
	return out
}

// holdsBut reports whether a candidate holds every constraint but number k.
func (c candidate) holdsBut(k int) bool {
	for i, got := range c.checks {
		if i != k && !got.Holds {
			return false
		}
	}
	return true
}

// winnerAt is the winner with another limit of constraint k.
func (a *analyser) winnerAt(u experiment.UseCase, all []candidate, k int, limit float64) (candidate, bool) {
	var fit []candidate
	for _, c := range all {
		v := c.checks[k].Value
		if v != nil && c.holdsBut(k) && holds(*v, experiment.Constraint{Op: c.checks[k].Op, Value: limit}) {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		return candidate{}, false
	}
	w, _, _ := a.choose(u, a.bestPerConfiguration(fit, u.Maximize))
	return w, true
}

func (a *analyser) at(c candidate) string {
	cell := a.findings.Cells[c.cell]
	return cell.Label + " at " + cell.PointLabel
}

// overturn names what could overturn the winner: the configurations that
// qualify too, the most likely one first.
func (a *analyser) overturn(u experiment.UseCase, winner candidate, best []candidate) []Rival {
	var out []Rival
	for _, c := range best {
		if c.cell == winner.cell {
			continue
		}
		d := compare(a.series[seriesKey{c.cell, u.Objective}], a.series[seriesKey{winner.cell, u.Objective}])
		if !d.valid || d.unlike || !finite(math.Exp(d.Value)) || !finite(math.Exp(-d.Value)) {
			continue
		}
		cell := a.findings.Cells[c.cell]
		r := Rival{Cell: cell.ID, Label: cell.Label, PointLabel: cell.PointLabel, Ratio: math.Exp(d.Value)}
		if d.SE > 0 {
			p := d.Above(0)
			if !u.Maximize {
				p = 1 - p
			}
			r.Probability = math.Max(p, stats.SmallestP)
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(x, y Rival) int {
		switch {
		case x.Probability > y.Probability:
			return -1
		case x.Probability < y.Probability:
			return 1
		}
		return 0
	})
	return out[:min(len(out), rivalsShown)]
}

// miss describes the nearest miss and the constraint that binds.
func (a *analyser) miss(all []candidate, near candidate) *NearestMiss {
	c := a.findings.Cells[near.cell]
	out := &NearestMiss{
		Cell: c.ID, Label: c.Label, PointLabel: c.PointLabel, Constraints: near.checks, Cells: len(all),
	}
	if finite(near.worst) {
		out.Off = near.worst
	}
	for i := range near.checks {
		n := 0
		for _, o := range all {
			if !o.checks[i].Holds {
				n++
			}
		}
		if n > out.Fails {
			out.Fails, out.Binding = n, near.checks[i].Metric
		}
	}
	return out
}
