package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/internal/wait"
	"github.com/vllm-sweep/sweep/matrix"
)

// Starts that run side by side share one run: each has a lane, a copy of the
// run with GPUs, a monitor and a status of its own, and one lock guards the
// rest. A lane holds the lock except while it waits: for a server, for a load,
// for time to pass (blocking). So the code of a single lane reads as if it were
// alone, and with one lane it is.

// blocking does what takes long, without the lock.
func (r *run) blocking(do func()) {
	r.mu.Unlock()
	defer r.mu.Lock()
	do()
}

// locked does what a callback of something blocking has to do with the run.
func (r *run) locked(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

// parallel says whether starts run side by side: the experiment allows it, and
// there is more than one GPU to give.
func (r *run) parallel() bool {
	return r.Experiment.Server.Parallel == experiment.PerGPU && len(r.devices()) > 1
}

// devices are the GPUs that starts are given.
func (r *run) devices() []int {
	if len(r.gpuSet) > 0 || r.GPUs == nil {
		return r.gpuSet
	}
	var out []int
	for _, d := range r.GPUs.Devices() {
		out = append(out, d.Index)
	}
	return out
}

// lane is the run as one of several starts sees it.
func (r *run) lane(gpus []int) *run {
	l := *r
	l.own, l.gpuSet = gpus, gpus
	if r.GPUs != nil {
		l.GPUs = someGPUs{r.GPUs, gpus}
	}
	l.night, l.level, l.suspect, l.status = nil, nil, nil, Status{GPUs: strings.Join(l.ownGPUs(), ",")}
	l.cooling = nil
	for _, g := range gpus {
		if c := r.coolers[g]; c != nil && (l.cooling == nil || c.Began.After(l.cooling.Began)) {
			l.cooling = c
		}
	}
	l.AfterTrial = nil // results are exported between blocks: it takes the processor from the loads of others
	l.monitor = telemetry.NewMonitor(l.GPUs, telemetry.Intervals{GPU: r.Experiment.Telemetry.Interval})
	return &l
}

// sideBySide carries the starts out, several at a time, block by block: a
// block ends before the next begins, so that blocks stay balanced. Inside a
// block they begin in the plan's order as GPUs become free.
func (r *run) sideBySide(ctx context.Context) error {
	starts := r.Plan.Starts
	for len(starts) > 0 {
		n := slices.IndexFunc(starts, func(s matrix.Start) bool { return s.Block != starts[0].Block || s.Purpose != starts[0].Purpose })
		if n < 0 {
			n = len(starts)
		}
		for {
			if err := r.blockOfLanes(ctx, starts[:n]); err != nil {
				return err
			}
			r.afterTrial(ctx)
			if !r.requeue(starts[:n]) {
				break
			}
		}
		r.ease(starts[0].Block)
		starts = starts[n:]
	}
	return nil
}

// lanes hands out GPUs.
type lanes struct {
	free  []int
	given chan []int // GPUs that come back
	errs  []error
}

// blockOfLanes visits the starts of one block that have work left.
func (r *run) blockOfLanes(parent context.Context, starts []matrix.Start) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	l := lanes{free: slices.Clone(r.devices()), given: make(chan []int)}
	var running sync.WaitGroup
	out := 0
	reclaim := func() {
		var back []int
		r.blocking(func() { back = <-l.given })
		out--
		l.free = append(l.free, back...)
		slices.Sort(l.free)
	}
	for _, s := range starts {
		conf, _ := r.Plan.Configuration(s.Configuration)
		need := max(1, conf.GPUs)
		if len(r.pending(s)) == 0 {
			continue
		}
		if have := len(r.devices()); need > have {
			need = have // it fails to start, and says why
		}
		for len(l.free) < need {
			reclaim()
		}
		if ctx.Err() != nil {
			break
		}
		gpus := slices.Clone(l.free[:need])
		l.free = l.free[need:]
		out++
		running.Go(func() {
			err := r.inLane(ctx, gpus, s)
			r.locked(func() {
				if err != nil {
					l.errs = append(l.errs, err)
					cancel() // the others end too; the run can be resumed
				}
			})
			l.given <- gpus
		})
	}
	for out > 0 {
		reclaim()
	}
	r.blocking(running.Wait)
	if len(l.errs) > 0 {
		return l.errs[0] // the others are its echo
	}
	return parent.Err()
}

// inLane carries one start out.
func (r *run) inLane(ctx context.Context, gpus []int, s matrix.Start) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lane := r.lane(gpus)
	defer func() {
		err = errors.Join(err, lane.storeNight())
		lane.stage("")
		r.blocking(func() { lane.monitor.Close() })
		for _, g := range gpus {
			r.coolers[g] = lane.cooling
		}
	}()
	lane.firstLook(ctx)
	if off, err := lane.visit(ctx, s, false); err != nil || !off {
		return err
	}
	// The GPUs of a lane are its own: what holds them is waited for here.
	_, err = lane.visit(ctx, s, true)
	return err
}

// firstLook waits until the lane's monitor has seen its GPUs, whose levels
// before the start are compared with those after.
func (r *run) firstLook(ctx context.Context) {
	for began := time.Now(); r.GPUs != nil && time.Since(began) < staleSample; {
		if _, at, _ := r.monitor.LatestGPUs(); !at.IsZero() {
			return
		}
		var err error
		if r.blocking(func() { err = wait.For(ctx, releasePoll) }); err != nil {
			return
		}
	}
}

// ownGPUs are the GPUs of this lane as a backend takes them.
func (r *run) ownGPUs() []string {
	var out []string
	for _, g := range r.own {
		out = append(out, strconv.Itoa(g))
	}
	return out
}

// someGPUs reads some of the GPUs.
type someGPUs struct {
	telemetry.GPUs
	only []int
}

func (g someGPUs) Devices() []telemetry.Device {
	return slices.DeleteFunc(slices.Clone(g.GPUs.Devices()), func(d telemetry.Device) bool { return !slices.Contains(g.only, d.Index) })
}

func (g someGPUs) Sample(ctx context.Context) ([]telemetry.Sample, error) {
	all, err := g.GPUs.Sample(ctx)
	return slices.DeleteFunc(slices.Clone(all), func(s telemetry.Sample) bool { return !slices.Contains(g.only, s.Index) }), err
}

// shared observers are called by one lane at a time.
type oneAtATime struct {
	mu *sync.Mutex
	Observer
}

func (o oneAtATime) Message(text string, about ...notice.Notice) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Observer.Message(text, about...)
}

func (o oneAtATime) Status(s Status) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Observer.Status(s)
}

// goneAlone is what gone may do beside other lanes, whose servers a general
// clean-up would end too.
func goneAlone(id, problem string) error {
	return fmt.Errorf("%w: the server of %s cannot be removed (%s); others run next to it, so the run ends here and cleans up when it is resumed",
		ErrEnvironment, id, problem)
}
