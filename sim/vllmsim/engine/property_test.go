package engine

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/vllm-sweep/sweep/sim/vllmsim/catalog"
)

// small is a configuration with few blocks, so that they run out.
func small(t testing.TB) Config {
	t.Helper()
	g, err := catalog.FindGPU("H100")
	if err != nil {
		t.Fatal(err)
	}
	m, ok := catalog.FindModel("meta-llama/Llama-3.1-8B-Instruct")
	if !ok {
		t.Fatal("the library lacks Llama-3.1-8B")
	}
	return Config{
		GPU: g, Model: m, TP: 1, PP: 1, MaxModelLen: 64, BlockSize: 4, MaxNumSeqs: 8, MaxBatchedTokens: 32,
		Utilization: 0.9, BlocksOverride: 40, WeightBytes: 2, KVBytes: 2, ChunkedPrefill: true, AsyncScheduling: true,
	}
}

func newEngine(t testing.TB, c Config) *Engine {
	t.Helper()
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// checkBlocks verifies that every block is either free or held as often as
// its count says, and that requests hold what their tokens need.
func checkBlocks(t interface{ Fatalf(string, ...any) }, e *Engine, all []*Request) {
	p := e.s.pool
	held := make(map[int32]int32)
	for _, r := range all {
		if r.State != Running && len(r.blocks) > 0 {
			t.Fatalf("request %d holds %d blocks in state %d", r.ID, len(r.blocks), r.State)
		}
		for _, id := range r.blocks {
			held[id]++
		}
		if want := ceilDiv(r.computed, e.s.c.BlockSize); r.State == Running && len(r.blocks) != want {
			t.Fatalf("request %d with %d tokens holds %d blocks, want %d", r.ID, r.computed, len(r.blocks), want)
		}
	}
	for id, b := range p.blocks {
		if b.refs != held[int32(id)] {
			t.Fatalf("block %d counts %d references, requests hold it %d times", id, b.refs, held[int32(id)])
		}
		if b.hash != 0 && p.cached[b.hash] != int32(id) {
			t.Fatalf("block %d is not indexed under its own content", id)
		}
	}
	if p.free+len(held) != len(p.blocks) {
		t.Fatalf("%d free and %d held blocks of %d", p.free, len(held), len(p.blocks))
	}
	count := 0
	for id := p.head; id != none; id = p.blocks[id].next {
		count++
		if p.blocks[id].refs != 0 || count > p.free {
			t.Fatalf("free list holds block %d with %d references, entry %d of %d", id, p.blocks[id].refs, count, p.free)
		}
	}
	if count != p.free {
		t.Fatalf("free list has %d entries, count says %d", count, p.free)
	}
}

// drawConfig varies everything that the scheduler looks at.
func drawConfig(t *rapid.T, c Config) Config {
	c.BlockSize = rapid.SampledFrom([]int{1, 4, 8, 16}).Draw(t, "block size")
	c.BlocksOverride = rapid.IntRange(c.MaxModelLen/c.BlockSize+1, 3*c.MaxModelLen/c.BlockSize+8).Draw(t, "blocks")
	c.MaxNumSeqs = rapid.IntRange(1, 12).Draw(t, "seqs")
	c.ChunkedPrefill = rapid.Bool().Draw(t, "chunked")
	c.MaxBatchedTokens = rapid.IntRange(c.MaxNumSeqs, 100).Draw(t, "budget")
	if !c.ChunkedPrefill {
		c.MaxBatchedTokens = max(c.MaxBatchedTokens, c.MaxModelLen)
	}
	c.LongPrefill = rapid.SampledFrom([]int{0, 0, 3, 20}).Draw(t, "long prefill")
	c.PrefixCaching = rapid.Bool().Draw(t, "prefix caching")
	c.Priority = rapid.Bool().Draw(t, "priority")
	c.ReserveFullISL = rapid.Bool().Draw(t, "reserve")
	c.Watermark = rapid.SampledFrom([]float64{0, 0, 0.1}).Draw(t, "watermark")
	c.AsyncScheduling = rapid.Bool().Draw(t, "async")
	return c
}

// TestSchedulerLaws drives random loads with random arrivals and aborts
// through random configurations.
func TestSchedulerLaws(t *testing.T) {
	base := small(t)
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t, base)
		e, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		var all []*Request
		now, admitted := 0.0, 0
		left := rapid.IntRange(1, 30).Draw(t, "requests")
		for steps := 0; left > 0 || !e.Idle(); steps++ {
			if steps > 20000 {
				t.Fatalf("%d running and %d waiting requests do not end", e.Running(), e.Waiting())
			}
			for left > 0 && (e.Idle() || rapid.IntRange(0, 2).Draw(t, "arrive") == 0) {
				prompt := rapid.IntRange(1, c.MaxModelLen-1).Draw(t, "prompt")
				r := &Request{
					ID: uint64(len(all)), Arrival: now, Prompt: prompt,
					Output:   rapid.IntRange(1, c.MaxModelLen-prompt).Draw(t, "output"),
					Priority: rapid.IntRange(0, 2).Draw(t, "priority"),
					Content:  Synthetic{Group: uint64(rapid.IntRange(0, 1).Draw(t, "group")), Unique: uint64(len(all)), Shared: rapid.IntRange(0, 40).Draw(t, "shared")},
				}
				all = append(all, r)
				e.Add(r)
				left--
			}
			if rapid.IntRange(0, 15).Draw(t, "abort") == 0 {
				e.Abort(all[rapid.IntRange(0, len(all)-1).Draw(t, "victim")])
			}
			running := e.Running()
			before := progress(all)
			step, ok := e.Schedule(now)
			if !ok {
				if !e.Idle() {
					t.Fatalf("nothing scheduled with %d running and %d waiting", e.Running(), e.Waiting())
				}
				continue
			}
			checkBlocks(t, e, all)
			if step.Tokens > c.MaxBatchedTokens || step.Tokens < 1 {
				t.Fatalf("step of %d tokens, budget %d", step.Tokens, c.MaxBatchedTokens)
			}
			if step.Tokens+e.s.budget != c.MaxBatchedTokens || step.Tokens != scheduled(all, before) {
				t.Fatalf("step of %d tokens leaves %d of %d; requests advance by %d", step.Tokens, e.s.budget, c.MaxBatchedTokens, scheduled(all, before))
			}
			if e.s.preempted > 0 && e.Running() > running {
				t.Fatal("a request was admitted in a step that preempted")
			}
			if e.Running() > c.MaxNumSeqs {
				t.Fatalf("%d running, limit %d", e.Running(), c.MaxNumSeqs)
			}
			if step.End <= step.Start {
				t.Fatalf("step from %g to %g", step.Start, step.End)
			}
			e.Complete(step.End)
			checkBlocks(t, e, all)
			now = step.End
			if c.Priority {
				continue
			}
			for admitted < len(all) && (all[admitted].Scheduled > 0 || all[admitted].State != Waiting) {
				admitted++
			}
			for _, r := range all[admitted:] { // first come first served
				if r.State != Waiting && r.State != Aborted {
					t.Fatalf("request %d overtook request %d", r.ID, all[admitted].ID)
				}
			}
		}
		checkEnd(t, e, all)
	})
}

// checkEnd verifies what holds when everything is finished.
func checkEnd(t *rapid.T, e *Engine, all []*Request) {
	generated := 0
	for _, r := range all {
		generated += r.Generated
		if r.State == Aborted {
			continue
		}
		if r.State != Finished || r.Generated != r.Output {
			t.Fatalf("request %d: state %d after %d of %d tokens", r.ID, r.State, r.Generated, r.Output)
		}
		if r.Cached >= r.Prompt || r.Cached%e.s.c.BlockSize != 0 {
			t.Fatalf("request %d: %d of %d prompt tokens cached, block size %d", r.ID, r.Cached, r.Prompt, e.s.c.BlockSize)
		}
		if !(r.Arrival <= r.Scheduled && r.Scheduled < r.FirstToken && r.FirstToken <= r.LastToken) {
			t.Fatalf("request %d: times %g, %g, %g, %g out of order", r.ID, r.Arrival, r.Scheduled, r.FirstToken, r.LastToken)
		}
	}
	if generated != e.Stats().GenerationTokens {
		t.Fatalf("requests have %d tokens, the engine counts %d", generated, e.Stats().GenerationTokens)
	}
	if e.CacheUsage() != 0 {
		t.Fatalf("usage %g with nothing running", e.CacheUsage())
	}
	if !e.ResetPrefixCache() {
		t.Fatal("an idle engine refuses to reset its cache")
	}
}

// mark is where a request stood before a step.
type mark struct {
	running               bool
	computed, preemptions int
}

func progress(all []*Request) []mark {
	marks := make([]mark, len(all))
	for i, r := range all {
		marks[i] = mark{r.State == Running, r.computed, r.Preemptions}
	}
	return marks
}

// scheduled sums up what a step computes: progress of the running ones, and
// what newly admitted ones have beyond their cache hits. A preempted request
// may be admitted anew in the same step.
func scheduled(all []*Request, before []mark) int {
	sum := 0
	for i, r := range all {
		switch {
		case r.State != Running:
		case before[i].running && before[i].preemptions == r.Preemptions:
			sum += r.computed - before[i].computed
		default:
			sum += r.computed - r.hit
		}
	}
	return sum
}
