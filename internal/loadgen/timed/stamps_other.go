//go:build !(linux && (amd64 || arm64))

package timed

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// stamper is not to be had on this system.
type stamper struct{}

var errNone = errors.New("this system has none (Linux on amd64 or arm64 does)")

func newStamper(net.Conn) (*stamper, error) { return nil, errNone }

// Ask is only available where the kernel stamps.
func Ask(syscall.RawConn) error { return errNone }

// Keep is only available where the kernel stamps.
func Keep() (io.Closer, error) { return nil, errNone }

func (*stamper) read([]byte) (int, int64, error) { return 0, 0, errors.ErrUnsupported }
