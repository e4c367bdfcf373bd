//go:build !linux

package sockets

// Listeners is not known here.
func Listeners(int) ([]Listener, error) { return nil, ErrUnknown }

func processName(int) string { return "unknown" }
