package realtest

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
)

// processExperiment has one configuration that works, and one that real vLLM
// refuses when it makes its cache: its blocks hold 7 tokens.
const processExperiment = `
version: 1
name: real
server:
  model: %s
  flags: {served-model-name: tiny, max-model-len: 1024, max-num-seqs: 8, dtype: bfloat16, enforce-eager: true}
  process: {command: [%s, serve]}
  ready_timeout: 8m
matrix:
  strategy: list
  configurations: [{block-size: 7}]
loads:
  chat: {prompt_tokens: 64, output_tokens: 32, arrivals: {concurrency: %s}, requests: 40, timeout: 30s}
  steady: {prompt_tokens: 64, output_tokens: 32, arrivals: {poisson: 2}, requests: 24, timeout: 30s}
trials: {repeat: %d, warmup: 2s, seed: 1}
confirm: false
cooldown: {at_least: 10ms}
gates: {requeue: 3}
use_cases:
  throughput: {maximize: output_throughput, load: chat}
`

// runDir is the only run directory under dir.
func runDir(t testing.TB, dir string) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(dir, "runs", "*", "*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("run directories: %v, %v; want one", dirs, err)
	}
	return dirs[0]
}

func read(t testing.TB, dir string) *rundir.Run {
	t.Helper()
	r, err := rundir.Read(runDir(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// counted says that so many of the planned trials count. One that was
// discarded may have been repeated: that is what the runner is for.
func counted(t testing.TB, r *rundir.Run, want int) {
	t.Helper()
	ok := map[string]bool{}
	for _, trial := range r.Trials {
		if trial.Outcome == rundir.OutcomeOK {
			ok[cmp.Or(trial.Repeats, trial.ID)] = true
		}
	}
	if len(ok) != want {
		t.Errorf("%d trials count, want %d", len(ok), want)
	}
	for _, trial := range r.Trials {
		if trial.Outcome != rundir.OutcomeOK {
			t.Logf("%s %s %s: %v", trial.ID, trial.LoadPoint, trial.Outcome, trial.Reasons)
		}
	}
}

// refused is the diagnosis of the configuration that cannot start.
func refused(t testing.TB, r *rundir.Run, words string) {
	t.Helper()
	for _, s := range r.Starts {
		if d := s.Diagnosis; d != nil {
			if d.Class != string(launcher.ClassConfig) || !strings.Contains(d.Cause.Text(), words) ||
				d.Remedy.Code == "" {
				t.Errorf("class %s, cause %q, remedy %q; want a configuration that names %q", d.Class, d.Cause.Text(), d.Remedy.Text(), words)
			}
			return
		}
	}
	t.Error("no start has a diagnosis")
}

// applied says that the server's own words confirm what was asked for.
func applied(t testing.TB, r *rundir.Run, flag, want string) {
	t.Helper()
	for _, s := range r.Starts {
		if s.Effective != nil {
			if got := s.Effective.Values[flag]; got != want {
				t.Errorf("start %s: %s in effect is %q by %s, want %s", s.ID, flag, got, s.Effective.Source, want)
			}
			return
		}
	}
	t.Error("no start says its configuration in effect")
}

// One good and one bad configuration on real vLLM, by process.
func TestVLLMProcess(t *testing.T) {
	root := need(t, short, vllm, tiny)
	dir := write(t, fmt.Sprintf(processExperiment, filepath.Join(root, "models/tiny"), filepath.Join(root, vllm.file), "[2]", 1))
	left := before()
	stdout, stderr, code := sweep(t, dir, 10*time.Minute, "run", "e.yaml")
	if code != 3 { // finished, one configuration could not start
		t.Fatalf("exit code %d, want 3\n%s\n%s", code, stdout, stderr)
	}
	left.check(t, dir)
	r := read(t, dir)
	counted(t, r, 2)
	refused(t, r, "block")
	applied(t, r, "max-num-seqs", "8")
	for _, trial := range r.Trials {
		if e := trial.Engine; trial.Outcome == rundir.OutcomeOK && (e == nil || e.GenerationTokens == nil) {
			t.Errorf("%s has no counters of the server", trial.ID)
		}
	}
}

// The runner is killed in the middle of a load and resumed; then the engine of
// the resumed run is killed under load. No finished trial changes, the death
// has one cause in the records of trial and start, and nothing stays behind.
func TestVLLMKilled(t *testing.T) {
	root := need(t, full, vllm, tiny)
	dir := write(t, strings.Replace(
		fmt.Sprintf(processExperiment, filepath.Join(root, "models/tiny"), filepath.Join(root, vllm.file), "[1, 2, 4]", 1),
		"  strategy: list\n  configurations: [{block-size: 7}]\n", "  strategy: list\n  configurations: [{max-num-seqs: 4}]\n", 1))
	left := before()
	locks := t.TempDir()
	first := start(t, dir, locks, "run", "e.yaml")
	waitTrials(t, dir, 1)
	finished := records(t, dir)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()

	second := start(t, dir, locks, "run", "--resume", runDir(t, dir))
	waitTrials(t, dir, len(finished)+1)
	engine := engineOf(t, dir)
	t.Logf("killing engine %d", engine)
	if err := syscall.Kill(engine, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- second.Wait() }()
	select {
	case <-done:
	case <-time.After(15 * time.Minute):
		t.Fatal("the resumed run does not end")
	}
	left.check(t, dir)
	for name, content := range finished {
		if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
	died := 0
	r := read(t, dir)
	for _, s := range r.Starts {
		if s.Diagnosis == nil {
			continue
		}
		died++
		if s.Diagnosis.Class != string(launcher.ClassEngineDead) {
			t.Errorf("start %s: class %s (%s), want %s", s.ID, s.Diagnosis.Class, s.Diagnosis.Cause.Text(), launcher.ClassEngineDead)
		}
		for _, trial := range r.Trials {
			if trial.Start == s.ID && trial.Outcome == rundir.OutcomeFailed &&
				!strings.Contains(notice.Join(trial.Reasons), s.Diagnosis.Cause.Text()) {
				t.Errorf("trial %s gives %v, its start %q", trial.ID, trial.Reasons, s.Diagnosis.Cause.Text())
			}
		}
	}
	if died != 1 {
		t.Errorf("%d starts have a diagnosis, want the one whose engine was killed", died)
	}
}

// start starts sweep in the background.
func start(t testing.TB, dir, locks string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(sweepProgram.Path(t), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append([]string{"SWEEP_LOCK_DIR=" + locks}, offline...)...)
	log, err := os.OpenFile(filepath.Join(dir, "log.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Signal(syscall.SIGINT)
		}
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "log.txt"))
			t.Logf("%s", text)
		}
	})
	return cmd
}

// records are the finished trials' files with their contents.
func records(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "runs", "*", "*", "trials", "*", "trial.json"))
	out := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = b
	}
	return out
}

// waitTrials waits until n trials are finished and the next one has begun.
func waitTrials(t testing.TB, dir string, n int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Minute)
	for time.Now().Before(deadline) {
		journals, _ := filepath.Glob(filepath.Join(dir, "runs", "*", "*", "journal.jsonl"))
		if len(journals) == 1 && len(records(t, dir)) >= n {
			j, err := os.ReadFile(journals[0])
			lines := bytes.Split(bytes.TrimSpace(j), []byte("\n"))
			if err == nil && bytes.Contains(lines[len(lines)-1], []byte(rundir.EventTrialBegan)) {
				time.Sleep(time.Second) // into the load
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("no %d trials within ten minutes", n)
}

// engineOf is the engine process of the run's server.
func engineOf(t testing.TB, dir string) int {
	t.Helper()
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range environs {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte(dir)) {
			continue
		}
		folder := filepath.Dir(file)
		line, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		if bytes.Contains(line, []byte("VLLM::EngineCore")) {
			pid, err := strconv.Atoi(filepath.Base(folder))
			if err == nil {
				return pid
			}
		}
	}
	t.Fatal("no engine process of this run")
	return 0
}
