package dockertest

import "syscall"

// attributes end the daemon with the test binary, also when that is killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
