//go:build !linux

package procs

// All is not known here; callers fall back to what signals tell.
func All() ([]Process, error) { return nil, nil }

// Marks are not known here.
func Marks(int) map[string]string { return nil }

// keeper is not known here.
func keeper(int) bool { return false }

// Marked is not known here.
func Marked(int, string, string) bool { return false }
