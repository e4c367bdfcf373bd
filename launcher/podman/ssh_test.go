package podman

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher/internal/containers/contract"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
	"github.com/vllm-sweep/sweep/sim/podmantest"
)

// sshd is a real one on the loopback interface, for this user, with keys of
// its own; the home directory is the test's.
type sshd struct {
	port    int
	home    string
	key     string
	process *exec.Cmd
}

func startSSHD(t *testing.T) *sshd {
	t.Helper()
	program, err := exec.LookPath("sshd")
	if err != nil {
		program = "/usr/sbin/sshd"
	}
	if !exists(program) || os.Getuid() != 0 {
		t.Skip("SKIPPED, NOTHING TESTED: no sshd here, or not root (apt-get install openssh-server)")
	}
	s := &sshd{home: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	if err := os.MkdirAll(filepath.Join(s.home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	host := filepath.Join(s.home, "host")
	s.key = filepath.Join(s.home, "key")
	for _, path := range []string{host, s.key} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	// sshd of Debian insists on this folder.
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(host + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	known := fmt.Sprintf("[127.0.0.1]:%d %s", s.port, public)
	if err := os.WriteFile(filepath.Join(s.home, ".ssh", "known_hosts"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", s.home)
	t.Setenv("CONTAINER_SSHKEY", s.key)
	s.start(t, program, host)
	return s
}

func (s *sshd) start(t *testing.T, program, host string) {
	t.Helper()
	s.process = exec.Command(program, "-D", "-e", "-f", "/dev/null", "-h", host, "-o", fmt.Sprintf("Port=%d", s.port), "-o", "ListenAddress=127.0.0.1",
		"-o", "AuthorizedKeysFile="+s.key+".pub", "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PermitRootLogin=yes", "-o", "PidFile=none")
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.sessions(t) // else they, and our ends of them, would go on
		s.process.Process.Kill()
		s.process.Wait()
	})
	for range 200 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port)); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond) // another process's port: nothing to wait on but time
	}
	t.Fatal("sshd does not listen")
}

// sessions ends the connections that sshd has accepted, as a network that goes
// away does.
func (s *sshd) sessions(t *testing.T) {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.process.Process.Pid, s.process.Process.Pid))
	if err != nil {
		t.Skip("the kernel does not tell the children of a process")
	}
	for _, pid := range strings.Fields(string(children)) {
		if out, err := exec.Command("kill", "-KILL", pid).CombinedOutput(); err != nil {
			t.Errorf("kill %s: %v %s", pid, err, out)
		}
	}
}

// A service reached through ssh, by its address and by the name of a
// connection, goes on after the connection broke.
func TestThroughSSH(t *testing.T) {
	socket := strings.TrimPrefix(podmantest.Service(t), "unix://")
	image := podmantest.Image(t, server.Path(t))
	d := startSSHD(t)
	uri := fmt.Sprintf("ssh://root@127.0.0.1:%d%s", d.port, socket)
	conf := filepath.Join(d.home, "containers.conf")
	text := fmt.Sprintf("[engine.service_destinations.lab]\nuri = %q\nidentity = %q\n", uri, d.key)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_CONF", conf)
	// In one test, because the ssh package looks up the home directory once.
	t.Run("refused", func(t *testing.T) { sshRefused(t, d) })
	for name, o := range map[string]Options{"address": {Socket: uri}, "connection": {Connection: "lab"}} {
		t.Run(name, func(t *testing.T) {
			o.Image, o.Pull = image, PullNever
			b := closed(t, New(o))
			s := launchertest.Spec(t, "serve")
			srv, err := launchertest.Start(t, b, s)
			if err != nil {
				t.Fatal(err)
			}
			d.sessions(t)
			r, err := srv.Stop(context.Background())
			if err != nil || !r.Gone || !r.PortFree {
				t.Errorf("release after a broken connection: %+v, %v", r, err)
			}
			contract.Gone(t, b, s.RunID)
		})
	}
}

// sshRefused: a host key that changed and a missing key are said in one sentence
// with the command that fixes it.
func sshRefused(t *testing.T, d *sshd) {
	uri := fmt.Sprintf("ssh://root@127.0.0.1:%d/run/podman/podman.sock", d.port)
	known := filepath.Join(d.home, ".ssh", "known_hosts")
	text, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(want string) {
		t.Helper()
		err := New(Options{Socket: uri, Image: "x"}).Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	other := filepath.Join(d.home, "other")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	t.Setenv("CONTAINER_SSHKEY", other)
	refused(fmt.Sprintf("ssh-copy-id -p %d root@127.0.0.1", d.port))
	t.Setenv("CONTAINER_SSHKEY", d.key)
	// An unknown host key is noted down by podman's bindings; another one than
	// that noted is refused.
	public, err := os.ReadFile(other + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(known, fmt.Appendf(nil, "[127.0.0.1]:%d %s", d.port, public), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(fmt.Sprintf("ssh-keygen -R '[127.0.0.1]:%d'", d.port))
	if err := os.WriteFile(known, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if !exists("/run/podman/podman.sock") {
		refused("systemctl --user start podman.socket")
	}
}
