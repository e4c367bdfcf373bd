//go:build unix

package loadgen

import (
	"syscall"
	"time"
)

// openFiles is how many descriptors this process may have, 0 where that is not known.
func openFiles() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil || uint64(l.Cur) > 1<<31 {
		return 0
	}
	return int(l.Cur)
}

// processCPU is the CPU time, user and system, that this process has used.
func processCPU() (time.Duration, bool) {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0, false
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), true
}
