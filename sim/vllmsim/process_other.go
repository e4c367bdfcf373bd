//go:build !unix

package vllmsim

// gone cannot be told here.
func gone(int) bool { return false }
