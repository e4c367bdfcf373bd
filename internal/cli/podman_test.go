package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/sim/podmantest"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

// Two parameters, one at a time, under two loads, twice: three configurations
// with the baseline, six starts, twelve trials.
const podmanExperiment = `
version: 1
name: contained
server:
  model: Qwen/Qwen2.5-0.5B-Instruct
  flags: {max-num-seqs: 32, gpu-memory-utilization: 0.90, max-model-len: 4096}
  podman:
    image: %s
    socket: %s
    pull: never
    env: {SWEEP_TEST_TOKEN: {from_env: SWEEP_TEST_TOKEN}}
  ready_timeout: 60s
  stop_timeout: 5s
matrix:
  parameters:
    max-num-seqs: [32, 4]
    gpu-memory-utilization: [0.90, 0.50]
loads:
  chat: {prompt_tokens: 64, output_tokens: 16, arrivals: {concurrency: 4}, requests: 40, timeout: 30s}
  steady: {prompt_tokens: 64, output_tokens: 16, arrivals: {constant: 20}, duration: %s, timeout: 30s}
trials: {repeat: 2, warmup: 100ms, seed: 3}
confirm: false # six starts are enough to see what containers do
cooldown: {at_least: 10ms}
gates: {requeue: 0}
slo: {ttft_p50: 2s}
use_cases:
  throughput: {maximize: output_throughput, load: chat}
`

// plantedToken must appear nowhere in what a run writes.
const plantedToken = "hf_plantedSecret123456"

// contained is an experiment in containers of a real podman service.
type contained struct {
	t       *testing.T
	socket  string
	sweep   string
	workdir string
}

// simulator is the simulated server for the images.
var simulator = testprogram.Program{Package: "sim/cmd/vllm-sim"}

func newContained(t *testing.T, window string) *contained {
	t.Helper()
	socket := podmantest.Service(t)
	sweep, err := exec.LookPath("sweep") // the test binary, as for the scripts
	if err != nil {
		t.Fatal(err)
	}
	image := podmantest.Image(t, simulator.Path(t), "--sim-seed", "1")
	c := &contained{t: t, socket: socket, sweep: sweep, workdir: t.TempDir()}
	yaml := fmt.Sprintf(podmanExperiment, image, socket, window)
	if err := os.WriteFile(filepath.Join(c.workdir, "e.yaml"), []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *contained) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(c.t.Context(), 4*time.Minute)
	c.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, c.sweep, args...)
	cmd.Dir = c.workdir
	cmd.Env = append(os.Environ(), "SWEEP_TEST_TOKEN="+plantedToken, "HF_HUB_OFFLINE=1")
	return cmd
}

// dir is the only run directory.
func (c *contained) dir() string {
	c.t.Helper()
	dirs, err := filepath.Glob(filepath.Join(c.workdir, "runs", "contained", "*"))
	if err != nil || len(dirs) != 1 {
		c.t.Fatalf("run directories: %v, %v; want one", dirs, err)
	}
	return dirs[0]
}

func (c *contained) read() *rundir.Run {
	c.t.Helper()
	r, err := rundir.Read(c.dir())
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// containers asks podman for all containers of a run, stopped ones included.
func (c *contained) containers(runID string) []string {
	c.t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", strings.TrimPrefix(c.socket, "unix://"))
	}}}
	defer client.CloseIdleConnections()
	filters := fmt.Sprintf(`{"label":["sweep.run=%s"]}`, runID)
	resp, err := client.Get("http://d/v4.0.0/libpod/containers/json?all=true&filters=" + url.QueryEscape(filters))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var list []struct{ Names []string }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		c.t.Fatal(err)
	}
	var names []string
	for _, l := range list {
		names = append(names, l.Names...)
	}
	return names
}

// It runs alone: the figures need trials that count, which a busy client has not.
func TestAnExperimentInContainers(t *testing.T) {
	c := newContained(t, "1s")
	out, err := c.command("run", "e.yaml").CombinedOutput()
	if code := exitStatus(err); code != exitDone && code != exitSomeFailed && code != exitSLO {
		t.Fatalf("sweep run: %v\n%s", err, out)
	}
	run := c.read()
	if len(run.Trials) != 12 || len(run.Starts) != 6 || !run.Finished() {
		t.Errorf("%d trials on %d starts, finished %v; want 12 on 6\n%s", len(run.Trials), len(run.Starts), run.Finished(), out)
	}
	ids := map[string]bool{}
	for _, s := range run.Starts {
		if s.Outcome != rundir.StartReady || !s.Released || s.Backend != "podman" || s.Identity == nil || s.Identity.Owner == "" {
			t.Errorf("start %s: outcome %s, released %v, identity %+v", s.ID, s.Outcome, s.Released, s.Identity)
		}
		ids[s.Facts["container_id"]] = true
	}
	if len(ids) != 6 {
		t.Errorf("%d container IDs, want one for each of 6 starts: %v", len(ids), ids)
	}
	for _, tr := range run.Trials {
		if tr.Outcome == rundir.OutcomeFailed || tr.Metrics["output_throughput"] <= 0 {
			t.Errorf("trial %s: %s %v", tr.ID, tr.Outcome, tr.Reasons)
		}
	}
	files := []string{
		"experiment.yaml", "plan.json", "provenance.json", "journal.jsonl", "report/index.html", "report/summary.md",
		"report/results.csv", "report/results.json",
	}
	if counting(run, "chat") > 0 {
		files = append(files, "report/figures/frontier-chat.png", "report/figures/frontier-chat.svg")
	}
	if counting(run, "chat") == 6 {
		files = append(files, "report/figures/effects-chat.png")
	}
	if counting(run, "steady") == 6 {
		files = append(files, "report/figures/dots-steady.svg")
	}
	for _, f := range files {
		if fi, err := os.Stat(filepath.Join(run.Path, f)); err != nil || fi.Size() == 0 {
			t.Errorf("%s: %v", f, err)
		}
	}
	if left := c.containers(run.Provenance.RunID); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
	if run.Provenance.Backend["image_digest"] == "" && run.Provenance.Backend["image_id"] == "" {
		t.Errorf("provenance names no image: %v", run.Provenance.Backend)
	}
	noSecret(t, run.Path)
}

// counting is the number of trials of a load that count. Without them there is
// nothing to draw, and other tests that run on this machine take them away.
func counting(r *rundir.Run, load string) int {
	n := 0
	for _, tr := range r.Trials {
		cell, _ := r.Plan.Cell(tr.Cell)
		if p, _ := r.Plan.LoadPoint(cell.LoadPoint); p.Load == load && tr.Outcome == rundir.OutcomeOK {
			n++
		}
	}
	return n
}

func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	return -1
}

// noSecret reads every file of a run.
func noSecret(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), plantedToken) {
			t.Errorf("%s holds the token", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAKilledRunnerCostsOneTrial(t *testing.T) {
	t.Parallel()
	c := newContained(t, "1s")
	first := c.command("run", "e.yaml")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	c.waitForTrial(3) // the first of two on the second start
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.Wait()

	half := c.read()
	if n := len(half.Trials); n != 2 && n != 3 || half.Finished() {
		t.Fatalf("%d trials finished before the kill, want 2 or 3", n)
	}
	runID := half.Provenance.RunID
	if orphans := c.containers(runID); len(orphans) != 1 {
		t.Fatalf("containers after the kill: %v, want the orphan", orphans)
	}
	out, err := c.command("run", "--resume", half.Path).CombinedOutput()
	if code := exitStatus(err); code != exitDone && code != exitSomeFailed && code != exitSLO {
		t.Fatalf("resume: %v\n%s", err, out)
	}
	whole := c.read()
	if len(whole.Trials) != 12 || !whole.Finished() {
		t.Errorf("%d trials after resume, want 12\n%s", len(whole.Trials), out)
	}
	began := map[string]time.Time{}
	for _, tr := range whole.Trials {
		began[tr.ID] = tr.Began
	}
	for _, tr := range half.Trials {
		if !began[tr.ID].Equal(tr.Began) {
			t.Errorf("trial %s was measured again", tr.ID)
		}
	}
	if len(whole.Starts) != 7 {
		t.Errorf("%d starts, want 6 planned and one again", len(whole.Starts))
	}
	if left := c.containers(runID); len(left) > 0 {
		t.Errorf("containers left: %v", left)
	}
	removed := false
	for _, e := range whole.Events {
		removed = removed || e.Event == rundir.EventOrphans
	}
	if !removed {
		t.Error("the journal does not tell that the orphan was removed")
	}
}

// waitForTrial waits until the n-th trial is in flight.
func (c *contained) waitForTrial(n int) {
	c.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		files, _ := filepath.Glob(filepath.Join(c.workdir, "runs", "contained", "*", "journal.jsonl"))
		if len(files) == 1 {
			b, _ := os.ReadFile(files[0])
			if strings.Count(string(b), `"event":"trial_began"`) >= n {
				return
			}
		}
		time.Sleep(50 * time.Millisecond) // another process's file: nothing to wait on but time
	}
	c.t.Fatalf("trial %d did not begin", n)
}
