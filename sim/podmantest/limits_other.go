//go:build !linux

package podmantest

import "syscall"

func ulimits() string { return "" }

func attributes() *syscall.SysProcAttr { return nil }
