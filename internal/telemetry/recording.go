package telemetry

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/wording"
)

// Sources of readings.
const (
	SourceGPU    = "gpu"
	SourceEngine = "engine"
	SourceHost   = "host"
	SourceClient = "client" // this process, the load generator
)

// Reading is one value of one quantity at one moment.
type Reading struct {
	At     time.Time
	Source string
	Device int    // index of the GPU; -1: none
	Metric string // a quantity of the source
	Label  string // process ID of process_memory_bytes; else empty
	Value  float64
}

// Recording keeps what a monitor reads from Record to Stop.
type Recording struct {
	m     *Monitor
	every time.Duration // GPU samples closer together are left out; 0: none is
	began time.Time

	mu       sync.Mutex
	last     time.Time // of the last GPU sample kept
	readings []Reading
	scrapes  []Engine
	counts   map[string]Count
}

// Count says how often a source was asked and answered.
type Count struct {
	Reads, Failures int
	LastError       string
	Gap             time.Duration // longest time without a reading
	// Unusable says, by quantity, why a value that was offered was not kept; of
	// several reasons the last.
	Unusable map[string]string
	at       time.Time // of the last reading
}

// Recorded is what a recording kept.
type Recorded struct {
	Began, Ended time.Time
	Readings     []Reading // in order of time
	Scrapes      []Engine  // in order of time
	Counts       map[string]Count
	// GPUSource says how the GPUs were read; empty: they were not.
	GPUSource string
	// GPUEvery is the time between two GPU samples as meant.
	GPUEvery time.Duration
}

// Stop ends the recording and returns it. More calls return the same.
func (r *Recording) Stop() Recorded {
	r.m.forget(r)
	r.mu.Lock()
	defer r.mu.Unlock()
	// A scrape asked for beside the regular ones may have overtaken one.
	slices.SortStableFunc(r.scrapes, func(a, b Engine) int { return a.At.Compare(b.At) })
	slices.SortStableFunc(r.readings, func(a, b Reading) int { return a.At.Compare(b.At) })
	out := Recorded{Began: r.began, Ended: time.Now(), Readings: r.readings, Scrapes: r.scrapes, Counts: map[string]Count{}}
	for source, c := range r.counts {
		c.Gap = max(c.Gap, out.Ended.Sub(c.at))
		out.Counts[source] = c
	}
	if r.m.gpus != nil {
		out.GPUSource, out.GPUEvery = r.m.gpus.Source(), max(r.m.GPUEvery(), r.every)
	}
	return out
}

func (r *Recording) read(source string, at time.Time) {
	c := r.counts[source]
	c.Gap = max(c.Gap, at.Sub(c.at))
	c.at = at
	c.Reads++
	r.counts[source] = c
}

func (r *Recording) failed(source string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts[source]
	c.Failures++
	c.LastError = wording.Plain(err.Error())
	r.counts[source] = c
}

// tolerance is the part of the interval by which a sample may come early and
// still be kept.
const tolerance = 0.1

func (r *Recording) gpu(at time.Time, samples []Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.Sub(r.last) < time.Duration((1-tolerance)*float64(r.every)) {
		return
	}
	r.last = at
	r.read(SourceGPU, at)
	for _, s := range samples {
		r.unusable(SourceGPU, s.Unusable)
		for metric, v := range s.Values {
			r.readings = append(r.readings, Reading{at, SourceGPU, s.Index, metric, "", v})
		}
		for _, p := range s.Processes {
			r.readings = append(r.readings, Reading{at, SourceGPU, s.Index, ProcessMemory, strconv.Itoa(p.PID), float64(p.Memory)})
		}
		for _, x := range s.Xids {
			r.readings = append(r.readings, Reading{at, SourceGPU, s.Index, Xid, "", float64(x)})
		}
	}
}

func (r *Recording) engine(e Engine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read(SourceEngine, e.At)
	r.scrapes = append(r.scrapes, e)
	r.unusable(SourceEngine, e.Unusable)
	for metric, v := range e.Values {
		r.readings = append(r.readings, Reading{e.At, SourceEngine, -1, metric, "", v})
	}
	for metric, h := range e.Histograms {
		r.readings = append(r.readings,
			Reading{e.At, SourceEngine, -1, metric + "_sum", "", h.Sum},
			Reading{e.At, SourceEngine, -1, metric + "_count", "", h.Count})
	}
}

// unusable notes what a source offered that is no measurement; the caller holds
// the lock.
func (r *Recording) unusable(source string, why map[string]string) {
	if len(why) == 0 {
		return
	}
	c := r.counts[source]
	if c.Unusable == nil {
		c.Unusable = map[string]string{}
	}
	maps.Copy(c.Unusable, why)
	r.counts[source] = c
}

func (r *Recording) plain(source string, at time.Time, values map[string]float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read(source, at)
	for metric, v := range values {
		r.readings = append(r.readings, Reading{at, source, -1, metric, "", v})
	}
}
