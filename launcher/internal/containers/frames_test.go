package containers

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func frame(stream byte, payload []byte) []byte {
	header := []byte{stream, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(header[4:], uint32(len(payload)))
	return append(header, payload...)
}

// The payload comes out whole however it was framed and however it arrives,
// less what is skipped.
func TestDemultiplexLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream, all bytes.Buffer
		for _, payload := range rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "frames") {
			stream.Write(frame(rapid.ByteRange(0, 2).Draw(t, "stream"), payload))
			all.Write(payload)
		}
		skip := rapid.IntRange(0, all.Len()).Draw(t, "skip")
		var in io.Reader = &stream
		if rapid.Bool().Draw(t, "slow") {
			in = iotest.OneByteReader(in)
		}
		var out bytes.Buffer
		n, err := demultiplex(&out, in, int64(skip))
		if err != nil || n != int64(all.Len()) || !bytes.Equal(out.Bytes(), all.Bytes()[skip:]) {
			t.Fatalf("got %d bytes, %q, %v; want %q", n, out.Bytes(), err, all.Bytes()[skip:])
		}
	})
}

// A stream that breaks off gives what came, and an error.
func TestDemultiplexBrokenStream(t *testing.T) {
	whole := append(frame(1, []byte("one\n")), frame(2, []byte("two\n"))...)
	for cut := 1; cut < len(whole); cut++ {
		var out bytes.Buffer
		n, err := demultiplex(&out, bytes.NewReader(whole[:cut]), 0)
		atBoundary := cut == frameHeader+4
		if (err == nil) != atBoundary || n != int64(out.Len()) || !bytes.HasPrefix([]byte("one\ntwo\n"), out.Bytes()) {
			t.Errorf("cut at %d: %d bytes, %q, %v", cut, n, out.Bytes(), err)
		}
	}
}

func FuzzDemultiplex(f *testing.F) {
	f.Add(frame(1, []byte("x")))
	f.Add([]byte("plain text, not frames"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		if n, _ := demultiplex(&out, bytes.NewReader(data), 0); n != int64(out.Len()) {
			t.Errorf("%d reported, %d written", n, out.Len())
		}
	})
}
