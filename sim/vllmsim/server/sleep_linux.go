package server

import (
	"syscall"
	"time"
)

// preciseSleep blocks the thread: the kernel's sleep is good to about 0.1 ms
// where the runtime's timers are good to 1 ms.
func preciseSleep(d time.Duration) {
	left := syscall.NsecToTimespec(d.Nanoseconds())
	for {
		var rest syscall.Timespec
		if err := syscall.Nanosleep(&left, &rest); err != syscall.EINTR {
			return
		}
		left = rest
	}
}
