package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
	"github.com/vllm-sweep/sweep/launcher/internal/procs"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

var server = testprogram.Program{Package: "sim/testserver"}

func TestMain(m *testing.M) {
	if os.Getenv(crashEnv) != "" {
		crash()
	}
	code := m.Run()
	server.Remove()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func backend(t *testing.T) *Backend {
	return New(Options{Command: []string{server.Path(t)}})
}

// gone fails the test when a process of the start is left.
func gone(t *testing.T, s launcher.Spec) {
	t.Helper()
	all, err := procs.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if procs.Marked(p.PID, procs.StartMarker, s.StartID) {
			t.Errorf("process %d (%s) is left", p.PID, p.Name)
		}
	}
}

func start(t *testing.T, s launcher.Spec) (*launcher.Server, error) {
	t.Helper()
	return launchertest.Start(t, backend(t), s)
}

func TestStartAndStop(t *testing.T) {
	s := launchertest.Spec(t, "serve")
	var phases []string
	srv, err := launcher.Start(t.Context(), backend(t), s, func(p launcher.Phase) { phases = append(phases, p.Name) })
	if err != nil {
		t.Fatal(err)
	}
	id := srv.Identity
	if id.Model != launchertest.Model || id.MaxModelLen != 4096 || id.Version != "0.0.1-test" || id.Owner != srv.Handle.ID() {
		t.Errorf("identity %+v", id)
	}
	if got := strings.Join(phases, " "); got != "launched loading graphs serving ready" {
		t.Errorf("phases %s", got)
	}
	if srv.Logged.KVCacheTokens != 176240 || srv.Logged.MaxConcurrency != 21.51 {
		t.Errorf("logged %+v", srv.Logged)
	}
	if srv.Died() != nil {
		t.Error("a living server is reported dead")
	}
	r, err := srv.Stop(t.Context())
	if err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone {
		t.Errorf("second stop: %+v, %v", r, err)
	}
	gone(t, s)
}

func TestEndsAtOnce(t *testing.T) {
	for mode, want := range map[string]struct {
		class launcher.Class
		text  string
		code  int
	}{
		"usage":    {launcher.ClassArguments, "--swap-space", 2},
		"kv-cache": {launcher.ClassKVCache, "12288", 1},
		"killed":   {launcher.ClassHostMemory, "137", 137},
	} {
		t.Run(mode, func(t *testing.T) {
			s := launchertest.Spec(t, mode)
			begun := time.Now()
			_, err := start(t, s)
			took := time.Since(begun)
			f := launchertest.Failure(t, err, want.class)
			if !strings.Contains(f.Diagnosis.Cause.Text()+f.Diagnosis.Remedy.Text(), want.text) {
				t.Errorf("cause %q, remedy %q: want %q", f.Diagnosis.Cause.Text(), f.Diagnosis.Remedy.Text(), want.text)
			}
			if f.Diagnosis.Exit == nil || f.Diagnosis.Exit.Code != want.code {
				t.Errorf("exit %+v, want code %d", f.Diagnosis.Exit, want.code)
			}
			if f.Release == nil || !f.Release.Gone || !f.Release.PortFree {
				t.Errorf("release %+v", f.Release)
			}
			if took > 5*time.Second {
				t.Errorf("death noticed after %s", took)
			}
			gone(t, s)
		})
	}
}

func TestHangTimesOut(t *testing.T) {
	s := launchertest.Spec(t, "hang")
	s.ReadyTimeout = time.Second
	_, err := start(t, s)
	f := launchertest.Failure(t, err, launcher.ClassTimeout)
	if !strings.Contains(f.Diagnosis.Cause.Text(), launcher.PhaseLoading) {
		t.Errorf("cause %q does not name the last phase", f.Diagnosis.Cause.Text())
	}
	gone(t, s)
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	s := launchertest.Spec(t, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := launcher.Start(ctx, backend(t), s, func(p launcher.Phase) {
		if p.Name == launcher.PhaseLoading {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gone(t, s)
}

func TestKillsWhatIgnoresTerm(t *testing.T) {
	for _, mode := range []string{"stubborn", "family"} {
		t.Run(mode, func(t *testing.T) {
			s := launchertest.Spec(t, mode)
			s.StopTimeout = 200 * time.Millisecond
			srv, err := start(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
				t.Errorf("release %+v, %v", r, err)
			}
			gone(t, s)
		})
	}
}

func TestDeathUnderLoad(t *testing.T) {
	s := launchertest.Spec(t, "serve")
	srv, err := start(t, s)
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
	}
	d := srv.Died()
	if d == nil || d.Class != launcher.ClassEngineDead || !strings.Contains(d.Cause.Text(), "CUDA out of memory") || d.Exit.Code != 0 {
		t.Errorf("diagnosis %+v", d)
	}
	if r, err := srv.Stop(t.Context()); err != nil || !r.Gone || !r.PortFree {
		t.Errorf("release %+v, %v", r, err)
	}
	gone(t, s)
}

// A server of somebody else that is healthy and offers the right launchertest.Model must
// not be taken for ours.
func TestForeignServerIsRefused(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"data":[{"id":%q}]}`, launchertest.Model)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	foreign := &http.Server{Handler: mux}
	go foreign.Serve(l)
	defer foreign.Close()

	s := launchertest.Spec(t, "hang")
	h, err := backend(t).Launch(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	h.(*handle).port = l.Addr().(*net.TCPAddr).Port // as if it had taken the port that was chosen
	_, err = launcher.Start(t.Context(), launchertest.Launched{Backend: backend(t), Handle: h}, s, nil)
	f := launchertest.Failure(t, err, launcher.ClassPort)
	if self := strconv.Itoa(os.Getpid()); !strings.Contains(f.Diagnosis.Cause.Text(), self) {
		t.Errorf("cause %q does not name the owner, process %s", f.Diagnosis.Cause.Text(), self)
	}
	if f.Release.PortFree {
		t.Error("the port of the foreign server is reported free")
	}
	gone(t, s)
}

func TestOtherModelIsRefused(t *testing.T) {
	s := launchertest.Spec(t, "serve")
	s.Args = append(s.Args, "--served-model-name", "other")
	_, err := start(t, s)
	if f := launchertest.Failure(t, err, launcher.ClassIdentity); !strings.Contains(f.Diagnosis.Cause.Text(), `"other"`) || !f.Diagnosis.Repeats(false) {
		t.Errorf("cause %q, repeats %v", f.Diagnosis.Cause.Text(), f.Diagnosis.Repeats(false))
	}
	gone(t, s)
}

func TestAPIKey(t *testing.T) {
	s := launchertest.Spec(t, "serve")
	s.Args = append(s.Args, "--api-key", "k-123456")
	_, err := start(t, s)
	if f := launchertest.Failure(t, err, launcher.ClassIdentity); !strings.Contains(f.Diagnosis.Cause.Text(), "API key") || !f.Diagnosis.Repeats(false) {
		t.Errorf("cause %q, repeats %v", f.Diagnosis.Cause.Text(), f.Diagnosis.Repeats(false))
	}
	s.APIKey = "k-123456"
	srv, err := start(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if c := strings.Join(srv.Handle.Command(), " "); strings.Contains(c, s.APIKey) || !strings.Contains(c, "[redacted]") {
		t.Errorf("command %s shows the key", c)
	}
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	s := launchertest.Spec(t, "chatter")
	s.Env = map[string]string{"HF_TOKEN": "hf_verysecretvalue"}
	s.Secrets = []string{"hf_verysecretvalue"}
	srv, err := start(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := srv.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(s.LogPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte("token [redacted]\n")) || bytes.Contains(log, []byte("verysecret")) {
		t.Errorf("log %s", log)
	}
}

func TestMissingExecutable(t *testing.T) {
	b := New(Options{Command: []string{"no-such-server"}})
	if err := b.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "server.process.command") {
		t.Errorf("check: %v", err)
	}
	_, err := launcher.Start(t.Context(), b, launchertest.Spec(t, "serve"), nil)
	launchertest.Failure(t, err, launcher.ClassBackend)
}

func TestArguments(t *testing.T) {
	s := launcher.Spec{Model: "m", Args: []string{"--max-model-len", "32k"}}
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{Command: []string{"vllm", "serve"}}, "vllm serve --model m --max-model-len 32k --host 127.0.0.1 --port 81"},
		{Options{Command: []string{"vllm", "serve"}, ModelArg: launcher.ModelPositional}, "vllm serve m --max-model-len 32k --host 127.0.0.1 --port 81"},
		{Options{Command: []string{"srun", "-p={port}", "-h={host}"}, ModelArg: launcher.ModelNone}, "srun -p=81 -h=127.0.0.1 --max-model-len 32k"},
	} {
		if got := strings.Join(New(c.options).arguments(s, 81), " "); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	env, secrets := environment([]string{
		"PATH=/bin", "HF_TOKEN=hf_inherited", "VLLM_API_KEY=k", "EDITOR=vi", "CUDA_VISIBLE_DEVICES=0",
	}, launcher.Spec{RunID: "r", StartID: "s", Env: map[string]string{"CUDA_VISIBLE_DEVICES": "1"}})
	want := "CUDA_VISIBLE_DEVICES=1 HF_TOKEN=hf_inherited PATH=/bin SPT_NOENV=1 SWEEP_RUN_ID=r SWEEP_START_ID=s"
	if got := strings.Join(env, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if fmt.Sprint(secrets) != "[hf_inherited]" {
		t.Errorf("secrets %q", secrets)
	}
}

// crashEnv makes this test binary a runner that starts a server and is killed.
const crashEnv = "SWEEP_TEST_CRASH"

func crash() {
	s := launcher.Spec{
		RunID: "crashed-" + strconv.Itoa(os.Getppid()), RunDir: "/runs/crashed", StartID: "s", Model: launchertest.Model, ModelName: launchertest.Model,
		Args: []string{"--mode", "stubborn"}, LogPath: os.Getenv(crashEnv) + ".log",
		ReadyTimeout: time.Minute, StopTimeout: time.Second,
	}
	if _, err := launcher.Start(context.Background(), New(Options{Command: []string{os.Getenv(crashEnv)}}), s, nil); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func TestCleanAfterACrash(t *testing.T) {
	runner := exec.Command(os.Args[0])
	runner.Env = append(os.Environ(), crashEnv+"="+server.Path(t))
	if out, err := runner.CombinedOutput(); err == nil || len(out) > 0 {
		t.Fatalf("the runner was to be killed: %v, %s", err, out)
	}
	runID := "crashed-" + strconv.Itoa(os.Getpid())
	left, err := New(Options{}).Leftovers(t.Context())
	if err != nil || !slices.ContainsFunc(left, func(l launcher.Leftover) bool {
		return l.RunID == runID && l.RunDir == "/runs/crashed" && strings.Contains(l.Name, "testserver")
	}) {
		t.Errorf("leftovers %+v, %v", left, err)
	}
	if other, err := New(Options{}).Clean(t.Context(), runID+"0"); err != nil || len(other) > 0 {
		t.Errorf("clean of another run removed %q, %v", other, err)
	}
	removed, err := New(Options{}).Clean(t.Context(), runID)
	if err != nil || len(removed) != 1 || !strings.Contains(removed[0], "testserver") {
		t.Errorf("removed %q, %v", removed, err)
	}
	if again, err := New(Options{}).Clean(t.Context(), runID); err != nil || len(again) > 0 {
		t.Errorf("removed again %q, %v", again, err)
	}
}
