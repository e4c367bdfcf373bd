package engine

// pool is the KV cache: blocks with reference counts, a free list in eviction
// order and an index of full blocks by content, after vLLM's block_pool.py.
// A free block may still be cached; taking it from the list evicts it.
type pool struct {
	blocks []block
	head   int32 // next to be taken
	tail   int32
	free   int
	cached map[uint64]int32
}

type block struct {
	hash       uint64 // 0 = not cached
	prev, next int32  // in the free list
	refs       int32
}

// none ends the free list.
const none = int32(-1)

// newPool returns a pool of n blocks, all free.
func newPool(n int) *pool {
	p := &pool{blocks: make([]block, n), head: none, tail: none, cached: make(map[uint64]int32, n)}
	for i := range p.blocks {
		p.append(int32(i))
	}
	return p
}

// usage is the share of blocks that requests hold, 0..1.
func (p *pool) usage() float64 {
	if len(p.blocks) == 0 {
		return 0
	}
	return 1 - float64(p.free)/float64(len(p.blocks))
}

// take removes the head of the free list, evicts its content and references
// it once. The caller has checked that a block is free.
func (p *pool) take() int32 {
	id := p.head
	p.unlink(id)
	b := &p.blocks[id]
	if b.hash != 0 {
		p.forget(id)
	}
	b.refs = 1
	return id
}

// find returns the cached block of that content.
func (p *pool) find(hash uint64) (int32, bool) {
	id, ok := p.cached[hash]
	return id, ok
}

// hold adds a reference to a cached block.
func (p *pool) hold(id int32) {
	if p.blocks[id].refs == 0 {
		p.unlink(id)
	}
	p.blocks[id].refs++
}

// remember makes a full block findable by its content. The first block of
// equal content wins; later ones stay out of the index.
func (p *pool) remember(id int32, hash uint64) {
	if p.blocks[id].hash != 0 {
		return
	}
	if _, taken := p.cached[hash]; taken {
		return
	}
	p.blocks[id].hash = hash
	p.cached[hash] = id
}

func (p *pool) forget(id int32) {
	delete(p.cached, p.blocks[id].hash)
	p.blocks[id].hash = 0
}

// release drops one reference of each block, last block first, so that the
// tail of a sequence is evicted before its beginning. Cached blocks join the
// end of the free list (least recently used first), others its front.
func (p *pool) release(ids []int32) {
	for i := len(ids) - 1; i >= 0; i-- {
		b := &p.blocks[ids[i]]
		b.refs--
		if b.refs > 0 {
			continue
		}
		if b.hash != 0 {
			p.append(ids[i])
		} else {
			p.prepend(ids[i])
		}
	}
}

// reset forgets all cached content; it fails while a block is held.
func (p *pool) reset() bool {
	if p.free != len(p.blocks) {
		return false
	}
	clear(p.cached)
	for i := range p.blocks {
		p.blocks[i].hash = 0
	}
	return true
}

func (p *pool) append(id int32) {
	b := &p.blocks[id]
	b.prev, b.next = p.tail, none
	if p.tail == none {
		p.head = id
	} else {
		p.blocks[p.tail].next = id
	}
	p.tail = id
	p.free++
}

func (p *pool) prepend(id int32) {
	b := &p.blocks[id]
	b.prev, b.next = none, p.head
	if p.head == none {
		p.tail = id
	} else {
		p.blocks[p.head].prev = id
	}
	p.head = id
	p.free++
}

func (p *pool) unlink(id int32) {
	b := &p.blocks[id]
	if b.prev == none {
		p.head = b.next
	} else {
		p.blocks[b.prev].next = b.next
	}
	if b.next == none {
		p.tail = b.prev
	} else {
		p.blocks[b.next].prev = b.prev
	}
	p.free--
}
