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

	"github.com/vllm-sweep/sweep/internal/podmantest"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/testserver/build"
	"github.com/vllm-sweep/sweep/launcher/vllm"
)

var server build.Server

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

const model = "test/model"

func spec(t *testing.T, mode string) launcher.Spec {
	return launcher.Spec{
		RunID: "run-" + strconv.Itoa(os.Getpid()), StartID: strings.ReplaceAll(t.Name(), "/", "-"),
		Model: model, ModelName: model,
		Args: []string{"--mode", mode}, LogPath: filepath.Join(t.TempDir(), "server.log"),
		ReadyTimeout: 60 * time.Second, StopTimeout: 20 * time.Second, Engine: vllm.Engine(),
	}
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

// gone fails the test when a container of the run is left.
func gone(t *testing.T, b *Backend, s launcher.Spec) {
	t.Helper()
	c, err := b.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left, err := c.labelled(t.Context(), labelRun, s.RunID)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range left {
		t.Errorf("container %s is left", l.name())
		c.remove(t.Context(), l.ID)
	}
}

func start(t *testing.T, b *Backend, s launcher.Spec) (*launcher.Server, error) {
	t.Helper()
	srv, err := launcher.Start(t.Context(), b, s, nil)
	if srv != nil {
		t.Cleanup(func() { srv.Stop(context.Background()) })
	}
	return srv, err
}

func failure(t *testing.T, err error, want launcher.Class) *launcher.Failure {
	t.Helper()
	var f *launcher.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a failure", err)
	}
	if f.Diagnosis.Class != want {
		t.Fatalf("got class %q (%s), want %q", f.Diagnosis.Class, f.Diagnosis.Cause, want)
	}
	return f
}

func TestStartAndStop(t *testing.T) {
	for _, network := range []string{"", "host"} {
		t.Run("network="+network, func(t *testing.T) {
			b := backend(t, func(o *Options) { o.Network = network })
			if err := b.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := spec(t, "serve")
			s.Env = map[string]string{"A": "b"}
			srv, err := start(t, b, s)
			if err != nil {
				t.Fatal(err)
			}
			id := srv.Identity
			if id.Model != model || id.Version != "0.0.1-test" || !strings.HasPrefix(id.Owner, "container ") {
				t.Errorf("identity %+v", id)
			}
			if srv.Logged.KVCacheTokens != 176240 {
				t.Errorf("logged %+v", srv.Logged)
			}
			facts := srv.Handle.Facts()
			for _, name := range []string{"container_id", "image_id", "port", "podman_version"} {
				if facts[name] == "" {
					t.Errorf("fact %s is missing", name)
				}
			}
			r, err := srv.Stop(t.Context())
			if err != nil || !r.Gone || !r.PortFree {
				t.Errorf("release %+v, %v", r, err)
			}
			if _, err := srv.Stop(t.Context()); err != nil {
				t.Errorf("second stop: %v", err)
			}
			t.Logf("ready after %s, stopped in %s", srv.ReadyAfter, r.StopTook)
			gone(t, b, s)
		})
	}
}

// The complete log of a container that ended before anybody could follow it
// is there, and its death is noticed at once.
func TestEndsAtOnce(t *testing.T) {
	for mode, want := range map[string]struct {
		class launcher.Class
		text  string
		code  int
		last  string
	}{
		"usage":    {launcher.ClassArguments, "--swap-space", 2, "--swap-space 4\n"},
		"kv-cache": {launcher.ClassKVCache, "12288", 1, "{'EngineCore': 1}\n"},
	} {
		t.Run(mode, func(t *testing.T) {
			b := backend(t, nil)
			s := spec(t, mode)
			begun := time.Now()
			_, err := start(t, b, s)
			took := time.Since(begun)
			f := failure(t, err, want.class)
			if !strings.Contains(f.Diagnosis.Cause+f.Diagnosis.Remedy, want.text) {
				t.Errorf("cause %q, remedy %q: want %q", f.Diagnosis.Cause, f.Diagnosis.Remedy, want.text)
			}
			if f.Diagnosis.Exit == nil || f.Diagnosis.Exit.Code != want.code {
				t.Errorf("exit %+v, want code %d", f.Diagnosis.Exit, want.code)
			}
			if log, _ := os.ReadFile(s.LogPath); !strings.HasSuffix(string(log), want.last) {
				t.Errorf("log is not complete: %q", log)
			}
			if took > 10*time.Second {
				t.Errorf("launch, death and removal took %s", took)
			}
			gone(t, b, s)
		})
	}
}

func TestHangTimesOut(t *testing.T) {
	b := backend(t, nil)
	s := spec(t, "hang")
	s.ReadyTimeout, s.StopTimeout = 2*time.Second, time.Second
	_, err := start(t, b, s)
	f := failure(t, err, launcher.ClassTimeout)
	if !strings.Contains(f.Diagnosis.Cause, launcher.PhaseLoading) {
		t.Errorf("cause %q does not name the last phase", f.Diagnosis.Cause)
	}
	gone(t, b, s)
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	b := backend(t, nil)
	s := spec(t, "hang")
	s.StopTimeout = time.Second
	ctx, cancel := context.WithCancel(t.Context())
	_, err := launcher.Start(ctx, b, s, func(p launcher.Phase) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gone(t, b, s)
}

func TestKillsWhatIgnoresTerm(t *testing.T) {
	b := backend(t, nil)
	s := spec(t, "stubborn")
	s.StopTimeout = time.Second
	srv, err := start(t, b, s)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	gone(t, b, s)
}

func TestDeathUnderLoad(t *testing.T) {
	b := backend(t, nil)
	s := spec(t, "serve")
	srv, err := start(t, b, s)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if resp, err := http.Post(srv.BaseURL()+"/die", "", nil); err == nil {
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	<-srv.Exited()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("death noticed after %s", took)
	} else {
		t.Logf("death noticed after %s", took)
	}
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	d := srv.Died()
	if d == nil || d.Class != launcher.ClassEngineDead || !strings.Contains(d.Cause, "CUDA out of memory") || d.Exit.Code != 0 {
		t.Errorf("diagnosis %+v", d)
	}
	gone(t, b, s)
}

// On the host's network anybody can take the port.
func TestForeignServerIsRefused(t *testing.T) {
	b := backend(t, func(o *Options) { o.Network = "host" })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	foreign := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"data":[{"id":%q}]}`, model)
	})}
	go foreign.Serve(l)
	defer foreign.Close()
	s := spec(t, "hang")
	s.StopTimeout = time.Second
	h, err := b.Launch(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	h.(*handle).port = l.Addr().(*net.TCPAddr).Port // as if it had taken the port that was chosen
	_, err = launcher.Start(t.Context(), launched{b, h}, s, nil)
	if f := failure(t, err, launcher.ClassIdentity); !strings.Contains(f.Diagnosis.Cause, strconv.Itoa(os.Getpid())) {
		t.Errorf("cause %q does not name the owner", f.Diagnosis.Cause)
	}
	gone(t, b, s)
}

// launched is a backend whose server has been launched already.
type launched struct {
	launcher.Backend
	h launcher.Handle
}

func (l launched) Launch(context.Context, launcher.Spec) (launcher.Handle, error) { return l.h, nil }

func TestMissingImage(t *testing.T) {
	const image = "localhost/sweep-test/no-such-image:latest"
	never := closed(t, New(Options{Socket: podmantest.Service(t), Image: image, Pull: PullNever}))
	if err := never.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "podman pull "+image) {
		t.Errorf("check: %v", err)
	}
	for _, pull := range []string{PullNever, PullMissing} {
		b := closed(t, New(Options{Socket: podmantest.Service(t), Image: image, Pull: pull}))
		_, err := start(t, b, spec(t, "serve"))
		if f := failure(t, err, launcher.ClassImage); !strings.Contains(f.Diagnosis.Cause, image) {
			t.Errorf("cause %q", f.Diagnosis.Cause)
		}
	}
}

func TestMissingGPU(t *testing.T) {
	b := backend(t, func(o *Options) { o.GPUs = "no-such-gpu" })
	s := spec(t, "serve")
	_, err := start(t, b, s)
	failure(t, err, launcher.ClassGPUs)
	gone(t, b, s)
}

func TestSecretsStayOut(t *testing.T) {
	b := backend(t, nil)
	s := spec(t, "chatter")
	s.Env = map[string]string{"HF_TOKEN": "hf_verysecretvalue"}
	s.Secrets = []string{"hf_verysecretvalue"}
	srv, err := start(t, b, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := srv.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	log, _ := os.ReadFile(s.LogPath)
	shown := strings.Join(srv.Handle.Command(), " ")
	if !strings.Contains(string(log), "token [redacted]\n") || strings.Contains(string(log)+shown, "verysecret") {
		t.Errorf("log %s\ncommand %s", log, shown)
	}
}

// crashImage and crashSocket make this test binary a runner that starts a
// container and is killed.
const (
	crashImage  = "SWEEP_TEST_CRASH_IMAGE"
	crashSocket = "SWEEP_TEST_CRASH_SOCKET"
)

func crash() {
	s := launcher.Spec{
		RunID: "crashed-" + strconv.Itoa(os.Getppid()), StartID: "s", Model: model, ModelName: model,
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
	runner.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), crashImage+"="+b.options.Image, crashSocket+"="+b.options.Socket)
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
	gone(t, b, launcher.Spec{RunID: runID})
}

func TestServiceDown(t *testing.T) {
	err := New(Options{Socket: "unix:///nonexistent/podman.sock", Image: "x"}).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "podman system service --time=0 unix:///nonexistent/podman.sock") {
		t.Errorf("got %v", err)
	}
}

// A service that goes away under a running server is reported; another one
// finds and removes the container.
func TestServiceLost(t *testing.T) {
	b := backend(t, nil)
	var other podmantest.Podman
	lost := closed(t, New(Options{Socket: other.Address(t), Image: b.options.Image, Pull: PullNever}))
	s := spec(t, "serve")
	srv, err := launcher.Start(t.Context(), lost, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	other.Stop()
	r, err := srv.Stop(t.Context())
	if err == nil || r.Gone || !strings.Contains(err.Error(), "podman service at") {
		t.Errorf("release %+v, %v", r, err)
	}
	if removed, err := b.Clean(t.Context(), s.RunID); err != nil || len(removed) != 1 {
		t.Errorf("removed %q, %v", removed, err)
	}
}
