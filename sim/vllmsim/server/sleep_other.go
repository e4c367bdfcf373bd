//go:build !linux

package server

import "time"

func preciseSleep(d time.Duration) { time.Sleep(d) }
