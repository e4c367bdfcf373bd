package runner

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/internal/wait"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// lane is one place for a server: its GPUs, its monitor, and what was last on
// it. One goroutine works in a lane; with several, each has a lane of its own.
type lane struct {
	*session
	own     []int          // GPUs of this lane; empty: it has all, alone
	gpuSet  []int          // GPUs that its servers may use; empty: any
	gpus    telemetry.GPUs // nil when none can be read
	monitor *telemetry.Monitor
	board   board
	live    watch

	cooling    *rundir.Start   // stopped last; nil: nothing ran yet
	level      levels          // GPU memory before the start under way
	suspect    []notice.Notice // why the GPUs are not as they were; none: they are
	night      *stretch        // of the start under way
	vocabulary int             // token IDs of the server that runs, where they were asked for; 0: not known
}

// newLane makes a lane; with own GPUs it is one of several. Close it.
func (r *session) newLane(own []int, cooling *rundir.Start) *lane {
	l := &lane{session: r, own: own, gpuSet: r.Server.GPUs, gpus: r.GPUs, cooling: cooling}
	if len(own) > 0 {
		l.gpuSet = own
		l.board.status.GPUs = strings.Join(l.ownGPUs(), ",")
		if r.GPUs != nil {
			l.gpus = someGPUs{r.GPUs, own}
		}
	}
	l.monitor = telemetry.NewMonitor(l.gpus, telemetry.Intervals{GPU: r.Experiment.Telemetry.Interval})
	return l
}

// close stores what is open and gives the lane up.
func (l *lane) close() error {
	err := l.storeNight()
	if len(l.own) > 0 {
		l.stage("") // the lane has ended
	}
	if !l.monitor.Close() {
		l.announce(notice.New("gpu-reader-left", nil))
	}
	return err
}

// board is the state of a lane that observers see. The load generator and the
// launcher change it from their own goroutines.
type board struct {
	mu     sync.Mutex
	status Status
}

func (b *board) change(do func(*Status)) Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	do(&b.status)
	return b.status
}

// update changes the state of the lane and shows it.
func (l *lane) update(change func(*Status)) { l.Observer.Status(l.complete(l.board.change(change))) }

// stage enters a stage of the work.
func (l *lane) stage(name string) {
	l.update(func(s *Status) {
		s.Stage, s.StageBegan, s.Load = name, time.Now(), LoadStatus{}
	})
}

// progress shows the load in progress.
func (l *lane) progress(p loadgen.Progress) {
	live := l.live.look(p, l.monitor)
	l.update(func(s *Status) {
		s.Load = LoadStatus{InWindow: p.InWindow, Completed: p.Completed, Failed: p.Failed, InFlight: p.InFlight}
		s.Live = live
	})
}

// firstSight waits until the monitor has seen the lane's GPUs, whose levels
// before the start are compared with those after.
func (l *lane) firstSight(ctx context.Context) {
	for began := time.Now(); l.gpus != nil && time.Since(began) < staleSample; {
		if _, at, _ := l.monitor.LatestGPUs(); !at.IsZero() {
			return
		}
		if wait.For(ctx, releasePoll) != nil {
			return
		}
	}
}

// ownGPUs are the GPUs of this lane as a backend takes them.
func (l *lane) ownGPUs() []string {
	var out []string
	for _, g := range l.own {
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

// config translates one load point into a run of the generator on a server.
func (l *lane) config(load experiment.Load, p matrix.LoadPoint, seed uint64, s *launcher.Server) (loadgen.Config, error) {
	cfg, err := l.loads.config(load, p, seed, s.BaseURL(), s.Identity.Model)
	cfg.Vocabulary, cfg.Progress = l.vocabulary, l.progress
	return cfg, err
}
