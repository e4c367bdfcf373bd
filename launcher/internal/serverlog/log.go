// Package serverlog keeps the output of a server in a file: secrets redacted,
// size bounded, memory bounded, readable while it grows.
//
// The first half of the allowance goes to the file itself. What comes after
// it goes to two segment files beside it that take turns, so that the last
// lines survive also when the runner is killed; Close joins them to the file
// with a note that says how much was left out between.
package serverlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// DefaultLimit is the allowance for one log in bytes. A start of vLLM logs
// some hundred kilobytes; more than this is a server in a loop.
const DefaultLimit = 64 << 20

// ErrIncomplete is wrapped by what Close returns when output could not be kept.
var ErrIncomplete = errors.New("the server's log is incomplete")

// Log is the log file of one server. It is safe for concurrent writers.
type Log struct {
	mu       sync.Mutex
	redactor *redactor
	sink     *cappedFile
	lost     int   // bytes of writes that failed
	why      error // of the first
	closed   bool
}

// Create makes the log file, and its folder where it is missing. An existing
// file is replaced. Zero limit means DefaultLimit.
func Create(path string, secrets []string, limit int64) (*Log, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create folder of server log: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create server log: %w", err)
	}
	sink := &cappedFile{file: f, path: path, head: limit / 2, segment: limit / 4}
	return &Log{redactor: newRedactor(sink, secrets), sink: sink}, nil
}

// Write appends output of the server. After Close it discards, because a
// server that is being killed may still write. It never fails: when the disk is
// full, somebody must go on reading what the server prints, or the server
// stands still. Close tells what was lost.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return len(p), nil
	}
	if _, err := l.redactor.Write(p); err != nil {
		l.lost += len(p)
		if l.why == nil {
			l.why = err
		}
	}
	return len(p), nil
}

// Close writes what is held back, joins the last segment to the file and
// closes it. Its error wraps ErrIncomplete. It may be called twice.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	why := l.why
	if err := errors.Join(l.redactor.flush(), l.sink.close()); why == nil {
		why = err
	}
	switch {
	case why == nil:
		return nil
	case l.lost > 0:
		return fmt.Errorf("%w: %d bytes were lost: %w", ErrIncomplete, l.lost, why)
	default:
		return fmt.Errorf("%w: %w", ErrIncomplete, why)
	}
}

// cappedFile writes head bytes to file and the rest to segments.
type cappedFile struct {
	file    *os.File
	path    string
	head    int64 // bytes that may still go to file
	segment int64 // size of one segment

	newest  *os.File // segment being written, nil before the head is full
	written int64    // bytes in newest
	number  int      // segments begun
	beyond  int64    // bytes that came after the head
}

func (c *cappedFile) Write(p []byte) (int, error) {
	total := len(p)
	if c.head > 0 {
		n := min(int64(len(p)), c.head)
		if _, err := c.file.Write(p[:n]); err != nil {
			return 0, err
		}
		c.head -= n
		p = p[n:]
	}
	for len(p) > 0 {
		if c.newest == nil || c.written >= c.segment {
			if err := c.rotate(); err != nil {
				return 0, err
			}
		}
		n := min(int64(len(p)), c.segment-c.written)
		if _, err := c.newest.Write(p[:n]); err != nil {
			return 0, err
		}
		c.written += n
		c.beyond += n
		p = p[n:]
	}
	return total, nil
}

// segmentPath is the file of the n-th segment; two files take turns.
func (c *cappedFile) segmentPath(n int) string { return fmt.Sprintf("%s.tail%d", c.path, n%2) }

func (c *cappedFile) rotate() error {
	if c.newest != nil {
		if err := c.newest.Close(); err != nil {
			return err
		}
	}
	c.number++
	c.written = 0
	f, err := os.Create(c.segmentPath(c.number))
	c.newest = f
	return err
}

func (c *cappedFile) close() error {
	if c.newest == nil {
		return c.file.Close()
	}
	kept := c.written
	if c.number > 1 {
		kept += c.segment
	}
	err := c.newest.Close()
	if cut := c.beyond - kept; cut > 0 {
		_, e := fmt.Fprintf(c.file, "\n[%d bytes of output left out here: the log is limited in size]\n", cut)
		err = errors.Join(err, e)
	}
	for n := max(1, c.number-1); n <= c.number; n++ {
		err = errors.Join(err, c.join(c.segmentPath(n)))
	}
	return errors.Join(err, c.file.Close())
}

func (c *cappedFile) join(segment string) error {
	f, err := os.Open(segment)
	if err != nil {
		return err
	}
	_, err = io.Copy(c.file, f)
	return errors.Join(err, f.Close(), os.Remove(segment))
}
