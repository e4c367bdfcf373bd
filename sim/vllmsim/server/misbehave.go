package server

import (
	"context"
	"errors"
)

// fault is what befalls one generation request.
type fault int

const (
	healthy fault = iota
	unavailable
	empty
	errorInStream
	truncate
	reset
	stall
	silence
	slowToken
)

// errCut asks for the connection to be cut; errTruncated for a stream that
// just ends.
var (
	errCut       = errors.New("connection cut by a fault")
	errTruncated = errors.New("stream truncated by a fault")
)

// next returns the fault of the n-th generation request, from 1.
func (f Faults) next(n int64) fault {
	for _, c := range []struct {
		every int
		kind  fault
	}{
		{f.Unavailable, unavailable}, {f.Empty, empty}, {f.ErrorInStream, errorInStream},
		{f.Truncate, truncate}, {f.Reset, reset}, {f.Stall, stall},
		{f.Silence, silence}, {f.SlowToken, slowToken},
	} {
		if hits(c.every, n) {
			return c.kind
		}
	}
	return healthy
}

// misbehave sends the tokens so far and then the stream's fault; nil means
// that the stream goes on.
func (a *answer) misbehave(ctx context.Context, ready int) error {
	if ready > a.sent {
		if err := a.send(ready, ""); err != nil {
			return err
		}
	}
	switch a.fault {
	case slowToken:
		a.fault = healthy // what follows is
		return a.s.clock.sleep(ctx, slowSeconds)
	case errorInStream:
		if err := a.broken(&apiError{Status: 500, Type: "InternalServerError", Message: "Internal server error"}); !dead(err) {
			return err
		}
		return errTruncated
	case reset:
		return errCut
	case stall:
		<-ctx.Done()
		return ctx.Err()
	}
	return errTruncated
}
