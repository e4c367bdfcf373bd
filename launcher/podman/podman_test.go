package podman

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/containers/contract"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
	"github.com/vllm-sweep/sweep/sim/podmantest"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

var server = testprogram.Program{Package: "sim/testserver"}

func TestMain(m *testing.M) {
	if os.Getenv(crashImage) != "" {
		crash()
	}
	code := podmantest.Main(m)
	server.Remove()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// backend is one for the test server's image in the test's own service.
func backend(t *testing.T, change func(*Options)) *Backend {
	t.Helper()
	o := Options{Socket: podmantest.Service(t), Image: podmantest.Image(t, server.Path(t)), Pull: PullNever}
	if change != nil {
		change(&o)
	}
	return closed(t, New(o))
}

// closed closes the backend's connections when the test ends.
func closed(t *testing.T, b *Backend) *Backend {
	t.Cleanup(b.Close)
	return b
}

func TestContract(t *testing.T) { contract.Suite{New: backend}.Run(t) }

func TestMissingGPU(t *testing.T) {
	b := backend(t, func(o *Options) { o.GPUs = "no-such-gpu" })
	s := launchertest.Spec(t, "serve")
	_, err := launchertest.Start(t, b, s)
	launchertest.Failure(t, err, launcher.ClassGPUs)
	contract.Gone(t, b, s.RunID)
}

// crashImage and crashSocket make this test binary a runner that starts a
// container and is killed.
const (
	crashImage  = "SWEEP_TEST_CRASH_IMAGE"
	crashSocket = "SWEEP_TEST_CRASH_SOCKET"
)

func crash() {
	s := launcher.Spec{
		RunID: "crashed-" + strconv.Itoa(os.Getppid()), StartID: "s", Model: launchertest.Model, ModelName: launchertest.Model,
		LogPath:      filepath.Join(os.TempDir(), "crashed-"+strconv.Itoa(os.Getppid())+".log"),
		ReadyTimeout: time.Minute, StopTimeout: time.Second,
	}
	b := New(Options{Socket: os.Getenv(crashSocket), Image: os.Getenv(crashImage), Pull: PullNever})
	if _, err := launcher.Start(context.Background(), b, s, nil); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func TestCleanAfterACrash(t *testing.T) {
	b := backend(t, nil)
	runner := exec.Command(os.Args[0])
	runner.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), crashImage+"="+b.Options.Image, crashSocket+"="+b.Options.Socket)
	if out, err := runner.CombinedOutput(); err == nil || len(out) > 0 {
		t.Fatalf("the runner was to be killed: %v, %s", err, out)
	}
	runID := "crashed-" + strconv.Itoa(os.Getpid())
	if other, err := b.Clean(t.Context(), runID+"0"); err != nil || len(other) > 0 {
		t.Errorf("clean of another run removed %q, %v", other, err)
	}
	removed, err := b.Clean(t.Context(), runID)
	if want := "container sweep-" + runID + "-s"; err != nil || len(removed) != 1 || removed[0] != want {
		t.Errorf("removed %q, %v; want %s", removed, err, want)
	}
	contract.Gone(t, b, runID)
}

func TestServiceDown(t *testing.T) {
	err := New(Options{Socket: "unix:///nonexistent/podman.sock", Image: "x"}).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "podman system service --time=0 unix:///nonexistent/podman.sock") ||
		!errors.Is(err, launcher.ErrServiceAway) {
		t.Errorf("got %v", err)
	}
}

// A service of podman 3 is a fake here: it answers the one question that is
// asked of it.
func TestServiceTooOld(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	old := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Libpod-API-Version", "3.4.4")
	})}
	go old.Serve(l)
	defer old.Close()
	err = New(Options{Socket: "unix://" + socket, Image: "x"}).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "needs podman 4.0 or later") || errors.Is(err, launcher.ErrServiceAway) {
		t.Errorf("got %v", err)
	}
}

func TestUnknownConnection(t *testing.T) {
	t.Setenv("CONTAINERS_CONF", filepath.Join(t.TempDir(), "none"))
	err := New(Options{Connection: "lab-of-nobody", Image: "x"}).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "podman system connection add lab-of-nobody") {
		t.Errorf("got %v", err)
	}
}

// A service that goes away under a running server and stays away is reported;
// another one finds and removes the container.
func TestServiceLost(t *testing.T) {
	b := backend(t, nil)
	var other podmantest.Podman
	lost := closed(t, New(Options{Socket: other.Address(t), Image: b.Options.Image, Pull: PullNever, ServiceWait: time.Second}))
	s := launchertest.Spec(t, "serve")
	srv, err := launcher.Start(t.Context(), lost, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	other.Stop()
	if srv.Died() != nil {
		t.Error("the loss of the service is taken for the death of the server")
	}
	r, err := srv.Stop(t.Context())
	if err == nil || r.Gone || !strings.Contains(err.Error(), "podman system service") {
		t.Errorf("release %+v, %v", r, err)
	}
	if removed, err := b.Clean(t.Context(), s.RunID); err != nil || len(removed) != 1 {
		t.Errorf("removed %q, %v", removed, err)
	}
}

// A service that is restarted under a running server costs nothing: the
// server goes on, its log is complete, its end is noticed.
func TestServiceRestarted(t *testing.T) {
	image := podmantest.Image(t, server.Path(t))
	var other podmantest.Podman
	b := closed(t, New(Options{Socket: other.Address(t), Image: image, Pull: PullNever}))
	defer other.Stop()
	s := launchertest.Spec(t, "serve")
	srv, err := launchertest.Start(t, b, s)
	if err != nil {
		t.Fatal(err)
	}
	other.Restart(t)
	post := func(path string) {
		if resp, err := http.Post(srv.BaseURL()+path, "", nil); err == nil {
			resp.Body.Close()
		}
		http.DefaultClient.CloseIdleConnections()
	}
	post("/say?text=after+the+restart")
	if d := srv.Died(); d != nil {
		t.Fatalf("taken for dead: %+v", d)
	}
	post("/die")
	<-srv.Exited()
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	log, _ := os.ReadFile(s.LogPath)
	if text := string(log); strings.Count(text, "after the restart\n") != 1 || !strings.Contains(text, "CUDA out of memory") ||
		strings.Count(text, "Starting to load model") != 1 {
		t.Errorf("log %s", log)
	}
	if d := srv.Died(); d == nil || d.Exit.Code != 0 || d.Class != launcher.ClassEngineDead {
		t.Errorf("diagnosis %+v", d)
	}
	contract.Gone(t, b, s.RunID)
}
