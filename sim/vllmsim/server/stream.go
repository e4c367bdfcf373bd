package server

import (
	"sync"

	"github.com/vllm-sweep/sweep/sim/vllmsim/engine"
)

// stream carries the tokens of one request from the driver to its handler.
// The driver never waits for the handler.
type stream struct {
	request   *engine.Request
	tokens    *engine.Tokens
	arrival   float64 // when the API server received it, simulated seconds
	visible   float64 // when the engine core receives it
	natural   bool    // ends by itself, not by max_tokens
	maxTokens int
	notify    chan struct{}

	mu      sync.Mutex
	ready   int // tokens sampled
	done    bool
	failed  bool // the engine died
	aborted bool // taken out of the engine, the client still listens
}

// deliver hands over one more token.
func (s *stream) deliver(done bool) {
	s.mu.Lock()
	s.ready++
	s.done = done
	s.mu.Unlock()
	s.wake()
}

// fail ends the stream because the engine died.
func (s *stream) fail() {
	s.mu.Lock()
	s.done, s.failed = true, true
	s.mu.Unlock()
	s.wake()
}

// abort ends the stream with what was sampled so far.
func (s *stream) abort() {
	s.mu.Lock()
	s.done, s.aborted = true, true
	s.mu.Unlock()
	s.wake()
}

// reason is the finish reason of a stream that is done.
func (s *stream) reason() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.aborted:
		return "abort"
	case s.natural:
		return "stop"
	}
	return "length"
}

func (s *stream) wake() {
	select {
	case s.notify <- struct{}{}:
	default:
	}
}

// state returns the number of tokens sampled so far.
func (s *stream) state() (ready int, done, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready, s.done, s.failed
}
