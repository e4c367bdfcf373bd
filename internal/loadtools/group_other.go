//go:build !unix

package loadtools

import (
	"os"
	"syscall"
)

func groupAttributes() *syscall.SysProcAttr { return nil }

// endGroup ends the tool itself: without process groups its workers are left
// to it.
func endGroup(pid int, _ bool) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}
