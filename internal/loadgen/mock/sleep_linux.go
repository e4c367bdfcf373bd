package mock

import (
	"syscall"
	"time"
)

// sleep blocks the thread, exact to the kernel's timer slack (50 µs).
func sleep(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	syscall.Nanosleep(&ts, nil) // an early return only means one more look
}
