package doctor

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// openFiles is how many descriptors this process may have. The Go runtime
// raises the soft limit to the hard one.
func openFiles() (n uint64, known bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return l.Max, true
}

// diskFree is what an ordinary user may still write, in bytes.
func diskFree(path string) (free uint64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}

func ephemeralPorts() (n int, known bool) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, false
	}
	var from, to int
	if _, err := fmt.Sscan(string(text), &from, &to); err != nil {
		return 0, false
	}
	return to - from + 1, true
}

func cores() int { return runtime.NumCPU() }

// writable reports whether this user may make files in a directory: its
// permissions and its file system allow it.
func writable(path string) bool {
	const write = 2 // W_OK
	return syscall.Access(path, write) == nil
}
