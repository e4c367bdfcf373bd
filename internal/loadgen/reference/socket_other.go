//go:build !linux

package reference

import "net"

// socket writes to a connection.
type socket struct{ conn net.Conn }

func newSocket(conn net.Conn) (*socket, error) { return &socket{conn}, nil }

func (s *socket) write(p []byte) error {
	_, err := s.conn.Write(p)
	return err
}
