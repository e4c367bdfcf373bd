//go:build !linux

package mock

import "time"

func sleep(d time.Duration) { time.Sleep(d) }
