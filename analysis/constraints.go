package analysis

import (
	"cmp"
	"math"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// check holds a cell's point estimate against a constraint. A metric without
// an estimate does not hold. The reason is returned where it does not hold.
func check(c Cell, k experiment.Constraint) (out ConstraintCheck, why notice.Notice) {
	out = ConstraintCheck{Metric: k.Metric, Op: k.Op, Limit: k.Value}
	e, ok := c.Estimates[k.Metric]
	if !ok {
		return out, noEstimate(c, k.Metric)
	}
	v := e.Center
	out.Value = &v
	out.Holds = holds(v, k)
	if out.Holds {
		return out, notice.Notice{}
	}
	bound := "most"
	if k.Op == experiment.AtLeast {
		bound = "least"
	}
	return out, notice.New("limit-missed", notice.Args{
		"metric": notice.Text(metric.Short(k.Metric)), "value": notice.Metric(k.Metric, v), bound: notice.Metric(k.Metric, k.Value),
	})
}

// noEstimate says why a cell has no estimate of a metric.
func noEstimate(c Cell, name string) notice.Notice {
	return notice.New("not-estimated", notice.Args{
		"metric": notice.Text(metric.Short(name)), "why": notice.Text(cmp.Or(c.Absent[name], "not measured")),
	})
}

func holds(v float64, k experiment.Constraint) bool {
	if k.Op == experiment.AtLeast {
		return v >= k.Value
	}
	return v <= k.Value
}

// violation is how far a value misses its limit relative to the limit, 0 when
// it holds; +Inf without a value. A limit of 0 is missed by the value itself.
func violation(c ConstraintCheck) float64 {
	switch {
	case c.Holds:
		return 0
	case c.Value == nil:
		return math.Inf(1)
	case c.Limit == 0:
		return math.Abs(*c.Value)
	default:
		return math.Abs(*c.Value-c.Limit) / math.Abs(c.Limit)
	}
}

// constraintsOf lists a use case's constraints, then those of the slo whose
// metric the use case does not limit itself.
func constraintsOf(u experiment.UseCase, slo []experiment.Constraint) []experiment.Constraint {
	out := append([]experiment.Constraint{}, u.SubjectTo...)
	own := map[string]bool{}
	for _, k := range u.SubjectTo {
		own[k.Metric] = true
	}
	for _, k := range slo {
		if !own[k.Metric] {
			out = append(out, k)
		}
	}
	return out
}

// checkSLO holds every measured cell against the experiment's slo. A cell that
// fails none but lacks an estimate can not be told.
func (a *analyser) checkSLO() {
	for i := range a.findings.Cells {
		c := &a.findings.Cells[i]
		if len(a.in.SLO) == 0 || c.Trials == 0 {
			continue
		}
		failed, unknown := false, false
		for _, k := range a.in.SLO {
			got, why := check(*c, k)
			if got.Holds {
				continue
			}
			c.SLOFailures = append(c.SLOFailures, why)
			if got.Value == nil {
				unknown = true
			} else {
				failed = true
			}
		}
		if failed || !unknown {
			meets := !failed
			c.MeetsSLO = &meets
		}
	}
}
