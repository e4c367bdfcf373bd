package engine

// scheduler decides which tokens the next step computes, after vLLM's
// v1/core/sched/scheduler.py: running requests first, in order, then waiting
// ones while nothing had to be preempted.
type scheduler struct {
	c         Config
	pool      *pool
	waiting   queue
	running   []*Request
	budget    int
	preempted int // in this step
	stats     *Stats
}

// schedule fills in r.step of every running request and returns their sum.
func (s *scheduler) schedule(now float64) int {
	s.budget, s.preempted = s.c.MaxBatchedTokens, 0
	s.scheduleRunning()
	if s.preempted == 0 {
		s.admit(now)
	}
	return s.c.MaxBatchedTokens - s.budget
}

func (s *scheduler) scheduleRunning() {
	for i := 0; i < len(s.running) && s.budget > 0; i++ {
		r := s.running[i]
		n := s.chunk(r, r.computed)
		if n == 0 {
			continue
		}
		for !s.grow(r, n) {
			victim := s.victim()
			at := s.preempt(victim)
			if victim == r {
				return
			}
			if at < i { // priority policy: an earlier one made room
				i--
			}
		}
		s.take(r, n)
	}
}

// chunk is the number of tokens of r to compute next when computed are done.
func (s *scheduler) chunk(r *Request, computed int) int {
	n := r.Tokens() - computed
	if s.c.LongPrefill > 0 && n > s.c.LongPrefill {
		n = s.c.LongPrefill
	}
	return min(n, s.budget, s.c.MaxModelLen-computed)
}

// grow gives r the blocks for n more tokens; false if they are not free.
func (s *scheduler) grow(r *Request, n int) bool {
	missing := ceilDiv(r.computed+n, s.c.BlockSize) - len(r.blocks)
	if missing > s.pool.free {
		return false
	}
	for ; missing > 0; missing-- {
		r.blocks = append(r.blocks, s.pool.take())
	}
	return true
}

// take books n tokens of r into the step and offers its full blocks to the
// prefix cache.
func (s *scheduler) take(r *Request, n int) {
	r.step = n
	r.computed += n
	s.budget -= n
	if !s.c.PrefixCaching || r.Content == nil {
		return
	}
	for full := r.computed / s.c.BlockSize; r.kept < full; r.kept++ {
		s.pool.remember(r.blocks[r.kept], r.blockHash(r.kept, s.c.BlockSize))
	}
}

// victim is the running request to give up its blocks.
func (s *scheduler) victim() *Request {
	last := s.running[len(s.running)-1]
	if !s.c.Priority {
		return last
	}
	for _, r := range s.running {
		if before(last, r) {
			last = r
		}
	}
	return last
}

// preempt sends r back to the queue to be computed anew and returns where it
// stood among the running.
func (s *scheduler) preempt(r *Request) int {
	at := s.drop(r)
	s.budget += r.step
	s.free(r)
	r.computed, r.step, r.kept = 0, 0, 0
	r.State = Waiting
	r.Preemptions++
	s.preempted++
	s.stats.Preemptions++
	s.waiting.pushFront(r)
	return at
}

func (s *scheduler) drop(r *Request) int {
	for i, other := range s.running {
		if other == r {
			s.running = append(s.running[:i], s.running[i+1:]...)
			return i
		}
	}
	return len(s.running)
}

func (s *scheduler) free(r *Request) {
	s.pool.release(r.blocks)
	r.blocks = r.blocks[:0]
}

// admit starts waiting requests in order. The first that does not fit blocks
// those behind it.
func (s *scheduler) admit(now float64) {
	for s.budget > 0 && len(s.running) < s.c.MaxNumSeqs && s.waiting.len() > 0 {
		r := s.waiting.peek()
		hits, fresh := s.lookup(r)
		cached := hits * s.c.BlockSize
		if !s.c.ChunkedPrefill && r.Tokens()-cached > s.budget {
			return
		}
		n := s.chunk(r, cached)
		if !s.fits(r, cached+n, hits, fresh) {
			return
		}
		s.waiting.pop()
		s.start(r, hits, n, now)
	}
}

// lookup counts the leading full blocks of r that are cached, and how many of
// those are free (holding them takes room). At least one token is always left
// to compute.
func (s *scheduler) lookup(r *Request) (hits, fresh int) {
	if !s.c.PrefixCaching || r.Content == nil {
		return 0, 0
	}
	for limit := (r.Tokens() - 1) / s.c.BlockSize; hits < limit; hits++ {
		id, ok := s.pool.find(r.blockHash(hits, s.c.BlockSize))
		if !ok {
			break
		}
		if s.pool.blocks[id].refs == 0 {
			fresh++
		}
	}
	return hits, fresh
}

// fits says whether r may start with its first tokens computed. With
// scheduler_reserve_full_isl the whole sequence so far must fit. The watermark
// is kept free for the others, if there are any.
func (s *scheduler) fits(r *Request, tokens, hits, fresh int) bool {
	if s.c.ReserveFullISL {
		tokens = min(r.Tokens(), s.c.MaxModelLen)
	}
	need := ceilDiv(tokens, s.c.BlockSize) - hits + fresh
	if len(s.running) > 0 {
		need += int(s.c.Watermark * float64(len(s.pool.blocks)))
	}
	return need <= s.pool.free
}

func (s *scheduler) start(r *Request, hits, n int, now float64) {
	for i := range hits {
		id, _ := s.pool.find(r.blockHash(i, s.c.BlockSize))
		s.pool.hold(id)
		r.blocks = append(r.blocks, id)
	}
	r.computed, r.hit, r.kept = hits*s.c.BlockSize, hits*s.c.BlockSize, hits
	if r.Preemptions == 0 {
		r.Cached, r.Scheduled = r.computed, now
		if s.c.PrefixCaching {
			s.stats.PrefixQueries += r.Tokens()
			s.stats.PrefixHits += r.computed
		}
	}
	r.State = Running
	s.running = append(s.running, r)
	s.grow(r, n)
	s.take(r, n)
}
