package loadgen

import (
	"context"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
)

// talks runs the sessions of a load. Its window is fixed beforehand, in closed
// loop too: it opens after the warm-up and lasts the duration.
type talks struct {
	*run
	start, end time.Duration // of the window
	slots      chan struct{} // of a cap; nil: none
	tail       bool          // turns go on after the window, to keep the load up
}

// startSessions starts the sessions of an open or a closed loop.
func (r *run) startSessions(ctx context.Context, wg *sync.WaitGroup) {
	t := &talks{run: r, start: r.cfg.Warmup, end: r.cfg.Warmup + r.cfg.Duration}
	if n := r.cfg.Arrivals.MaxConcurrency; n > 0 {
		t.slots = make(chan struct{}, n)
	}
	var begin func()
	if r.cfg.Arrivals.open() {
		begin = t.arrive(ctx, wg)
	} else {
		t.tail = true
		begin = t.users(ctx, wg)
	}
	r.begin()
	wg.Go(func() {
		if sleepUntil(ctx, r.client.now, t.start) {
			r.window.open(t.start)
		}
		if sleepUntil(ctx, r.client.now, t.end) {
			r.window.close(t.end)
			r.window.lastIssued()
		}
	})
	begin()
}

// arrive prepares sessions that begin on a schedule, and returns what starts
// them.
func (t *talks) arrive(ctx context.Context, wg *sync.WaitGroup) func() {
	plan := newSchedule(t.cfg)
	for _, d := range plan.dues {
		if d.phase == PhaseWindow {
			t.window.add(1)
		}
	}
	supply := t.bodies.feed(ctx, wg, t.bodies.ahead(0), func(i int) (due, bool) {
		if i == len(plan.dues) {
			return due{}, false
		}
		return plan.dues[i], true
	})
	supply.wait(ctx)
	return func() {
		wg.Go(func() {
			number := 0
			for j := range supply.jobs {
				if !t.awaken(ctx, j.at) {
					return
				}
				number++
				s := t.bodies.open(j)
				id := number
				wg.Go(func() { t.converse(ctx, s, j, id) })
			}
		})
	}
}

// users prepares a fixed number of users, whose first sessions begin spread
// over the first half of the warm-up, and returns what starts them.
func (t *talks) users(ctx context.Context, wg *sync.WaitGroup) func() {
	n := t.cfg.Arrivals.Concurrency
	return func() {
		for u := range n {
			wg.Go(func() {
				first := t.cfg.Warmup / 2 * time.Duration(u) / time.Duration(n)
				if !sleepUntil(ctx, t.client.now, first) {
					return
				}
				backoff, freed := backoffFirst, time.Duration(-1)
				for k := u; ctx.Err() == nil; k += n {
					if !t.goOn() {
						return
					}
					j := t.bodies.build(PhaseWindow, k)
					j.at, j.phase = t.client.now(), t.phase(t.client.now())
					if j.phase == PhaseWindow {
						t.window.add(1)
					}
					s := t.bodies.open(&job{phase: PhaseWindow, index: k, prompt: j.prompt})
					if freed >= 0 {
						t.client.handovers.add(j.at-freed, false)
					}
					if t.converse(ctx, s, j, k+1) {
						backoff, freed = backoffFirst, s.ended
						continue
					}
					freed = -1
					if !sleepUntil(ctx, t.client.now, t.client.now()+backoff) {
						return
					}
					backoff = min(2*backoff, backoffMost)
				}
			})
		}
	}
}

// goOn says whether a user still begins sessions.
func (t *talks) goOn() bool {
	select {
	case <-t.window.drained:
		return false
	default:
		return true
	}
}

// phase of a turn that is due at an offset.
func (t *talks) phase(at time.Duration) Phase {
	switch {
	case at < t.start:
		return PhaseWarmup
	case at < t.end && !t.over():
		return PhaseWindow
	default:
		return PhaseTail
	}
}

func (t *talks) over() bool {
	select {
	case <-t.window.closed:
		return true
	default:
		return false
	}
}

// converse plays a session from its first turn, which is due now, and reports
// whether every turn of it succeeded. A turn of the window is booked there as
// soon as it is planned, and taken off when it has ended and its successor is
// booked, so that the window is never thought empty between two turns.
func (t *talks) converse(ctx context.Context, s *session, j *job, id int) bool {
	for {
		if s.more() {
			j.keep = new(answerText)
		}
		rec := t.record(j)
		rec.Session, rec.Turn = id, s.turn+1
		if t.slots == nil {
			t.issue(ctx, j, rec)
		} else {
			t.issueCapped(ctx, t.slots, j, rec)
		}
		if s.turn == 0 && !t.cfg.Arrivals.open() {
			rec.Ready, rec.Scheduled = rec.Sent, rec.Sent // nothing was intended before the user was free
		}
		booked := j.phase == PhaseWindow
		ok := rec.Class == ClassOK
		s.ended = rec.End
		var next *job
		if ok && s.more() {
			at := rec.End + t.cfg.Sessions.Think.draw(s.think)
			if phase := t.phase(at); phase != PhaseTail || t.tail && t.goOn() {
				next = t.bodies.next(s, j.keep.String(), rec)
				next.at, next.phase = at, phase
				if phase == PhaseWindow {
					t.window.add(1)
				}
			}
		}
		if booked {
			t.window.ended()
		}
		if next == nil || !t.awaken(ctx, next.at) {
			return ok
		}
		j = next
	}
}

// awaken waits until an offset, exact to some 50 µs on an idle machine, and
// reports whether it came before ctx ended.
func (t *talks) awaken(ctx context.Context, at time.Duration) bool {
	if !sleepUntil(ctx, t.client.now, at-coarse) {
		return false
	}
	for left := at - t.client.now(); left > 0; left = at - t.client.now() {
		timed.Sleep(left)
	}
	return true
}
