//go:build !(linux && (amd64 || arm64))

package timed

import (
	"errors"
	"net"
)

// stamper is not to be had on this system.
type stamper struct{}

func newStamper(net.Conn) (*stamper, error) {
	return nil, errors.New("this system has none (Linux on amd64 or arm64 does)")
}

func (*stamper) read([]byte) (int, int64, error) { return 0, 0, errors.ErrUnsupported }
