//go:build !linux

// Package affinity binds the process to processors, for measurements that must
// not share one.
package affinity

import "errors"

// Pin is only available on Linux.
func Pin(int) (restore func() error, err error) { return nil, errors.ErrUnsupported }
