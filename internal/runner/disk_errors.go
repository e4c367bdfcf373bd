package runner

import (
	"errors"
	"fmt"
	"syscall"
)

// storage gives an error of the file system that holds the run its remedy: the
// run can be resumed once there is room. Of errors that are joined the first
// of that kind is told; a full disk fails everything that follows.
func storage(path string, err error) error {
	if errors.Is(err, ErrEnvironment) || remedy(err) == "" {
		return err
	}
	for {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			return fmt.Errorf("%w: the disk of %s %s, then continue the run: %w", ErrEnvironment, path, remedy(err), err)
		}
		for _, e := range joined.Unwrap() {
			if remedy(e) != "" {
				err = e
				break
			}
		}
	}
}

// remedy says what is wrong with a file system, "" where it is not that.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "is full: free some space"
	case errors.Is(err, syscall.EROFS):
		return "cannot be written to: make it writable"
	default:
		return ""
	}
}
