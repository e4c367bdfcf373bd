package importer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/vllm-sweep/sweep/internal/boundary"
)

// FaultError is a file that cannot be read as what it seems to be.
type FaultError struct {
	File         string
	Line, Column int    // from 1; 0: not a matter of one place
	Path         string // inside the document: "benchmarks[2].metrics"
	Err          error
}

func (e *FaultError) Error() string {
	place := e.File
	if e.Line > 0 {
		place += fmt.Sprintf(":%d:%d", e.Line, e.Column)
	}
	if e.Path != "" {
		place += ": " + e.Path
	}
	return place + ": " + e.Err.Error()
}

// Unwrap returns the fault itself.
func (e *FaultError) Unwrap() error { return e.Err }

// source is a file that can be opened more than once: for sniffing, for
// reading, and for finding the line of a fault.
type source struct {
	name string
	open func() (io.ReadCloser, error)
	// converted: the document was made from another, whose lines are not known.
	converted bool
}

// fileSource reads a file, unpacked where it is gzip.
func fileSource(path string) source {
	return source{name: path, open: func() (io.ReadCloser, error) {
		f, size, err := boundary.Open(path)
		if err != nil {
			return nil, err
		}
		head := make([]byte, 2)
		n, err := io.ReadFull(f, head)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			f.Close()
			return nil, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			f.Close()
			return nil, err
		}
		if n < 2 || head[0] != 0x1f || head[1] != 0x8b {
			return f, nil
		}
		z, err := boundary.Gunzip(f, size)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("%s: unpack: %w", path, err)
		}
		return struct {
			io.Reader
			io.Closer
		}{z, f}, nil
	}}
}

// bytesSource is a document that is in memory already.
func bytesSource(name string, data []byte) source {
	return source{name: name, open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// place is the line and column of a byte offset.
func (s source) place(offset int64) (line, column int) {
	f, err := s.open()
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	r := bufio.NewReaderSize(io.LimitReader(f, offset), 1<<16)
	line, column = 1, 1
	for {
		b, err := r.ReadByte()
		switch {
		case err != nil:
			return line, column
		case b == '\n':
			line, column = line+1, 1
		default:
			column++
		}
	}
}

// fault is an error at an offset of the source.
func (s source) fault(offset int64, path string, err error) error {
	var placed *FaultError
	if errors.As(err, &placed) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file ends here in the middle of a value: it is cut short")
	}
	line, column := 0, 0
	if offset >= 0 && !s.converted {
		line, column = s.place(offset)
	}
	return &FaultError{File: s.name, Line: line, Column: column, Path: path, Err: err}
}

// head reads the first bytes of the source.
func (s source) head(n int) ([]byte, error) {
	f, err := s.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, n)
	k, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, s.fault(-1, "", err)
	}
	return buf[:k], nil
}
