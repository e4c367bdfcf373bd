package boundary

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	if err := Guard("a table", func() error { return nil }); err != nil {
		t.Errorf("got %v", err)
	}
	if err := Guard("a table", func() error { return io.ErrUnexpectedEOF }); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v", err)
	}
	err := Guard("a table", func() error {
		var rows []int
		_ = rows[len(rows)]
		return nil
	})
	var p *PanicError
	if !errors.As(err, &p) || !strings.Contains(string(p.Stack), "TestGuard") {
		t.Fatalf("got %v", err)
	}
	want := "read a table: sweep itself failed on it (runtime error: index out of range [0] with length 0); please report this with what was read"
	if err.Error() != want {
		t.Errorf("got %s\nwant %s", err, want)
	}
}
