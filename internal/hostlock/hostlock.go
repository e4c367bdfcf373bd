// Package hostlock keeps two runs from measuring on the same GPUs of a host at
// once, wherever their run directories are.
//
// There is a lock file for each GPU and one for all of them. A run on certain
// GPUs holds theirs alone and the one for all together with others; a run on
// all GPUs, or that does not say on which, holds the one for all alone. The
// kernel gives the locks back with the process that holds them, however it
// ends; the files stay, and say who held them last.
//
// The files lie in a folder of the user, so runs of other users are not seen.
// Users who share GPUs name a folder for all of them (DirEnv). What lies in
// such a folder may be anybody's: links are not followed, nothing but a plain
// file with one name is opened, and what a file says is checked before it is
// shown.
package hostlock

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrHeld is wrapped when another run holds a lock.
var ErrHeld = errors.New("another run uses the GPUs")

// Owner is who holds a lock.
type Owner struct {
	PID   int       `json:"pid"`
	User  string    `json:"user"`
	Run   string    `json:"run"` // experiment or run directory
	Since time.Time `json:"since"`
}

// userName is what systems allow for a name; anything else is not shown.
var userName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}\$?$`)

const (
	maxRun   = 200     // characters of a run's name that are shown
	maxPID   = 1 << 22 // the kernel's own limit
	maxOwner = 4096    // bytes of a lock file that are read
)

// String shows the owner on one line of printable characters.
func (o Owner) String() string {
	if o.PID == 0 {
		return "an unknown process"
	}
	user := o.User
	if !userName.MatchString(user) {
		user = "unknown"
	}
	run := []rune(o.Run)
	if len(run) > maxRun {
		run = append(run[:maxRun], '…')
	}
	return fmt.Sprintf("process %d of user %s (%s, since %s)", o.PID, user, strconv.Quote(string(run)), o.Since.Local().Format("15:04:05"))
}

// Locks are held until Release, or the end of the process.
type Locks struct {
	held  []*os.File
	named []*os.File // those that carry the owner
}

// Hold takes the locks of the GPUs in the folder; no GPUs means all. host
// tells apart machines whose GPUs are used from here; "" is this one. It does
// not wait.
func Hold(dir, host string, gpus []int, o Owner) (*Locks, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	prefix := "gpu-"
	if host != "" {
		prefix = plain(host) + "-gpu-"
	}
	l := &Locks{}
	if err := l.hold(f, prefix, gpus, o); err != nil {
		l.Release()
		return nil, err
	}
	return l, nil
}

func (l *Locks) hold(f folder, prefix string, gpus []int, o Owner) error {
	all := prefix + "all.lock"
	if len(gpus) == 0 {
		file, ok, err := l.take(f, all, syscall.LOCK_EX)
		if err == nil && !ok {
			return f.heldBy("the GPUs", f.holder(append(f.single(prefix), all)))
		}
		return cmp.Or(err, l.name(file, o))
	}
	_, ok, err := l.take(f, all, syscall.LOCK_SH)
	if err != nil {
		return err
	}
	if !ok {
		return f.heldBy("all GPUs", f.holder([]string{all}))
	}
	for _, g := range slices.Sorted(slices.Values(gpus)) {
		name := prefix + strconv.Itoa(g) + ".lock"
		file, ok, err := l.take(f, name, syscall.LOCK_EX)
		if err == nil && !ok {
			return f.heldBy(fmt.Sprintf("GPU %d", g), f.holder([]string{name}))
		}
		if err := cmp.Or(err, l.name(file, o)); err != nil {
			return err
		}
	}
	return nil
}

// take opens the file, made before where it is missing, and tries to lock it.
func (l *Locks) take(f folder, name string, how int) (file *os.File, ok bool, err error) {
	file, err = f.open(name, true)
	if err != nil {
		return nil, false, err
	}
	switch err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, false, file.Close()
	case err != nil:
		return nil, false, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), file.Close())
	}
	l.held = append(l.held, file)
	return file, true, nil
}

// name writes the owner into a lock file that is held. One that belongs to
// another user, who does not let us write to it, stays without.
func (l *Locks) name(file *os.File, o Owner) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if !slices.Contains(l.named, file) {
		l.named = append(l.named, file)
	}
	if err := file.Truncate(0); err != nil {
		if errors.Is(err, syscall.EINVAL) { // open for reading only
			return nil
		}
		return fmt.Errorf("write the owner of a GPU lock: %w", err)
	}
	if _, err := file.WriteAt(append(text, '\n'), 0); err != nil {
		return fmt.Errorf("write the owner of a GPU lock: %w", err)
	}
	return nil
}

// Rename tells under which name the run is known now.
func (l *Locks) Rename(o Owner) error {
	var errs []error
	for _, file := range l.named {
		errs = append(errs, l.name(file, o))
	}
	return errors.Join(errs...)
}

// Release gives the locks back.
func (l *Locks) Release() {
	for _, file := range l.held {
		_ = file.Close() // the end of the process would do it too
	}
	l.held, l.named = nil, nil
}

// single are the lock files of single GPUs.
func (f folder) single(prefix string) []string {
	var out []string
	entries, _ := os.ReadDir(f.path) // who holds the locks is then not named
	for _, e := range entries {
		number, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".lock"), prefix)
		if _, err := strconv.Atoi(number); ok && err == nil {
			out = append(out, e.Name())
		}
	}
	return out
}

// owned is an owner as a lock file states it.
type owned struct {
	Owner
	proved bool // the process is known to have the file open
}

// holder is the owner of the first file that somebody holds.
func (f folder) holder(names []string) owned {
	for _, name := range names {
		file, err := f.open(name, false)
		if err != nil {
			continue
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
		o := owned{Owner: readOwner(file)}
		o.proved = o.PID != 0 && (!f.shared || opened(o.PID, file))
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return o
		}
	}
	return owned{}
}

// heldBy is the error that says who holds a lock and how to break it. A process
// is only named to be ended where it is known to be the one: anybody may have
// written into a shared folder.
func (f folder) heldBy(what string, o owned) error {
	breaking := "stop that process, which releases the lock"
	if o.proved {
		breaking = fmt.Sprintf("stop it, which releases the lock: kill -INT %d", o.PID)
	}
	return fmt.Errorf("%w: %s: %s; wait for it, or %s", ErrHeld, what, o.Owner, breaking)
}

// readOwner takes what a lock file says, as far as it can be true.
func readOwner(file *os.File) Owner {
	var o Owner
	raw, err := io.ReadAll(io.NewSectionReader(file, 0, maxOwner))
	if err != nil || json.Unmarshal(raw, &o) != nil || o.PID < 2 || o.PID > maxPID {
		return Owner{}
	}
	return o
}

// opened says whether a process is seen to have the file open; only Linux
// tells, and only of the user's own processes.
func opened(pid int, file *os.File) bool {
	want, err := file.Stat()
	if err != nil {
		return false
	}
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if is, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && os.SameFile(is, want) {
			return true
		}
	}
	return false
}

// plain makes a file name of an address.
func plain(host string) string {
	out := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, host)
	return out[max(0, len(out)-100):] // file names have a limit; the end of an address says more
}
