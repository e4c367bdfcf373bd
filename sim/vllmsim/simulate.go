package vllmsim

import (
	"container/heap"
	"fmt"
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
	"github.com/vllm-sweep/sweep/sim/vllmsim/flags"
)

// Arrival is one request of a load on the virtual clock.
type Arrival struct {
	At       float64 // seconds from the start, ascending; ignored in closed loop
	Prompt   int     // tokens
	Output   int     // tokens, generated in full
	Priority int
	Group    uint64 // requests of one group share their first Shared tokens
	Shared   int
}

// Timing is what a client on the same machine sees of one request, and what
// happened inside. Times are seconds from the start.
type Timing struct {
	Sent, Scheduled, FirstToken, Done float64
	Prompt, Cached, Output            int
	Preemptions                       int
	Run                               int // of the engine, from 0; see --sim-run-noise
}

// TTFT is the time to first token in seconds.
func (t Timing) TTFT() float64 { return t.FirstToken - t.Sent }

// E2E is the end-to-end latency in seconds.
func (t Timing) E2E() float64 { return t.Done - t.Sent }

// TPOT is the mean time per output token after the first, 0 for one token.
func (t Timing) TPOT() float64 {
	if t.Output < 2 {
		return 0
	}
	return (t.Done - t.FirstToken) / float64(t.Output-1)
}

// Result is the outcome of a simulated load.
type Result struct {
	Timings  []Timing // in order of the arrivals
	Duration float64  // until the last answer, seconds
	ITL      Gaps     // inter-token latencies of all requests
	Memory   engine.Memory
	Stats    []engine.Stats // per data-parallel rank
	Warnings []string
}

// StartError is a configuration that vLLM refuses at start.
type StartError struct {
	Code    int // exit code
	Message string
}

func (e *StartError) Error() string { return e.Message }

// Simulate runs a load against `vllm serve ARGS` on the virtual clock. With
// concurrency 0 requests are sent at their times (open loop); otherwise that
// many are kept in flight, in order, and times are ignored (closed loop).
// Without --sim-seed the seed is 0. A *StartError means that the
// configuration does not start.
func Simulate(args []string, load []Arrival, concurrency int) (*Result, error) {
	v, err := flags.Parse(args)
	if err != nil {
		return nil, &StartError{exitUsage, err.Error()}
	}
	s, refused, err := resolve(v, 0)
	if err != nil {
		return nil, &StartError{exitUsage, err.Error()}
	}
	if refused == nil {
		refused = s.memoryFault()
	}
	if refused != nil {
		return nil, &StartError{exitFailed, refused.message()}
	}
	r := &run{setup: s}
	engines, _, err := r.engines()
	if err != nil {
		return nil, err
	}
	return newSimulation(s, engines, load, concurrency).run()
}

// memoryFault goes through the memory checks of a start.
func (s *setup) memoryFault() *failure {
	if s.autoLen {
		if f := fitLength(&s.engine); f != nil {
			return f
		}
	}
	c, m := s.engine, engine.PlanMemory(s.engine)
	for _, f := range []*failure{checkFree(c, m), checkWeights(m), checkProfile(c, m), checkCache(c, m)} {
		if f != nil {
			return f
		}
	}
	return nil
}

// simulation advances the ranks' engines in the order of their clocks.
type simulation struct {
	setup   *setup
	ranks   []*rank
	load    []Arrival
	closed  bool
	pending sends // on their way to the scheduler
	next    int   // of load
	result  *Result
}

// rank is one engine with its clock: the end of its last step.
type rank struct {
	engine *engine.Engine
	now    float64
}

// send is a request on its way.
type send struct {
	at      float64 // sent by the client
	visible float64 // to the scheduler
	index   int     // in load
}

func newSimulation(s *setup, engines []*engine.Engine, load []Arrival, concurrency int) *simulation {
	sim := &simulation{setup: s, load: load, closed: concurrency > 0, result: &Result{Timings: make([]Timing, len(load)), Warnings: slices.Concat(s.values.Warnings, s.warnings), Memory: engines[0].Memory()}}
	for _, e := range engines {
		sim.ranks = append(sim.ranks, &rank{engine: e})
	}
	for sim.closed && sim.next < min(concurrency, len(load)) {
		sim.send(0)
	}
	for !sim.closed && sim.next < len(load) {
		sim.send(load[sim.next].At)
	}
	return sim
}

// send puts the next request of the load on its way.
func (s *simulation) send(at float64) {
	pre := s.setup.engine.Noise.RequestOverhead(uint64(s.next))
	heap.Push(&s.pending, send{at, at + pre, s.next})
	s.next++
}

func (s *simulation) run() (*Result, error) {
	for {
		busy := s.earliest()
		switch {
		case len(s.pending) > 0 && (busy == nil || s.pending[0].visible <= busy.now):
			if err := s.deliver(heap.Pop(&s.pending).(send)); err != nil {
				return nil, err
			}
		case busy != nil:
			s.step(busy)
		default:
			for _, r := range s.ranks {
				s.result.Stats = append(s.result.Stats, r.engine.Stats())
			}
			return s.result, nil
		}
	}
}

// earliest returns the busy rank whose clock is furthest behind.
func (s *simulation) earliest() *rank {
	var best *rank
	for _, r := range s.ranks {
		if !r.engine.Idle() && (best == nil || r.now < best.now) {
			best = r
		}
	}
	return best
}

// deliver hands a request to the least loaded rank.
func (s *simulation) deliver(x send) error {
	a := s.load[x.index]
	if limit := s.setup.engine.MaxModelLen; a.Prompt < 1 || a.Output < 1 || a.Prompt+a.Output > limit {
		return fmt.Errorf("request %d: %d prompt and %d output tokens do not fit a model length of %d", x.index, a.Prompt, a.Output, limit)
	}
	s.result.Timings[x.index] = Timing{Sent: x.at, Prompt: a.Prompt, Output: a.Output}
	best := s.ranks[0]
	for _, r := range s.ranks[1:] {
		if r.engine.Running()+r.engine.Waiting() < best.engine.Running()+best.engine.Waiting() {
			best = r
		}
	}
	if best.engine.Idle() {
		best.now = max(best.now, x.visible)
	}
	best.engine.Add(&engine.Request{
		ID: uint64(x.index), Arrival: x.visible, Prompt: a.Prompt, Output: a.Output, Priority: a.Priority, Owner: x.index,
		Content: engine.Synthetic{Group: a.Group, Unique: uint64(x.index), Shared: a.Shared},
	})
	return nil
}

func (s *simulation) step(r *rank) {
	step, ok := r.engine.Schedule(r.now)
	if !ok { // cannot be: a busy engine always has a request that fits
		r.now = math.Nextafter(r.now, math.Inf(1))
		return
	}
	r.now = step.End
	for _, q := range r.engine.Complete(step.End) {
		if q.Generated > 1 {
			s.result.ITL.add(q.Gap)
		}
		if q.State != engine.Finished {
			continue
		}
		index := q.Owner.(int)
		t := &s.result.Timings[index]
		t.Scheduled, t.FirstToken, t.Done = q.Scheduled, q.FirstToken, q.LastToken+engine.PostOverhead()
		t.Cached, t.Preemptions, t.Run = q.Cached, q.Preemptions, r.engine.Condition().Run
		s.result.Duration = max(s.result.Duration, t.Done)
		if s.closed && s.next < len(s.load) {
			s.send(t.Done)
		}
	}
}

// sends is a heap by time.
type sends []send

func (h sends) Len() int { return len(h) }
func (h sends) Less(i, j int) bool {
	if h[i].visible != h[j].visible {
		return h[i].visible < h[j].visible
	}
	return h[i].index < h[j].index
}
func (h sends) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *sends) Push(x any)   { *h = append(*h, x.(send)) }
func (h *sends) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// Gaps is a histogram of inter-token latencies with buckets 1% wide, from
// 0.1 ms up.
type Gaps struct {
	counts []int
	total  int
	last   float64 // the latest gap and its bucket: a step has one for all
	bucket int
}

const (
	gapFloor = 1e-4
	gapStep  = 1.01
)

func (g *Gaps) add(seconds float64) {
	if seconds != g.last {
		g.last = seconds
		g.bucket = max(0, int(math.Log(seconds/gapFloor)/math.Log(gapStep)))
		for len(g.counts) <= g.bucket {
			g.counts = append(g.counts, 0)
		}
	}
	if len(g.counts) == 0 {
		g.counts = append(g.counts, 0)
	}
	g.counts[g.bucket]++
	g.total++
}

// Count is the number of gaps.
func (g *Gaps) Count() int { return g.total }

// Quantile returns the p-quantile in seconds, good to 1%; 0 without gaps.
func (g *Gaps) Quantile(p float64) float64 {
	rank := int(math.Ceil(p * float64(g.total)))
	for i, n := range g.counts {
		rank -= n
		if rank <= 0 && g.total > 0 {
			return gapFloor * math.Pow(gapStep, float64(i)+0.5)
		}
	}
	return 0
}
