package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// crew carries out the starts of a round: one lane after another or side by side.
type crew interface {
	// round visits the starts that have work left, and returns those that were put
	// off because the GPUs are not as they were.
	round(ctx context.Context, starts []matrix.Start) (putOff []matrix.Start, err error)
	// last visits once more what was put off.
	last(ctx context.Context, starts []matrix.Start) error
	close() error
}

func (r *session) newCrew() crew {
	if r.Experiment.Server.Parallel == experiment.PerGPU && len(r.devices()) > 1 {
		return &sideBySide{session: r, stopped: map[int]*rundir.Start{}}
	}
	return alone{r.newLane(nil, nil)}
}

// devices are the GPUs that starts are given.
func (r *session) devices() []int {
	if len(r.Server.GPUs) > 0 || r.GPUs == nil {
		return r.Server.GPUs
	}
	var out []int
	for _, d := range r.GPUs.Devices() {
		out = append(out, d.Index)
	}
	return out
}

// all visits every planned start that has work left, the confirm stage last.
func (r *session) all(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	c := r.newCrew()
	err := r.starts(ctx, c, r.Plan.Starts)
	if err == nil {
		var confirming []matrix.Start
		if confirming, err = r.confirm(ctx); err == nil {
			err = r.starts(ctx, c, confirming)
		}
	}
	return errors.Join(err, c.close())
}

// starts visits planned starts, round by round, and at the end once more those
// that were put off. A round ends before the next begins, so that rounds stay
// balanced, and with it the trials that do not count are repeated.
func (r *session) starts(ctx context.Context, c crew, starts []matrix.Start) error {
	var later []matrix.Start
	for len(starts) > 0 {
		n := slices.IndexFunc(starts, func(s matrix.Start) bool { return s.Block != starts[0].Block || s.Purpose != starts[0].Purpose })
		if n < 0 {
			n = len(starts)
		}
		round := starts[:n]
		for again := true; again; again = r.requeue(round) {
			off, err := c.round(ctx, round)
			if err != nil {
				return err
			}
			later = append(later, off...)
			round = slices.DeleteFunc(slices.Clone(round), func(s matrix.Start) bool {
				return slices.ContainsFunc(off, func(o matrix.Start) bool { return o.ID == s.ID })
			})
			r.exportRound(ctx)
		}
		r.ease(starts[0].Block)
		starts = starts[n:]
	}
	return c.last(ctx, later)
}

// confirm chooses the finalists from what the rounds found, stores the choice,
// and returns their starts; none where there are none, or where the plan holds
// them already: a run that is resumed keeps its choice.
func (r *session) confirm(ctx context.Context) ([]matrix.Start, error) {
	if r.Finalists == nil || r.Plan.ConfirmStage == nil || r.Plan.Confirmation != nil {
		return nil, nil
	}
	finalists, err := r.Finalists(ctx)
	if err != nil {
		return nil, fmt.Errorf("choose what to confirm: %w", err)
	}
	c, err := r.Plan.Confirm(r.Experiment, finalists)
	if err != nil {
		return nil, err
	}
	if err := r.dir.WriteConfirmation(c); err != nil {
		return nil, err
	}
	if err := r.step(rundir.Event{Event: rundir.EventConfirmPlanned, Facts: map[string]string{"launches": strconv.Itoa(len(c.Starts))}}); err != nil {
		return nil, err
	}
	r.Plan = r.Plan.With(c) // no lane works now
	r.clock.plan = r.Plan
	for _, note := range c.Notes {
		r.announce(note)
	}
	if len(c.Starts) == 0 {
		r.announce(notice.New("confirmation-empty", nil))
		return nil, nil
	}
	r.announce(notice.New("confirmation-begins", notice.Args{
		"configurations": notice.List(r.finalistLabels(c)...), "n": notice.Count(len(c.Starts)),
	}))
	return c.Starts, nil
}

// finalistLabels names the configurations of the confirm stage.
func (r *session) finalistLabels(c *matrix.Confirmation) []string {
	var labels []string
	for _, f := range c.Finalists {
		conf, _ := r.Plan.Configuration(f.Configuration)
		if !slices.Contains(labels, conf.Label) {
			labels = append(labels, conf.Label)
		}
	}
	return labels
}

// alone is one lane with all GPUs, one start after another.
type alone struct{ *lane }

func (a alone) round(ctx context.Context, starts []matrix.Start) (putOff []matrix.Start, err error) {
	for _, s := range starts {
		off, err := a.visit(ctx, s, false)
		if err != nil {
			return nil, err
		}
		if off {
			putOff = append(putOff, s)
		}
	}
	a.stage(StageReporting)
	return putOff, nil
}

func (a alone) last(ctx context.Context, starts []matrix.Start) error {
	for _, s := range starts {
		if _, err := a.visit(ctx, s, true); err != nil {
			return err
		}
	}
	return nil
}

// sideBySide gives each start GPUs and a lane of its own. Inside a round they
// begin in the plan's order as GPUs become free.
type sideBySide struct {
	*session
	stopped map[int]*rundir.Start // by GPU: what was stopped last on it
}

// ended is a lane that has given its GPUs back.
type ended struct {
	gpus    []int
	stopped *rundir.Start
	err     error
}

func (c *sideBySide) round(parent context.Context, starts []matrix.Start) ([]matrix.Start, error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	free, working := slices.Clone(c.devices()), 0
	back := make(chan ended)
	var lanes sync.WaitGroup
	defer lanes.Wait()
	var failed error
	reclaim := func() {
		e := <-back
		working--
		free = append(free, e.gpus...)
		slices.Sort(free)
		for _, g := range e.gpus {
			c.stopped[g] = e.stopped
		}
		if e.err != nil && failed == nil { // later ones are its echo
			failed = e.err
			cancel() // the others end too; the run can be resumed
		}
	}
	for _, s := range starts {
		if len(c.pending(s)) == 0 {
			continue
		}
		conf, _ := c.Plan.Configuration(s.Configuration)
		// More than there are: it fails to start, and says why.
		need := min(max(1, conf.GPUs), len(c.devices()))
		for len(free) < need {
			reclaim()
		}
		if ctx.Err() != nil {
			break
		}
		gpus := slices.Clone(free[:need])
		free = free[need:]
		working++
		cooling := c.lastStopped(gpus)
		lanes.Go(func() { back <- c.inLane(ctx, gpus, cooling, s) })
	}
	for working > 0 {
		reclaim()
	}
	if failed == nil {
		failed = parent.Err()
	}
	return nil, failed
}

// lastStopped is what was stopped last on any of some GPUs: a copy, because the
// GPUs of one start may go to several, which all note their cool-down.
func (c *sideBySide) lastStopped(gpus []int) *rundir.Start {
	var last *rundir.Start
	for _, g := range gpus {
		if s := c.stopped[g]; s != nil && (last == nil || s.Began.After(last.Began)) {
			last = s
		}
	}
	if last == nil {
		return nil
	}
	own := *last
	own.Warnings = slices.Clip(own.Warnings)
	return &own
}

// inLane carries one start out. The GPUs of a lane are its own, so what holds
// them is waited for here and nothing is put off.
func (c *sideBySide) inLane(ctx context.Context, gpus []int, cooling *rundir.Start, s matrix.Start) ended {
	l := c.newLane(gpus, cooling)
	l.firstSight(ctx)
	off, err := l.visit(ctx, s, false)
	if err == nil && off {
		_, err = l.visit(ctx, s, true)
	}
	return ended{gpus, l.cooling, errors.Join(err, l.close())}
}

func (c *sideBySide) last(context.Context, []matrix.Start) error { return nil }

func (c *sideBySide) close() error { return nil }

// visit carries a start out if it has work left. off tells that it was put
// off, because the GPUs are not as they were.
func (l *lane) visit(ctx context.Context, s matrix.Start, again bool) (off bool, err error) {
	if len(l.pending(s)) == 0 {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !l.trustworthy(ctx) {
		return !again, l.putOff(s, again)
	}
	return false, l.start(ctx, s)
}
