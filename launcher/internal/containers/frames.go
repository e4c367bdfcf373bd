package containers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// frameHeader is the size of the header before each piece of output: stream
// number (1 stdout, 2 stderr), three zero bytes, length in network byte order.
const frameHeader = 8

// maxFrame bounds a frame's length; beyond it the stream is not what it should be.
const maxFrame = 64 << 20

// demultiplex copies the payload of frames to w, after leaving out the first
// skip bytes of it, and returns how many bytes of payload came. Frames are not
// lines: a line may come in several.
func demultiplex(w io.Writer, frames io.Reader, skip int64) (int64, error) {
	var total int64
	var header [frameHeader]byte
	for {
		if _, err := io.ReadFull(frames, header[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return total, nil
			}
			return total, fmt.Errorf("read log frame: %w", err)
		}
		length := int64(binary.BigEndian.Uint32(header[4:]))
		if header[0] > 3 || length > maxFrame {
			return total, fmt.Errorf("read log frame: unexpected header % x", header)
		}
		left := length
		if pass := min(skip-total, left); pass > 0 {
			n, err := io.CopyN(io.Discard, frames, pass)
			total, left = total+n, left-n
			if err != nil {
				return total, fmt.Errorf("read log frame: %w", err)
			}
		}
		n, err := io.CopyN(w, frames, left)
		total += n
		if err != nil {
			return total, fmt.Errorf("read log frame: %w", err)
		}
	}
}
