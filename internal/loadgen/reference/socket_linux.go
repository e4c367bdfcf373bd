package reference

import (
	"net"
	"os"
	"syscall"
	"unsafe"
)

// socket writes to a TCP connection without telling the Go scheduler, which
// would otherwise watch every write: a tenth of the server's time.
type socket struct {
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // bound once, so that a write allocates nothing
	p       []byte
	errno   syscall.Errno
}

// newSocket also takes the congestion control without pacing of its own, where
// the system's default may space packets (BBR does).
func newSocket(conn net.Conn) (*socket, error) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{raw: raw}
	s.attempt = s.try
	err = raw.Control(func(fd uintptr) {
		// Every Linux has reno; were it refused, the default would do.
		syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, "reno")
	})
	return s, err
}

// write writes all of p.
func (s *socket) write(p []byte) error {
	s.p, s.errno = p, 0
	if err := s.raw.Write(s.attempt); err != nil {
		return err
	}
	if s.errno != 0 {
		return os.NewSyscallError("write", s.errno)
	}
	return nil
}

// try writes what there is room for and reports false when more is left.
func (s *socket) try(fd uintptr) bool {
	for len(s.p) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&s.p[0])), uintptr(len(s.p)))
		switch errno {
		case 0:
			s.p = s.p[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			s.errno = errno
			return true
		}
	}
	return true
}
