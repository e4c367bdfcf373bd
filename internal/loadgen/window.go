package loadgen

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// window is the measured part of a run as it happens: when it opened and
// closed, which of its requests are still under way, and what the process
// itself spent meanwhile.
type window struct {
	now    func() time.Duration
	during []*atomic.Bool // on while the window is open

	mu         sync.Mutex
	start, end time.Duration // -1 until known
	before     usage         // at the opening
	spent      usage         // between opening and closing
	pending    int           // requests of the window under way
	last       bool          // no more requests will be added

	opened  chan struct{}
	closed  chan struct{}
	drained chan struct{} // closed, and no request of the window is under way
}

func newWindow(now func() time.Duration, during ...*atomic.Bool) *window {
	return &window{
		now: now, during: during, start: -1, end: -1,
		opened: make(chan struct{}), closed: make(chan struct{}), drained: make(chan struct{}),
	}
}

// open marks the opening at the given offset; later calls do nothing.
func (w *window) open(at time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.start >= 0 {
		return
	}
	w.start = at
	w.before = readUsage()
	w.mark(true)
	close(w.opened)
}

func (w *window) mark(on bool) {
	for _, b := range w.during {
		b.Store(on)
	}
}

// close marks the closing at the given offset; later calls do nothing.
func (w *window) close(at time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end >= 0 {
		return
	}
	if w.start < 0 {
		w.start = at
		w.before = readUsage()
		close(w.opened)
	}
	w.end = at
	w.mark(false)
	w.spent = readUsage().since(w.before)
	close(w.closed)
	w.settle()
}

// add counts a request of the window as under way.
func (w *window) add(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending += n
}

// lastIssued says that no request will be added any more.
func (w *window) lastIssued() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = true
	w.settle()
}

// ended takes a request of the window off.
func (w *window) ended() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending--
	w.settle()
}

func (w *window) settle() {
	if w.pending > 0 || !w.last || w.end < 0 {
		return
	}
	select {
	case <-w.drained:
	default:
		close(w.drained)
	}
}

// idle says that all requests of the window were issued and have ended.
func (w *window) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last && w.pending == 0
}

// sleepUntil waits for an offset and reports whether it came before ctx ended.
func sleepUntil(ctx context.Context, now func() time.Duration, at time.Duration) bool {
	d := at - now()
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// isOpen says that the window has opened; it stays true after the closing.
func (w *window) isOpen() bool { return w.opening() >= 0 }

// isNow says that the window is open and has not closed.
func (w *window) isNow() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.start >= 0 && w.end < 0
}

// opening is the offset of the opening, -1 before.
func (w *window) opening() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.start
}
