//go:build !linux

package process

import "syscall"

// groupAttributes put the server into a group of its own.
func groupAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
