package loadtools

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"time"
)

// sayEvery bounds how often a line of the tool is shown: their progress bars
// write many a second. All of them are in the log.
const sayEvery = 2 * time.Second

// tail keeps the last lines that a tool printed and shows some as they come.
type tail struct {
	mu     sync.Mutex
	say    func(string)
	secret string
	part   []byte
	lines  []string
	said   time.Time
}

// keptLines are the last lines that go into an error.
const keptLines = 5

// Write takes output; lines end with a line feed or, of progress bars, a
// carriage return.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.part = append(t.part, p...)
	for {
		i := bytes.IndexAny(t.part, "\r\n")
		if i < 0 {
			break
		}
		t.line(string(t.part[:i]))
		t.part = t.part[i+1:]
	}
	if len(t.part) > 1<<16 {
		t.part = t.part[len(t.part)-1<<16:]
	}
	return len(p), nil
}

func (t *tail) line(text string) {
	text = strings.TrimSpace(redact(text, t.secret))
	if text == "" {
		return
	}
	t.lines = append(t.lines, text)
	if len(t.lines) > keptLines {
		t.lines = t.lines[1:]
	}
	if t.say != nil && time.Since(t.said) >= sayEvery {
		t.said = time.Now()
		t.say(text)
	}
}

// flush takes the last line, which may have no end.
func (t *tail) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line(string(t.part))
	t.part = nil
}

// last is the end of the output, for an error.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for _, l := range t.lines {
		if !strings.HasPrefix(l, "$ ") {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return "; it printed nothing"
	}
	return "; it printed last: " + strings.Join(lines, " | ")
}

// redactor keeps a secret out of what is written, as long as it comes in one piece.
type redactor struct {
	w      io.Writer
	secret string
}

func (r redactor) Write(p []byte) (int, error) {
	if _, err := io.WriteString(r.w, redact(string(p), r.secret)); err != nil {
		return 0, err
	}
	return len(p), nil
}
