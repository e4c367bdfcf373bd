package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/boundary"
)

// errUnasked is bytes on a connection that no request was sent on.
var errUnasked = errors.New("the server sent bytes that nobody asked for")

// conn is one connection. Its mutex is held while bytes are handled, so that
// whoever gives up on an exchange knows that its handler is not called again.
type conn struct {
	loop     *loop
	fd       int
	id       uint64
	since    time.Duration // idle since then; 0: never used
	done     chan error    // the end of the exchange
	writable chan struct{} // there is room for more bytes

	mu      sync.Mutex
	dead    error // why the connection can no longer be used
	handler Handler
	parse   response
	writing bool
	heard   bool          // a byte of the response has come
	ended   time.Duration // the last byte of the response came
}

// usable reports whether another request may be sent.
func (k *conn) usable() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead == nil
}

// alive is usable, for a connection that lay idle: what the server sent meanwhile,
// its end above all, counts although the loop has not come to read it.
func (k *conn) alive() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead == nil && k.loop.quiet(k)
}

// shut closes the connection and ends the exchange on it with the reason.
func (k *conn) shut(why error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.close(why)
}

// close is shut with the mutex held.
func (k *conn) close(why error) {
	if k.dead == nil {
		k.dead = why
		k.loop.remove(k)
		k.room()
	}
	k.end(why)
}

// end ends the exchange.
func (k *conn) end(err error) {
	if k.handler != nil {
		k.handler = nil
		k.done <- err
	}
}

// fate is what became of a request on one connection.
type fate int

const (
	answered fate = iota // or failed, for good
	unsent               // nothing was written: the connection had ended before
	lost                 // written to a connection that had been used before, and ended without a byte of the response
)

// exchange sends the request and waits for the end of its response.
func (k *conn) exchange(ctx context.Context, request []byte, h Handler, trip *Trip) (fate, error) {
	k.mu.Lock()
	if k.dead != nil {
		k.mu.Unlock()
		return unsent, k.dead
	}
	k.handler, k.parse, k.heard, k.writing, k.ended = h, response{partly: k.parse.partly[:0]}, false, true, -1
	k.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { k.shut(context.Cause(ctx)) })

	trip.Written = k.loop.now()
	failed := k.write(ctx, request, trip)
	var err error
	select {
	case err = <-k.done:
	case <-grace(failed):
		// A server may answer and close before it has read the request: the
		// answer is the better account than the failed write, and comes first.
		k.shut(failed)
		err = <-k.done
	}
	if !stop() {
		k.shut(context.Cause(ctx)) // the function above may still be on its way: nobody else may have the connection
	}
	if err == nil {
		trip.Ended = k.ended
	}
	if k.since > 0 && k.parted(err) {
		return lost, err
	}
	return answered, err
}

// parted reports whether the server ended the connection, and not this side,
// before it sent a byte of the response.
func (k *conn) parted(err error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	var system *os.SyscallError
	return !k.heard && (errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &system))
}

// write sends the request, or as much as can be sent before the exchange ends.
func (k *conn) write(ctx context.Context, p []byte, trip *Trip) error {
	for {
		n, err := k.push(p)
		if n > 0 && trip.Handed < 0 {
			trip.Handed = k.loop.now()
		}
		if err != nil {
			return err
		}
		if p = p[n:]; len(p) == 0 {
			return nil
		}
		select {
		case <-k.writable:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// push writes what the kernel has room for. The response may follow the last
// byte before this returns, hence the mutex.
func (k *conn) push(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead != nil {
		return 0, k.dead
	}
	n, err := k.loop.write(k, p)
	k.writing = n < len(p)
	return n, err
}

// grace is how long a failed write is given to be explained by what the server
// has sent: for ever where none failed.
func grace(failed error) <-chan time.Time {
	if failed == nil {
		return nil
	}
	return time.After(time.Second)
}

// room tells the writer that there may be room, or that there never will be.
func (k *conn) room() {
	select {
	case k.writable <- struct{}{}:
	default:
	}
}

// take handles bytes that came.
func (k *conn) take(p []byte, at Arrival) {
	if k.handler == nil {
		k.close(errUnasked)
		return
	}
	k.heard = true
	var rest []byte
	var done bool
	err := boundary.Guard("the server's answer", func() (err error) {
		rest, done, err = k.parse.feed(p, at, k.handler, k.loop)
		return err
	})
	if done {
		k.ended = at.Received
	}
	switch {
	case err != nil:
		k.close(err)
	case done && (len(rest) > 0 || k.parse.last || k.writing):
		k.end(nil)
		k.close(net.ErrClosed)
	case done:
		k.end(nil)
	}
}

// finish handles the end of the connection: io.EOF, or what a read reported.
func (k *conn) finish(err error) {
	if k.handler != nil && err == io.EOF {
		if k.heard && k.parse.untilEOF() {
			k.ended = k.loop.now()
			k.end(nil)
		} else {
			err = io.ErrUnexpectedEOF
		}
	}
	k.close(err)
}
