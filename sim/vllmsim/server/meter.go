package server

import (
	"sort"

	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// histogram counts observations by upper bound, as Prometheus defines it.
type histogram struct {
	bounds []float64
	counts []uint64 // one more than bounds
	sum    float64
	n      uint64
}

func newHistogram(bounds []float64) *histogram {
	return &histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)}
}

func (h *histogram) observe(v float64) { h.observeN(v, 1) }

func (h *histogram) observeN(v float64, n uint64) {
	h.counts[sort.SearchFloat64s(h.bounds, v)] += n
	h.sum += v * float64(n)
	h.n += n
}

// Bucket bounds of vllm/v1/metrics/loggers.py.
func ttftBuckets() []float64 {
	return []float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560}
}

func tokenBuckets() []float64 {
	return []float64{.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}
}

func requestBuckets() []float64 {
	return []float64{.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}
}

func iterationBuckets() []float64 {
	return []float64{1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}
}

func choiceBuckets() []float64 { return []float64{1, 2, 5, 10, 20} }

// lengthBuckets is 1, 2, 5, 10 ... up to the model length.
func lengthBuckets(maxLen int) []float64 {
	var b []float64
	for scale := 1; ; scale *= 10 {
		for _, m := range []int{1, 2, 5} {
			if m*scale > maxLen {
				return b
			}
			b = append(b, float64(m*scale))
		}
	}
}

// meter keeps what /metrics reports about one engine. The driver writes it
// under its lock.
type meter struct {
	running, waiting int
	usage            float64
	stats            engine.Stats
	condition        engine.Condition
	sleeping         int     // level; 0 = awake
	late             float64 // worst lag behind the simulated clock since the last snapshot, real seconds
	worst            float64 // the same since the start

	promptTokens, cachedTokens, generated uint64
	stop, length, aborted                 uint64

	ttft, itl, tpot                             *histogram
	e2e, queue, inference, prefill, decode      *histogram
	iteration, prompt, generation, params, kvIn *histogram
	paramsN                                     *histogram
}

func newMeter(c engine.Config) *meter {
	lengths := lengthBuckets(c.MaxModelLen)
	return &meter{
		ttft: newHistogram(ttftBuckets()), itl: newHistogram(tokenBuckets()), tpot: newHistogram(tokenBuckets()),
		e2e: newHistogram(requestBuckets()), queue: newHistogram(requestBuckets()), inference: newHistogram(requestBuckets()),
		prefill: newHistogram(requestBuckets()), decode: newHistogram(requestBuckets()),
		iteration: newHistogram(iterationBuckets()),
		prompt:    newHistogram(lengths), generation: newHistogram(lengths), params: newHistogram(lengths), kvIn: newHistogram(lengths),
		paramsN: newHistogram(choiceBuckets()),
	}
}

func (m *meter) gauges(e *engine.Engine) {
	m.running, m.waiting, m.usage, m.stats = e.Running(), e.Waiting(), e.CacheUsage(), e.Stats()
	m.condition = e.Condition()
}

func (m *meter) step(s engine.Step) { m.iteration.observe(float64(s.Tokens)) }

func (m *meter) abort() { m.aborted++ }

// token books one sampled token.
func (m *meter) token(r *engine.Request, s *stream, now float64) {
	m.generated++
	if r.Generated == 1 {
		m.ttft.observe(now - s.arrival)
		m.promptTokens += uint64(r.Prompt)
		m.cachedTokens += uint64(r.Cached)
	} else {
		m.itl.observe(r.Gap)
	}
	if r.State == engine.Finished {
		m.finish(r, s)
	}
}

func (m *meter) finish(r *engine.Request, s *stream) {
	if s.natural {
		m.stop++
	} else {
		m.length++
	}
	m.e2e.observe(r.LastToken - s.arrival)
	m.queue.observe(r.Scheduled - r.Arrival)
	m.inference.observe(r.LastToken - r.Scheduled)
	m.prefill.observe(r.FirstToken - r.Scheduled)
	m.decode.observe(r.LastToken - r.FirstToken)
	if r.Generated > 1 {
		m.tpot.observe((r.LastToken - r.FirstToken) / float64(r.Generated-1))
	}
	m.prompt.observe(float64(r.Prompt))
	m.generation.observe(float64(r.Generated))
	m.paramsN.observe(1) // other values are refused
	m.params.observe(float64(s.maxTokens))
	m.kvIn.observe(float64(r.Prompt - r.Cached))
}
