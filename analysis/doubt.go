package analysis

import (
	"fmt"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/say"
)

// doubts says what a reader should know before acting on a recommendation.
func (a *analyser) doubts(rec Recommendation, u experiment.UseCase, w candidate, best []candidate, drifts []drift) []string {
	c := a.findings.Cells[w.cell]
	s := a.series[seriesKey{w.cell, u.Objective}]
	var out []string
	if a.only == nil {
		_, doubt := a.before(len(best))
		out = append(out, doubt)
	}
	out = append(out, a.reliability[c.Configuration].doubts()...)
	if n := len(s.reps); n < 3 && a.only == nil { // of the confirmation runs more is said
		out = append(out, fmt.Sprintf("rests on %s", say.Count(n, "trial")))
	}
	if e := c.Estimates[u.Objective]; len(s.reps) > 1 && !e.HasInterval() {
		out = append(out, "its trials do not differ at all, so nothing is known of their scatter: no interval and no test")
	}
	if len(best) == 1 && a.onlyMeasured(c) {
		out = append(out, "no other configuration has a trial that counts at this load: it is the only candidate, not the best of several")
	}
	if s.withinStart {
		out = append(out, withinStartDoubt)
	}
	out = append(out, a.constraintDoubts(c, rec.Constraints)...)
	out = append(out, a.baselineDoubts(rec, c)...)
	if c.Invalid > 0 {
		text := say.Count(c.Invalid, "trial") + " of this cell did not count"
		if c.Trials == c.Planned() {
			text += "; all were measured again"
		}
		out = append(out, text)
	}
	if a.highestPoint(c, u) {
		out = append(out, "highest load tested")
	}
	for _, d := range drifts {
		if d.load == u.Load && (d.metric == u.Objective || limits(rec.Constraints, d.metric)) {
			out = append(out, "drift: "+d.String())
		}
	}
	return out
}

// preference is why a winner is preferred to a configuration with the better
// point estimate, in one sentence.
func (a *analyser) preference(u experiment.UseCase, w, top candidate) string {
	c, t := a.findings.Cells[w.cell], a.findings.Cells[top.cell]
	label := t.Label
	if t.PointLabel != c.PointLabel {
		label += " at " + t.PointLabel
	}
	return fmt.Sprintf("preferred to %s (%s), which is within %s of it and not shown to matter, because %s",
		label, say.Metric(u.Objective, top.value), say.Percent(a.findings.Margin), a.cheapness(c, t))
}

// cheapness says what makes c cheaper than other, see analyser.cheaper.
func (a *analyser) cheapness(c, other Cell) string {
	switch {
	case c.GPUs < other.GPUs:
		return fmt.Sprintf("it needs %s instead of %d", say.Count(c.GPUs, "GPU"), other.GPUs)
	case c.Baseline:
		return "it is the baseline and nothing has to change"
	default:
		return "it changes fewer flags of the baseline"
	}
}

// constraintDoubts names the constraints that hold by point estimate and not
// by interval, and those without an interval.
func (a *analyser) constraintDoubts(c Cell, checks []ConstraintCheck) []string {
	var out []string
	for _, k := range checks {
		e, ok := c.Estimates[k.Metric]
		if !ok || !e.HasInterval() {
			continue
		}
		bound, side := e.Hi, "upper"
		if k.Op == experiment.AtLeast {
			bound, side = e.Lo, "lower"
		}
		if !holds(bound, experiment.Constraint{Metric: k.Metric, Op: k.Op, Value: k.Limit}) {
			out = append(out, fmt.Sprintf("%s: %s bound %s is beyond the limit %s",
				k.Metric, side, say.Metric(k.Metric, bound), say.Metric(k.Metric, k.Limit)))
		}
	}
	return out
}

func (a *analyser) baselineDoubts(rec Recommendation, c Cell) []string {
	switch {
	case c.Baseline:
		return nil
	case a.findings.Baseline == "":
		return []string{"there is no baseline to compare with"}
	case rec.Ratio == nil:
		return []string{"not compared with the baseline, which has no estimate there"}
	}
	var out []string
	if !rec.BaselineQualifies {
		out = append(out, "the baseline meets the constraints at no load point; compared with it at the same load point")
	}
	if rec.Ratio.Verdict == NotComparable {
		out = append(out, "not comparable with the baseline: "+rec.Ratio.Reason)
	}
	if rec.Ratio.Verdict == Undecided {
		out = append(out, "the difference from the baseline is undecided: "+rec.Ratio.Reason)
	}
	return out
}

// onlyMeasured reports whether all counting trials of a cell's load are of its
// configuration, in the blocks; the confirm stage measures few on purpose.
func (a *analyser) onlyMeasured(c Cell) bool {
	for _, o := range a.findings.Cells {
		if o.Load == c.Load && o.Configuration != c.Configuration && o.Trials > 0 {
			return false
		}
	}
	return a.only == nil
}

// highestPoint reports whether a throughput was maximised into the end of the
// tested range.
func (a *analyser) highestPoint(c Cell, u experiment.UseCase) bool {
	here, _ := a.in.Plan.LoadPoint(c.LoadPoint)
	points := 0
	for _, p := range a.in.Plan.LoadPoints {
		if p.Load != c.Load {
			continue
		}
		points++
		if p.Value > here.Value {
			return false
		}
	}
	return u.Maximize && points > 1
}

func limits(checks []ConstraintCheck, name string) bool {
	for _, k := range checks {
		if k.Metric == name {
			return true
		}
	}
	return false
}
