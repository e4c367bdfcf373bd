package boundary

import (
	"compress/gzip"
	"fmt"
	"io"
)

// Bounds of a compressed file: measurements and prompts shrink to a tenth or a
// thirtieth, text that was made to burst a disk to a thousandth.
const (
	maxRatio = 200
	minRoom  = 64 << 20 // bytes that any file may unpack to
)

// Gunzip unpacks a gzip file of a size in bytes. More than 200 times its size
// and 64 MiB is an error.
func Gunzip(in io.Reader, size int64) (io.Reader, error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	return &unpacked{z: z, left: max(maxRatio*size, minRoom)}, nil
}

type unpacked struct {
	z    *gzip.Reader
	left int64
}

func (u *unpacked) Read(p []byte) (int, error) {
	if u.left <= 0 {
		return 0, fmt.Errorf("it unpacks to more than %d times its size, as no file of measurements or prompts does", maxRatio)
	}
	n, err := u.z.Read(p[:min(int64(len(p)), u.left)])
	u.left -= int64(n)
	return n, err
}
