package hostlock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// DirEnv names a folder for the locks other than the user's own. Runs of
// several users see each other's locks where all of them name the same one.
const DirEnv = "SWEEP_LOCK_DIR"

// Dir is the folder of the locks: the one that DirEnv names, or one of the
// user's own that is gone after a restart of the machine.
func Dir(lookup func(string) (string, bool)) string {
	return dirOf(lookup, os.Geteuid(), "/run", os.TempDir())
}

// dirOf takes the first that there is: the folder of DirEnv, /run/sweep for
// root, the user's runtime directory, a folder of the user's for temporary
// files.
func dirOf(lookup func(string) (string, bool), uid int, run, temp string) string {
	if dir, ok := lookup(DirEnv); ok && dir != "" {
		return dir
	}
	if uid == 0 {
		// One for all of root's processes, whether they have a session or not.
		if info, err := os.Stat(run); err == nil && info.IsDir() {
			return filepath.Join(run, "sweep")
		}
	}
	session, _ := lookup("XDG_RUNTIME_DIR")
	for _, parent := range []string{session, filepath.Join(run, "user", strconv.Itoa(uid))} {
		if info, err := os.Stat(parent); filepath.IsAbs(parent) && err == nil && info.IsDir() && info.Mode().Perm()&0o022 == 0 && owner(info) == uid {
			return filepath.Join(parent, "sweep")
		}
	}
	return filepath.Join(temp, "sweep-locks-"+strconv.Itoa(uid))
}

// owner is the user ID that a file belongs to.
func owner(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// folder is a folder of locks that was looked at.
type folder struct {
	path   string
	shared bool // others may make files in it
}

// openFolder makes the folder, for this user alone, where it is missing, and
// refuses one in which others could replace what lies there.
func openFolder(dir string) (folder, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return folder{}, fmt.Errorf("create the folder of the GPU locks: %w; set %s to another folder", err, DirEnv)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return folder{}, fmt.Errorf("create the folder of the GPU locks: %w; set %s to another folder", err, DirEnv)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return folder{}, fmt.Errorf("read the folder of the GPU locks: %w", err)
	}
	f := folder{path: dir, shared: info.Mode().Perm()&0o022 != 0}
	refuse := func(why string) (folder, error) {
		return folder{}, fmt.Errorf("use the folder of the GPU locks: %s %s; remove it, or set %s to another folder", dir, why, DirEnv)
	}
	switch mine := owner(info) == os.Geteuid(); {
	case !info.IsDir():
		return refuse("is not a folder, and sweep does not follow links")
	case !mine && owner(info) != 0 && info.Mode()&fs.ModeSticky == 0:
		return refuse("belongs to another user")
	case !mine && !f.shared:
		return refuse("belongs to another user and is not shared (to share it with all users: chmod 1777)")
	case info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0:
		return refuse("is writable for everyone but has no sticky bit (chmod +t)")
	}
	return f, nil
}

// open opens a lock file, and makes it if asked to. It follows no link, waits
// for nobody at a pipe, and takes a plain file with one name alone: a second
// name may be that of a file which is worth more than a lock.
func (f folder) open(name string, make bool) (*os.File, error) {
	path := filepath.Join(f.path, name)
	mode := fs.FileMode(0o600)
	if f.shared {
		mode = 0o666
	}
	const flags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	file, err := os.OpenFile(path, os.O_RDWR|flags, 0)
	if errors.Is(err, fs.ErrNotExist) && make {
		file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|flags, mode)
		if err == nil {
			_ = file.Chmod(mode) // whatever the umask; without it others cannot lock, and say so
		} else if errors.Is(err, fs.ErrExist) { // somebody was faster
			file, err = os.OpenFile(path, os.O_RDWR|flags, 0)
		}
	}
	if errors.Is(err, fs.ErrPermission) { // another user's: it can be locked all the same
		file, err = os.OpenFile(path, os.O_RDONLY|flags, 0)
	}
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) {
		return nil, fmt.Errorf("lock the GPUs: %s is a link; remove it", path)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the GPUs: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file; remove it", path)
	}
	if st, ok := sysStat(info); err == nil && ok && st.Nlink != 1 {
		err = fmt.Errorf("%s has %d hard links; remove it", path, st.Nlink)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the GPUs: %w", err), file.Close())
	}
	return file, nil
}

func sysStat(info fs.FileInfo) (*syscall.Stat_t, bool) {
	if info == nil {
		return nil, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return st, ok
}
