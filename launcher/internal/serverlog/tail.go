package serverlog

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// maxLine bounds one line in bytes; longer ones are cut. vLLM logs its whole
// configuration in one line of some kilobytes.
const maxLine = 64 << 10

// Tail reads the complete lines that were appended to a file since the last
// call. A file that does not exist yet has none.
type Tail struct {
	path   string
	offset int64 // of the first byte that was not read
	at     int64 // of the end of the line that is yielded
	rest   []byte
	cr     bool // the last byte was a carriage return that ended a line
}

// NewTail reads the file at path from its beginning.
func NewTail(path string) *Tail { return &Tail{path: path} }

// NewTailAt reads it from a byte on.
func NewTailAt(path string, offset int64) *Tail { return &Tail{path: path, offset: offset, at: offset} }

// Offset is the byte after the line that was yielded last, or is being
// yielded.
func (t *Tail) Offset() int64 { return t.at }

// Lines calls yield with each new complete line, without its line end. A
// carriage return ends a line too: progress bars use it.
func (t *Tail) Lines(yield func(line string)) error {
	f, err := os.Open(t.path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := f.Read(buf)
		t.split(buf[:n], t.offset, yield)
		t.offset += int64(n)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// split yields the lines of p, which stands at base. An empty line is yielded,
// unless a carriage return alone made it.
func (t *Tail) split(p []byte, base int64, yield func(string)) {
	size := len(p)
	if t.cr && size > 0 && p[0] == '\n' {
		p = p[1:]
	}
	t.cr = t.cr && size == 0
	for {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			t.keep(p)
			return
		}
		t.keep(p[:i])
		alone := p[i] == '\r'
		p = p[i+1:]
		switch {
		case alone && len(p) == 0:
			t.cr = true
		case alone && p[0] == '\n':
			p, alone = p[1:], false
		}
		t.at = base + int64(size-len(p))
		if len(t.rest) > 0 || !alone {
			yield(string(t.rest))
		}
		t.rest = t.rest[:0]
	}
}

func (t *Tail) keep(p []byte) {
	if room := maxLine - len(t.rest); len(p) > room {
		p = p[:room]
	}
	t.rest = append(t.rest, p...)
}

// Rest calls yield with the last line if it has no line end.
func (t *Tail) Rest(yield func(line string)) {
	if len(t.rest) > 0 {
		t.at = t.offset
		yield(string(t.rest))
		t.rest = t.rest[:0]
	}
}

// Head returns the first lines of a log, of its first part of 64 KiB; none
// where it cannot be read.
func Head(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxLine))
	if err != nil {
		return nil
	}
	lines := strings.Split(string(b), "\n")
	if len(b) == maxLine {
		lines = lines[:len(lines)-1] // which may be cut
	}
	return lines
}
