package serverlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

func TestRedactsSplitSecrets(t *testing.T) {
	secrets := []string{"hf_abcdef", "hf_abcdefghij", "abab"}
	text := "token=hf_abcdefghij and hf_abcdef! ababab hf_abc"
	want := "token=[redacted] and [redacted]! [redacted]ab hf_abc"
	for size := 1; size <= len(text); size++ {
		path := filepath.Join(t.TempDir(), "server.log")
		log, err := Create(path, secrets, 0)
		if err != nil {
			t.Fatal(err)
		}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if _, err := log.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != want {
			t.Fatalf("writes of %d bytes: got %q, want %q", size, got, want)
		}
	}
}

// The result does not depend on how the output was cut into writes, and no
// secret survives.
func TestRedactionLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secrets := rapid.SliceOfN(rapid.StringMatching(`[ab]{1,6}c`), 1, 3).Draw(t, "secrets")
		text := rapid.StringMatching(`[abc ]{0,60}`).Draw(t, "text")
		var out bytes.Buffer
		r := newRedactor(&out, secrets)
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "write")
			r.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		r.flush()
		if whole := Redact(text, secrets); out.String() != whole {
			t.Fatalf("split %q, whole %q", out.String(), whole)
		}
		for _, s := range secrets {
			if strings.Contains(strings.ReplaceAll(out.String(), mask, "|"), s) {
				t.Fatalf("%q left in %q", s, out.String())
			}
		}
	})
}

func TestKeepsHeadAndTail(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "server.log")
	log, err := Create(path, nil, 4000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		fmt.Fprintf(log, "line %04d\n", i) // 10 bytes
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	got := read(t, path)
	if len(got) > 4200 {
		t.Errorf("log has %d bytes, limit 4000", len(got))
	}
	if !strings.HasPrefix(got, "line 0000\n") || !strings.HasSuffix(got, "line 1999\n") {
		t.Errorf("head or tail lost: %q ... %q", got[:20], got[len(got)-20:])
	}
	kept := strings.Count(got, "line ")
	if want := fmt.Sprintf("[%d bytes of output left out here", 20000-10*kept); !strings.Contains(got, want) {
		t.Errorf("note %q missing", want)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files left, want 1", len(left))
	}
}

func TestTailWaitsForWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.log")
	tail := NewTail(path)
	var got []string
	add := func(line string) { got = append(got, line) }
	if err := tail.Lines(add); err != nil {
		t.Fatal(err)
	}
	log, err := Create(path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"one\ntw", "o\r50%\r\n\r\n", "\r", "end\r", "\n\nthree"} {
		log.Write([]byte(part))
		if err := tail.Lines(add); err != nil {
			t.Fatal(err)
		}
	}
	tail.Rest(add)
	if want := "one|two|50%||end||three"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
	}
}

// The offset of a line is where the next one begins: a part of a log is read
// by it.
func TestTailFromAnOffset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.log")
	if err := os.WriteFile(path, []byte("one\ntwo\r\nthree"), 0o600); err != nil {
		t.Fatal(err)
	}
	tail := NewTail(path)
	at := map[string]int64{}
	note := func(line string) { at[line] = tail.Offset() }
	if err := tail.Lines(note); err != nil {
		t.Fatal(err)
	}
	tail.Rest(note)
	if at["one"] != 4 || at["two"] != 9 || at["three"] != 14 {
		t.Errorf("offsets %v", at)
	}
	var got []string
	if err := NewTailAt(path, 4).Lines(func(line string) { got = append(got, line) }); err != nil || len(got) != 1 || got[0] != "two" {
		t.Errorf("%q, %v", got, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A full disk must not stop the reader of the server's output: the server would
// stand still when the pipe is full.
func TestAFullDisk(t *testing.T) {
	const full = "/dev/full" // every write fails for want of space
	if _, err := os.Stat(full); err != nil {
		t.Skip("NOT TESTED: ", err)
	}
	log, err := Create(full, []string{"secret"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if n, err := log.Write([]byte("0123456789\n")); n != 11 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	err = log.Close()
	if !errors.Is(err, ErrIncomplete) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "33 bytes were lost") {
		t.Errorf("close: %v", err)
	}
}
