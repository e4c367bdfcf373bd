package vllmsim

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// process names a vLLM process in its log prefix, with a process number.
type process struct {
	name string
	pid  int
}

func (p process) prefix() string { return fmt.Sprintf("(%s pid=%d) ", p.name, p.pid) }

// logger writes vLLM's log: stdout for records, stderr for uncaught
// exceptions and progress bars. Safe for concurrent use.
type logger struct {
	mu          sync.Mutex
	out, errOut io.Writer
}

func (l *logger) write(w io.Writer, lines string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(w, lines) // a log that nobody reads is no fault
}

// record writes one log record; every line of it carries the whole prefix.
func (l *logger) record(p process, level, place, format string, args ...any) {
	head := fmt.Sprintf("%s%s %s [%s] ", p.prefix(), level, time.Now().Format("01-02 15:04:05"), place)
	var b strings.Builder
	for _, line := range strings.Split(fmt.Sprintf(format, args...), "\n") {
		b.WriteString(head + line + "\n")
	}
	l.write(l.out, b.String())
}

func (l *logger) info(p process, place, format string, args ...any) {
	l.record(p, "INFO", place, format, args...)
}

// uvicorn writes a line in the format of the HTTP server.
func (l *logger) uvicorn(p process, format string, args ...any) {
	l.write(l.out, p.prefix()+"INFO:     "+fmt.Sprintf(format, args...)+"\n")
}

// exception writes an uncaught exception to stderr.
func (l *logger) exception(p process, frames []string, text string) {
	var b strings.Builder
	lines := append([]string{"Traceback (most recent call last):"}, frames...)
	for _, line := range append(lines, strings.Split(text, "\n")...) {
		b.WriteString(p.prefix() + line + "\n")
	}
	l.write(l.errOut, b.String())
}
