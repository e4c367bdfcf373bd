package torture

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/sim/podmantest"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

var (
	program   = testprogram.Program{Package: "cmd/sweep"}
	simulator = testprogram.Program{Package: "sim/cmd/vllm-sim"}
)

func TestMain(m *testing.M) {
	code := podmantest.Main(m)
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
  %s
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

// place is where servers run.
type place struct {
	yaml  string          // the server's backend
	mark  string          // value of --sim-seed, by which its processes are known
	clean []string        // arguments of sweep clean
	left  func() []string // what is there of stopped servers, too
}

// victim is one run directory that suffers injuries until the run is finished.
type victim struct {
	t        *testing.T
	random   *rand.Rand
	place    place
	work     string            // where the experiment stands and runs/ is made
	disk     *disk             // of runs/; nil: none could be mounted
	env      []string          // of sweep
	finished map[string][]byte // records of trials that were seen, by path
	last     string            // output of the last session
}

// Whatever is done to a run, it can be continued to its end, and what was
// measured stays.
func TestTorture(t *testing.T) {
	mark := newMark()
	torture(t, wanted(), place{
		mark: mark, yaml: fmt.Sprintf(`simulated: {speedup: 4, args: [--sim-startup, "0", --sim-seed, %q]}`, mark),
		left: func() []string { return nil },
	})
}

// The same with servers in containers, an eighth as often.
func TestTortureInPodman(t *testing.T) {
	program.Path(t) // before the service starts, which ends when it is idle for long
	simulator.Path(t)
	mark, socket := newMark(), podmantest.Service(t)
	image := podmantest.Image(t, simulator.Path(t), "--sim-speedup", "4", "--sim-startup", "0", "--sim-seed", mark)
	torture(t, max(2, wanted()/8), place{
		mark: mark, yaml: fmt.Sprintf("podman: {image: %q, socket: %q, pull: never}", image, socket),
		clean: []string{"--socket", socket},
		left:  func() []string { return podmantest.Containers(t, image) },
	})
}

func newMark() string { return strconv.FormatInt(time.Now().UnixNano()%1e9, 10) }

// wanted is the number of injuries.
func wanted() int {
	if n, err := strconv.Atoi(os.Getenv(count)); err == nil {
		return n
	}
	return shortForm
}

func torture(t *testing.T, wanted int, p place) {
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv(seeded), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%s=%d", seeded, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	told := map[string]int{}
	for suffered := 0; suffered < wanted && !t.Failed(); {
		// Each has a disk, which its own subtest unmounts.
		t.Run(strconv.Itoa(suffered), func(t *testing.T) {
			v := newVictim(t, random, p)
			for finished := false; !finished && !t.Failed(); {
				var i *injury // the last session of all ends in peace
				if suffered < wanted {
					i = &injuries[(int(seed%uint64(len(injuries)))+suffered)%len(injuries)]
					if i.disk && v.disk == nil {
						i = &injuries[0]
					}
					suffered++
					told[i.name]++
				}
				finished = v.session(i)
				v.check()
				if i == nil && !finished {
					t.Error("a session without an injury did not finish the run")
				}
			}
			v.whole()
			if t.Failed() {
				t.Logf("after %d injuries; the last session said:\n%s", suffered, v.last)
			}
		})
	}
	for _, i := range injuries {
		t.Logf("%3d times: %s", told[i.name], i.name)
	}
}

func newVictim(t *testing.T, random *rand.Rand, p place) *victim {
	t.Helper()
	v := &victim{t: t, random: random, place: p, work: t.TempDir(), finished: map[string][]byte{}}
	path := filepath.Dir(simulator.Path(t)) + string(os.PathListSeparator) + os.Getenv("PATH")
	v.env = append(os.Environ(), "SWEEP_LOCK_DIR="+filepath.Join(v.work, "locks"), "HF_HUB_OFFLINE=1", "PATH="+path)
	if err := os.WriteFile(filepath.Join(v.work, "e.yaml"), fmt.Appendf(nil, experiment, p.yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	runs := filepath.Join(v.work, "runs")
	if err := os.Mkdir(runs, 0o755); err != nil {
		t.Fatal(err)
	}
	v.disk = newDisk(t, runs)
	return v
}

func (v *victim) command(args ...string) *exec.Cmd {
	sweep := program.Path(v.t)
	ctx, cancel := context.WithTimeout(v.t.Context(), longestRun)
	v.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, sweep, args...)
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
	if i != nil {
		v.sleep(2500 * time.Millisecond)
		i.do(v, s)
	}
	v.wait(s)
	v.last = s.Stdout.(*bytes.Buffer).String()
	return v.recorded() != ""
}

// wait waits for the end of a session, if it has not been waited for. command
// bounds it.
func (v *victim) wait(s *exec.Cmd) {
	v.t.Helper()
	if s.ProcessState != nil {
		return
	}
	began := time.Now()
	var exit *exec.ExitError
	if err := s.Wait(); err != nil && !errors.As(err, &exit) {
		v.t.Error(err)
	}
	if time.Since(began) > longestRun-time.Second {
		v.t.Errorf("a session does not end:\n%s", s.Stdout)
	}
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
	if left := v.place.left(); len(left) > 0 {
		v.t.Errorf("containers left: %v", left)
	}
	d, err := rundir.Open(v.dir())
	if err != nil {
		v.t.Errorf("the lock is left: %v", err)
		return
	}
	d.Close()
}

// servers are the processes of this run's servers.
func (v *victim) servers() []int {
	var out []int
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range lines {
		line, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && bytes.Contains(line, []byte("--sim-seed\x00"+v.place.mark+"\x00")) {
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
