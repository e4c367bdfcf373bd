package analysis

import (
	"math"
	"testing"

	"github.com/vllm-sweep/sweep/analysis/stats"
)

func TestHypervolumeOverTheBaseline(t *testing.T) {
	at := func(x, y float64, baseline bool) stats.UncertainPoint {
		return stats.UncertainPoint{Point: stats.Point{X: x, Y: y}, Reference: baseline}
	}
	s := []stats.UncertainPoint{at(1, 1, true), at(3, 2, true), at(.5, 2.5, false)}
	h, ok := hypervolumeOf(s) // corner (3, 1): the baseline's two cells alone span no area
	if !ok || math.Abs(h.Baseline) > 1e-12 || math.Abs(h.Above-1.5*2.5) > 1e-12 {
		t.Errorf("%+v, %v; want 0 below and 2.5 x 1.5 above", h, ok)
	}
	if _, ok := hypervolumeOf([]stats.UncertainPoint{at(1, 1, false)}); ok {
		t.Error("a hypervolume without a baseline")
	}
}

// Two cells of one latency whose throughputs differ by nothing, one of 20% more
// latency, and one far behind: the equals share the frontier with about half
// each, the slower one is not on it.
func TestMembership(t *testing.T) {
	r := table([][]map[string]float64{
		{cellValues(100, .1)}, {cellValues(100, .1)}, {cellValues(130, .13)}, {cellValues(60, .2)},
	})
	for i := range r.in.Trials { // the spreads of the two axes must not be the same, or the equals stay equal
		r.in.Trials[i].Metrics["ttft_p95"] *= 1 + .003*float64(i%5-2)
	}
	f := analyse(t, r).Frontiers[0]
	if f.X != "ttft_p95" || len(f.Membership) == 0 {
		t.Fatalf("%+v", f)
	}
	p := map[string]Membership{}
	for _, m := range f.Membership {
		p[m.Cell] = m
	}
	if m := p[cellID(2, 0)]; m.Probability == nil || *m.Probability < .99 || m.Class != ClassFrontier {
		t.Errorf("the fastest: %+v", m)
	}
	a, b := p[cellID(0, 0)], p[cellID(1, 0)]
	if a.Probability == nil || b.Probability == nil || *a.Probability+*b.Probability < 1 || *a.Probability > .95 || *b.Probability > .95 {
		t.Fatalf("the equals: %+v %+v", a, b)
	}
	if len(a.Ties) != 1 || a.Ties[0] != cellID(1, 0) {
		t.Errorf("ties of the first: %v", a.Ties)
	}
	if _, on := p[cellID(3, 0)]; on {
		t.Error("a dominated cell is a member")
	}
}
