//go:build !unix

package loadgen

import "time"

// processCPU is not known on this system.
func processCPU() (time.Duration, bool) { return 0, false }

func openFiles() int { return 0 }
