package realtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/sim/podmantest"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

// How much of the tests runs.
const (
	short = "short"
	full  = "full"
)

var (
	sweepProgram     = testprogram.Program{Package: "cmd/sweep"}
	simulatorProgram = testprogram.Program{Package: "sim/cmd/vllm-sim"}
)

func TestMain(m *testing.M) {
	code := podmantest.Main(m)
	for _, s := range shared {
		s.stop()
	}
	sweepProgram.Remove()
	simulatorProgram.Remove()
	os.Exit(code)
}

// part is something that install.sh puts into the environment.
type part struct{ name, file string }

var (
	vllm     = part{"vllm", "vllm/bin/vllm"}
	tiny     = part{"model", "models/tiny/config.json"}
	guidellm = part{"guidellm", "guidellm/bin/guidellm"}
	aiperf   = part{"aiperf", "aiperf/bin/aiperf"}
	router   = part{"router", "router/bin/vllm-router"}
	llama    = part{"llama", "llama/run"}
	gguf     = part{"gguf", "tiny.gguf"}
)

// need returns the environment's folder, or skips the test: in the short form
// those that ask for the full one, and everywhere those whose parts are missing.
func need(t testing.TB, form string, parts ...part) string {
	t.Helper()
	switch got := os.Getenv("SWEEP_REAL"); {
	case got == "":
		t.Skip("NOT TESTED on real servers: set SWEEP_REAL, or run make test-real")
	case got == short && form == full:
		t.Skip("only in the full form: make test-real")
	}
	root := os.Getenv("SWEEP_REAL_ENV")
	if root == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		root = filepath.Join(home, ".cache", "sweep-real")
	}
	for _, p := range parts {
		if _, err := os.Stat(filepath.Join(root, p.file)); err != nil {
			text := fmt.Sprintf("NOT TESTED: no real %s in %s; run make real-env", p.name, root)
			if os.Getenv("SWEEP_REQUIRE_REAL") == "1" {
				t.Fatal(text)
			}
			t.Skip(text)
		}
	}
	return root
}

// offline keeps vLLM from looking for a hub, and its cache small.
var offline = []string{
	"HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1", "VLLM_NO_USAGE_STATS=1", "VLLM_CPU_KVCACHE_SPACE=1",
	"VLLM_SERVER_DEV_MODE=1",
}

// serverProcess is a server that a test started itself.
type serverProcess struct {
	url string
	cmd *exec.Cmd
	log *bytes.Buffer
}

func (s *serverProcess) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	gone := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-gone
}

// shared are servers that several tests load; TestMain stops them.
var (
	shared     = map[string]*serverProcess{}
	sharedLock sync.Mutex
)

// sharedServer starts a server once in a test binary and returns its address.
func sharedServer(t testing.TB, name string, start func(port int) *exec.Cmd) string {
	t.Helper()
	sharedLock.Lock()
	defer sharedLock.Unlock()
	if s := shared[name]; s != nil {
		return s.url
	}
	s := serve(t, start)
	shared[name] = s
	return s.url
}

// serve starts a server of its own process group and waits until it answers.
func serve(t testing.TB, start func(port int) *exec.Cmd) *serverProcess {
	t.Helper()
	port := freePort(t)
	s := &serverProcess{url: fmt.Sprintf("http://127.0.0.1:%d", port), cmd: start(port), log: new(bytes.Buffer)}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.WaitDelay = 5 * time.Second
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if get(s.url+"/health") == http.StatusOK {
			return s
		}
		if syscall.Kill(s.cmd.Process.Pid, 0) != nil {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	s.stop()
	t.Fatalf("%s did not become ready:\n%s", s.cmd, s.log)
	return nil
}

func get(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// vllmServer is a real vLLM that serves the tiny model as "tiny".
func vllmServer(t testing.TB, root string) string {
	return sharedServer(t, "vllm", func(port int) *exec.Cmd { return vllmCommand(root, port) })
}

func vllmCommand(root string, port int, flags ...string) *exec.Cmd {
	args := append([]string{"serve", filepath.Join(root, "models/tiny"), "--served-model-name", "tiny",
		"--host", "127.0.0.1", "--port", fmt.Sprint(port), "--max-model-len", "2048", "--max-num-seqs", "16",
		"--dtype", "bfloat16", "--enforce-eager"}, flags...)
	cmd := exec.Command(filepath.Join(root, vllm.file), args...)
	cmd.Env = append(os.Environ(), offline...)
	return cmd
}

// llamaServer is a real llama-server that serves the tiny GGUF model.
func llamaServer(t testing.TB, root string) string {
	return sharedServer(t, "llama", func(port int) *exec.Cmd {
		return exec.Command(filepath.Join(root, llama.file), "-m", filepath.Join(root, gguf.file),
			"--host", "127.0.0.1", "--port", fmt.Sprint(port), "--metrics")
	})
}

// sweep runs the program and returns what it printed and how it ended.
func sweep(t testing.TB, dir string, limit time.Duration, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, sweepProgram.Path(t), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append([]string{"SWEEP_LOCK_DIR=" + t.TempDir()}, offline...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	_ = cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// write puts an experiment file into a folder of the test's own.
func write(t testing.TB, yaml string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "e.yaml"), []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// leftovers lists what a server of the run may have left: processes whose
// environment carries the run directory's mark, and shared memory of PyTorch.
type leftovers struct{ shm []string }

func before() leftovers {
	shm, _ := filepath.Glob("/dev/shm/psm_*")
	return leftovers{shm}
}

// check fails the test for every process of a run below dir that still lives,
// and for new shared memory segments.
func (l leftovers) check(t testing.TB, dir string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second) // a killed process is reaped in its own time
	for {
		left := l.left(dir)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("left behind: %s", strings.Join(left, ", "))
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (l leftovers) left(dir string) []string {
	var out []string
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range environs {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte(dir)) {
			continue
		}
		pid := filepath.Base(filepath.Dir(file))
		name, _ := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		if pid != fmt.Sprint(os.Getpid()) {
			out = append(out, fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(name))))
		}
	}
	shm, _ := filepath.Glob("/dev/shm/psm_*")
	for _, s := range shm {
		if !slices.Contains(l.shm, s) {
			out = append(out, s)
		}
	}
	return out
}
