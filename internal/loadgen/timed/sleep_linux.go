package timed

import (
	"syscall"
	"time"
)

// Sleep blocks the thread, exact to the kernel's timer slack (50 µs unless set
// otherwise) where the Go runtime's own timers are exact to a millisecond. It
// may return early.
func Sleep(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(max(d, 0)))
	syscall.Nanosleep(&ts, nil) // an interruption is an early return
}
