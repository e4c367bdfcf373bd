package cli

import (
	"bytes"
	"context"
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

	"github.com/vllm-sweep/sweep/internal/hostlock"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/sim/podmantest"
)

// edit changes the experiment file.
func (c *contained) edit(old, changed string) {
	c.t.Helper()
	path := filepath.Join(c.workdir, "e.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		c.t.Fatalf("the experiment has no %q", old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, changed, 1)), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// small makes the experiment one configuration, one load, one block.
func (c *contained) small() {
	c.edit("repeat: 2", "repeat: 1")
	c.edit("    max-num-seqs: [32, 4]\n", "")
	c.edit("gpu-memory-utilization: [0.90, 0.50]", "gpu-memory-utilization: [0.90]")
}

// post sends a request to podman.
func (c *contained) post(path string) {
	c.t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(c.socket, "unix://"))
	}}}
	defer client.CloseIdleConnections()
	resp, err := client.Post("http://d/v4.0.0/libpod"+path, "", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
}

// begun starts a run and waits until its n-th trial is in flight.
func (c *contained) begun(n int) *exec.Cmd {
	c.t.Helper()
	cmd := c.command("run", "e.yaml")
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if c.t.Failed() {
			c.t.Log(out.String())
		}
	})
	c.waitForTrial(n)
	return cmd
}

// A container that dies in the middle of a load: the trial is recorded with
// the diagnosis within two seconds, the configuration is tried once more, and
// the run goes on.
func TestADeathIsDiagnosedAtOnce(t *testing.T) {
	c := newContained(t, "4s")
	c.edit("  chat: {prompt_tokens: 64, output_tokens: 16, arrivals: {concurrency: 4}, requests: 40, timeout: 30s}\n", "")
	c.edit("{maximize: output_throughput, load: chat}", "{maximize: output_throughput, load: steady}")
	c.small()
	run := c.begun(1)
	names := c.containers(c.read().Provenance.RunID)
	if len(names) != 1 {
		t.Fatalf("containers %v", names)
	}
	c.post("/containers/" + names[0] + "/kill?signal=KILL")
	if code := exitStatus(run.Wait()); code != exitDone && code != exitSomeFailed { // a busy machine makes trials invalid
		t.Errorf("run ended with exit code %d", code)
	}
	whole := c.read()
	first, second := whole.Starts[0], whole.Starts[1]
	if d := first.Diagnosis; d == nil || d.Class != string(launcher.ClassEngineDead) || d.Exit == nil ||
		d.Exit.Code != 137 {
		t.Fatalf("diagnosis %+v", first.Diagnosis)
	}
	var recorded time.Time
	for _, e := range whole.Events {
		if e.Event == rundir.EventTrialFinished && e.Start == first.ID {
			recorded = e.Time
		}
	}
	took := recorded.Sub(first.Diagnosis.Exit.At)
	t.Logf("death to recorded diagnosis: %s", took)
	// About 1 s on a quiet machine; the requests' own 30 s are what it takes when
	// nobody notices the exit.
	if recorded.IsZero() || took > 15*time.Second {
		t.Errorf("recorded %s after the death", took)
	}
	if tr := whole.Trials[0]; tr.Outcome == rundir.OutcomeFailed || tr.Start != second.ID || !notice.Has(tr.Warnings, "measured-again") {
		t.Errorf("trial %s on %s: %v", tr.Outcome, tr.Start, tr.Warnings)
	}
}

// The podman service is restarted under a run: nothing is lost.
func TestTheServiceIsRestartedDuringARun(t *testing.T) {
	t.Parallel()
	c := newContained(t, "3s")
	var own podmantest.Podman
	socket := own.Address(t)
	t.Cleanup(own.Stop)
	c.edit("socket: "+c.socket, "socket: "+socket)
	c.socket = socket
	c.small()
	run := c.begun(2)
	own.Restart(t)
	if code := exitStatus(run.Wait()); code != exitDone && code != exitSomeFailed { // a busy machine makes trials invalid
		t.Errorf("run ended with exit code %d", code)
	}
	whole := c.read()
	if len(whole.Starts) != 1 || len(whole.Trials) != 2 {
		t.Errorf("%d starts, %d trials; want 1 and 2", len(whole.Starts), len(whole.Trials))
	}
	for _, tr := range whole.Trials {
		if tr.Outcome == rundir.OutcomeFailed {
			t.Errorf("trial %s: %s %v", tr.ID, tr.Outcome, tr.Reasons)
		}
	}
	if left := c.containers(whole.Provenance.RunID); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
}

// What a killed run left is listed and removed; what a living run has is left
// alone, and nobody else may work in its directory.
func TestCleanRemovesWhatDeadRunsLeft(t *testing.T) {
	t.Parallel()
	c := newContained(t, "20s")
	c.small()
	run := c.begun(1)
	runID := c.read().Provenance.RunID
	dir := c.dir()

	out, err := c.command("run", "--resume", dir).CombinedOutput()
	if code := exitStatus(err); code != exitLocked || !strings.Contains(string(out), strconv.Itoa(run.Process.Pid)) {
		t.Errorf("a second run on the directory: exit %d\n%s", code, out)
	}
	out, err = c.command("clean", "--socket", c.socket, dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "in use: the run is going on in "+dir) || len(c.containers(runID)) != 1 {
		t.Errorf("clean beside the run: %v\n%s", err, out)
	}

	run.Process.Kill()
	run.Wait()
	out, err = c.command("clean", "--socket", c.socket, "--dry-run", dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "left over: no process works in "+dir) || len(c.containers(runID)) != 1 {
		t.Errorf("dry run: %v\n%s", err, out)
	}
	out, err = c.command("clean", "--socket", c.socket, dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "removed container sweep-"+runID) || len(c.containers(runID)) != 0 {
		t.Errorf("clean: %v\n%s", err, out)
	}
	if out, err = c.command("clean", "--socket", c.socket, dir).CombinedOutput(); err != nil || !strings.Contains(string(out), "nothing to remove") {
		t.Errorf("clean again: %v\n%s", err, out)
	}
}

// The second interrupt does not wait for the server to end by itself, but does
// not leave it either.
func TestASecondInterruptRemovesTheContainer(t *testing.T) {
	t.Parallel()
	c := newContained(t, "20s")
	c.small()
	c.edit("stop_timeout: 5s", "stop_timeout: 60s")
	run := c.begun(1)
	runID := c.read().Provenance.RunID
	run.Process.Signal(syscall.SIGINT)
	run.Process.Signal(syscall.SIGINT)
	if code := exitStatus(run.Wait()); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if left := c.containers(runID); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
}

// One run per GPU: another one is refused before anything is written, and the
// message names who holds the lock and how to break it.
func TestGPUsInUse(t *testing.T) {
	t.Parallel()
	c := newContained(t, "1s")
	c.small()
	c.edit("    pull: never\n", "    pull: never\n    gpus: 0\n")
	locks := filepath.Join(t.TempDir(), "locks")
	held, err := hostlock.Hold(locks, "", []int{0}, hostlock.Owner{PID: os.Getpid(), User: "anna", Run: "runs/hers", Since: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	cmd := c.command("run", "e.yaml")
	cmd.Env = append(cmd.Env, hostlock.DirEnv+"="+locks)
	out, err := cmd.CombinedOutput()
	text := string(out)
	if code := exitStatus(err); code != exitLocked || !strings.Contains(text, "user anna (\"runs/hers\"") || !strings.Contains(text, "kill -INT "+strconv.Itoa(os.Getpid())) {
		t.Errorf("exit %d\n%s", code, text)
	}
	if dirs, _ := filepath.Glob(filepath.Join(c.workdir, "runs", "*", "*")); len(dirs) > 0 {
		t.Errorf("run directories %v", dirs)
	}
}

// Planted tokens, by variable, by file and as the API key, appear in nothing
// that a run writes or prints. (What podman says when it refuses a start is
// tested with the backend.)
func TestSecretsAppearNowhere(t *testing.T) {
	t.Parallel()
	const fileToken, key = "hf_plantedInAFile98765", "sk-plantedKey55555"
	c := newContained(t, "1s")
	c.small()
	secret := filepath.Join(c.workdir, "token")
	if err := os.WriteFile(secret, []byte(fileToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.edit("env: {SWEEP_TEST_TOKEN: {from_env: SWEEP_TEST_TOKEN}}", "env: {SWEEP_TEST_TOKEN: {from_env: SWEEP_TEST_TOKEN}, OTHER: {from_file: token}}")
	c.edit("  ready_timeout:", "  api_key: {from_env: SWEEP_TEST_KEY}\n  ready_timeout:")
	scan := func(what string, args ...string) {
		t.Helper()
		cmd := c.command(args...)
		cmd.Env = append(cmd.Env, "SWEEP_TEST_KEY="+key)
		out, err := cmd.CombinedOutput()
		t.Logf("%s: exit %d", what, exitStatus(err))
		for _, token := range []string{plantedToken, fileToken, key} {
			if strings.Contains(string(out), token) {
				t.Errorf("%s: the output holds %s\n%s", what, token, out)
			}
			holdsNot(t, filepath.Join(c.workdir, "runs"), token)
		}
	}
	scan("a run", "run", "e.yaml")
	if run := c.read(); len(run.Trials) != 2 || run.Trials[0].Outcome == rundir.OutcomeFailed {
		t.Errorf("trials %+v", run.Trials)
	}
}

// holdsNot reads every file below the folder.
func holdsNot(t *testing.T, dir, token string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(token)) {
			t.Errorf("%s holds %s", path, token)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
