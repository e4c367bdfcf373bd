package process

import "syscall"

// groupAttributes put the server into a group of its own and let it be asked
// to end when this program dies. What ignores that, and the server's own
// children, are left to Clean.
func groupAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
