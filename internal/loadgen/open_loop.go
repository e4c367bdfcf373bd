package loadgen

import (
	"context"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
)

// startOpen starts an open loop: a dispatcher that sends on schedule, and a
// clock that opens and closes the window on time whatever the dispatcher does.
func (r *run) startOpen(ctx context.Context, wg *sync.WaitGroup) {
	plan := newSchedule(r.cfg)
	inWindow := 0
	for _, d := range plan.dues {
		if d.phase == PhaseWindow {
			inWindow++
		}
	}
	r.window.add(inWindow)
	r.window.lastIssued()

	supply := r.bodies.feed(ctx, wg, r.bodies.ahead(0), func(i int) (due, bool) {
		if i == len(plan.dues) {
			return due{}, false
		}
		return plan.dues[i], true
	})
	supply.wait(ctx)
	r.begin()
	wg.Go(func() {
		if sleepUntil(ctx, r.client.now, plan.start) {
			r.window.open(plan.start)
		}
		if sleepUntil(ctx, r.client.now, plan.end) {
			r.window.close(plan.end)
		}
	})
	wg.Go(func() { r.dispatch(ctx, wg, supply) })
}

// coarse is how late a timer of the Go runtime may be on an idle machine; the
// rest of a wait is slept in the kernel, which is exact to some 50 µs.
const coarse = 2 * time.Millisecond

// dispatch sends each request when it is due. It never waits for a request: a
// request that has to wait for a slot does so in its own goroutine.
func (r *run) dispatch(ctx context.Context, wg *sync.WaitGroup, supply feed) {
	var slots chan struct{}
	if n := r.cfg.Arrivals.MaxConcurrency; n > 0 {
		slots = make(chan struct{}, n)
	}
	for j := range supply.jobs {
		if !sleepUntil(ctx, r.client.now, j.at-coarse) {
			return
		}
		for left := j.at - r.client.now(); left > 0; left = j.at - r.client.now() {
			timed.Sleep(left)
		}
		rec := r.record(j)
		wg.Go(func() {
			rec.Ready = r.client.now() // what this goroutine waited for a processor is lag too
			if slots == nil {
				r.issue(ctx, j, rec)
			} else {
				r.issueCapped(ctx, slots, j, rec)
			}
			if j.phase == PhaseWindow {
				r.window.ended()
			}
		})
	}
}

// issueCapped sends a request once a slot is free. Slots are handed out in the
// order of arrival. What has no slot when the window closes is not sent.
func (r *run) issueCapped(ctx context.Context, slots chan struct{}, j *job, rec *Request) {
	select {
	case slots <- struct{}{}:
	default:
		select {
		case slots <- struct{}{}:
		case <-r.window.closed:
			rec.fail(ClassDropped, "no slot was free until the window closed")
			return
		case <-ctx.Done():
			rec.fail(ClassDropped, "no slot was free until the run was stopped")
			return
		}
	}
	r.issue(ctx, j, rec)
	<-slots
}
