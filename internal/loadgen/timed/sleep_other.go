//go:build !linux

package timed

import "time"

// Sleep sleeps as time.Sleep does.
func Sleep(d time.Duration) { time.Sleep(d) }
