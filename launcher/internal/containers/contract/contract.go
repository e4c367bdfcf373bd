// Package contract tests what every container backend owes, with real
// containers: package podman and package docker run it against their services.
package contract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/containers"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
	"github.com/vllm-sweep/sweep/launcher/internal/procs"
)

// Suite runs the contract. New returns a backend for the test server's image,
// whose options may be changed.
type Suite struct {
	New func(t *testing.T, change func(*containers.Options)) *containers.Backend
	// HostNetworkOnly is for services that publish no ports here.
	HostNetworkOnly bool
}

// Gone fails the test when a container of the run is left.
func Gone(t *testing.T, b *containers.Backend, runID string) {
	t.Helper()
	e, err := b.Engine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left, err := e.Labelled(t.Context(), containers.LabelRun, runID)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range left {
		t.Errorf("container %s is left", l.Name)
		e.Remove(t.Context(), l.ID)
	}
}

func (s Suite) networks() []string {
	if s.HostNetworkOnly {
		return []string{"host"}
	}
	return []string{"", "host"}
}

// Run runs the suite.
func (s Suite) Run(t *testing.T) {
	t.Run("start and stop", s.startAndStop)
	t.Run("ends at once", s.endsAtOnce)
	t.Run("hangs", s.hangs)
	t.Run("cancelled", s.cancelled)
	t.Run("ignores TERM", s.ignoresTerm)
	t.Run("open stream", s.openStream)
	t.Run("main process killed", s.mainProcessKilled)
	t.Run("dies under load", s.diesUnderLoad)
	t.Run("foreign server", s.foreignServer)
	t.Run("missing image", s.missingImage)
	t.Run("secrets", s.secrets)
	t.Run("missing folder", s.missingFolder)
	t.Run("limits", s.limits)
	t.Run("leftovers", s.leftovers)
}

func (s Suite) startAndStop(t *testing.T) {
	for _, network := range s.networks() {
		t.Run("network="+network, func(t *testing.T) {
			b := s.New(t, func(o *containers.Options) { o.Network = network })
			if err := b.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			spec := launchertest.Spec(t, "serve")
			spec.Env = map[string]string{"A": "b"}
			srv, err := launchertest.Start(t, b, spec)
			if err != nil {
				t.Fatal(err)
			}
			id := srv.Identity
			if id.Model != launchertest.Model || id.Version != "0.0.1-test" || !strings.HasPrefix(id.Owner, "container ") {
				t.Errorf("identity %+v", id)
			}
			if srv.Logged.KVCacheTokens != 176240 {
				t.Errorf("logged %+v", srv.Logged)
			}
			facts := srv.Handle.Facts()
			for _, name := range []string{"container_id", "image_id", "image_entrypoint", "port", b.Name() + "_version"} {
				if facts[name] == "" {
					t.Errorf("fact %s is missing", name)
				}
			}
			u, err := url.Parse(srv.BaseURL())
			if err != nil || u.Hostname() != "127.0.0.1" {
				t.Errorf("reached at %s, %v", srv.BaseURL(), err)
			}
			r, err := srv.Stop(t.Context())
			if err != nil || !r.Gone || !r.PortFree {
				t.Errorf("release %+v, %v", r, err)
			}
			if _, err := srv.Stop(t.Context()); err != nil {
				t.Errorf("second stop: %v", err)
			}
			t.Logf("ready after %s, stopped in %s", srv.ReadyAfter, r.StopTook)
			Gone(t, b, spec.RunID)
		})
	}
}

// The complete log of a container that ended before anybody could follow it
// is there, and its death is noticed at once.
func (s Suite) endsAtOnce(t *testing.T) {
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
			b := s.New(t, nil)
			spec := launchertest.Spec(t, mode)
			begun := time.Now()
			_, err := launchertest.Start(t, b, spec)
			took := time.Since(begun)
			f := launchertest.Failure(t, err, want.class)
			if !strings.Contains(f.Diagnosis.Cause.Text()+f.Diagnosis.Remedy.Text(), want.text) {
				t.Errorf("cause %q, remedy %q: want %q", f.Diagnosis.Cause.Text(), f.Diagnosis.Remedy.Text(), want.text)
			}
			if f.Diagnosis.Exit == nil || f.Diagnosis.Exit.Code != want.code {
				t.Errorf("exit %+v, want code %d", f.Diagnosis.Exit, want.code)
			}
			if log, _ := os.ReadFile(spec.LogPath); !strings.HasSuffix(string(log), want.last) {
				t.Errorf("log is not complete: %q", log)
			}
			t.Logf("launch to diagnosis and removal %s, death to diagnosis and removal %s", took, time.Since(f.Diagnosis.Exit.At))
			if took > 20*time.Second {
				t.Errorf("launch, death and removal took %s", took)
			}
			Gone(t, b, spec.RunID)
		})
	}
}

func (s Suite) hangs(t *testing.T) {
	b := s.New(t, nil)
	spec := launchertest.Spec(t, "hang")
	spec.ReadyTimeout, spec.StopTimeout = 2*time.Second, time.Second
	_, err := launchertest.Start(t, b, spec)
	f := launchertest.Failure(t, err, launcher.ClassTimeout)
	if !strings.Contains(f.Diagnosis.Cause.Text(), launcher.PhaseLoading) {
		t.Errorf("cause %q does not name the last phase", f.Diagnosis.Cause.Text())
	}
	Gone(t, b, spec.RunID)
}

func (s Suite) cancelled(t *testing.T) {
	b := s.New(t, nil)
	spec := launchertest.Spec(t, "hang")
	spec.StopTimeout = time.Hour // it is not ready, and is not waited for
	ctx, cancel := context.WithCancel(t.Context())
	var begun time.Time
	_, err := launcher.Start(ctx, b, spec, func(p launcher.Phase) {
		if p.Name == launcher.PhaseLoading {
			begun = time.Now()
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > atOnce {
		t.Errorf("stopped after %s", took)
	}
	Gone(t, b, spec.RunID)
}

// atOnce is more than a container service takes to kill and to remove.
const atOnce = 20 * time.Second

// family starts a server with processes as vLLM's. ended fails the test when
// one of them, or the container, is left.
func (s Suite) family(t *testing.T, stopTimeout time.Duration) (b *containers.Backend, srv *launcher.Server, ended func()) {
	t.Helper()
	const mark = "SWEEP_TEST_FAMILY"
	b = s.New(t, nil)
	spec := launchertest.Spec(t, "vllm")
	spec.Args = append(spec.Args, "--segment", "/dev/shm/psm_test")
	spec.Env, spec.StopTimeout = map[string]string{mark: spec.RunID + spec.StartID}, stopTimeout
	srv, err := launchertest.Start(t, b, spec)
	if err != nil {
		t.Fatal(err)
	}
	left := func() (names []string) {
		all, err := procs.All()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if procs.Marked(p.PID, mark, spec.Env[mark]) {
				names = append(names, p.Name)
			}
		}
		return names
	}
	if got := left(); len(got) < 3 { // the worker may be about to start
		t.Fatalf("processes %q: this test sees too few", got)
	}
	return b, srv, func() {
		t.Helper()
		if got := left(); len(got) > 0 {
			t.Errorf("processes %q are left", got)
		}
		Gone(t, b, spec.RunID)
	}
}

// A server that waits for the client of an open stream is killed with all of
// its processes when its time is up.
func (s Suite) openStream(t *testing.T) {
	_, srv, ended := s.family(t, time.Second)
	answer, err := http.Post(srv.BaseURL()+"/v1/completions", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer answer.Body.Close()
	if _, err := io.ReadFull(answer.Body, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree || r.StopTook > atOnce {
		t.Errorf("release %+v, %v", r, err)
	}
	ended()
}

// The engine of an API server that was killed ends with it.
func (s Suite) mainProcessKilled(t *testing.T) {
	b, srv, ended := s.family(t, time.Hour)
	e, err := b.Engine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state, err := e.Inspect(t.Context(), srv.Handle.Facts()["container_id"])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(state.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-srv.Exited()
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree || r.StopTook > atOnce {
		t.Errorf("release %+v, %v", r, err)
	}
	ended()
}

func (s Suite) ignoresTerm(t *testing.T) {
	b := s.New(t, nil)
	spec := launchertest.Spec(t, "stubborn")
	spec.StopTimeout = time.Second
	srv, err := launchertest.Start(t, b, spec)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	Gone(t, b, spec.RunID)
}

func (s Suite) diesUnderLoad(t *testing.T) {
	b := s.New(t, nil)
	spec := launchertest.Spec(t, "serve")
	srv, err := launchertest.Start(t, b, spec)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if resp, err := http.Post(srv.BaseURL()+"/die", "", nil); err == nil {
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	<-srv.Exited()
	t.Logf("death noticed %s after it was asked for", time.Since(begun))
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	d := srv.Died()
	if d == nil || d.Class != launcher.ClassEngineDead || !strings.Contains(d.Cause.Text(), "CUDA out of memory") || d.Exit.Code != 0 {
		t.Errorf("diagnosis %+v", d)
	}
	Gone(t, b, spec.RunID)
}

// On the host's network anybody can take the port between its choice and the
// server's own attempt.
func (s Suite) foreignServer(t *testing.T) {
	b := s.New(t, func(o *containers.Options) { o.Network = "host" })
	spec := launchertest.Spec(t, "hang") // it never listens
	spec.StopTimeout = time.Second
	h, err := b.Launch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(h.BaseURL())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	foreign := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"data":[{"id":%q}]}`, launchertest.Model)
	})}
	go foreign.Serve(l)
	defer foreign.Close()
	_, err = launcher.Start(t.Context(), launchertest.Launched{Backend: b, Handle: h}, spec, nil)
	if f := launchertest.Failure(t, err, launcher.ClassPort); !strings.Contains(f.Diagnosis.Cause.Text(), strconv.Itoa(os.Getpid())) {
		t.Errorf("cause %q does not name the owner", f.Diagnosis.Cause.Text())
	}
	Gone(t, b, spec.RunID)
}

func (s Suite) missingImage(t *testing.T) {
	const image = "localhost/sweep-test/no-such-image:latest"
	absent := func(pull string) *containers.Backend {
		return s.New(t, func(o *containers.Options) { o.Image, o.Pull = image, pull })
	}
	b := absent(containers.PullNever)
	if err := b.Check(t.Context()); err == nil || !strings.Contains(err.Error(), b.Name()+" pull "+image) {
		t.Errorf("check: %v", err)
	}
	for _, pull := range []string{containers.PullNever, containers.PullMissing} {
		_, err := launchertest.Start(t, absent(pull), launchertest.Spec(t, "serve"))
		if f := launchertest.Failure(t, err, launcher.ClassImage); !strings.Contains(f.Diagnosis.Cause.Text(), image) {
			t.Errorf("cause %q", f.Diagnosis.Cause.Text())
		}
	}
}

func (s Suite) secrets(t *testing.T) {
	b := s.New(t, nil)
	spec := launchertest.Spec(t, "chatter")
	spec.Env = map[string]string{"HF_TOKEN": "hf_verysecretvalue"}
	spec.Secrets = []string{"hf_verysecretvalue"}
	srv, err := launchertest.Start(t, b, spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := srv.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	log, _ := os.ReadFile(spec.LogPath)
	shown := strings.Join(srv.Handle.Command(), " ")
	if !strings.Contains(string(log), "token [redacted]\n") || strings.Contains(string(log)+shown, "verysecret") {
		t.Errorf("log %s\ncommand %s", log, shown)
	}
	// What the service says about a start that it refuses may hold it too.
	spec = launchertest.Spec(t, "serve")
	spec.Env, spec.Secrets = map[string]string{"HF_TOKEN": "hf_verysecretvalue"}, []string{"hf_verysecretvalue"}
	refused := s.New(t, func(o *containers.Options) { o.User = "hf_verysecretvalue" })
	if _, err := launchertest.Start(t, refused, spec); err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err.(*launcher.Failure).Diagnosis), "verysecret") {
		t.Errorf("error %v", err)
	}
	Gone(t, b, spec.RunID)
}

// Docker would make the folder, as root and empty, and the model would be
// looked for in vain.
func (s Suite) missingFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no-such-folder")
	b := s.New(t, func(o *containers.Options) { o.Volumes = []string{path + ":/models"} })
	if err := b.Check(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("check: %v", err)
	}
	_, err := launchertest.Start(t, b, launchertest.Spec(t, "serve"))
	launchertest.Failure(t, err, launcher.ClassConfig)
	if _, err := os.Stat(path); err == nil {
		t.Error("the folder was made")
	}
}

// Limits and shared memory arrive in the container.
func (s Suite) limits(t *testing.T) {
	b := s.New(t, func(o *containers.Options) { o.Memory, o.CPUs, o.CPUSet, o.ShmSize = 512<<20, 0.5, "0", 128<<20 })
	spec := launchertest.Spec(t, "limits")
	srv, err := launchertest.Start(t, b, spec)
	if err != nil {
		t.Fatal(err)
	}
	srv.Stop(t.Context())
	log, _ := os.ReadFile(spec.LogPath)
	if !strings.Contains(string(log), "cores 0\n") || !strings.Contains(string(log), "shm 134217728\n") {
		t.Errorf("the container saw: %s", log)
	}
	line := strings.Join(srv.Handle.Command(), " ")
	if !strings.Contains(line, "--shm-size 134217728 --memory 536870912 --cpus 0.5 --cpuset-cpus 0 ") {
		t.Errorf("command %s", line)
	}
}

// A container tells which run it belongs to, and another machine's is not
// listed.
func (s Suite) leftovers(t *testing.T) {
	b := s.New(t, nil)
	spec := launchertest.Spec(t, "serve")
	spec.RunID, spec.RunDir = "left-"+strconv.Itoa(os.Getpid()), "/runs/left"
	if _, err := launchertest.Start(t, b, spec); err != nil {
		t.Fatal(err)
	}
	left, err := b.Leftovers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, l := range left {
		seen = seen || l.RunID == spec.RunID && l.RunDir == spec.RunDir && l.Running
	}
	if !seen {
		t.Errorf("not listed: %+v", left)
	}
	removed, err := b.Clean(t.Context(), spec.RunID)
	if err != nil || len(removed) != 1 {
		t.Errorf("removed %q, %v", removed, err)
	}
}
