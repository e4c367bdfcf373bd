// Package atomicfile writes a file so that a reader, or a crash at any moment,
// sees either the old content or the new one, never a part.
package atomicfile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

// Write replaces the file at path with what fill writes. The content goes to a
// temporary file in the same directory, is synced, renamed over path, and the
// directory is synced. On error path is untouched and nothing is left behind.
func Write(path string, fill func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	// Not os.CreateTemp, which makes files private: the user's umask decides
	// who may read results.
	name := fmt.Sprintf(".%s.%d.%x.tmp", filepath.Base(path), os.Getpid(), rand.Uint64())
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, bare(err))
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, bare(err))
		}
	}()
	w := bufio.NewWriterSize(f, 64<<10)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// bare drops the temporary file's name from an error: the reader knows path.
func bare(err error) error {
	var file *os.PathError
	if errors.As(err, &file) {
		return file.Err
	}
	return err
}

// RemoveStale removes what writers that were killed left under dir: temporary
// files of processes that are no more. It returns how many.
func RemoveStale(dir string) (int, error) {
	n := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return present(err)
		}
		m := temporary.FindStringSubmatch(e.Name())
		if m == nil || e.IsDir() {
			return nil
		}
		pid, err := strconv.Atoi(m[1])
		if err != nil || pid != os.Getpid() && syscall.Kill(pid, 0) != syscall.ESRCH {
			return nil // its writer may be at work
		}
		n++
		return present(os.Remove(path))
	})
	return n, err
}

// present forgives that a file is gone by now.
func present(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// temporary matches the names that Write gives.
var temporary = regexp.MustCompile(`^\..+\.([0-9]+)\.[0-9a-f]+\.tmp$`)

// WriteBytes replaces the file at path with data, as Write does.
func WriteBytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteJSON replaces the file at path with v as indented JSON, as Write does.
func WriteJSON(path string, v any) error {
	return Write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	})
}

// SyncDir makes a rename or a new entry in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
