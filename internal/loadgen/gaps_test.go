package loadgen

import (
	"math"
	"testing"
	"time"
)

// Gaps that late reads swallowed are told from those that a server sends as 0.
func TestMergedGaps(t *testing.T) {
	const timely, late = 100 * time.Microsecond, 3 * time.Millisecond
	for name, c := range map[string]struct {
		timelyZeros, timely, lateZeros, late int
		want                                 float64
	}{
		"none":            {0, 0, 0, 0, 0},
		"all in time":     {10, 100, 0, 0, 0},
		"late, merged":    {0, 900, 80, 100, 0.08},
		"late, none lost": {0, 900, 0, 100, 0},
		"server bundles":  {675, 900, 75, 100, 0},
		"both":            {450, 900, 90, 100, 0.04},
		"all late":        {0, 0, 30, 100, 0.3},
	} {
		var g gaps
		g.add(true, late) // off
		g.on.Store(true)
		for i := range c.timely {
			g.add(i < c.timelyZeros, timely)
		}
		for i := range c.late {
			g.add(i < c.lateZeros, late)
		}
		if got := g.merged(); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
