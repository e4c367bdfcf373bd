//go:build unix

package loadtools

import "syscall"

// groupAttributes put the tool into a process group of its own: both tools
// start workers.
func groupAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// endGroup signals the whole group: TERM, or KILL.
func endGroup(pid int, kill bool) error {
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	return syscall.Kill(-pid, signal)
}
