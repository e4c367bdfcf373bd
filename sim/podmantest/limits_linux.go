package podmantest

import "syscall"

// rlimitNproc is RLIMIT_NPROC, which package syscall does not name.
const rlimitNproc = 6

// most is enough for any test, and below the number of processes (32768,
// measured with podman 4.3.1) to which podman lowers its own limit.
const most = 16384

// ulimits keeps containers below this machine's hard limits; podman would ask
// for more and may not.
func ulimits() string {
	var files, processes syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil || syscall.Getrlimit(rlimitNproc, &processes) != nil {
		return ""
	}
	return "default_ulimits = [" + limit("nofile", min(files.Max, most)) + ", " + limit("nproc", min(processes.Max, most)) + "]\n"
}

// attributes end the service with the test binary, also when that is killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
