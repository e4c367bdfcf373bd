package loadgen

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// spareFiles are the descriptors of the process besides its connections.
const spareFiles = 64

// checkRoom refuses a load that this machine cannot hold: its connections
// would fail here, and be booked as the server's failures. files and ports are
// what there is; 0: not known. How many connections an open loop without a cap
// takes shows only while it runs.
func (c *Config) checkRoom(files, ports int) error {
	if c.Arrivals.open() && c.Arrivals.MaxConcurrency == 0 {
		return nil
	}
	n := c.connections()
	switch {
	case files > 0 && n+spareFiles > files:
		return fmt.Errorf("%d requests at a time need as many connections, and this process may open %d files: raise the limit (ulimit -n %d)", n, files, n+spareFiles)
	case ports > 0 && n > ports:
		return fmt.Errorf("%d requests at a time need as many connections, and this machine has %d ports for them: widen net.ipv4.ip_local_port_range", n, ports)
	}
	return nil
}

// localPorts is how many ports this machine has for connections to one
// address, 0 where it does not say.
func localPorts() int {
	var from, to int
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(text), &from, &to); err != nil || to < from {
		return 0
	}
	return to - from + 1
}

// ownFault says whether this machine, not the server, is why a connection could
// not be made.
func ownFault(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
