// Package dockertest gives tests a real dockerd of their own, where one is
// installed and can be started (Linux, root). Elsewhere the tests are skipped,
// loudly; with SWEEP_REQUIRE_DOCKER=1 they fail.
package dockertest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	moby "github.com/moby/moby/client"
)

// RequireEnv makes tests fail that would be skipped without dockerd.
const RequireEnv = "SWEEP_REQUIRE_DOCKER"

// startTime bounds the start of the daemon.
const startTime = 60 * time.Second

// Daemon is one dockerd with storage of its own. Its zero value is ready; Stop
// ends it.
type Daemon struct {
	once    sync.Once
	dir     string
	process *exec.Cmd
	output  bytes.Buffer
	ended   chan struct{}
	absent  string // why there is none
	err     error
}

// Address starts the daemon on first use.
func (d *Daemon) Address(t testing.TB) string {
	t.Helper()
	d.once.Do(d.start)
	switch {
	case d.absent != "" && os.Getenv(RequireEnv) == "1":
		t.Fatalf("%s=1, but there is no dockerd to test with: %s", RequireEnv, d.absent)
	case d.absent != "":
		t.Skipf("SKIPPED, NOTHING TESTED: %s (apt-get install docker.io; %s=1 makes this a failure)", d.absent, RequireEnv)
	case d.err != nil:
		t.Fatalf("dockerd is installed, but does not start: %v\n%s", d.err, d.output.String())
	}
	return "unix://" + d.socket()
}

func (d *Daemon) socket() string { return filepath.Join(d.dir, "s") }

func (d *Daemon) start() {
	executable, err := exec.LookPath("dockerd")
	switch {
	case err != nil:
		d.absent = "no dockerd here"
		return
	case os.Getuid() != 0:
		d.absent = "dockerd needs root"
		return
	}
	if d.dir, d.err = os.MkdirTemp("", "dockerd-"); d.err != nil {
		return
	}
	// No bridge and no firewall rules: containers share the host's network,
	// and nothing of the machine is changed.
	d.process = exec.Command(executable, "--host", "unix://"+d.socket(), "--data-root", filepath.Join(d.dir, "data"),
		"--exec-root", filepath.Join(d.dir, "exec"), "--pidfile", filepath.Join(d.dir, "pid"), "--config-file", filepath.Join(d.dir, "none.json"),
		"--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false")
	if d.err = os.WriteFile(filepath.Join(d.dir, "none.json"), []byte("{}"), 0o600); d.err != nil {
		return
	}
	d.process.Stdout, d.process.Stderr = &d.output, &d.output
	d.process.SysProcAttr = attributes()
	d.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		// The thread that starts it must live as long: see attributes.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(d.ended)
		err := d.process.Start()
		started <- err
		if err == nil {
			_ = d.process.Wait()
		}
	}()
	if d.err = <-started; d.err == nil {
		d.err = d.answers()
	}
}

func (d *Daemon) client() (*moby.Client, error) {
	return moby.New(moby.WithHost("unix://" + d.socket()))
}

func (d *Daemon) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	c, err := d.client()
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		_, err := c.Ping(ctx, moby.PingOptions{})
		if err == nil {
			return nil
		}
		select {
		case <-d.ended:
			return fmt.Errorf("it ended")
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Image makes an image of the static executable, with the executable as its
// entry point. It goes with the daemon's storage.
func (d *Daemon) Image(t testing.TB, executable string) string {
	t.Helper()
	d.Address(t)
	layer, err := layer(executable)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	name := fmt.Sprintf("localhost/sweep-test:%d", time.Now().UnixNano())
	answer, err := c.ImageImport(t.Context(), moby.ImageImportSource{Source: layer, SourceName: "-"}, name,
		moby.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/server"]`, "WORKDIR /tmp"}})
	if err != nil {
		t.Fatalf("import image: %v", err)
	}
	defer answer.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer); err != nil || strings.Contains(text.String(), "error") {
		t.Fatalf("import image: %v %s", err, text.String())
	}
	return name
}

func layer(executable string) (*bytes.Buffer, error) {
	content, err := os.ReadFile(executable)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range []tar.Header{
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "server", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))},
	} {
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	return &out, w.Close()
}

// Stop ends the daemon and removes its storage.
func (d *Daemon) Stop() {
	if d.ended != nil {
		_ = d.process.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.ended:
		case <-time.After(20 * time.Second):
			_ = d.process.Process.Kill()
			<-d.ended
		}
	}
	if d.dir != "" {
		os.RemoveAll(d.dir)
	}
}
