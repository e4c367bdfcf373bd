// Package affinity binds the process to processors, for measurements that must
// not share one.
package affinity

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

// mask is a set of up to 1024 processors.
type mask [16]uint64

// Pin binds every thread of the process, and those that they start, to one
// processor. restore gives them back the processors that the first had.
func Pin(cpu int) (restore func() error, err error) {
	if cpu < 0 || cpu >= 1024 {
		return nil, fmt.Errorf("pin to processor %d: want 0 to 1023", cpu)
	}
	var before, one mask
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(before), uintptr(unsafe.Pointer(&before))); errno != 0 {
		return nil, os.NewSyscallError("sched_getaffinity", errno)
	}
	one[cpu/64] = 1 << (cpu % 64)
	if err := setAll(&one); err != nil {
		return nil, fmt.Errorf("pin to processor %d: %w", cpu, err)
	}
	return func() error { return setAll(&before) }, nil
}

// setAll goes through the threads twice: one may have been started by another
// that was not bound yet.
func setAll(m *mask) error {
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			id, err := strconv.Atoi(task.Name())
			if err != nil {
				return err
			}
			_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(id), unsafe.Sizeof(*m), uintptr(unsafe.Pointer(m)))
			if errno != 0 && errno != syscall.ESRCH { // it has ended
				return os.NewSyscallError("sched_setaffinity", errno)
			}
		}
	}
	return nil
}
