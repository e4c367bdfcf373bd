// Package podmantest gives tests a real podman: a service of their own and
// images made from one static executable, without a registry.
//
// A package that uses it calls Main from its TestMain, so that the service
// ends with the tests. Without podman the tests are skipped, loudly; with
// SWEEP_REQUIRE_PODMAN=1 they fail.
package podmantest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// RequireEnv makes tests fail that would be skipped without podman.
const RequireEnv = "SWEEP_REQUIRE_PODMAN"

// idle is after how many seconds without a request the service ends by
// itself: the last resort against one that is left over.
const idle = "300"

// Podman is one podman service.
type Podman struct {
	once       sync.Once
	executable string
	conf       string
	dir        string
	socket     string
	process    *exec.Cmd
	output     bytes.Buffer
	ended      chan struct{}
	err        error
	absent     bool
}

// shared is the service of this test binary. It is state of the package
// because tests of one binary share it without knowing of each other.
var shared Podman

// Service returns the address of the test binary's podman service, and starts
// the service on first use.
func Service(t testing.TB) string {
	t.Helper()
	return shared.Address(t)
}

// Configuration is the containers.conf of the test binary's service, for
// podman commands that do without it.
func Configuration(t testing.TB) string {
	t.Helper()
	shared.Address(t)
	return shared.conf
}

// Main runs the tests of a package and ends its service.
func Main(m *testing.M) int {
	code := m.Run()
	shared.Stop()
	return code
}

// Address starts the service on first use and returns its address.
func (p *Podman) Address(t testing.TB) string {
	t.Helper()
	p.once.Do(p.start)
	switch {
	case p.absent && os.Getenv(RequireEnv) == "1":
		t.Fatalf("%s=1, but there is no podman here: %v", RequireEnv, p.err)
	case p.absent:
		t.Skipf("SKIPPED, NOTHING TESTED: no podman here (.ci/install-test-deps.sh installs it; %s=1 makes this a failure)", RequireEnv)
	case p.err != nil:
		t.Fatalf("podman is installed, but its service does not start: %v", p.err)
	}
	return "unix://" + p.socket
}

func (p *Podman) start() {
	executable, err := exec.LookPath("podman")
	if err != nil {
		p.absent, p.err = true, err
		return
	}
	// The path of a socket is limited to 107 bytes: not below the test's folder.
	if p.dir, p.err = os.MkdirTemp("", "podman-"); p.err != nil {
		return
	}
	conf := filepath.Join(p.dir, "containers.conf")
	if p.err = os.WriteFile(conf, []byte(configuration()), 0o600); p.err != nil {
		return
	}
	p.socket = filepath.Join(p.dir, "s")
	p.executable, p.conf = executable, conf
	p.launch()
}

func (p *Podman) launch() {
	p.process = exec.Command(p.executable, "system", "service", "--time="+idle, "unix://"+p.socket)
	p.process.Env = append(os.Environ(), "CONTAINERS_CONF="+p.conf)
	p.process.Stdout, p.process.Stderr = &p.output, &p.output
	p.process.SysProcAttr = attributes()
	p.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		// The thread that starts it must live as long: see attributes.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := p.process.Start()
		started <- err
		if err == nil {
			_ = p.process.Wait()
		}
	}()
	if p.err = <-started; p.err == nil {
		p.err = p.answer()
	}
}

// answer waits until the service answers.
func (p *Podman) answer() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://podman/_ping", nil)
		if err != nil {
			return err
		}
		client := unixClient(p.socket)
		resp, err := client.Do(req)
		client.CloseIdleConnections()
		if err == nil {
			resp.Body.Close()
			return nil
		}
		select {
		case <-p.ended:
			return errors.New(p.output.String())
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Restart ends the service and starts another one at the same address, as an
// upgrade of podman does.
func (p *Podman) Restart(t testing.TB) {
	t.Helper()
	p.end()
	if err := os.Remove(p.socket); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	p.launch()
	if p.err != nil {
		t.Fatalf("restart podman's service: %v", p.err)
	}
}

// Stop ends the service. Containers go on; that is their owners' matter.
func (p *Podman) Stop() {
	p.end()
	if p.dir != "" {
		os.RemoveAll(p.dir)
	}
}

func (p *Podman) end() {
	if p.ended != nil {
		_ = p.process.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(3 * time.Second): // it waits for open connections
			_ = p.process.Process.Kill()
			<-p.ended
		}
	}
}

// configuration is a containers.conf that works also on machines without
// systemd and with low hard limits, such as other people's containers.
func configuration() string {
	conf := "[containers]\n" + ulimits() + "[engine]\nevents_logger = \"file\"\n"
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		return conf
	}
	conf += "cgroup_manager = \"cgroupfs\"\n"
	// crun refuses the hybrid of cgroup versions 1 and 2; runc does not.
	if _, err := exec.LookPath("runc"); err == nil {
		conf += "runtime = \"runc\"\n"
	}
	return conf
}

func unixClient(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
}

// limit is one line of default_ulimits.
func limit(name string, hard uint64) string {
	return fmt.Sprintf("%q", fmt.Sprintf("%s=%d:%d", name, hard, hard))
}
