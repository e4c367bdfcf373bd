package analysis

import (
	"math"
	"testing"
)

func spotsAt(points ...[2]float64) []spot {
	var out []spot
	for i, p := range points {
		out = append(out, spot{cell: string(rune('a' + i)), x: p[0], y: p[1]})
	}
	return out
}

// Areas counted on squared paper.
func TestHypervolume(t *testing.T) {
	for _, c := range []struct {
		what   string
		points [][2]float64
		want   float64
	}{
		{"none", nil, 0},
		{"one corner of 2 x 3", [][2]float64{{1, 3}}, 6},
		{"a staircase: 1x1 + 1x2 + 0x3", [][2]float64{{1, 1}, {2, 2}, {3, 3}}, 3},
		{"a dominated point adds nothing", [][2]float64{{1, 3}, {2, 2}}, 6},
		{"beyond the corner adds nothing", [][2]float64{{4, 9}, {1, -1}}, 0},
		{"left of the axes", [][2]float64{{-1, 2}}, 8},
		{"equal points count once", [][2]float64{{1, 3}, {1, 3}}, 6},
	} {
		if got := area(spotsAt(c.points...), 3, 0); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	s := spotsAt([2]float64{1, 1}, [2]float64{3, 2}, [2]float64{0.5, 2.5})
	s[0].baseline, s[1].baseline = true, true
	h, ok := hypervolumeOf(s) // corner (3, 1): the baseline's two cells alone span no area
	if !ok || math.Abs(h.Baseline) > 1e-12 || math.Abs(h.Above-1.5*2.5) > 1e-12 {
		t.Errorf("%+v, %v; want 0 below and 2.5 x 1.5 above", h, ok)
	}
	if _, ok := hypervolumeOf(spotsAt([2]float64{1, 1})); ok {
		t.Error("a hypervolume without a baseline")
	}
}

func TestKnee(t *testing.T) {
	ids := []string{"a", "b", "c"}
	if got := knee(ids, spotsAt([2]float64{0, 0}, [2]float64{1, 8}, [2]float64{10, 10})); got != "b" {
		t.Errorf("knee %q, want b", got)
	}
	if got := knee(ids, spotsAt([2]float64{0, 0}, [2]float64{5, 5}, [2]float64{10, 10})); got != "" {
		t.Errorf("a straight line has knee %q", got)
	}
	if got := knee(ids, spotsAt([2]float64{0, 0}, [2]float64{.01, .02}, [2]float64{.03, .03})); got != "" {
		t.Errorf("three cells that are nearly the same have knee %q", got)
	}
	if got := knee(ids[:2], spotsAt([2]float64{0, 0}, [2]float64{1, 8})); got != "" {
		t.Errorf("two points have knee %q", got)
	}
}

// Two cells of one latency whose throughputs differ by nothing, one of 20 % more
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
