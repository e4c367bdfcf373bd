package torture

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// disk is a small file system of its own, which can be filled, stopped and
// broken: ext4 in a file in memory, so that syncing it costs little.
type disk struct{ folder, image string }

// newDisk mounts one at the folder, or returns nil where that is not allowed.
func newDisk(t *testing.T, folder string) *disk {
	t.Helper()
	ram := t.TempDir()
	if command("mount", "-t", "tmpfs", "torture", ram) != nil {
		t.Log("NOT TESTED: no disk can be mounted, so it is never full, slow or broken")
		return nil
	}
	t.Cleanup(func() { _ = command("umount", "--lazy", ram) })
	d := &disk{folder: folder, image: filepath.Join(ram, "disk")}
	f, err := os.Create(d.image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if command("mkfs.ext4", "-q", "-F", "-m", "0", d.image) != nil ||
		command("mount", "-o", "loop", d.image, folder) != nil {
		t.Log("NOT TESTED: ext4 cannot be mounted from a file, so the disk is never full, slow or broken")
		return nil
	}
	t.Cleanup(func() {
		if err := command("umount", folder); err != nil {
			t.Errorf("somebody still uses the disk: %v", err)
			_ = command("umount", "--lazy", folder)
		}
	})
	return d
}

func command(name string, args ...string) error { return exec.Command(name, args...).Run() }

// breakDown does what the kernel does after an error of the device: what was not
// synced is lost, and nothing can be written, also to files that are open.
func (d *disk) breakDown(t *testing.T) {
	t.Helper()
	if err := command("mount", "-o", "remount,abort", d.folder); err != nil {
		t.Fatal(err)
	}
}

// mend mounts what a broken disk holds. Whoever still uses it prevents that. It
// is another image, because the old one may stay mounted in other processes'
// namespaces.
func (d *disk) mend(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); command("umount", d.folder) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the session has ended, and somebody still uses the disk")
		}
	}
	broken := d.image
	d.image += "'"
	err := errors.Join(command("cp", broken, d.image), os.Remove(broken),
		command("mount", "-o", "loop", d.image, d.folder))
	if err != nil {
		t.Fatal(err)
	}
}

// hang lets writes wait.
func (d *disk) hang(t *testing.T, how time.Duration) {
	t.Helper()
	if err := command("fsfreeze", "--freeze", d.folder); err != nil {
		t.Fatal(err)
	}
	time.Sleep(how)
	if err := command("fsfreeze", "--unfreeze", d.folder); err != nil {
		t.Fatal(err)
	}
}
