package procs

import (
	"syscall"
	"time"
)

// keeperTime is how long a resource tracker may outlive the processes that it
// cleans up after.
const keeperTime = time.Second

// Killer kills processes in the order that leaves nothing behind. Python gives
// a program that shares memory between its processes a resource tracker, which
// removes the segments from /dev/shm when the others are gone. Killed with
// them, it would leave them there: hundreds of megabytes for one start of vLLM.
// So it goes last, and by itself where it can. The zero value is ready.
type Killer struct {
	alone time.Time // since when only trackers are left
}

// Kill kills one round of what is alive. It is called again, with what is alive
// then, until nothing is. A process that is gone by now is no fault.
func (k *Killer) Kill(alive []Process) {
	var others, keepers []Process
	for _, p := range alive {
		if keeper(p.PID) {
			keepers = append(keepers, p)
		} else {
			others = append(others, p)
		}
	}
	switch {
	case len(others) > 0:
		k.alone = time.Time{}
	case k.alone.IsZero():
		k.alone = time.Now()
	case time.Since(k.alone) > keeperTime:
		others = keepers
	}
	for _, p := range others {
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
}
