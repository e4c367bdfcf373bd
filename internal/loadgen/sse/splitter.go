// Package sse reads the streams of an OpenAI-style server: Splitter cuts bytes
// as they arrive into the payloads of server-sent events, Parse tells what a
// payload carries. Neither decodes text, and in the common case neither
// allocates.
package sse

import (
	"bytes"
	"errors"
)

// DefaultMax bounds one event: a stream chunk is some hundred bytes; with
// log-probabilities or a whole answer in one event it may be megabytes.
const DefaultMax = 8 << 20

// ErrTooLong is reported for an event over the bound.
var ErrTooLong = errors.New("event too long")

// Splitter cuts a stream into events after the WHATWG HTML standard, section
// "Server-sent events": lines end in LF, CR or CRLF, an empty line ends an
// event, comments and fields other than data are skipped, several data lines
// join with LF, and an unfinished event at the end of the stream is dropped.
//
// Use: Feed the bytes of one read, then call Next until it is false. The zero
// value is ready.
type Splitter struct {
	Max int // bytes of one event; 0: DefaultMax

	in     []byte // not yet scanned, memory of the caller
	line   []byte // start of an unfinished line
	data   []byte // payload of the event so far, when it cannot be a slice of in
	val    []byte // payload of the event so far: a slice of in or equal to data
	event  bool   // a data line was seen
	own    bool   // val lies in data
	skipLF bool   // the last line ended in CR
	begun  bool   // the first line is behind us
	err    error
}

// Feed hands over the bytes of one read. They must stay unchanged until Next
// has returned false.
func (s *Splitter) Feed(p []byte) { s.in = p }

// Next steps to the next complete event and reports whether there is one.
func (s *Splitter) Next() bool {
	for len(s.in) > 0 && s.err == nil {
		if s.skipLF {
			s.skipLF = false
			if s.in[0] == '\n' {
				s.in = s.in[1:]
				continue
			}
		}
		i := endOfLine(s.in)
		if i < 0 {
			s.hold()
			return false
		}
		line, copied := s.in[:i], false
		s.skipLF = s.in[i] == '\r'
		s.in = s.in[i+1:]
		if len(s.line) > 0 {
			s.line = append(s.line, line...)
			line, copied = s.line, true
			s.line = s.line[:0]
		}
		if s.take(line, copied) {
			return true
		}
	}
	s.keep()
	return false
}

// Data is the payload of the event that Next found, valid until Next or Feed
// is called again.
func (s *Splitter) Data() []byte { return s.val }

// Err is ErrTooLong after an event over the bound, else nil.
func (s *Splitter) Err() error { return s.err }

// endOfLine is the index of the first CR or LF, or -1.
func endOfLine(b []byte) int {
	n := bytes.IndexByte(b, '\n')
	if n >= 0 {
		b = b[:n]
	}
	if r := bytes.IndexByte(b, '\r'); r >= 0 {
		return r
	}
	return n
}

// hold keeps the start of a line whose end has not arrived.
func (s *Splitter) hold() {
	s.line = append(s.line, s.in...)
	s.in = nil
	s.keep()
	s.bound(len(s.line))
}

// keep copies the payload of an unfinished event out of the caller's memory.
func (s *Splitter) keep() {
	if s.event && !s.own {
		s.data = append(s.data[:0], s.val...)
		s.val, s.own = s.data, true
	}
}

// take handles one line without its end and reports whether it ended an event.
func (s *Splitter) take(line []byte, copied bool) bool {
	if !s.begun {
		s.begun = true
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if len(line) == 0 {
		ended := s.event
		s.event = false
		return ended
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	if string(name) != "data" {
		return false
	}
	value = bytes.TrimPrefix(value, []byte{' '})
	switch {
	case s.event: // a further data line
		s.keep()
		s.data = append(append(s.data, '\n'), value...)
		s.val = s.data
	case copied:
		s.data = append(s.data[:0], value...)
		s.val, s.own, s.event = s.data, true, true
	default:
		s.val, s.own, s.event = value, false, true
	}
	s.bound(len(s.val))
	return false
}

func (s *Splitter) bound(n int) {
	limit := s.Max
	if limit == 0 {
		limit = DefaultMax
	}
	if n > limit {
		s.err = ErrTooLong
	}
}
