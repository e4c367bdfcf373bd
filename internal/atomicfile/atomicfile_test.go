package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestAFailedWriteLeavesTheOldFileAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	if err := WriteBytes(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := Write(path, func(w io.Writer) error {
		io.WriteString(w, "half of the new")
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("err = %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("content %q, want the old one", b)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("%d entries left, want 1", len(entries))
	}
}

func TestWriteReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, s := range []string{"one", "two"} {
		if err := WriteBytes(path, []byte(s)); err != nil {
			t.Fatal(err)
		}
		if b, _ := os.ReadFile(path); string(b) != s {
			t.Errorf("content %q, want %q", b, s)
		}
	}
	// The mode is the one of any file that the user makes.
	plain := filepath.Join(t.TempDir(), "plain")
	f, err := os.Create(plain)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	want, _ := os.Stat(plain)
	if got, _ := os.Stat(path); got.Mode() != want.Mode() {
		t.Errorf("mode %v, want %v", got.Mode(), want.Mode())
	}
}

func TestStaleFilesAreRemoved(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	stale := fmt.Sprintf(".a.json.%d.1f.tmp", dead.Process.Pid)
	kept := []string{"a.json", fmt.Sprintf(".a.json.%d.1f.tmp", os.Getppid()), ".mine.tmp", fmt.Sprintf("b.%d.1f.tmp", dead.Process.Pid)}
	for _, name := range append([]string{stale}, kept...) {
		if err := os.WriteFile(filepath.Join(sub, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := RemoveStale(dir); n != 1 || err != nil {
		t.Errorf("%d removed, %v; want 1", n, err)
	}
	left, err := os.ReadDir(sub)
	if err != nil || len(left) != len(kept) {
		t.Errorf("left %v, %v; want %v", left, err, kept)
	}
}
