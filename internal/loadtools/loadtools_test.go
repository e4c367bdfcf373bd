package loadtools

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/importer"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/sim/mock"
	"github.com/vllm-sweep/sweep/sim/podmantest"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

// tools are the stand-ins for guidellm, vllm and aiperf; see faketool.
var tools = testprogram.Program{Package: "sim/faketool", Names: []string{"guidellm", "vllm", "aiperf"}}

func TestMain(m *testing.M) {
	code := podmantest.Main(m)
	tools.Remove()
	os.Exit(code)
}

// fake is the stand-in of that name.
func fake(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(filepath.Dir(tools.Path(t)), name)
}

// server is an endpoint with known times.
func server(t *testing.T, o mock.Options) *mock.Server {
	t.Helper()
	s, err := mock.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// job is a load of a tool played by the fake.
func job(t *testing.T, tool, url string, environ ...string) Job {
	t.Helper()
	return Job{
		Tool: experiment.Benchmark{Tool: tool, Command: []string{fake(t, tool)}},
		Load: loadgen.Config{
			BaseURL: url, Model: "m", API: loadgen.Completions,
			Arrivals: loadgen.Arrivals{Kind: loadgen.Concurrency, Concurrency: 4},
			Prompt:   loadgen.Lengths{Kind: loadgen.Fixed, Mean: 16}, Output: loadgen.Lengths{Kind: loadgen.Fixed, Mean: 8},
			Requests: 40, Timeout: time.Minute, IgnoreEOS: true, Seed: 1 << 40,
		},
		Dir: t.TempDir(), Environ: append(os.Environ(), environ...),
	}
}

func TestEachDialectIsSpoken(t *testing.T) {
	s := server(t, mock.Options{TTFT: 20 * time.Millisecond, ITL: 5 * time.Millisecond})
	for _, c := range []struct{ tool, version, format string }{
		{"guidellm", "0.2.1", "D1"}, {"guidellm", "0.3.1", "D1"}, {"guidellm", "0.4.0", "D3"}, {"guidellm", "0.6.1", "D3"},
		{"guidellm", "0.7.3", "D4"}, {"guidellm", "0.8.1", "D4"}, {"vllm", "", "save-detailed"}, {"aiperf", "", "records"},
	} {
		for _, a := range []loadgen.Arrivals{
			{Kind: loadgen.Concurrency, Concurrency: 1}, {Kind: loadgen.Concurrency, Concurrency: 4}, {Kind: loadgen.Throughput, Concurrency: 8},
			{Kind: loadgen.Constant, Rate: 100}, {Kind: loadgen.Poisson, Rate: 100},
		} {
			t.Run(fmt.Sprintf("%s %s %s %d", c.tool, c.version, a.Kind, a.Concurrency), func(t *testing.T) {
				t.Parallel()
				j := job(t, c.tool, s.URL, "FAKE_GUIDELLM_VERSION="+c.version)
				j.Load.Arrivals = a
				j.Load.Requests = 12
				r, err := Run(t.Context(), j)
				if err != nil {
					log, _ := os.ReadFile(filepath.Join(j.Dir, rundir.ToolLogFile))
					t.Fatalf("%v\n%s", err, log)
				}
				if r.Format != c.format || !r.Recomputed() || !r.Timed || r.Requests["ok"] != 12 ||
					filepath.Base(r.File) != map[bool]string{true: "profile_export.jsonl",
						false: rundir.ToolResultFile}[c.tool == "aiperf"] || c.version != "" &&
					r.ToolVersion != c.version {
					t.Errorf("%+v", r)
				}
				// The load that came back is the one that was asked for.
				if a.Rate > 0 && r.Load.Value != a.Rate || a.Kind == loadgen.Concurrency && r.Load.Value != float64(a.Concurrency) {
					t.Errorf("load %+v for %+v", r.Load, a)
				}
				// Far from a fine measurement: the machine may be busy. But units and columns are right.
				if v := r.Metrics["ttft_sent_mean"]; v < 0.02 || v > 0.5 {
					t.Errorf("ttft %v s where 0.02 s is true", v)
				}
				if v := r.Metrics["tpot_mean"]; v < 0.002 || v > 0.1 {
					t.Errorf("tpot %v s where 0.005 s is true", v)
				}
			})
		}
	}
}

func TestSeedsDifferAndPercentilesAreAllAskedFor(t *testing.T) {
	s := server(t, mock.Options{})
	j := job(t, "vllm", s.URL)
	j.Load.Requests, j.Load.Seed = 2, 7
	if _, err := Run(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(j.Dir, rundir.ToolLogFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--seed 7 ", "--save-detailed", "ttft,tpot,itl,e2el", "50,75,90,95,97,99,99.9", "Successful requests:", "--num-prompts 2 "} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the log does not hold %q:\n%s", want, log)
		}
	}
}

func TestMisbehaviourIsTold(t *testing.T) {
	s := server(t, mock.Options{})
	for _, tool := range []string{"guidellm", "vllm", "aiperf"} {
		for mode, want := range map[string]string{
			"crash":     "ended with exit status 1; it printed last: .*RuntimeError: worker process died unexpectedly",
			"nothing":   "ended with exit code 0 and wrote no result; it printed last: Benchmarking complete",
			"truncated": "its result cannot be read: .*benchmark.json:1:[0-9]+: .*cut short",
		} {
			t.Run(tool+" "+mode, func(t *testing.T) {
				t.Parallel()
				if tool == "aiperf" {
					want = strings.NewReplacer("Benchmarking complete", ".*", "benchmark.json:1:[0-9]+: .*cut short", "profile_export.jsonl:[0-9]+:[0-9]+: .*cut short").Replace(want)
				}
				j := job(t, tool, s.URL, "FAKE_MODE="+mode)
				_, err := Run(t.Context(), j)
				if err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
					t.Errorf("%v: want %s", err, want)
				}
			})
		}
	}
}

// Exit code 0 after every request failed is a failure.
func TestAllRequestsFailed(t *testing.T) {
	s := server(t, mock.Options{Fault: func(int) mock.Fault { return mock.Fault{Kind: mock.Status, Code: 500} }})
	for _, tool := range []string{"guidellm", "vllm", "aiperf"} {
		j := job(t, tool, s.URL)
		r, err := Run(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		var rec rundir.Trial
		r.Fill(&rec)
		if rec.Outcome != rundir.OutcomeFailed && (rec.Outcome != rundir.OutcomeOK || rec.Metrics["error_rate"] != 1) || r.Requests["ok"] != 0 || r.Requests["http"] != 40 {
			t.Errorf("%s: %s, %v", tool, rec.Outcome, r.Requests)
		}
		if _, ok := r.Metrics["ttft_mean"]; ok {
			t.Errorf("%s: a latency of nothing: %v", tool, r.Metrics)
		}
	}
}

// A tool that hangs, with a child that ignores TERM, is ended with its child
// when its time is over.
func TestAHangIsEndedWithItsChildren(t *testing.T) {
	s := server(t, mock.Options{})
	j := job(t, "guidellm", s.URL, "FAKE_MODE=children")
	j.Tool.TimeLimit = 500 * time.Millisecond
	var mu sync.Mutex
	var said []string
	j.Say = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, line)
	}
	_, err := Run(t.Context(), j)
	if !errors.Is(err, ErrTimeLimit) {
		t.Fatalf("%v", err)
	}
	log, _ := os.ReadFile(filepath.Join(j.Dir, rundir.ToolLogFile))
	m := regexp.MustCompile(`child ([0-9]+)`).FindSubmatch(log)
	if m == nil {
		t.Fatalf("no child in the log: %s", log)
	}
	pid, _ := strconv.Atoi(string(m[1]))
	gone := func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(stat), ") Z ")
	}
	for range 100 {
		if gone() {
			break
		}
		time.Sleep(20 * time.Millisecond) // it was killed; its parent reaps it when it likes
	}
	if !gone() {
		t.Errorf("child %d lives on", pid)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(said) == 0 {
		t.Error("nothing of its output was shown")
	}
}

func TestAnInterruptEndsTheTool(t *testing.T) {
	s := server(t, mock.Options{})
	j := job(t, "vllm", s.URL, "FAKE_MODE=hang")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := Run(ctx, j); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// The key reaches the server, and no file that stays.
func TestTheKeyIsNotKept(t *testing.T) {
	const key = "sk-very-secret"
	s := server(t, mock.Options{})
	for _, version := range []string{"0.3.0", "0.6.0", "0.8.0", "vllm", "aiperf"} {
		j := job(t, "guidellm", s.URL, "FAKE_GUIDELLM_VERSION="+version)
		if !strings.HasPrefix(version, "0.") {
			j = job(t, version, s.URL)
		}
		j.Load.APIKey, j.Load.Requests = key, 3
		if _, err := Run(t.Context(), j); err != nil {
			t.Fatal(version, err)
		}
		seen := s.Seen()
		if got := seen[len(seen)-1].Header.Get("Authorization"); got != "Bearer "+key {
			t.Errorf("%s: authorization %q", version, got)
		}
		filepath.WalkDir(j.Dir, func(path string, _ fs.DirEntry, _ error) error {
			if data, _ := os.ReadFile(path); strings.Contains(string(data), key) {
				t.Errorf("%s: the key stands in %s", version, path)
			}
			return nil
		})
	}
}

func TestWhatCannotBeTranslatedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		tool, version, want string
		change              func(*Job)
	}{
		"not installed":   {"vllm", "", "no-such-tool is not found: install it", func(j *Job) { j.Tool.Command = []string{"no-such-tool"} }},
		"too old":         {"guidellm", "0.1.0", "too old", func(*Job) {}},
		"cap before 0.7":  {"guidellm", "0.6.0", "cannot cap the requests", func(j *Job) { j.Load.Arrivals = loadgen.Arrivals{Kind: loadgen.Poisson, Rate: 5, MaxConcurrency: 3} }},
		"ramp":            {"guidellm", "0.8.0", `knows no arrivals "ramp"`, func(j *Job) { j.Load.Arrivals.Kind = loadgen.Ramp }},
		"time for a loop": {"vllm", "", "give requests instead of duration", func(j *Job) { j.Load.Duration = time.Minute }},
		"ramp of aiperf":  {"aiperf", "", `knows no arrivals "ramp"`, func(j *Job) { j.Load.Arrivals.Kind = loadgen.Ramp }},
		"other lengths":   {"aiperf", "", "fixed and normal lengths", func(j *Job) { j.Load.Prompt.Kind = loadgen.Lognormal }},
		"lengths":         {"vllm", "", "fixed lengths only", func(j *Job) { j.Load.Prompt.Kind = loadgen.Lognormal }},
	} {
		t.Run(name, func(t *testing.T) {
			j := job(t, c.tool, "http://127.0.0.1:9", "FAKE_GUIDELLM_VERSION="+c.version)
			c.change(&j)
			if _, err := Run(t.Context(), j); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: want %q", err, c.want)
			}
		})
	}
}

// Both tools run from images too; these are made of the fake alone. A container
// whose time is over is gone.
func TestToolsRunInContainers(t *testing.T) {
	address := podmantest.Service(t)
	image := podmantest.Image(t, fake(t, "guidellm"))
	s := server(t, mock.Options{})
	for _, tool := range []string{"guidellm", "vllm"} {
		j := job(t, tool, s.URL)
		j.Tool.Command = []string{"/server", "as", tool}
		j.Tool.Image, j.Server.Podman, j.Load.Requests = image, &experiment.Container{Socket: address}, 5
		r, err := Run(t.Context(), j)
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(j.Dir, rundir.ToolLogFile))
			t.Fatalf("%s: %v\n%s", tool, err, log)
		}
		if r.Requests["ok"] != 5 || r.Tool != map[string]string{"guidellm": importer.GuideLLM, "vllm": importer.VLLMBench}[tool] {
			t.Errorf("%s: %v", tool, r.Requests)
		}
	}
	hung := server(t, mock.Options{Fault: func(int) mock.Fault { return mock.Fault{Kind: mock.Hang} }})
	j := job(t, "vllm", hung.URL)
	j.Tool.Command, j.Tool.Image, j.Tool.TimeLimit = []string{"/server", "as", "vllm"}, image, 3*time.Second
	j.Server.Podman = &experiment.Container{Socket: address}
	if _, err := Run(t.Context(), j); !errors.Is(err, ErrTimeLimit) {
		t.Errorf("%v", err)
	}
	out, err := exec.Command("podman", "--url", address, "ps", "--all", "--quiet", "--filter", "label=sweep.bench=1").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "" {
		t.Errorf("containers are left: %s %v", out, err)
	}
}

// The race of GuideLLM 0.8: 18 times the rate that was asked for, and targets
// that are no times. Such a trial does not count, whatever its latencies.
func TestAnotherLoadThanAskedForDoesNotCount(t *testing.T) {
	s := server(t, mock.Options{})
	j := job(t, "guidellm", s.URL, "FAKE_GUIDELLM_VERSION=0.8.1", "FAKE_MODE=race")
	j.Load.Arrivals = loadgen.Arrivals{Kind: loadgen.Poisson, Rate: 20}
	j.Load.Requests = 100
	r, err := Run(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	var rec rundir.Trial
	r.Fill(&rec)
	reasons := notice.Join(rec.Reasons)
	for _, want := range []string{"sent 100 requests in ", "poisson 20/s asks for about", "10 of 100 intended sends cannot be right", "root_late: p95 root dispatch delay"} {
		if rec.Outcome != rundir.OutcomeInvalid || !strings.Contains(reasons, want) {
			t.Errorf("%s: %q lacks %q", rec.Outcome, reasons, want)
		}
	}
}

// AIPerf refuses a tokenizer in a local folder when it is told to be offline, so
// it is not told.
func TestAIPerfTakesALocalTokenizer(t *testing.T) {
	s := server(t, mock.Options{})
	j := job(t, "aiperf", s.URL, "HF_HUB_OFFLINE=1")
	j.Tool.Tokenizer, j.Load.Requests = t.TempDir(), 3
	r, err := Run(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if r.Model != "m" || r.Load.Kind != "concurrency" || r.Load.Value != 4 {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(j.Dir, rundir.AIPerfDir, "inputs.json")); err == nil {
		t.Error("every prompt was kept")
	}
}
