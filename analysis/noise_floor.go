package analysis

import (
	"math"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// respectFloor takes back a verdict on a latency whose difference is smaller
// than what the load generator is known to be wrong by at that load point: the
// client, not the configuration, may have made it. The ratio is of the cell to
// another at the same load point, or to what others there promise for it.
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
	r.because(notice.New("within-noise-floor", notice.Args{
		"difference": notice.Metric(name, gap), "floor": notice.Metric(name, floor),
	}))
}

// respectFloors is the same for the ratio of a configuration to the baseline
// over all points of a load, where both the difference and the floor are shares
// of the baseline's values.
func (a *analyser) respectFloors(r *Ratio, baseline, load, name string) {
	if r.Verdict != Better && r.Verdict != Worse || !(r.Center > 0) {
		return
	}
	var share float64
	points := 0
	for _, c := range a.findings.Cells {
		if c.Configuration != baseline || c.Load != load || !(c.Estimates[name].Center > 0) {
			continue
		}
		points++
		floor, _ := a.in.Floor.Of(c.LoadPoint, name) // 0 where it is not known
		share += floor / c.Estimates[name].Center
	}
	gap := math.Abs(r.Center - 1)
	if points == 0 || gap >= share/float64(points) {
		return
	}
	r.Verdict, r.MoreTrials = Undecided, 0
	r.because(notice.New("within-noise-floor", notice.Args{
		"difference": notice.Fraction(gap), "floor": notice.Fraction(share / float64(points)),
	}))
}
