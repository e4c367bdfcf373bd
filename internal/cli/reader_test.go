package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// These tests run sweep with readers and receivers that hang.

const smallExperiment = `version: 1
name: small
server:
  model: Qwen/Qwen2.5-0.5B-Instruct
  flags: {max-num-seqs: 32}
  simulated: {args: [--sim-seed, "%s"]}
matrix:
  parameters: {max-num-seqs: [32, 4]}
loads:
  chat: {prompt_tokens: 32, output_tokens: 16, arrivals: {concurrency: 2}, duration: %s}
trials: {repeat: 1, warmup: 100ms}
confirm: false
cooldown: {at_least: 10ms}
gates: {requeue: 0}
`

// promptly is the time in which Ctrl-C ends a run. On a quiet machine that is
// under 1 s, and under 2 s with receivers that hang; this is for a busy one. What
// sweep waits for is tested with a clock of its own.
const promptly = 30 * time.Second

// small is a run of an experiment with simulated servers.
type small struct {
	t    *testing.T
	seed string // marks its servers
	dir  string
}

func newSmall(t *testing.T, window, more string) *small {
	t.Helper()
	t.Parallel()
	s := &small{t: t, seed: fmt.Sprint(time.Now().UnixNano() % 1e9), dir: t.TempDir()}
	text := fmt.Sprintf(smallExperiment, s.seed, window) + more
	if err := os.WriteFile(filepath.Join(s.dir, "e.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

// command is a run that is killed, should it hang.
func (s *small) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(s.t.Context(), 4*time.Minute)
	s.t.Cleanup(cancel)
	sweep, err := exec.LookPath("sweep") // the test binary, as for the scripts
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, sweep, append(append([]string{"run"}, args...), "e.yaml")...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "HF_HUB_OFFLINE=1")
	cmd.WaitDelay = time.Second
	return cmd
}

// await waits until the journal has n events of a kind.
func (s *small) await(event string, n int) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if files, _ := filepath.Glob(filepath.Join(s.dir, "runs", "*", "*", "journal.jsonl")); len(files) == 1 {
			b, _ := os.ReadFile(files[0])
			if strings.Count(string(b), `"event":"`+event+`"`) >= n {
				return
			}
		}
		time.Sleep(20 * time.Millisecond) // another process's file: nothing to wait on but time
	}
	s.t.Fatalf("no %s in the journal", event)
}

// awaitReport waits until the last report is written: the page after the figures.
func (s *small) awaitReport() {
	s.t.Helper()
	written := func(pattern string) (last time.Time) {
		files, _ := filepath.Glob(filepath.Join(s.dir, "runs", "*", "*", "report", pattern))
		for _, f := range files {
			if info, err := os.Stat(f); err == nil && info.ModTime().After(last) {
				last = info.ModTime()
			}
		}
		return last
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		if figures := written(filepath.Join("figures", "*")); !figures.IsZero() && written("index.html").After(figures) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatal("no report")
}

// complete checks that the run measured everything and ended with the exit code
// that its records ask for, and returns the kinds of its events.
func (s *small) complete(err error) []string {
	s.t.Helper()
	dirs, _ := filepath.Glob(filepath.Join(s.dir, "runs", "*", "*"))
	if len(dirs) != 1 {
		s.t.Fatalf("%v: run directories %v", err, dirs)
	}
	run, e := rundir.Read(dirs[0])
	if e != nil {
		s.t.Fatal(e)
	}
	want := exitDone
	for _, tr := range run.Trials {
		if tr.Outcome == rundir.OutcomeFailed {
			s.t.Errorf("trial %s failed: %v", tr.ID, tr.Reasons)
		}
		if tr.Outcome != rundir.OutcomeOK { // a busy machine discards some
			want = exitSomeFailed
		}
	}
	if code := exitStatus(err); code != want || !run.Finished() || len(run.Trials) != len(run.Plan.MeasuredTrials()) {
		s.t.Errorf("exit code %d, want %d; finished: %v; %d trials", code, want, run.Finished(), len(run.Trials))
	}
	if !fileExists(filepath.Join(dirs[0], "report", "index.html")) {
		s.t.Error("no report")
	}
	var kinds []string
	for _, ev := range run.Events {
		kinds = append(kinds, ev.Event)
	}
	return kinds
}

// interrupted sends Ctrl-C and checks that the run ends promptly, with the exit
// code of an interrupted run unless it has finished, and leaves no server.
func (s *small) interrupted(cmd *exec.Cmd) error {
	s.t.Helper()
	began := time.Now()
	cmd.Process.Signal(syscall.SIGINT)
	err := cmd.Wait()
	took := time.Since(began)
	s.t.Logf("ended %s after Ctrl-C: %v", took.Round(time.Millisecond), err)
	drawn, _ := filepath.Glob(filepath.Join(s.dir, "runs", "*", "*", "report", "figures", "*"))
	if len(drawn) > 0 && exitStatus(err) == exitInterrupted {
		s.t.Errorf("an interrupted run drew figures: %v", drawn)
	}
	if took > promptly {
		s.t.Errorf("ended %s after Ctrl-C, want %s", took, promptly)
	}
	if files, _ := filepath.Glob("/proc/[0-9]*/cmdline"); slices.ContainsFunc(files, func(f string) bool {
		b, _ := os.ReadFile(f)
		return bytes.Contains(b, []byte("--sim-seed\x00"+s.seed+"\x00"))
	}) {
		s.t.Error("a server is left")
	}
	return err
}

// full is the end of a full pipe that nobody reads.
func full(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := w.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the pipe is not full: %v", err)
	}
	return w
}

func TestRunWithoutAReaderOfStderr(t *testing.T) {
	read := newSmall(t, "600ms", "")
	want := read.complete(read.command().Run())
	for _, progress := range []string{progressPlain, progressJSON} {
		t.Run(progress, func(t *testing.T) {
			s := newSmall(t, "600ms", "")
			cmd := s.command("--progress", progress)
			cmd.Stderr = full(t)
			if got := s.complete(cmd.Run()); !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
		})
	}
}

func TestInterruptWithoutAReaderOfStderr(t *testing.T) {
	s := newSmall(t, "10m", "")
	cmd := s.command()
	cmd.Stderr = full(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.await(rundir.EventTrialBegan, 1)
	if code := exitStatus(s.interrupted(cmd)); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}

// Whoever does not want the answer changes nothing about the run.
func TestRunWithoutAReaderOfStdout(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		s := newSmall(t, "600ms", "")
		cmd := s.command()
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `exec "$0" "$@" >&-`, cmd.Path}, cmd.Args[1:]...)
		s.complete(cmd.Run())
	})
	t.Run("gone", func(t *testing.T) {
		s := newSmall(t, "600ms", "")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		defer w.Close()
		cmd := s.command()
		cmd.Stdout = w
		s.complete(cmd.Run())
	})
	t.Run("never read", func(t *testing.T) {
		s := newSmall(t, "600ms", "")
		cmd := s.command()
		cmd.Stdout = full(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s.await(rundir.EventRunFinished, 1)
		s.awaitReport()
		time.Sleep(time.Second) // it waits for the reader
		s.complete(s.interrupted(cmd))
	})
}

// hang is a receiver of notifications that never answers.
func hang(t *testing.T) string {
	t.Helper()
	over := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(func() {
		close(over)
		srv.Close()
	})
	return fmt.Sprintf("notify:\n  - {webhook: %q}\n  - {command: [sh, -c, sleep 8]}\n", srv.URL)
}

func TestInterruptWithReceiversThatHang(t *testing.T) {
	s := newSmall(t, "10m", hang(t))
	cmd := s.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.await(rundir.EventTrialBegan, 1)
	if code := exitStatus(s.interrupted(cmd)); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}

// Scrapers that send nothing or read nothing hold up neither the run nor its end.
func TestRunWithScrapersThatHang(t *testing.T) {
	s := newSmall(t, "600ms", "")
	cmd := s.command("--metrics-listen", "127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	address := regexp.MustCompile(`http://(\S+)/metrics`)
	for address.FindSubmatch(said.Bytes()) == nil {
		part := make([]byte, 1<<10)
		n, err := stderr.Read(part)
		if err != nil {
			t.Fatalf("%v: %s", err, said.Bytes())
		}
		said.Write(part[:n])
	}
	for _, request := range []string{"", "GET /metr", strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 3000)} {
		c, err := net.Dial("tcp", string(address.FindSubmatch(said.Bytes())[1]))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetWriteDeadline(time.Now().Add(time.Second)) // sweep stops taking what it cannot answer
		_, _ = c.Write([]byte(request))
	}
	if _, err := said.ReadFrom(stderr); err != nil {
		t.Error(err)
	}
	s.complete(cmd.Wait())
}

// Ctrl-C ends the drawing of figures, too.
func TestInterruptWhileFiguresAreDrawn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &results{run: &rundir.Run{Path: t.TempDir(), Plan: &matrix.Plan{}}, findings: &analysis.Findings{}}
	if err := r.writeReport(ctx, true); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	if drawn, _ := os.ReadDir(rundir.FiguresDir(r.run.Path)); len(drawn) > 0 {
		t.Errorf("drawn after Ctrl-C: %v", drawn)
	}
}
