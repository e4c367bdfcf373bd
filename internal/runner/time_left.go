package runner

import (
	"math"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// clock estimates the time left of a run, screening and confirmation, as a
// range: from planned durations at first, and from what was measured as soon as
// there is anything.
type clock struct {
	plan    *matrix.Plan
	points  map[string]matrix.LoadPoint // by ID
	planned struct{ launch, cooling, trial time.Duration }
	share   float64 // of the time of all starts one after another, where they run side by side; else 1
	repeats int     // times that a discarded trial is repeated at most

	launch, cooling, export mean
	trials                  map[string]mean          // by load point
	on                      map[string]time.Duration // by start ID: its trials so far
	tried, discarded        int
}

// Left is the time that a run still takes.
type Left struct{ Least, Most time.Duration }

// After is what is left after a while.
func (l Left) After(d time.Duration) Left { return Left{max(l.Least-d, 0), max(l.Most-d, 0)} }

// What the estimate does not know is at least this share of a duration: of one
// that was never measured, of one measured once, and of one measured more often.
const (
	unmeasuredShare = 0.5
	onceShare       = 0.3
	oftenShare      = 0.08
)

// plannedExport is the assumed time of an analysis and its report without figures.
// With figures, as at the end of the run, it takes at most so many times longer.
const (
	plannedExport = 500 * time.Millisecond
	withFigures   = 30
)

// mean is a duration as it was measured n times, in seconds.
type mean struct {
	sum, squares float64
	n            int
}

func (m *mean) take(d time.Duration) {
	s := max(d.Seconds(), 0) // a clock may have been set back
	m.sum, m.squares, m.n = m.sum+s, m.squares+s*s, m.n+1
}

// times is how long it takes k times more, in seconds, and how far that may be
// off: two standard deviations of the sum, that of the mean included.
func (m mean) times(k float64, planned time.Duration) (mid, off float64) {
	if k == 0 {
		return 0, 0
	}
	if m.n == 0 {
		return k * planned.Seconds(), k * planned.Seconds() * unmeasuredShare
	}
	n := float64(m.n)
	each := m.sum / n
	sd := onceShare * each
	if m.n > 1 {
		sd = max(oftenShare*each, math.Sqrt(max(m.squares-n*each*each, 0)/(n-1)))
	}
	return k * each, 2 * sd * math.Sqrt(k+k*k/n)
}

func newClock(p *matrix.Plan, e *experiment.Experiment) *clock {
	c := &clock{
		plan: p, points: map[string]matrix.LoadPoint{}, share: 1, repeats: e.Gates.Requeue,
		trials: map[string]mean{}, on: map[string]time.Duration{},
	}
	c.planned.launch, c.planned.cooling = p.Estimate.PerStart, e.Cooldown.AtLeast
	if p.Estimate.Trials > 0 {
		c.planned.trial = p.Estimate.Measuring / time.Duration(p.Estimate.Trials)
	}
	if all := p.Estimate.Loading + p.Estimate.Measuring + p.Estimate.CoolingDown; all > 0 {
		c.share = min(1, p.Estimate.Total.Seconds()/all.Seconds())
	}
	for _, l := range p.LoadPoints {
		c.points[l.ID] = l
	}
	return c
}

// take takes what a run has measured so far.
func (c *clock) take(run *rundir.Run) {
	for _, t := range run.Trials {
		c.trial(t)
	}
	for _, s := range run.Starts {
		c.stopped(s)
		if s.Cooldown > 0 {
			c.cooling.take(s.Cooldown)
		}
	}
}

// trial takes a trial's record.
func (c *clock) trial(t rundir.Trial) {
	if !measured(t.Outcome) {
		return
	}
	took := max(t.Ended.Sub(t.Began), 0)
	m := c.trials[t.LoadPoint]
	m.take(took)
	c.trials[t.LoadPoint] = m
	c.on[t.Start] += took
	c.tried++
	if t.Outcome == rundir.OutcomeInvalid {
		c.discarded++
	}
}

// stopped takes a start that has ended: what it took beside its trials.
func (c *clock) stopped(s rundir.Start) {
	if s.Stopped != nil && s.Outcome == rundir.StartReady && s.Purpose != matrix.PurposeFindRates {
		c.launch.take(s.Stopped.Sub(s.Began) - c.on[s.ID])
	}
}

// work counts what is still to be done.
type work struct {
	launches float64            // whole ones, and what is left of one under way
	trials   map[string]float64 // by load point
	rounds   float64
}

func (w *work) add(s matrix.Start, points []string) {
	for _, p := range points {
		w.trials[p]++
	}
	w.launches += float64(len(points)) / float64(max(len(s.Trials), 1))
}

func (w *work) count() (n float64) {
	for _, k := range w.trials {
		n += k
	}
	return n
}

// left estimates what the unfinished trials and their starts still take. due
// are the trials that are repeated in any case; configurations that are not
// started again take no time. spent is the time in the stage under way.
func (c *clock) left(done map[string]rundir.Trial, due, hopeless func(id string) bool, spent time.Duration) Left {
	w := work{trials: map[string]float64{}}
	round := 0
	for _, s := range c.plan.Starts {
		if hopeless(s.Configuration) {
			continue
		}
		var points []string
		for _, t := range s.Trials {
			if _, ok := done[t.ID]; !ok || due(t.ID) {
				cell, _ := c.plan.Cell(t.Cell)
				points = append(points, cell.LoadPoint)
			}
		}
		if len(points) == 0 {
			continue
		}
		w.add(s, points)
		if s.Block != round {
			round = s.Block
			w.rounds++
		}
	}
	mid, off := c.takes(w)
	least, most := mid-off, mid+off+c.repeating(w)
	if stage := c.plan.ConfirmStage; stage != nil && c.plan.Confirmation == nil {
		few, many := c.plan.ConfirmExtents()
		first := math.Inf(1)
		for _, x := range few {
			mid, off := c.takes(c.workOf(x))
			first = min(first, mid-off)
		}
		least += first
		all := c.workOf(many)
		mid, off := c.takes(all)
		most += mid + off + c.repeating(all)
	}
	one, _ := c.export.times(1, plannedExport) // the report at the end
	least, most = least+one, most+withFigures*one
	spending := min(spent.Seconds(), c.longest())
	return Left{duration(least), duration(most)}.After(duration(spending))
}

// takes is how long work takes, in seconds, and how far that may be off.
func (c *clock) takes(w work) (mid, off float64) {
	add := func(m mean, k float64, planned time.Duration) {
		a, b := m.times(k, planned)
		mid, off = mid+a*c.share, off+b*c.share
	}
	add(c.launch, w.launches, c.planned.launch)
	add(c.cooling, w.launches, c.planned.cooling)
	for point, k := range w.trials {
		add(c.trials[point], k, c.planned.trial)
	}
	add(c.export, w.rounds, plannedExport)
	return mid, off
}

// repeating is the longest time that further repetitions of discarded trials
// will take, in seconds: with the share of them two standard errors above what
// it was so far.
func (c *clock) repeating(w work) float64 {
	trials := w.count()
	if c.repeats == 0 || trials == 0 {
		return 0
	}
	n := float64(c.tried) + 1
	p := (float64(c.discarded) + 0.5) / n
	p = min(1, p+2*math.Sqrt(p*(1-p)/n))
	again := work{launches: min(p*trials, w.launches*float64(c.repeats)), trials: map[string]float64{}}
	for point, k := range w.trials {
		again.trials[point] = k * p
	}
	mid, _ := c.takes(again)
	return mid
}

// workOf is the work of a confirm stage of some extent.
func (c *clock) workOf(x matrix.ConfirmExtent) work {
	w := work{launches: float64(x.Starts), trials: map[string]float64{}, rounds: float64(c.plan.ConfirmStage.Starts)}
	for load, n := range x.Trials {
		var points []string
		for id, p := range c.points {
			if p.Load == load {
				points = append(points, id)
			}
		}
		for _, id := range points { // which of them is not known
			w.trials[id] += float64(n) / float64(len(points))
		}
	}
	return w
}

// longest bounds what is taken off for the stage under way, in seconds: a launch
// that takes longer than the others does not bring the end nearer.
func (c *clock) longest() float64 {
	launch, _ := c.launch.times(1, c.planned.launch)
	cooling, _ := c.cooling.times(1, c.planned.cooling)
	var sum float64
	n := 0
	for _, m := range c.trials {
		sum, n = sum+m.sum, n+m.n
	}
	trial := c.planned.trial.Seconds()
	if n > 0 {
		trial = sum / float64(n)
	}
	return max(launch, cooling, trial)
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// Remaining estimates the time left of a run from its records, for those who
// look at it from outside.
func Remaining(run *rundir.Run, e *experiment.Experiment, now time.Time) Left {
	c := newClock(run.Plan, e)
	c.take(run)
	done, kept := map[string]rundir.Trial{}, newRepeats(e.Gates.Requeue)
	for _, t := range run.Trials { // by order: the last repetition stays
		done[planned(t.ID)] = t
		kept.took(t)
	}
	skipped := map[string]bool{}
	for _, s := range run.Starts {
		if s.Outcome == rundir.StartSkipped {
			skipped[s.Configuration] = true
		}
	}
	var spent time.Duration
	if n := len(run.Events); n > 0 {
		spent = max(now.Sub(run.Events[n-1].Time), 0)
	}
	due := func(id string) bool { return kept.due(id, done) }
	return c.left(done, due, func(id string) bool { return skipped[id] }, spent)
}
