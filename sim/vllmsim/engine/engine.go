package engine

import (
	"errors"
	"math"
	"math/rand/v2"
)

// ErrNoCache reports a configuration whose KV cache cannot hold one request.
var ErrNoCache = errors.New("KV cache cannot hold one request of the model length")

// Stats are the counters of an engine since its start.
type Stats struct {
	Steps            int
	PromptTokens     int // of requests that got their first token
	GenerationTokens int
	ComputedTokens   int // all scheduled tokens, recomputed ones too
	PrefixQueries    int // tokens looked up
	PrefixHits       int // tokens found
	Preemptions      int
	Finished         int
	Aborted          int
	Busy             float64 // seconds in steps
}

// Step describes the step under way.
type Step struct {
	Start, End float64
	Tokens     int // scheduled
	Seqs       int // scheduled
}

// Engine is one engine core. It is not safe for concurrent use.
type Engine struct {
	s       scheduler
	cost    cost
	memory  Memory
	stats   Stats
	noise   *rand.Rand
	start   float64 // factor of this start
	sampled []*Request
	order   int

	condition Condition
}

// New returns an idle engine with an empty cache.
func New(c Config) (*Engine, error) {
	m := PlanMemory(c)
	if m.Blocks < m.NeededBlocks {
		return nil, ErrNoCache
	}
	e := &Engine{cost: newCost(c), memory: m, noise: rand.New(rand.NewPCG(c.Noise.Seed, 0x5eed)), start: c.Noise.StartFactor()}
	e.condition = Condition{Run: -1, RunFactor: 1, celsius: c.Thermal.Start, thermal: c.Thermal}
	// Block 0 is vLLM's null block; one full-length request must still fit.
	e.s = scheduler{c: c, pool: newPool(max(m.Blocks-1, m.NeededBlocks)), waiting: queue{byPriority: c.Priority}, stats: &e.stats}
	return e, nil
}

// Config returns the configuration that the engine runs.
func (e *Engine) Config() Config { return e.s.c }

// Memory returns the memory plan of the start.
func (e *Engine) Memory() Memory { return e.memory }

// Stats returns the counters so far.
func (e *Engine) Stats() Stats { return e.stats }

// Running and Waiting return the numbers of requests in either state.
func (e *Engine) Running() int { return len(e.s.running) }

// Waiting returns the number of requests not admitted, preempted ones too.
func (e *Engine) Waiting() int { return e.s.waiting.len() }

// CacheUsage is the share of KV cache blocks in use, 0..1.
func (e *Engine) CacheUsage() float64 { return e.s.pool.usage() }

// Condition is the state of noise and heat after the latest step.
func (e *Engine) Condition() Condition { return e.condition }

// ResetPrefixCache forgets all cached blocks; false while any is in use. The
// next request begins a new run.
func (e *Engine) ResetPrefixCache() bool {
	done := e.s.pool.reset()
	e.condition.reset = e.condition.reset || done
	return done
}

// Idle says that nothing waits or runs.
func (e *Engine) Idle() bool { return len(e.s.running) == 0 && e.s.waiting.len() == 0 }

// Add queues a request. Not between Schedule and Complete.
func (e *Engine) Add(r *Request) {
	r.order = e.order
	e.order++
	r.State = Waiting
	e.s.waiting.push(r)
}

// Abort ends a request early and frees its blocks; it has no effect on one
// that is Finished or not added. Not between Schedule and Complete.
func (e *Engine) Abort(r *Request) {
	switch r.State {
	case Waiting:
		e.s.waiting.remove(r)
	case Running:
		e.s.drop(r)
		e.s.free(r)
	default:
		return
	}
	r.State = Aborted
	e.stats.Aborted++
}

// Schedule plans the step that starts at now. It returns false when there is
// nothing to do.
func (e *Engine) Schedule(now float64) (Step, bool) {
	if e.Idle() {
		return Step{}, false
	}
	tokens := e.s.schedule(now)
	for tokens == 0 && e.s.preempted > 0 { // the last one made room for itself
		tokens = e.s.schedule(now)
	}
	if tokens == 0 {
		return Step{}, false
	}
	b := e.collect()
	seconds := e.cost.seconds(b) * e.start * e.condition.begin(now, e.s.c.Noise)
	if sd := e.s.c.Noise.Step; sd > 0 {
		seconds *= math.Exp(sd * e.noise.NormFloat64())
	}
	e.condition.end(now, now+seconds)
	e.stats.Steps++
	e.stats.ComputedTokens += tokens
	e.stats.Busy += seconds
	return Step{Start: now, End: now + seconds, Tokens: tokens, Seqs: b.seqs}, true
}

// collect sums up the scheduled step and notes who samples a token.
func (e *Engine) collect() batch {
	var b batch
	e.sampled = e.sampled[:0]
	kv := 0
	for _, r := range e.s.running {
		n := r.step
		if n == 0 {
			continue
		}
		r.step = 0
		b.tokens += n
		b.seqs++
		kv += r.computed
		if n > 1 {
			b.prefill = true
			before := r.computed - n
			b.pairs += float64(n) * (float64(before) + float64(n+1)/2)
		}
		if r.computed == r.Tokens() {
			e.sampled = append(e.sampled, r)
		}
	}
	b.kv = float64(kv)
	b.sampled = len(e.sampled)
	return b
}

// Complete ends the step at its end time and returns the requests that
// sampled a token in it; those with Generated == Output are Finished. The
// slice is valid until the next Schedule.
func (e *Engine) Complete(end float64) []*Request {
	finished := false
	for _, r := range e.sampled {
		r.Generated++
		r.Gap, r.LastToken = end-r.LastToken, end
		if r.Generated == 1 {
			r.FirstToken = end
			e.stats.PromptTokens += r.Prompt
		}
		if r.Generated == r.Output {
			r.State = Finished
			e.s.free(r)
			e.stats.Finished++
			finished = true
		}
	}
	e.stats.GenerationTokens += len(e.sampled)
	if finished {
		kept := e.s.running[:0]
		for _, r := range e.s.running {
			if r.State == Running {
				kept = append(kept, r)
			}
		}
		clear(e.s.running[len(kept):])
		e.s.running = kept
	}
	return e.sampled
}
