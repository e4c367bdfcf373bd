//go:build !unix

package vllmsim

import (
	"net"
	"strconv"
)

// socket remembers an address. Without raw sockets it is bound and listens
// at once when the server gets ready.
type socket struct{ addr string }

func bind(host string, port int) (*socket, error) {
	return &socket{addr: net.JoinHostPort(host, strconv.Itoa(port))}, nil
}

func (s *socket) listen() (net.Listener, error) { return net.Listen("tcp", s.addr) }

func (s *socket) close() {}
