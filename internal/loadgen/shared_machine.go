package loadgen

import (
	"net"
	"net/url"
	"path/filepath"
	"runtime"
)

// accelerators are the devices that engines compute on besides processors:
// NVIDIA (WSL's too), AMD, Intel, Google, Amazon, Huawei.
var accelerators = []string{
	"nvidia[0-9]*", "dxg", "kfd", "dri/renderD*", "accel/accel*", "accel[0-9]*", "vfio/[0-9]*", "neuron[0-9]*", "davinci[0-9]*", "hl[0-9]*",
}

// Accelerated reports whether this machine has any device that engines compute
// on besides its processors; true where that cannot be told.
func Accelerated() bool { return runtime.GOOS != "linux" || accelerated("/") }

// accelerated is Accelerated of a file system that begins at root.
func accelerated(root string) bool {
	for _, name := range accelerators {
		if found, _ := filepath.Glob(filepath.Join(root, "dev", name)); len(found) > 0 { // the patterns are well formed
			return true
		}
	}
	return false
}

// Here reports whether the URL of a server is of this machine. It may be a
// tunnel to another.
func Here(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	if ip == nil {
		return false // a name: of another machine, or it would not be needed
	}
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}
