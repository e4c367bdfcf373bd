package engine

import "container/heap"

// queue holds waiting requests: first come first served with preempted ones
// in front, or a heap by (priority, arrival).
type queue struct {
	byPriority bool
	front      []*Request // stack: the last element is the head
	back       []*Request // FCFS order from head
	head       int
	heap       requestHeap
}

func (q *queue) len() int {
	if q.byPriority {
		return len(q.heap)
	}
	return len(q.front) + len(q.back) - q.head
}

func (q *queue) push(r *Request) {
	if q.byPriority {
		heap.Push(&q.heap, r)
		return
	}
	if q.head > 64 && q.head > len(q.back)/2 {
		q.back = append(q.back[:0], q.back[q.head:]...)
		q.head = 0
	}
	q.back = append(q.back, r)
}

// pushFront returns a preempted request.
func (q *queue) pushFront(r *Request) {
	if q.byPriority {
		heap.Push(&q.heap, r)
		return
	}
	q.front = append(q.front, r)
}

func (q *queue) peek() *Request {
	switch {
	case q.byPriority:
		return q.heap[0]
	case len(q.front) > 0:
		return q.front[len(q.front)-1]
	}
	return q.back[q.head]
}

func (q *queue) pop() {
	switch {
	case q.byPriority:
		heap.Pop(&q.heap)
	case len(q.front) > 0:
		q.front = q.front[:len(q.front)-1]
	default:
		q.back[q.head] = nil
		q.head++
	}
}

// remove takes r out, wherever it stands.
func (q *queue) remove(r *Request) {
	if q.byPriority {
		heap.Remove(&q.heap, r.index)
		return
	}
	for i, f := range q.front {
		if f == r {
			q.front = append(q.front[:i], q.front[i+1:]...)
			return
		}
	}
	for i := q.head; i < len(q.back); i++ {
		if q.back[i] == r {
			q.back = append(q.back[:i], q.back[i+1:]...)
			return
		}
	}
}

type requestHeap []*Request

func (h requestHeap) Len() int           { return len(h) }
func (h requestHeap) Less(i, j int) bool { return before(h[i], h[j]) }
func (h requestHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *requestHeap) Push(x any) {
	r := x.(*Request)
	r.index = len(*h)
	*h = append(*h, r)
}
func (h *requestHeap) Pop() any {
	old := *h
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return r
}

// before orders by priority, then by arrival.
func before(a, b *Request) bool {
	if a.Priority != b.Priority {
		return a.Priority < b.Priority
	}
	return a.order < b.order
}
