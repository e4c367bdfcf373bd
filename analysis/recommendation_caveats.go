package analysis

import (
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// doubts says what a reader should know before acting on a recommendation.
func (a *analyser) doubts(rec Recommendation, u experiment.UseCase, w candidate, best []candidate, drifts []drift) []notice.Notice {
	c := a.findings.Cells[w.cell]
	s := a.series[seriesKey{w.cell, u.Objective}]
	var out []notice.Notice
	if a.only == nil {
		_, out = a.before(len(best))
	}
	out = append(out, a.reliability[c.Configuration].doubts()...)
	if n := len(s.reps); n < 3 && a.only == nil { // of the confirmation runs more is said
		out = append(out, notice.New("few-trials", notice.Args{"n": notice.Count(n)}))
	}
	if e := c.Estimates[u.Objective]; len(s.reps) > 1 && !e.HasInterval() {
		out = append(out, notice.New("no-scatter", nil))
	}
	if len(best) == 1 && a.onlyMeasured(c) {
		out = append(out, notice.New("only-candidate", nil))
	}
	if s.withinStart {
		out = append(out, notice.New("one-launch", nil))
	}
	out = append(out, a.constraintDoubts(c, rec.Constraints)...)
	out = append(out, a.baselineDoubts(rec, c)...)
	if l := rec.Leader; l != nil {
		out = append(out, l.notice(u.Objective))
	}
	if c.Invalid > 0 {
		args := notice.Args{"n": notice.Count(c.Invalid)}
		if c.Trials == c.Planned() {
			args["again"] = notice.Count(c.Invalid)
		}
		out = append(out, notice.New("result-discards", args))
	}
	if a.highestPoint(c, u) {
		out = append(out, notice.New("highest-load", nil))
	}
	for _, d := range drifts {
		if d.load == u.Load && (d.metric == u.Objective || limits(rec.Constraints, d.metric)) {
			out = append(out, d.notice())
		}
	}
	return out
}

// preference is why a winner is preferred to a configuration with the better
// point estimate, see analyser.cheaper.
func (a *analyser) preference(u experiment.UseCase, w, top candidate) *notice.Notice {
	c, t := a.findings.Cells[w.cell], a.findings.Cells[top.cell]
	args := notice.Args{"configuration": notice.Text(t.Label), "value": notice.Metric(u.Objective, top.value), "margin": notice.Fraction(a.findings.Margin)}
	if t.PointLabel != c.PointLabel {
		args["point"] = notice.Text(t.PointLabel)
	}
	var n notice.Notice
	switch {
	case c.GPUs < t.GPUs:
		args["gpus"], args["other"] = notice.Count(c.GPUs), notice.Count(t.GPUs)
		n = notice.New("preferred-fewer-gpus", args)
	case c.Baseline:
		n = notice.New("preferred-baseline", args)
	default:
		n = notice.New("preferred-fewer-changes", args)
	}
	return &n
}

// CodeLeaderUndecided is the notice of a configuration in front of the
// recommended one that is not shown to be better than the baseline.
const CodeLeaderUndecided notice.Code = "leader-undecided"

func (l Leader) notice(objective string) notice.Notice {
	args := notice.Args{
		"configuration": notice.Text(l.Label), "point": notice.Text(l.PointLabel),
		"metric": notice.Text(metric.Short(objective)), "change": notice.Ratio(l.Ratio.Center), "reason": notice.Text(l.Ratio.Reason()),
	}
	if n := l.Ratio.MoreTrials; n > 0 {
		args["more"] = notice.Count(n)
	}
	return notice.New(CodeLeaderUndecided, args).On(notice.Result, l.Cell)
}

// constraintDoubts names the constraints that hold by point estimate and not
// by interval, and those without an interval.
func (a *analyser) constraintDoubts(c Cell, checks []ConstraintCheck) []notice.Notice {
	var out []notice.Notice
	for _, k := range checks {
		e, ok := c.Estimates[k.Metric]
		if !ok || !e.HasInterval() {
			continue
		}
		bound := e.Hi
		if k.Op == experiment.AtLeast {
			bound = e.Lo
		}
		if !holds(bound, experiment.Constraint{Metric: k.Metric, Op: k.Op, Value: k.Limit}) {
			out = append(out, notice.New("limit-not-sure", notice.Args{
				"metric": notice.Text(metric.Short(k.Metric)), "bound": notice.Metric(k.Metric, bound), "limit": notice.Metric(k.Metric, k.Limit),
			}))
		}
	}
	return out
}

func (a *analyser) baselineDoubts(rec Recommendation, c Cell) []notice.Notice {
	switch {
	case c.Baseline:
		return nil
	case a.findings.Baseline == "":
		return []notice.Notice{notice.New("no-baseline", nil)}
	case rec.Ratio == nil:
		return []notice.Notice{notice.New("baseline-not-estimated", nil)}
	}
	var out []notice.Notice
	if !rec.BaselineQualifies {
		out = append(out, notice.New("baseline-misses-limits", nil))
	}
	if rec.Ratio.Verdict == NotComparable {
		out = append(out, notice.New("baseline-not-comparable", notice.Args{"reason": notice.Text(rec.Ratio.Reason())}))
	}
	if rec.Ratio.Verdict == Undecided {
		out = append(out, notice.New("baseline-undecided", notice.Args{"reason": notice.Text(rec.Ratio.Reason())}))
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
