package cli

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

const (
	// queuedMessages is how many messages wait for a reader that has stopped.
	queuedMessages = 1000
	// flushWait is how long Flush waits for a reader.
	flushWait = 500 * time.Millisecond
	// redraw is the time between two looks at what has changed.
	redraw = 200 * time.Millisecond
)

// message is one thing to print: a line and the notices that it says, or text
// that is printed as it is.
type message struct {
	at    time.Time
	text  string
	about []notice.Notice
	raw   []byte
}

// queuedWriter owns a stream whose reader may stop reading: a pager, Ctrl-S, a
// log shipper that hangs. Its goroutine alone writes to the stream; everybody
// else leaves messages and goes on. If the queue is full, the oldest message
// goes. It is safe for concurrent use.
type queuedWriter struct {
	out io.Writer
	// render makes the text of messages, and of whatever else is to be shown
	// now. missed is how many messages went before these. Only the goroutine
	// calls it, so it never runs while the reader makes the goroutine wait.
	render func(messages []message, missed int) []byte

	queue  chan message
	missed atomic.Int64
	flush  chan chan struct{} // closed in answer when all is written
	end    chan struct{}
	once   sync.Once
}

func newQueuedWriter(out io.Writer, render func([]message, int) []byte) *queuedWriter {
	w := &queuedWriter{
		out: out, render: render,
		queue: make(chan message, queuedMessages), flush: make(chan chan struct{}), end: make(chan struct{}),
	}
	go w.own()
	return w
}

// add leaves a message. It never blocks.
func (w *queuedWriter) add(m message) {
	for {
		select {
		case w.queue <- m:
			return
		default:
		}
		select {
		case <-w.queue:
			w.missed.Add(1)
		default:
		}
	}
}

// Write implements io.Writer. It never blocks and never fails.
func (w *queuedWriter) Write(p []byte) (int, error) {
	w.add(message{raw: append([]byte{}, p...)})
	return len(p), nil
}

// own writes until Close.
func (w *queuedWriter) own() {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		var messages []message
		var flushed chan struct{}
		select {
		case m := <-w.queue:
			messages = append(messages, m)
		case flushed = <-w.flush:
		case <-tick.C:
		case <-w.end:
			return
		}
		missed := int(w.missed.Swap(0))
		for more := true; more && len(messages) < queuedMessages; {
			select {
			case m := <-w.queue:
				messages = append(messages, m)
			default:
				more = false
			}
		}
		if text := w.render(messages, missed); len(text) > 0 {
			_, _ = w.out.Write(text) // a reader that went away changes nothing
		}
		if flushed != nil {
			close(flushed)
		}
	}
}

// Flush waits until everything is written, for flushWait at most.
func (w *queuedWriter) Flush() {
	late := time.NewTimer(flushWait)
	defer late.Stop()
	written := make(chan struct{})
	select {
	case w.flush <- written:
	case <-w.end:
		return
	case <-late.C:
		return
	}
	select {
	case <-written:
	case <-late.C:
	}
}

// Close flushes and ends the goroutine, once its last write has returned. What
// is left later is not printed.
func (w *queuedWriter) Close() {
	w.Flush()
	w.once.Do(func() { close(w.end) })
}
