package sockets

import (
	"fmt"
	"strings"
)

// Owned checks that everything that listens on the port is held by processes
// for which ours is true. The error says what else listens there. It is
// ErrUnknown where the platform does not tell.
func Owned(port int, ours func(pid int) bool) error {
	listeners, err := Listeners(port)
	if err != nil {
		return err
	}
	if len(listeners) == 0 {
		return fmt.Errorf("nothing listens on port %d", port)
	}
	for _, l := range listeners {
		if len(l.PIDs) == 0 {
			return fmt.Errorf("%s is held by a process of user %d that cannot be looked into", l.Address, l.UID)
		}
		owned := false
		for _, pid := range l.PIDs {
			owned = owned || ours(pid)
		}
		if !owned {
			return fmt.Errorf("%s belongs to another server: %s", l.Address, describe(l.PIDs))
		}
	}
	return nil
}

func describe(pids []int) string {
	var out []string
	for _, pid := range pids {
		out = append(out, fmt.Sprintf("process %d (%s)", pid, processName(pid)))
	}
	return strings.Join(out, ", ")
}
