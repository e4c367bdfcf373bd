package serverlog

import (
	"bytes"
	"io"
	"os"
)

// maxLine bounds one line in bytes; longer ones are cut. vLLM logs its whole
// configuration in one line of some kilobytes.
const maxLine = 64 << 10

// Tail reads the complete lines that were appended to a file since the last
// call. A file that does not exist yet has none.
type Tail struct {
	path   string
	offset int64
	rest   []byte
}

// NewTail reads the file at path from its beginning.
func NewTail(path string) *Tail { return &Tail{path: path} }

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
		t.offset += int64(n)
		t.split(buf[:n], yield)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *Tail) split(p []byte, yield func(string)) {
	for {
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			t.keep(p)
			return
		}
		t.keep(p[:i])
		if len(t.rest) > 0 {
			yield(string(t.rest))
		}
		t.rest = t.rest[:0]
		p = p[i+1:]
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
		yield(string(t.rest))
		t.rest = t.rest[:0]
	}
}
