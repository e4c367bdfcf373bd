package runner

import (
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// clock estimates the time left: planned durations at first, replaced by
// measured means as soon as there are any.
type clock struct {
	plan      *matrix.Plan
	cooldown  time.Duration // planned
	cooling   mean
	perStart  mean            // launch to ready plus stop and release
	perTrial  map[string]mean // by load point
	assumed   time.Duration   // of a trial at a load point not measured yet
	cellPoint map[string]string
}

type mean struct {
	sum time.Duration
	n   int
}

func (m mean) or(d time.Duration) time.Duration {
	if m.n == 0 {
		return d
	}
	return m.sum / time.Duration(m.n)
}

func newClock(p *matrix.Plan, e *experiment.Experiment, done map[string]rundir.Trial) *clock {
	c := &clock{plan: p, cooldown: e.Cooldown.AtLeast, perTrial: map[string]mean{}, cellPoint: map[string]string{}}
	if p.Estimate.Trials > 0 {
		c.assumed = p.Estimate.Measuring / time.Duration(p.Estimate.Trials)
	}
	for _, cell := range p.Cells {
		c.cellPoint[cell.ID] = cell.LoadPoint
	}
	for _, t := range done {
		if measured(t.Outcome) {
			c.trial(t.LoadPoint, max(t.Ended.Sub(t.Began), 0)) // a clock may have been set back
		}
	}
	return c
}

func (c *clock) trial(point string, d time.Duration) {
	m := c.perTrial[point]
	c.perTrial[point] = mean{m.sum + d, m.n + 1}
}

func (c *clock) start(d time.Duration) {
	c.perStart = mean{c.perStart.sum + d, c.perStart.n + 1}
}

func (c *clock) cooled(d time.Duration) { c.cooling = mean{c.cooling.sum + d, c.cooling.n + 1} }

// left estimates what the unfinished trials and their starts still take; the
// time spent in the present stage since began is taken off. Configurations
// that are not started again take none.
func (c *clock) left(done map[string]rundir.Trial, hopeless map[string]verdict, began time.Time) time.Duration {
	var total time.Duration
	for _, s := range c.plan.Starts {
		if _, skipped := hopeless[s.Configuration]; skipped {
			continue
		}
		pending := 0
		for _, t := range s.Trials {
			if _, ok := done[t.ID]; !ok {
				pending++
				total += c.perTrial[c.cellPoint[t.Cell]].or(c.assumed)
			}
		}
		if pending > 0 {
			total += c.perStart.or(c.plan.Estimate.PerStart) + c.cooling.or(c.cooldown)
		}
	}
	if !began.IsZero() {
		total -= min(time.Since(began), c.assumed+c.cooling.or(c.cooldown))
	}
	return max(total, 0)
}
