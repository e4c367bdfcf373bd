package hostlock

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be another process that holds locks.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HOSTLOCK_HOLD"); dir != "" {
		held, err := Hold(dir, "", []int{1}, Owner{PID: os.Getpid(), User: "anna", Run: "runs/other", Since: time.Now()})
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString("held\n")
		time.Sleep(time.Minute)
		held.Release() // until here the collector must not close its file
	}
	os.Exit(m.Run())
}

func TestSetsOfGPUs(t *testing.T) {
	me := Owner{PID: os.Getpid(), User: "me", Run: "runs/mine", Since: time.Now()}
	for _, c := range []struct {
		name   string
		first  []int
		second []int
		host   string // of the second
		fits   bool
	}{
		{"disjoint", []int{0, 1}, []int{2}, "", true},
		{"same", []int{0}, []int{0}, "", false},
		{"overlapping", []int{0, 1}, []int{1, 2}, "", false},
		{"all after one", []int{3}, nil, "", false},
		{"one after all", nil, []int{3}, "", false},
		{"all after all", nil, nil, "", false},
		{"another host", nil, nil, "ssh://lab", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "locks")
			first, err := Hold(dir, "", c.first, me)
			if err != nil {
				t.Fatal(err)
			}
			second, err := Hold(dir, c.host, c.second, me)
			if (err == nil) != c.fits {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				second.Release()
			} else if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "process "+strconv.Itoa(me.PID)+" of user me (\"runs/mine\", since ") {
				t.Errorf("got %v", err)
			}
			first.Release()
			again, err := Hold(dir, c.host, c.second, me)
			if err != nil {
				t.Fatalf("after the release: %v", err)
			}
			again.Release()
		})
	}
}

// A lock goes with its process, also when that is killed, and until then says
// whose it is and how to break it.
func TestTheLockGoesWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "HOSTLOCK_HOLD="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_, err = Hold(dir, "", []int{0, 1}, Owner{PID: 1})
	pid := strconv.Itoa(other.Process.Pid)
	if err == nil || !strings.Contains(err.Error(), "GPU 1: process "+pid+" of user anna (\"runs/other\"") || !strings.Contains(err.Error(), "kill -INT "+pid) {
		t.Errorf("got %v", err)
	}
	other.Process.Kill()
	other.Wait()
	l, err := Hold(dir, "", []int{0, 1}, Owner{PID: 1})
	if err != nil {
		t.Fatalf("after the death of the owner: %v", err)
	}
	l.Release()
}

func TestDir(t *testing.T) {
	uid := os.Geteuid()
	run, temp := t.TempDir(), t.TempDir()
	session := filepath.Join(t.TempDir(), "session")
	open := filepath.Join(t.TempDir(), "open")
	for dir, mode := range map[string]os.FileMode{session: 0o700, open: 0o777} {
		if err := errors.Join(os.Mkdir(dir, mode), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
	}
	user := filepath.Join(run, "user", strconv.Itoa(uid))
	env := func(pairs ...string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1], true
				}
			}
			return "", false
		}
	}
	for _, c := range []struct {
		name string
		env  func(string) (string, bool)
		uid  int
		want string
	}{
		{"named", env(DirEnv, "/x", "XDG_RUNTIME_DIR", session), uid, "/x"},
		{"root", env("XDG_RUNTIME_DIR", session), 0, filepath.Join(run, "sweep")},
		{"no session", env(), 4242, filepath.Join(temp, "sweep-locks-4242")},
		{"another user's session", env("XDG_RUNTIME_DIR", session), 4242, filepath.Join(temp, "sweep-locks-4242")},
		{"no folder", env("XDG_RUNTIME_DIR", "relative"), 4242, filepath.Join(temp, "sweep-locks-4242")},
	} {
		if got := dirOf(c.env, c.uid, run, temp); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	if uid == 0 {
		// The rules for others hold for root too, where there is no /run.
		run = filepath.Join(temp, "no-run")
		user = filepath.Join(run, "user", "0")
	}
	if got := dirOf(env("XDG_RUNTIME_DIR", session), uid, run, temp); got != filepath.Join(session, "sweep") {
		t.Errorf("a session: got %s", got)
	}
	if got := dirOf(env("XDG_RUNTIME_DIR", open), uid, run, temp); got != filepath.Join(temp, "sweep-locks-"+strconv.Itoa(uid)) {
		t.Errorf("a session that everybody may write to: got %s", got)
	}
	if uid != 0 {
		if err := os.MkdirAll(user, 0o700); err != nil {
			t.Fatal(err)
		}
		if got := dirOf(env(), uid, run, temp); got != filepath.Join(user, "sweep") {
			t.Errorf("a session without a variable: got %s", got)
		}
	}
}

// What somebody else may have put in the place of a lock is not opened: nothing
// is written through a link or a second name, and nobody waits at a pipe.
func TestWhatIsNoLockFile(t *testing.T) {
	for name, make := range map[string]func(path, victim string) error{
		"is a link":             func(path, victim string) error { return os.Symlink(victim, path) },
		"has 2 hard links":      func(path, victim string) error { return os.Link(victim, path) },
		"is not a regular file": func(path, _ string) error { return syscall.Mkfifo(path, 0o666) },
		"is a directory":        func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"is a link, dangling":   func(path, victim string) error { return os.Symlink(victim+".none", path) },
		"is a link to a folder": func(path, victim string) error { return os.Symlink(filepath.Dir(victim), path) },
	} {
		for _, gpus := range [][]int{nil, {0}} {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
				t.Fatal(err)
			}
			victim := filepath.Join(t.TempDir(), "victim")
			if err := os.WriteFile(victim, []byte("worth more"), 0o600); err != nil {
				t.Fatal(err)
			}
			lock := "gpu-all.lock"
			if gpus != nil {
				lock = "gpu-0.lock"
			}
			if err := make(filepath.Join(dir, lock), victim); err != nil {
				t.Fatal(err)
			}
			l, err := Hold(dir, "", gpus, Owner{PID: os.Getpid(), User: "me", Run: "mine"})
			want, _, _ := strings.Cut(name, ",")
			want, _, _ = strings.Cut(want, " to ")
			if err == nil || errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v", name, err)
			}
			if l != nil {
				l.Release()
			}
			if text, err := os.ReadFile(victim); string(text) != "worth more" {
				t.Errorf("%s: the file behind it holds %q, %v", name, text, err)
			}
			if _, err := os.Lstat(victim + ".none"); err == nil {
				t.Errorf("%s: a file was made", name)
			}
		}
	}
}

func TestFolders(t *testing.T) {
	root := t.TempDir()
	at := func(name string, mode os.FileMode) string {
		dir := filepath.Join(root, name)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	link := filepath.Join(root, "link")
	if err := os.Symlink(at("behind", 0o700), link); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		filepath.Join(root, "new", "one"): "",
		at("private", 0o700):              "",
		at("sticky", 0o777|os.ModeSticky): "",
		at("group", 0o770):                "",
		at("open", 0o777):                 "no sticky bit (chmod +t)",
		link:                              "is not a folder, and sweep does not follow links",
		file:                              "is not a folder",
	} {
		l, err := Hold(dir, "", nil, Owner{PID: os.Getpid()})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), DirEnv)) {
			t.Errorf("%s: got %v, want %q", filepath.Base(dir), err, want)
		}
		if err != nil {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, "gpu-all.lock"))
		if err != nil {
			t.Fatal(err)
		}
		if others := info.Mode().Perm()&0o077 != 0; others != (strings.HasSuffix(dir, "sticky") || strings.HasSuffix(dir, "group")) {
			t.Errorf("%s: mode %v", dir, info.Mode())
		}
		l.Release()
	}
	if info, err := os.Stat(filepath.Join(root, "new", "one")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if os.Geteuid() == 0 {
		theirs := at("theirs", 0o700)
		if err := os.Chown(theirs, 4242, 4242); err != nil {
			t.Fatal(err)
		}
		if _, err := Hold(theirs, "", nil, Owner{}); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("another user's folder: %v", err)
		}
	}
}

// What a lock file says is shown on one line without control characters, and no
// process is named to be ended that is not known to hold the lock.
func TestOwnersThatCannotBeBelieved(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "gpu-0.lock")
	if err := errors.Join(os.WriteFile(path, nil, 0o666), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	theirs, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if err := syscall.Flock(int(theirs.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"pid":1,"user":"anna","run":"r"}`, `{"pid":-1,"user":"anna"}`, `{"pid":0}`, `{"pid":99999999}`, `{"pid":1e3}`, "", "not JSON", `[]`,
		`{"pid":` + strconv.Itoa(os.Getppid()) + `,"user":"anna\u001b[2J","run":"\u001b]0;x\u0007\n::error::x\r\u202e; rm -rf /"}`,
		`{"pid":` + strconv.Itoa(os.Getppid()) + `,"run":"` + strings.Repeat("x", 3000) + `"}`,
		strings.Repeat("x", 1<<20),
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Hold(dir, "", []int{0}, Owner{PID: os.Getpid()})
		if !errors.Is(err, ErrHeld) {
			t.Fatalf("%.60q: %v", text, err)
		}
		shown := err.Error()
		if strings.Contains(shown, "kill") || len(shown) > 500 || strings.ContainsFunc(shown, func(r rune) bool { return r != ' ' && !strconv.IsPrint(r) }) || strings.Contains(shown, "process 1 ") {
			t.Errorf("%.60q: %q", text, shown)
		}
	}
	// A process that is seen to have the file open is named.
	if err := os.WriteFile(path, fmt.Appendf(nil, `{"pid":%d,"user":"anna","run":"r"}`, os.Getpid()), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = Hold(dir, "", []int{0}, Owner{PID: os.Getpid()})
	if _, linux := os.Stat("/proc/self/fd"); linux == nil && !strings.Contains(err.Error(), "kill -INT "+strconv.Itoa(os.Getpid())) {
		t.Errorf("got %v", err)
	}
}

// A lock file of another user that cannot be written to is locked all the same.
func TestALockFileThatCannotBeNamed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gpu-0.lock"), nil, 0o444); err != nil {
		t.Fatal(err)
	}
	l, err := Hold(dir, "", []int{0}, Owner{PID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if _, err := Hold(dir, "", []int{0}, Owner{PID: os.Getpid()}); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v", err)
	}
}

// An address of any length makes a file name.
func TestLongAddresses(t *testing.T) {
	l, err := Hold(t.TempDir(), "ssh://"+strings.Repeat("a/../", 1000)+"lab:22", []int{0}, Owner{PID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}
