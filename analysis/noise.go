package analysis

import (
	"fmt"
	"math"

	"github.com/vllm-sweep/sweep/internal/metric"
)

// respectFloor takes back a verdict on a latency whose difference is smaller
// than what the load generator is known to be wrong by at that load point: the
// client, not the configuration, may have made it. The ratio is of the cell to
// another at the same load point.
func (a *analyser) respectFloor(r *Ratio, cell int, name string) {
	if r.Verdict != Better && r.Verdict != Worse || !(r.Center > 0) {
		return
	}
	c := &a.findings.Cells[cell]
	floor, known := a.in.Floor.Of(c.LoadPoint, name)
	if !known {
		return
	}
	value := c.Estimates[name].Center
	gap := math.Abs(value - value/r.Center)
	if gap >= floor {
		return
	}
	r.Verdict, r.MoreTrials = Undecided, 0
	r.Reason = joinReason(r.Reason, fmt.Sprintf("the difference of %s is below the load generator's noise floor of %s",
		metric.Format(name, gap), metric.Format(name, floor)))
}
