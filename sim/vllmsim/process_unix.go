//go:build unix

package vllmsim

import (
	"errors"
	"syscall"
)

// gone says that no process of that ID runs.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
