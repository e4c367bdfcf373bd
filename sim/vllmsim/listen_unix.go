//go:build unix

package vllmsim

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// socket is an address that is bound but does not listen yet: connections are
// refused until listen.
type socket struct {
	fd int
}

// bind reserves host and port as vLLM does before its engine starts.
func bind(host string, port int) (*socket, error) {
	ip := net.IPv4zero
	if host != "" {
		addr, err := net.ResolveIPAddr("ip", host)
		if err != nil {
			return nil, fmt.Errorf("resolve %s: %w", host, err)
		}
		ip = addr.IP
	}
	family, sa := syscall.AF_INET6, syscall.Sockaddr(nil)
	if v4 := ip.To4(); v4 != nil {
		family, sa = syscall.AF_INET, &syscall.SockaddrInet4{Port: port, Addr: [4]byte(v4)}
	} else {
		sa = &syscall.SockaddrInet6{Port: port, Addr: [16]byte(ip.To16())}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	syscall.CloseOnExec(fd)
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, sa)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("bind port %d: %w", port, err)
	}
	return &socket{fd: fd}, nil
}

// listen starts to accept connections; the socket belongs to the listener
// from then on, also after an error.
func (s *socket) listen() (net.Listener, error) {
	if err := syscall.Listen(s.fd, 2048); err != nil {
		s.close()
		return nil, fmt.Errorf("listen: %w", err)
	}
	file := os.NewFile(uintptr(s.fd), "listener")
	l, err := net.FileListener(file) // a duplicate
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return l, err
}

// address is the bound host and port.
func (s *socket) address() (string, error) {
	sa, err := syscall.Getsockname(s.fd)
	if err != nil {
		return "", fmt.Errorf("read the bound address: %w", err)
	}
	switch a := sa.(type) {
	case *syscall.SockaddrInet4:
		return net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port)), nil
	case *syscall.SockaddrInet6:
		return net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port)), nil
	}
	return "", fmt.Errorf("read the bound address: unknown family %T", sa)
}

// close gives the address up before listen.
func (s *socket) close() { _ = syscall.Close(s.fd) }
