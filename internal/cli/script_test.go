package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vllm-sweep/sweep/sim/podmantest"
	"github.com/vllm-sweep/sweep/sim/vllmsim"
)

func TestMain(m *testing.M) {
	testscript.Main(withPodman{m}, map[string]func(){
		"sweep":    func() { os.Exit(Main(Host())) },
		"vllm-sim": func() { os.Exit(vllmsim.Command(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// withPodman stops the podman service of the tests, and removes what was built,
// when they end.
type withPodman struct{ m *testing.M }

func (w withPodman) Run() int {
	// Runs and containers are mostly waited for: more of them at once than there
	// are processors, unless the command line says how many.
	flag.Parse()
	if n := runtime.GOMAXPROCS(0); flag.Lookup("test.parallel").Value.String() == strconv.Itoa(n) {
		if err := flag.Set("test.parallel", strconv.Itoa(2*n)); err != nil {
			panic(err)
		}
	}
	defer simulator.Remove()
	return podmantest.Main(w.m)
}

// TestScripts runs the command scripts in testdata/script. `go test -run
// TestScripts -update` rewrites their golden output.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TERM", "xterm")
			e.Setenv("HF_HUB_OFFLINE", "1") // no test asks the real hub
			e.Defer(func() { endServer(filepath.Join(e.WorkDir, "pid")) })
			example, err := os.ReadFile("../../examples/endpoint.yaml")
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "example.yaml"), example, 0o644)
		},
		Deadline: time.Now().Add(4 * time.Minute),
	})
}

// endServer ends the server whose process ID a script left in a file, also
// when the script failed before it could.
func endServer(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return
	}
	if cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.Contains(string(cmdline), "vllm-sim") {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
}
