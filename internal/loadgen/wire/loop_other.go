//go:build !(linux && (amd64 || arm64))

package wire

import (
	"net"
	"time"
)

// loop is not to be had on this system.
type loop struct {
	base  time.Time
	heads heads
}

func newLoop() (*loop, error) { return nil, ErrUnsupported }

func (*loop) now() time.Duration                  { return 0 }
func (*loop) unstamped() error                    { return ErrUnsupported }
func (*loop) close() error                        { return nil }
func (*loop) add(tcp *net.TCPConn) (*conn, error) { return nil, ErrUnsupported }
func (*loop) remove(*conn)                        {}
func (*loop) quiet(*conn) bool                    { return false }
func (*loop) write(*conn, []byte) (int, error)    { return 0, ErrUnsupported }
