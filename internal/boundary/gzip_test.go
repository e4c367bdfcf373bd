package boundary

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

func TestGunzip(t *testing.T) {
	pack := func(text io.Reader) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := io.Copy(z, text); err != nil {
			t.Fatal(err)
		}
		z.Close()
		return b.Bytes()
	}
	small := pack(strings.NewReader("hello"))
	r, err := Gunzip(bytes.NewReader(small), int64(len(small)))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); string(text) != "hello" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	bomb := pack(io.LimitReader(zeros{}, 200<<20))
	if r, err = Gunzip(bytes.NewReader(bomb), int64(len(bomb))); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if err == nil || !strings.Contains(err.Error(), "more than 200 times its size") || n > minRoom {
		t.Errorf("%d bytes of %d, %v", n, len(bomb), err)
	}
	if _, err := Gunzip(strings.NewReader("not gzip"), 8); err == nil {
		t.Error("no error")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
