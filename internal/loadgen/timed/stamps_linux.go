//go:build linux && (amd64 || arm64)

package timed

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// Flags of SO_TIMESTAMPING (linux/net_tstamp.h): stamp what is received, in
// software, and report it.
const (
	stampReceived = 1 << 3
	stampReport   = 1 << 4
)

// controlSize holds one SCM_TIMESTAMPING message: a header of 16 bytes and
// three times of 16, of which the first is the software stamp.
const controlSize = 64

// Receiver reads from a TCP socket together with the kernel's receive time
// stamps. It is used by one goroutine at a time.
type Receiver struct {
	header  syscall.Msghdr
	vector  syscall.Iovec
	control [controlSize]byte
}

// Receive reads once, without waiting: EAGAIN means that there is nothing yet.
// stamp is when the kernel received the newest of the bytes, in nanoseconds of
// the wall clock since 1970; 0 when it said nothing.
func (r *Receiver) Receive(fd int, p []byte) (n int, stamp int64, errno syscall.Errno) {
	r.vector.Base = &p[0]
	r.vector.SetLen(len(p))
	r.header.Iov, r.header.Iovlen, r.header.Control = &r.vector, 1, &r.control[0]
	for {
		r.header.SetControllen(controlSize)
		// The socket does not block, so the scheduler need not know of the call.
		got, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.header)), 0)
		switch errno {
		case 0:
			return int(got), r.stamp(), 0
		case syscall.EINTR:
			continue
		default:
			return 0, 0, errno
		}
	}
}

// stamp finds the software time stamp among the control messages.
func (r *Receiver) stamp() int64 {
	b := r.control[:min(r.header.Controllen, controlSize)]
	for len(b) >= syscall.SizeofCmsghdr {
		size := binary.NativeEndian.Uint64(b)
		level, kind := binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
		if size < syscall.SizeofCmsghdr || size > uint64(len(b)) {
			return 0
		}
		if level == syscall.SOL_SOCKET && kind == syscall.SO_TIMESTAMPING && size >= syscall.SizeofCmsghdr+16 {
			data := b[syscall.SizeofCmsghdr:]
			return int64(binary.NativeEndian.Uint64(data))*1e9 + int64(binary.NativeEndian.Uint64(data[8:]))
		}
		b = b[min((size+7)&^7, uint64(len(b))):]
	}
	return 0
}

// Ask turns the time stamps of a socket on.
func Ask(raw syscall.RawConn) error {
	var set error
	err := raw.Control(func(fd uintptr) {
		set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPING, stampReceived|stampReport)
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt SO_TIMESTAMPING", set)
}

// Keep makes the kernel stamp until the result is closed. It begins to stamp a
// moment after the first socket has asked, and ends with the last; without
// Keep the first reads of a run would go without.
func Keep() (io.Closer, error) {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	raw, err := socket.SyscallConn()
	if err == nil {
		err = Ask(raw)
	}
	if err != nil {
		socket.Close()
		return nil, err
	}
	return socket, nil
}

// stamper reads from a TCP socket under a net.Conn. It is used by one goroutine
// at a time.
type stamper struct {
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // bound once, so that a read allocates nothing

	receiver Receiver
	p        []byte
	n        int
	at       int64
	errno    syscall.Errno
}

func newStamper(conn net.Conn) (*stamper, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("%T is not a TCP connection", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := Ask(raw); err != nil {
		return nil, err
	}
	s := &stamper{raw: raw}
	s.attempt = s.receive
	return s, nil
}

// read waits for bytes. stamp is when the kernel received the newest of them,
// in nanoseconds of the wall clock since 1970; 0 when it said nothing. A read
// that returns several segments has the stamp of the newest.
func (s *stamper) read(p []byte) (n int, stamp int64, err error) {
	if len(p) == 0 {
		return 0, 0, nil
	}
	s.p = p
	err = s.raw.Read(s.attempt)
	s.p = nil
	switch {
	case err != nil:
		return 0, 0, err
	case s.errno != 0:
		return 0, 0, os.NewSyscallError("recvmsg", s.errno)
	case s.n == 0:
		return 0, 0, io.EOF
	}
	return s.n, s.at, nil
}

// receive tries once and reports false when it has to wait for bytes.
func (s *stamper) receive(fd uintptr) bool {
	s.n, s.at, s.errno = s.receiver.Receive(int(fd), s.p)
	return s.errno != syscall.EAGAIN
}
