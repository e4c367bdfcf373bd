package process

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
	"github.com/vllm-sweep/sweep/launcher/internal/procs"
)

// family is a start of a server with processes as vLLM's, and the file that
// their resource tracker removes.
func family(t *testing.T, mode string) (s launcher.Spec, segment string) {
	t.Helper()
	s, segment = launchertest.Spec(t, mode), filepath.Join(t.TempDir(), "psm_test")
	s.Args = append(s.Args, "--segment", segment)
	return s, segment
}

// nothing fails the test when a process of the start or its segment is left, or
// when the end took longer than seconds.
func nothing(t *testing.T, s launcher.Spec, segment string, took, atMost time.Duration) {
	t.Helper()
	gone(t, s)
	if _, err := os.Stat(segment); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the shared memory is left: %v", err)
	}
	if took > atMost {
		t.Errorf("the stop took %s, want at most %s", took, atMost)
	}
}

// marked waits until the start has n processes.
func marked(t *testing.T, s launcher.Spec, n int) {
	t.Helper()
	for since := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		all, err := procs.All()
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, p := range all {
			if procs.Marked(p.PID, procs.StartMarker, s.StartID) {
				found++
			}
		}
		if found == n {
			return
		}
		if time.Since(since) > 20*time.Second {
			t.Fatalf("%d processes, want %d", found, n)
		}
	}
}

// vLLM's engine, worker and resource tracker live on when the API server is
// killed. They are gone within seconds, and so is their shared memory.
func TestKilledMainProcess(t *testing.T) {
	s, segment := family(t, "vllm")
	srv, err := start(t, s)
	if err != nil {
		t.Fatal(err)
	}
	marked(t, s, 4)
	pid, _ := strconv.Atoi(srv.Handle.Facts()["pid"])
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-srv.Exited()
	begun := time.Now()
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	nothing(t, s, segment, time.Since(begun), 5*time.Second)
}

// A server that waits for the client of an open stream is killed with all of
// its processes when its time is up, and none of its memory stays.
func TestStopWithAnOpenStream(t *testing.T) {
	s, segment := family(t, "vllm")
	s.StopTimeout = 500 * time.Millisecond
	srv, err := start(t, s)
	if err != nil {
		t.Fatal(err)
	}
	marked(t, s, 4)
	answer, err := http.Post(srv.BaseURL()+"/v1/completions", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer answer.Body.Close()
	if _, err := io.ReadFull(answer.Body, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	took := time.Since(begun)
	nothing(t, s, segment, took, s.StopTimeout+5*time.Second)
	if took < s.StopTimeout {
		t.Errorf("stopped in %s: the server did not wait for the stream", took)
	}
}

// With every stream closed the same server ends by itself.
func TestStopWithoutStreams(t *testing.T) {
	s, segment := family(t, "vllm")
	srv, err := start(t, s)
	if err != nil {
		t.Fatal(err)
	}
	marked(t, s, 4)
	begun := time.Now()
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	nothing(t, s, segment, time.Since(begun), 5*time.Second)
	if e := srv.Handle.Exit(); e.Code != 0 {
		t.Errorf("exit %+v: it was killed", e)
	}
}

// A server that is not ready has nothing to lose, and does not end on TERM.
func TestNotReadyIsKilledAtOnce(t *testing.T) {
	s, segment := family(t, "vllm-hang")
	s.StopTimeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	var begun time.Time
	go func() {
		defer cancel()
		marked(t, s, 4)
		begun = time.Now()
	}()
	if _, err := launcher.Start(ctx, backend(t), s, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	nothing(t, s, segment, time.Since(begun), 5*time.Second)
}

// What a killed runner left, its shared memory with it, is gone after Clean.
func TestCleanRemovesTheSharedMemory(t *testing.T) {
	s, segment := family(t, "vllm-hang")
	s.RunID = "family-" + strconv.Itoa(os.Getpid())
	orphan := exec.Command(server.Path(t), s.Args...)
	orphan.Env = append(os.Environ(), procs.RunMarker+"="+s.RunID, procs.StartMarker+"="+s.StartID)
	orphan.SysProcAttr = groupAttributes()
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = orphan.Wait(); close(ended) }()
	marked(t, s, 4)
	begun := time.Now()
	removed, err := New(Options{}).Clean(t.Context(), s.RunID)
	if err != nil || len(removed) != 4 {
		t.Errorf("removed %q, %v", removed, err)
	}
	<-ended
	nothing(t, s, segment, time.Since(begun), 5*time.Second)
}
