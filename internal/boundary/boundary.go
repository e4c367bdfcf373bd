// Package boundary stands where bytes are parsed that sweep did not write: a
// server's output, metrics and streams, another tool's files, the answers of a
// container service. A parser that panics there is a fault of sweep, and no
// reason to lose a night of measurements: the panic becomes an error, which is
// recorded as the failure of what was being read.
package boundary

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a parser's panic.
type PanicError struct {
	What  string // what was parsed: "the server's log"
	Value any    // what the parser panicked with
	Stack []byte // of the goroutine that panicked, for the log
}

// Error says what could not be read, without the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("read %s: sweep itself failed on it (%v); please report this with what was read", e.What, e.Value)
}

// Guard calls parse and returns its error, or a *PanicError if it panics. It
// covers the goroutine that it is called on and no other. Running out of memory
// cannot be recovered: what is read needs bounds of its own.
func Guard(what string, parse func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{What: what, Value: p, Stack: debug.Stack()}
		}
	}()
	return parse()
}
