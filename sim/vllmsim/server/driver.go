package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// errEngineDead reports an engine core that died.
var errEngineDead = errors.New("engine core died")

// ErrOutOfMemory reports an engine that died because the GPU's memory was
// used up; it wraps ErrEngineDead.
var ErrOutOfMemory = fmt.Errorf("CUDA out of memory: %w", errEngineDead)

// ErrCrashed reports a fault that ends the whole process.
var ErrCrashed = errors.New("server process crashed")

// driver runs one engine in real time. Its run method is the only one that
// touches the engine; others reach it through commands, which take effect
// between steps.
type driver struct {
	index  int
	engine *engine.Engine
	clock  clock
	faults Faults
	wake   chan struct{}
	dead   atomic.Bool

	mu       sync.Mutex
	inbox    []*stream // in order of arrival
	commands []func()
	meter    *meter

	arrivals []*stream // received, not yet visible
	active   map[*stream]bool
	started  int // requests that got a first token
	asleep   int // parts of the memory given back; 0 = awake
	load     atomic.Int64
	finished func(rank int, s *stream)
}

func newDriver(index int, e *engine.Engine, c clock, f Faults, finished func(rank int, s *stream)) *driver {
	return &driver{
		index: index, engine: e, clock: c, faults: f,
		wake: make(chan struct{}, 1), active: map[*stream]bool{},
		meter: newMeter(e.Config()), finished: finished,
	}
}

// submit queues a request; it becomes visible to the engine after the API
// server's share of the work, pre seconds.
func (d *driver) submit(s *stream, pre float64) error {
	d.mu.Lock()
	if d.dead.Load() {
		d.mu.Unlock()
		return errEngineDead
	}
	d.load.Add(1)
	s.arrival = d.clock.now()
	s.visible = s.arrival + pre
	d.inbox = append(d.inbox, s)
	d.mu.Unlock()
	d.poke()
	return nil
}

// abort takes a request out of the engine.
func (d *driver) abort(s *stream) {
	d.do(func() {
		if !d.active[s] {
			return
		}
		d.engine.Abort(s.request)
		d.leave(s)
		d.mu.Lock()
		d.meter.abort()
		d.mu.Unlock()
	})
}

// do runs f between two steps of the engine.
func (d *driver) do(f func()) {
	d.mu.Lock()
	d.commands = append(d.commands, f)
	d.mu.Unlock()
	d.poke()
}

// call runs f between two steps and waits for it.
func (d *driver) call(ctx context.Context, f func()) error {
	done := make(chan struct{})
	d.do(func() { f(); close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *driver) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *driver) leave(s *stream) {
	if d.active[s] {
		delete(d.active, s)
		d.load.Add(-1)
	}
}

// run drives the engine until ctx ends (nil) or a fault kills it
// (errEngineDead).
func (d *driver) run(ctx context.Context) error {
	t := d.clock.now()
	for ctx.Err() == nil {
		d.receive()
		t = d.admit(t)
		if d.asleep != 0 {
			d.publish()
			t = max(t, d.idle(ctx))
			continue
		}
		step, ok := d.engine.Schedule(t)
		d.publish()
		if n := d.faults.OOM; n > 0 && d.engine.Running() >= n {
			return d.die(ErrOutOfMemory)
		}
		if !ok {
			t = max(t, d.idle(ctx))
			continue
		}
		late := d.clock.until(ctx, step.End)
		if ctx.Err() != nil {
			return nil
		}
		d.deliver(d.engine.Complete(step.End), step, late)
		t = step.End
		switch {
		case d.faults.DieAfter > 0 && d.started >= d.faults.DieAfter:
			return d.die(errEngineDead)
		case d.faults.CrashAfter > 0 && d.started >= d.faults.CrashAfter:
			return ErrCrashed
		case d.faults.WedgeAfter > 0 && d.started >= d.faults.WedgeAfter:
			<-ctx.Done()
		}
	}
	return nil
}

// receive takes over new requests and runs commands.
func (d *driver) receive() {
	d.mu.Lock()
	inbox, commands := d.inbox, d.commands
	d.inbox, d.commands = nil, nil
	d.mu.Unlock()
	for _, s := range inbox {
		d.active[s] = true
		at := len(d.arrivals) // the API server's share varies: keep them in order
		for at > 0 && d.arrivals[at-1].visible > s.visible {
			at--
		}
		d.arrivals = slices.Insert(d.arrivals, at, s)
	}
	for _, f := range commands {
		f()
	}
}

// admit moves the requests visible at t into the engine. An idle engine jumps
// to the first of them.
func (d *driver) admit(t float64) float64 {
	if d.engine.Idle() && len(d.arrivals) > 0 {
		first := d.arrivals[0].visible
		if first <= d.clock.now() {
			t = max(t, first)
		}
	}
	for len(d.arrivals) > 0 && d.arrivals[0].visible <= t {
		s := d.arrivals[0]
		d.arrivals = d.arrivals[1:]
		if !d.active[s] {
			continue // aborted meanwhile
		}
		s.request.Arrival = s.visible
		d.engine.Add(s.request)
	}
	return t
}

// idle waits for something to do and returns the simulated time at which it
// came.
func (d *driver) idle(ctx context.Context) float64 {
	if len(d.arrivals) > 0 {
		at := d.arrivals[0].visible
		d.clock.until(ctx, at)
		return at
	}
	select {
	case <-d.wake:
	case <-ctx.Done():
	}
	return d.clock.now()
}

// deliver hands the sampled tokens to their streams and books them. late is by
// how much the real time missed the end of the step.
func (d *driver) deliver(sampled []*engine.Request, step engine.Step, late float64) {
	d.mu.Lock()
	d.meter.step(step)
	d.meter.late = max(d.meter.late, late/d.clock.speedup)
	d.meter.worst = max(d.meter.worst, d.meter.late)
	for _, r := range sampled {
		d.meter.token(r, r.Owner.(*stream), step.End)
	}
	d.mu.Unlock()
	for _, r := range sampled {
		s := r.Owner.(*stream)
		done := r.State == engine.Finished
		if r.Generated == 1 {
			d.started++
		}
		if done {
			d.leave(s)
			d.finished(d.index, s)
		}
		s.deliver(done)
	}
}

// publish copies the engine's gauges for readers of metrics.
func (d *driver) publish() {
	d.mu.Lock()
	d.meter.gauges(d.engine)
	d.mu.Unlock()
}

// die fails every request, now and later, and returns the cause.
func (d *driver) die(cause error) error {
	d.mu.Lock()
	d.dead.Store(true)
	d.mu.Unlock()
	d.receive()
	for s := range d.active {
		s.fail()
		d.leave(s)
	}
	return cause
}
