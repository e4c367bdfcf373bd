// Package hostlock keeps two runs from measuring on the same GPUs of a host at
// once, whoever started them and wherever their run directories are.
//
// There is a lock file for each GPU and one for all of them. A run on certain
// GPUs holds theirs alone and the one for all together with others; a run on
// all GPUs, or that does not say on which, holds the one for all alone. The
// kernel gives the locks back with the process that holds them, however it
// ends; the files stay, and say who held them last.
package hostlock

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrHeld is wrapped when another run holds a lock.
var ErrHeld = errors.New("the GPUs are in use by another run")

// DirEnv names a folder for the locks other than the host's own. All runs of
// the host must agree on it.
const DirEnv = "SWEEP_LOCK_DIR"

// Dir is the folder of the host's locks: the system's for locks, which is
// gone after a restart, or the one for temporary files.
func Dir(lookup func(string) (string, bool)) string {
	if dir, ok := lookup(DirEnv); ok && dir != "" {
		return dir
	}
	for _, parent := range []string{"/run/lock", "/var/lock"} {
		if info, err := os.Stat(parent); err == nil && info.IsDir() && info.Mode().Perm()&0o002 != 0 {
			return filepath.Join(parent, "sweep")
		}
	}
	return filepath.Join(os.TempDir(), "sweep-locks")
}

// Owner is who holds a lock.
type Owner struct {
	PID   int       `json:"pid"`
	User  string    `json:"user"`
	Run   string    `json:"run"` // experiment or run directory
	Since time.Time `json:"since"`
}

func (o Owner) String() string {
	if o.PID == 0 {
		return "a process that left no name"
	}
	return fmt.Sprintf("process %d of user %s (%s, since %s)", o.PID, cmp.Or(o.User, "unknown"), o.Run, o.Since.Local().Format("15:04:05"))
}

// Locks are held until Release, or the end of the process.
type Locks struct {
	held  []*flock.Flock
	named []string // files that carry the owner
}

// Hold takes the locks of the GPUs in the folder; no GPUs means all. host
// tells apart machines whose GPUs are used from here; "" is this one. It does
// not wait.
func Hold(dir, host string, gpus []int, o Owner) (*Locks, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	prefix := "gpu-"
	if host != "" {
		prefix = plain(host) + "-gpu-"
	}
	l := &Locks{}
	err := l.hold(dir, prefix, gpus, o)
	if err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

func (l *Locks) hold(dir, prefix string, gpus []int, o Owner) error {
	all := filepath.Join(dir, prefix+"all.lock")
	if len(gpus) == 0 {
		ok, err := l.take(all, (*flock.Flock).TryLock)
		if err == nil && !ok {
			return held("the GPUs", holder(append(single(dir, prefix), all)))
		}
		return errors.Join(err, l.name(all, o))
	}
	ok, err := l.take(all, (*flock.Flock).TryRLock)
	if err != nil {
		return err
	}
	if !ok {
		return held("all GPUs", holder([]string{all}))
	}
	for _, g := range slices.Sorted(slices.Values(gpus)) {
		path := filepath.Join(dir, prefix+strconv.Itoa(g)+".lock")
		ok, err := l.take(path, (*flock.Flock).TryLock)
		if err == nil && !ok {
			return held(fmt.Sprintf("GPU %d", g), readOwner(path))
		}
		if err := errors.Join(err, l.name(path, o)); err != nil {
			return err
		}
	}
	return nil
}

// held is the error that says who holds a lock and how to break it.
func held(what string, o Owner) error {
	breaking := "end that process: the lock goes with it"
	if o.PID != 0 {
		breaking = fmt.Sprintf("end it: kill -INT %d; the lock goes with the process", o.PID)
	}
	return fmt.Errorf("%w: %s: %s; wait for it, or %s", ErrHeld, what, o, breaking)
}

// take opens the file, made before where it is missing, and tries to lock it.
// The file may be another user's: it is opened for reading, and not with
// O_CREAT, which the kernel refuses for others' files in a shared folder
// (fs.protected_regular).
func (l *Locks) take(path string, try func(*flock.Flock) (bool, error)) (bool, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err == nil {
		err = errors.Join(f.Chmod(0o666), f.Close()) // whatever the umask
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return false, fmt.Errorf("lock the GPUs: %w", err)
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	ok, err := try(lock)
	if err != nil {
		return false, fmt.Errorf("lock the GPUs: %w", err)
	}
	if ok {
		l.held = append(l.held, lock)
	}
	return ok, nil
}

// name writes the owner into a lock file that is held.
func (l *Locks) name(path string, o Owner) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	l.named = append(l.named, path)
	if err := os.WriteFile(path, append(text, '\n'), 0o666); err != nil {
		return fmt.Errorf("lock the GPUs: %w", err)
	}
	return nil
}

// Rename tells under which name the run is known now.
func (l *Locks) Rename(o Owner) error {
	var errs []error
	for _, path := range slices.Clone(l.named) {
		errs = append(errs, l.name(path, o))
	}
	return errors.Join(errs...)
}

// Release gives the locks back.
func (l *Locks) Release() {
	for _, f := range l.held {
		_ = f.Unlock() // the end of the process would do it too
	}
	l.held, l.named = nil, nil
}

// single are the lock files of single GPUs.
func single(dir, prefix string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, prefix+"*.lock")) // the pattern is well-formed
	return slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, prefix+"all.lock") })
}

// holder is the owner of the first file that somebody holds.
func holder(files []string) Owner {
	for _, path := range files {
		lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
		if ok, err := lock.TryRLock(); err == nil && ok {
			_ = lock.Unlock()
		} else if err == nil {
			return readOwner(path)
		}
	}
	return Owner{}
}

func readOwner(path string) Owner {
	var o Owner
	raw, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(raw, &o) != nil {
		return Owner{}
	}
	return o
}

// makeDir makes a folder in which every user may make files.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("folder of the GPU locks: %w; set %s to a folder that all users may write to", err, DirEnv)
	}
	return os.Chmod(dir, 0o777|fs.ModeSticky)
}

// plain makes a file name of an address.
func plain(host string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, host)
}
