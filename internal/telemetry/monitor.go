package telemetry

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
)

// Default times between two readings.
const (
	DefaultGPUInterval    = 200 * time.Millisecond
	DefaultEngineInterval = time.Second
	hostInterval          = time.Second
)

// Intervals are the times between two readings of a source; 0: the default.
type Intervals struct {
	GPU, Engine time.Duration
}

// Monitor reads GPUs, engine, host and this process, each in a goroutine of
// its own, so that one that hangs holds up no other and no trial. What it
// reads goes to the recordings that are open at that moment.
type Monitor struct {
	gpus  GPUs // nil: none can be read
	every Intervals

	mu         sync.Mutex
	recordings map[*Recording]bool
	engine     string // base URL; empty: no server
	client     *http.Client
	lastGPU    []Sample
	lastGPUAt  time.Time
	lastGPUErr error
	faults     map[int]map[string]float64 // by device: counters of errors, when last asked
	lastEngine Engine

	hostMu sync.Mutex
	host   hostReader

	cancel context.CancelFunc
	done   chan struct{}
}

// NewMonitor begins to read. gpus may be nil and stays the caller's to close,
// after the monitor.
func NewMonitor(gpus GPUs, every Intervals) *Monitor {
	if every.GPU == 0 {
		every.GPU = DefaultGPUInterval
	}
	if every.Engine == 0 {
		every.Engine = DefaultEngineInterval
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &Monitor{gpus: gpus, every: every, recordings: map[*Recording]bool{}, faults: map[int]map[string]float64{}, client: direct, cancel: cancel, done: make(chan struct{})}
	var wg sync.WaitGroup
	if gpus != nil {
		wg.Go(func() { periodically(ctx, m.GPUEvery(), m.readGPUs) })
	}
	wg.Go(func() { periodically(ctx, every.Engine, m.readEngine) })
	wg.Go(func() { periodically(ctx, hostInterval, func(context.Context) { m.readHost() }) })
	go func() {
		wg.Wait()
		close(m.done)
	}()
	return m
}

// closeWait bounds the wait for a reader that hangs in the driver.
const closeWait = 5 * time.Second

// Close ends the readers. It reports whether all of them have ended; one that
// hangs in the driver is left behind.
func (m *Monitor) Close() bool {
	m.cancel()
	t := time.NewTimer(closeWait)
	defer t.Stop()
	select {
	case <-m.done:
		return true
	case <-t.C:
		return false
	}
}

// GPUEvery is the time between two samples of the GPUs; 0 when none can be
// read.
func (m *Monitor) GPUEvery() time.Duration {
	if m.gpus == nil {
		return 0
	}
	return max(m.every.GPU, m.gpus.Least())
}

// periodically calls read at once and then at each tick, until ctx ends.
func periodically(ctx context.Context, every time.Duration, read func(context.Context)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		read(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (m *Monitor) readGPUs(ctx context.Context) {
	var samples []Sample
	err := boundary.Guard("the GPUs' state", func() (err error) {
		samples, err = m.gpus.Sample(ctx)
		return err
	})
	at := time.Now()
	m.mu.Lock()
	m.lastGPUErr = err
	if err == nil {
		m.noteErrors(samples)
		m.lastGPU, m.lastGPUAt = m.withProcesses(samples), at
	}
	m.mu.Unlock()
	m.each(func(r *Recording) {
		if err != nil {
			r.failed(SourceGPU, err)
		} else {
			r.gpu(at, samples)
		}
	})
}

// withProcesses returns the samples with the processes that were seen last, for
// those that did not ask; the caller holds the lock.
func (m *Monitor) withProcesses(samples []Sample) []Sample {
	out := slices.Clone(samples)
	for i, s := range out {
		if !s.ProcessesKnown && i < len(m.lastGPU) {
			out[i].Processes = m.lastGPU[i].Processes
		}
	}
	return out
}

// noteErrors keeps the counters of errors, which are read less often than
// recordings begin; the caller holds the lock.
func (m *Monitor) noteErrors(samples []Sample) {
	for _, s := range samples {
		for _, q := range []string{ECCCorrected, ECCUncorrected} {
			if v, ok := s.Values[q]; ok {
				if m.faults[s.Index] == nil {
					m.faults[s.Index] = map[string]float64{}
				}
				m.faults[s.Index][q] = v
			}
		}
	}
}

// Processes are those that hold memory of any GPU, when last asked.
func (m *Monitor) Processes() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []int
	for _, s := range m.lastGPU {
		for _, p := range s.Processes {
			out = append(out, p.PID)
		}
	}
	return out
}

func (m *Monitor) readHost() {
	m.hostMu.Lock()
	at, machine, process := time.Now(), m.host.read(), readClient()
	m.hostMu.Unlock()
	m.each(func(r *Recording) {
		r.plain(SourceHost, at, machine)
		r.plain(SourceClient, at, process)
	})
}

func (m *Monitor) readEngine(ctx context.Context) {
	m.mu.Lock()
	url, client := m.engine, m.client
	m.mu.Unlock()
	if url == "" {
		return
	}
	var e Engine
	err := boundary.Guard("the engine's metrics", func() (err error) {
		e, err = scrapeEngine(ctx, client, url)
		return err
	})
	if errors.Is(ctx.Err(), context.Canceled) {
		return // the run ended
	}
	m.mu.Lock()
	current := m.engine == url
	if current && err == nil {
		m.lastEngine = e
	}
	m.mu.Unlock()
	if !current {
		return // the server was stopped meanwhile
	}
	m.each(func(r *Recording) {
		if err != nil {
			r.failed(SourceEngine, err)
		} else {
			r.engine(e)
		}
	})
}

func (m *Monitor) each(do func(*Recording)) {
	m.mu.Lock()
	open := make([]*Recording, 0, len(m.recordings))
	for r := range m.recordings {
		open = append(open, r)
	}
	m.mu.Unlock()
	for _, r := range open {
		do(r)
	}
}

// Watch names the server whose metrics are read from now on; "" ends that.
func (m *Monitor) Watch(baseURL string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.engine, m.lastEngine = baseURL, Engine{}
}

// Now reads host, client and engine at once, beside the regular readings: at
// the ends of a trial, so that even the shortest has two.
func (m *Monitor) Now(ctx context.Context) {
	m.readHost()
	m.readEngine(ctx)
}

// Record begins a recording. every thins out the GPU samples, which otherwise
// are all kept.
func (m *Monitor) Record(every time.Duration) *Recording {
	now := time.Now()
	r := &Recording{m: m, every: every, began: now, counts: map[string]Count{
		SourceEngine: {at: now}, SourceHost: {at: now}, SourceClient: {at: now},
	}}
	if m.gpus != nil {
		r.counts[SourceGPU] = Count{at: now}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// An error right after the begin must not be taken for an old one.
	for device, counters := range m.faults {
		for q, v := range counters {
			r.readings = append(r.readings, Reading{now, SourceGPU, device, q, "", v})
		}
	}
	m.recordings[r] = true
	return r
}

func (m *Monitor) forget(r *Recording) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.recordings, r)
}

// LatestGPUs returns the last sample of the GPUs and when it was taken; the
// error of the last try, if that was later.
func (m *Monitor) LatestGPUs() ([]Sample, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastGPU, m.lastGPUAt, m.lastGPUErr
}

// LatestEngine returns the last reading of the engine; its At is zero when
// there is none.
func (m *Monitor) LatestEngine() Engine {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastEngine
}

// GPUs are the devices; nil when none can be read.
func (m *Monitor) GPUs() GPUs { return m.gpus }
