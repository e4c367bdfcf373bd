package loadgen

import (
	"context"
	"sync"
	"time"
)

// A slot whose request failed waits before it sends the next, so that a dead
// server is not flooded: from backoffFirst, doubled up to backoffMost.
const (
	backoffFirst = 50 * time.Millisecond
	backoffMost  = time.Second
)

// closedLoop hands out requests to a fixed number of slots.
type closedLoop struct {
	*run
	slots  int
	supply [PhaseTail + 1]feed

	mu     sync.Mutex
	ended  int           // requests of the warm-up that have ended
	issued int           // requests of the window
	over   bool          // the window takes no more requests
	latest time.Duration // end of a request of the window
}

// startClosed starts the slots of a closed loop or burst.
//
// With a warm-up the slots of a Concurrency load start spread over its first
// half: started together, requests of equal length would end together too and
// march through the whole run in step.
func (r *run) startClosed(ctx context.Context, wg *sync.WaitGroup) {
	l := &closedLoop{run: r, slots: r.cfg.slots()}
	for phase := range l.supply {
		l.supply[phase] = r.bodies.feed(ctx, wg, r.bodies.ahead(l.slots), l.plan(Phase(phase)))
	}
	for _, f := range l.supply {
		f.wait(ctx)
	}
	r.begin()
	if r.cfg.Duration > 0 {
		wg.Go(func() { l.watch(ctx) })
	}
	for k := range l.slots {
		var first time.Duration
		if r.cfg.Arrivals.Kind == Concurrency {
			first = r.cfg.Warmup / 2 * time.Duration(k) / time.Duration(l.slots)
		}
		wg.Go(func() {
			if sleepUntil(ctx, r.client.now, first) {
				l.serve(ctx)
			}
		})
	}
}

// plan is the supply of one phase: without end, except that the window takes
// no more than Requests, and a run without a warm-up needs none for it.
func (l *closedLoop) plan(phase Phase) func(int) (due, bool) {
	limit := -1
	switch {
	case phase == PhaseWarmup && l.cfg.Warmup == 0, phase == PhaseTail && l.cfg.burst():
		limit = 0
	case phase == PhaseWindow && l.cfg.Requests > 0:
		limit = l.cfg.Requests
	}
	return func(i int) (due, bool) {
		return due{phase: phase, index: i}, i != limit
	}
}

// watch closes the window when its duration is over.
func (l *closedLoop) watch(ctx context.Context) {
	select {
	case <-l.window.opened:
	case <-ctx.Done():
		return
	}
	end := l.window.opening() + l.cfg.Duration
	if !sleepUntil(ctx, l.client.now, end) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finish(end, true)
}

// serve is one slot: as soon as its request has ended it sends the next.
func (l *closedLoop) serve(ctx context.Context) {
	backoff := backoffFirst
	freed := time.Duration(-1) // the answer before this request ended
	for {
		phase, more := l.next()
		if !more {
			return
		}
		j, ok := <-l.supply[phase].jobs
		if !ok {
			return // the run was stopped
		}
		rec := l.record(j)
		if freed >= 0 {
			l.client.handovers.add(rec.Ready-freed, false)
		}
		l.issue(ctx, j, rec)
		freed = -1
		rec.Ready, rec.Scheduled = rec.Sent, rec.Sent
		l.done(phase, rec)
		if rec.Class == ClassOK {
			backoff, freed = backoffFirst, rec.End
			continue
		}
		if !sleepUntil(ctx, l.client.now, l.client.now()+backoff) {
			return
		}
		backoff = min(2*backoff, backoffMost)
	}
}

// next decides what a free slot sends now.
func (l *closedLoop) next() (Phase, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.client.now()
	if !l.window.isOpen() {
		if now < l.cfg.Warmup || (l.cfg.Warmup > 0 && l.ended < l.slots) {
			return PhaseWarmup, true
		}
		l.window.open(now)
	}
	if !l.over && l.cfg.Requests > 0 && l.issued == l.cfg.Requests {
		l.finish(now, !l.cfg.burst())
	}
	if !l.over {
		if !l.window.isNow() {
			return PhaseTail, false // the run was stopped, perhaps in the warm-up
		}
		l.issued++
		l.window.add(1)
		return PhaseWindow, true
	}
	return PhaseTail, !l.cfg.burst() && !l.window.idle()
}

// finish ends the issue of requests of the window and, with shut, closes it.
// The caller holds mu.
func (l *closedLoop) finish(at time.Duration, shut bool) {
	l.over = true
	if shut {
		l.window.close(at)
	}
	l.window.lastIssued()
}

// done books the end of a request.
func (l *closedLoop) done(phase Phase, rec *Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch phase {
	case PhaseWarmup:
		l.ended++
	case PhaseWindow:
		l.window.ended()
		l.latest = max(l.latest, rec.End)
		if l.cfg.burst() && l.issued == l.cfg.Requests {
			l.finishBurst(l.latest)
		}
	}
}

// finishBurst closes the window of a burst with its last completion.
func (l *closedLoop) finishBurst(at time.Duration) {
	if !l.over {
		l.finish(at, false)
	}
	if l.window.idle() {
		l.window.close(at)
	}
}
