package torture

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

var (
	program   = testprogram.Program{Package: "cmd/sweep"}
	simulator = testprogram.Program{Package: "sim/cmd/vllm-sim"}
)

func TestMain(m *testing.M) {
	code := m.Run()
	program.Remove()
	simulator.Remove()
	os.Exit(code)
}

// Injuries of the short form, and for all variables of the environment below.
const (
	shortForm = 10
	count     = "SWEEP_TORTURE"      // number of injuries
	seeded    = "SWEEP_TORTURE_SEED" // of the moments; a failure names it
)

// longestRun bounds one session of a run; none that is not injured takes a tenth
// of that.
const longestRun = 3 * time.Minute

// experiment is a run of some seconds: 2 configurations, 2 loads, 3 rounds and
// confirmation.
const experiment = `
version: 1
name: torture
server:
  model: Qwen/Qwen2.5-0.5B-Instruct
  flags: {max-num-seqs: 64, max-model-len: 4096}
  simulated: {speedup: 4, args: [--sim-startup, "0"]}
  ready_timeout: 60s
  stop_timeout: 5s
  stall_timeout: 30s
matrix: {parameters: {max-num-seqs: [64, 8]}}
loads:
  chat: {prompt_tokens: 32, output_tokens: 8, arrivals: {concurrency: [2, 4]}, requests: 120, timeout: 20s}
trials: {repeat: 3, warmup: 50ms, seed: 7}
cooldown: {at_least: 10ms}
gates: {requeue: 1}
confirm: {starts: 2, finalists: 1}
use_cases: {throughput: {maximize: output_throughput, load: chat}}
`

// victim is one run directory that suffers injuries until the run is finished.
type victim struct {
	t        *testing.T
	random   *rand.Rand
	work     string            // where the experiment stands and runs/ is made
	disk     string            // mount point of runs/, a disk of its own; "": none could be mounted
	env      []string          // of sweep
	finished map[string][]byte // records of trials that were seen, by path
	last     string            // output of the last session
}

// injury does harm at a moment of a session.
type injury struct {
	name string
	disk bool // needs a disk of its own
	do   func(v *victim, session *exec.Cmd)
}

var injuries = []injury{
	{"the runner is killed", false, func(v *victim, s *exec.Cmd) { kill(s.Process.Pid, syscall.SIGKILL) }},
	{"the runner is killed while it resumes", false, func(v *victim, s *exec.Cmd) {
		kill(s.Process.Pid, syscall.SIGKILL)
		_ = s.Wait()
		again := v.start()
		v.sleep(300 * time.Millisecond)
		kill(again.Process.Pid, syscall.SIGKILL)
		_ = again.Wait()
	}},
	{"the server is killed", false, func(v *victim, s *exec.Cmd) {
		for _, pid := range v.servers() {
			kill(pid, syscall.SIGKILL)
		}
	}},
	{"the server stops for a second", false, func(v *victim, s *exec.Cmd) {
		pids := v.servers()
		for _, pid := range pids {
			kill(pid, syscall.SIGSTOP)
		}
		time.Sleep(time.Second)
		for _, pid := range pids {
			kill(pid, syscall.SIGCONT)
		}
	}},
	{"the runner stops for a second", false, func(v *victim, s *exec.Cmd) {
		kill(s.Process.Pid, syscall.SIGSTOP)
		time.Sleep(time.Second)
		kill(s.Process.Pid, syscall.SIGCONT)
	}},
	{"Ctrl-C", false, func(v *victim, s *exec.Cmd) { kill(s.Process.Pid, syscall.SIGINT) }},
	{"Ctrl-C twice", false, func(v *victim, s *exec.Cmd) {
		kill(s.Process.Pid, syscall.SIGINT)
		kill(s.Process.Pid, syscall.SIGINT)
	}},
	{"a second runner resumes beside it, and sweep clean runs", false, func(v *victim, s *exec.Cmd) {
		for _, args := range [][]string{{"run", "--resume", v.dir()}, {"clean", v.dir()}} {
			alive := syscall.Kill(s.Process.Pid, 0) == nil && v.recorded() == ""
			out, err := v.command(args...).CombinedOutput()
			// The run may have ended meanwhile; then there is nothing to refuse.
			if args[0] == "run" && err == nil && alive && v.recorded() == "" {
				v.t.Errorf("%v beside a living run went through:\n%s", args, out)
			}
		}
	}},
	{"the disk is full", true, func(v *victim, s *exec.Cmd) {
		ballast := filepath.Join(v.disk, "ballast")
		f, err := os.Create(ballast)
		if err == nil {
			_, _ = io.Copy(f, io.LimitReader(zeros{}, 1<<30)) // until it is full
			f.Close()
		}
		v.sleep(time.Second)
		_ = os.Remove(ballast)
	}},
	{"the disk is read-only", true, func(v *victim, s *exec.Cmd) {
		if err := syscall.Mount("", v.disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			return // files are open for writing: the kernel refuses
		}
		v.sleep(time.Second)
		if err := syscall.Mount("", v.disk, "", syscall.MS_REMOUNT, "size=64m"); err != nil {
			v.t.Fatal(err)
		}
	}},
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func kill(pid int, s syscall.Signal) { _ = syscall.Kill(pid, s) } // it may be gone

// Whatever is done to a run, it can be continued to its end, and what was
// measured stays.
func TestTorture(t *testing.T) {
	wanted := shortForm
	if n, err := strconv.Atoi(os.Getenv(count)); err == nil {
		wanted = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv(seeded), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%s=%d", seeded, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	told := map[string]int{}
	for suffered := 0; suffered < wanted && !t.Failed(); {
		v := newVictim(t, random)
		for finished := false; !finished && !t.Failed(); {
			var i *injury // the last session of all ends in peace
			if suffered < wanted {
				i = &injuries[(int(seed%uint64(len(injuries)))+suffered)%len(injuries)]
				if i.disk && v.disk == "" {
					i = &injuries[0]
				}
				suffered++
				told[i.name]++
			}
			finished = v.session(i)
			v.check()
		}
		v.whole()
		if t.Failed() {
			t.Logf("after %d injuries; the last session said:\n%s", suffered, v.last)
		}
	}
	for _, i := range injuries {
		t.Logf("%3d times: %s", told[i.name], i.name)
	}
}

func newVictim(t *testing.T, random *rand.Rand) *victim {
	t.Helper()
	v := &victim{t: t, random: random, work: t.TempDir(), finished: map[string][]byte{}}
	path := filepath.Dir(simulator.Path(t)) + string(os.PathListSeparator) + os.Getenv("PATH")
	v.env = append(os.Environ(), "SWEEP_LOCK_DIR="+filepath.Join(v.work, "locks"), "PATH="+path)
	if err := os.WriteFile(filepath.Join(v.work, "e.yaml"), []byte(experiment), 0o644); err != nil {
		t.Fatal(err)
	}
	runs := filepath.Join(v.work, "runs")
	if err := os.Mkdir(runs, 0o755); err != nil {
		t.Fatal(err)
	}
	// A file system in memory, so that it can be filled and made read-only.
	if err := syscall.Mount("torture", runs, "tmpfs", 0, "size=64m"); err == nil {
		v.disk = runs
		t.Cleanup(func() { _ = syscall.Unmount(runs, syscall.MNT_DETACH) })
	}
	return v
}

func (v *victim) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(v.t.Context(), longestRun)
	v.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program.Path(v.t), args...)
	cmd.Dir, cmd.Env = v.work, v.env
	return cmd
}

// start begins a session: the run, or what is left of it.
func (v *victim) start() *exec.Cmd {
	v.t.Helper()
	args := []string{"run", "e.yaml"}
	if d := v.dir(); d != "" {
		args = []string{"run", "--resume", d}
	}
	cmd := v.command(args...)
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	return cmd
}

// session runs until the injury has had its effect, or to its end. It reports
// whether the run was finished.
func (v *victim) session(i *injury) (finished bool) {
	v.t.Helper()
	s := v.start()
	defer func() { v.last = s.Stdout.(*bytes.Buffer).String() }()
	ended := make(chan error, 1)
	if i != nil {
		v.sleep(2500 * time.Millisecond)
		i.do(v, s)
	}
	go func() { ended <- s.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) && !strings.Contains(err.Error(), "Wait was already called") {
			v.t.Error(err)
		}
	case <-time.After(longestRun):
		v.t.Errorf("a session does not end (%+v)", i)
		kill(s.Process.Pid, syscall.SIGKILL)
	}
	return v.recorded() != ""
}

// sleep waits for a random time.
func (v *victim) sleep(most time.Duration) {
	time.Sleep(time.Duration(v.random.Int64N(int64(most))))
}

// dir is the run directory; "" before there is one.
func (v *victim) dir() string {
	plans, _ := filepath.Glob(filepath.Join(v.work, "runs", "*", "*", "plan.json"))
	if len(plans) == 0 {
		return ""
	}
	return filepath.Dir(plans[0])
}

// recorded is the last event of the run if it is finished.
func (v *victim) recorded() string {
	r, err := rundir.Read(v.dir())
	if err != nil || !r.Finished() {
		return ""
	}
	return r.Events[len(r.Events)-1].Event
}

// check compares the records of trials with what was seen before, and looks for
// processes that are left.
func (v *victim) check() {
	v.t.Helper()
	for name, before := range v.finished {
		if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, before) {
			v.t.Errorf("%s changed: %v", name, err)
		}
	}
	records, _ := filepath.Glob(filepath.Join(v.dir(), "trials", "*", "trial.json"))
	for _, name := range records {
		raw, err := os.ReadFile(name)
		if err != nil {
			v.t.Error(err)
		}
		v.finished[name] = raw
	}
	// What a killed runner left, the next session removes: only after one that
	// ended by itself nothing may be there.
	if v.recorded() == "" {
		return
	}
	for end := time.Now().Add(10 * time.Second); len(v.servers()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			v.t.Errorf("left running: %v", v.servers())
			return
		}
	}
}

// servers are the processes that carry the mark of this run.
func (v *victim) servers() []int {
	var out []int
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range environs {
		env, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		own := bytes.Contains(env, []byte("SWEEP_RUN_DIR=")) && bytes.Contains(env, []byte(v.work))
		if err == nil && pid != os.Getpid() && own {
			out = append(out, pid)
		}
	}
	return out
}

// whole says of a finished run that each planned trial has one result.
func (v *victim) whole() {
	v.t.Helper()
	r, err := rundir.Read(v.dir())
	if err != nil {
		v.t.Fatal(err)
	}
	if !r.Finished() {
		v.t.Errorf("the run is not finished: %v", r.Warnings)
		return
	}
	records := map[string][]rundir.Trial{}
	for _, t := range r.Trials {
		id := cmp.Or(t.Repeats, t.ID)
		records[id] = append(records[id], t)
	}
	for _, p := range r.Plan.MeasuredTrials() {
		list := records[p.ID]
		delete(records, p.ID)
		if len(list) == 0 {
			v.t.Errorf("trial %s is lost", p.ID)
		}
		counts := slices.DeleteFunc(slices.Clone(list), func(t rundir.Trial) bool { return t.Outcome != rundir.OutcomeOK })
		if len(counts) > 1 {
			v.t.Errorf("trial %s counts %d times", p.ID, len(counts))
		}
	}
	for id := range records {
		v.t.Errorf("trial %s was never planned", id)
	}
	if len(r.Warnings) > 0 {
		v.t.Errorf("the records are damaged: %v", r.Warnings)
	}
	if left := v.servers(); len(left) > 0 {
		v.t.Errorf("left running: %v", left)
	}
	v.t.Logf("%d launches, %d trials, %d events", len(r.Starts), len(r.Trials), len(r.Events))
}
