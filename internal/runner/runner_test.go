package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/backends"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/process"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

// Built on first use.
var (
	sim   = testprogram.Program{Package: "sim/cmd/vllm-sim"}
	tools = testprogram.Program{Package: "sim/faketool", Names: []string{"guidellm", "vllm", "aiperf"}} // stand-ins
)

func TestMain(m *testing.M) {
	code := m.Run()
	sim.Remove()
	tools.Remove()
	family.Remove()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// bench is one experiment in one run directory.
type bench struct {
	retry bool // measure again what failed
	// finalists chooses for the confirm stage
	finalists func(context.Context) ([]matrix.Finalist, error)
	t         *testing.T
	e         *experiment.Experiment
	plan      *matrix.Plan
	dir       string
	command   []string
	watch     *watcher
	last      launcher.Handle // of the server launched last
	gpus      telemetry.GPUs  // nil: none can be read
	// retryWaits and releaseWait are as in Options
	retryWaits  func(launcher.Class) []time.Duration
	releaseWait time.Duration
	// impossible is what a pre-flight check found
	impossible map[string]launcher.Diagnosis
	trialDone  func(rundir.Trial) // as in Options
	// launching is called before each launch; nil: nothing
	launching func(launcher.Spec)
}

// keeping remembers the handle of each launch.
type keeping struct {
	launcher.Backend
	b *bench
}

func (k keeping) Launch(ctx context.Context, s launcher.Spec) (launcher.Handle, error) {
	if k.b.launching != nil {
		k.b.launching(s)
	}
	h, err := k.Backend.Launch(ctx, s)
	k.b.watch.mu.Lock()
	defer k.b.watch.mu.Unlock()
	k.b.last = h
	return h, err
}

func newBench(t *testing.T, yaml string, simArgs ...string) *bench {
	t.Helper()
	return newBenchIn(t, t.TempDir(), yaml, simArgs...)
}

// newBenchIn keeps the run directory in a folder.
func newBenchIn(t *testing.T, root, yaml string, simArgs ...string) *bench {
	t.Helper()
	e, ds := experiment.Parse("test.yaml", []byte(yaml))
	if ds.HasErrors() {
		var b strings.Builder
		ds.WriteText(&b, false)
		t.Fatal(b.String())
	}
	p, err := matrix.New(e)
	if err != nil {
		t.Fatal(err)
	}
	d, err := rundir.Create(root, e.Name, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// Unique: what a run cleans up must not be another test's, here or in
	// another process, that began in the same second.
	id := d.RunID() + "-" + rand.Text()
	if err := errors.Join(d.Init(e.Raw, p, rundir.Provenance{RunID: id}), d.Close()); err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, e: e, plan: p, dir: d.Path, watch: &watcher{t: t},
		command: append([]string{sim.Path(t), "serve", "--sim-seed", "1", "--sim-speedup", "4"}, simArgs...)}
}

// server is what the experiment's servers are launched with, by another backend.
func (b *bench) server(with launcher.Backend) launcher.Setup {
	b.t.Helper()
	s, err := backends.Setup(b.e.Server, nil, os.LookupEnv, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	s.Backend = with
	return s
}

// run carries the plan out, or on.
func (b *bench) run(ctx context.Context) (Result, error) {
	b.t.Helper()
	d, err := rundir.Open(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	defer d.Close()
	return Run(ctx, Options{
		Experiment: b.e, Plan: b.plan, Dir: d, Observer: b.watch, LookupEnv: os.LookupEnv, RetryFailed: b.retry, Finalists: b.finalists, GPUs: b.gpus, RetryWaits: b.retryWaits, ReleaseWait: b.releaseWait, Impossible: b.impossible, TrialDone: b.trialDone,
		Server: b.server(keeping{process.New(process.Options{Command: b.command, ModelArg: launcher.ModelFlag}), b}),
	})
}

func (b *bench) read() *rundir.Run {
	b.t.Helper()
	r, err := rundir.Read(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// watcher keeps and logs messages, and calls hook with each status.
type watcher struct {
	t        *testing.T
	mu       sync.Mutex
	messages []string
	hook     func(Status)
	heard    func(text string) // called with each message
}

func (w *watcher) Message(text string, _ ...notice.Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Log(text)
	w.messages = append(w.messages, text)
	if w.heard != nil {
		w.heard(text)
	}
}

func (w *watcher) Status(s Status) {
	w.mu.Lock()
	hook := w.hook
	w.mu.Unlock()
	if hook != nil {
		hook(s)
	}
}

const small = `
version: 1
name: small
server:
  model: Qwen/Qwen2.5-0.5B-Instruct
  flags: {max-num-seqs: 64, max-model-len: 4096}
  simulated: {}
  ready_timeout: 30s
  stop_timeout: 5s
matrix:
  parameters:
    max-num-seqs: [64, 8]
loads:
  chat: {prompt_tokens: 64, output_tokens: 16, arrivals: {concurrency: [2, 4]}, requests: 30, timeout: 20s}
trials: {repeat: 2, warmup: 100ms, seed: 7}
cooldown: {at_least: 10ms}
gates: {requeue: 0} # a loaded machine makes the client late, and its trials invalid
slo: {ttft_p50: 2s}
use_cases:
  throughput: {maximize: output_throughput, load: chat}
confirm: false
`

func TestEveryPlannedTrialIsMeasuredOnItsOwnStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	res, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err, b.watch.messages)
	}
	run := b.read()
	if res.OK+res.Invalid != 8 || res.Planned != 8 || len(run.Trials) != 8 {
		t.Fatalf("result %+v, %d trials; want 8\n%s", res, len(run.Trials), strings.Join(b.watch.messages, "\n"))
	}
	if len(run.Starts) != 4 {
		t.Errorf("%d starts, want 4: two configurations in two blocks", len(run.Starts))
	}
	pids := map[string]bool{}
	for _, s := range run.Starts {
		if s.Outcome != rundir.StartReady || !s.Released || s.Identity == nil {
			t.Errorf("start %s: %+v", s.ID, s)
		}
		pids[s.Facts["pid"]] = true
		if _, err := os.Stat(filepath.Join(b.dir, "starts", s.ID, "server.log")); err != nil {
			t.Error(err)
		}
	}
	if len(pids) != 4 {
		t.Errorf("%d process IDs, want one a start", len(pids))
	}
	seeds := map[string]uint64{}
	for _, tr := range run.Trials {
		if tr.Metrics["output_throughput"] <= 0 || tr.Metrics["ttft_p50"] <= 0 {
			t.Errorf("trial %s: metrics %v, absent %v", tr.ID, tr.Metrics, tr.Absent)
		}
		for _, f := range []string{"requests.parquet", "latency.hlog"} {
			if _, err := os.Stat(filepath.Join(b.dir, "trials", tr.ID, f)); err != nil {
				t.Error(err)
			}
		}
		key := fmt.Sprint(tr.Block, tr.LoadPoint)
		if old, ok := seeds[key]; ok && old != tr.Seed {
			t.Errorf("block %d: cells at one load point have different seeds", tr.Block)
		}
		seeds[key] = tr.Seed
	}
	if !run.Provenance.Simulated {
		t.Error("the server says that it is simulated, and the run does not")
	}
	if !run.Finished() || run.Events[0].Event != rundir.EventRunStarted {
		t.Errorf("journal begins %s, finished %v", run.Events[0].Event, run.Finished())
	}
}

func TestAnImpossibleConfigurationIsRecordedOnceAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	// 0.5B has two KV heads and 14 attention heads: 4 GPUs cannot divide them,
	// and there is one.
	yaml := strings.Replace(small, "max-num-seqs: [64, 8]", "tensor-parallel-size: [1, 4]", 1)
	b := newBench(t, strings.Replace(yaml, "flags: {", "flags: {tensor-parallel-size: 1, ", 1))
	res, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := b.read()
	if res.Failed != 4 || res.OK+res.Invalid != 4 {
		t.Fatalf("result %+v, want 4 failed and 4 measured", res)
	}
	var failed []rundir.Start
	for _, s := range run.Starts {
		if s.Outcome == rundir.StartFailed {
			failed = append(failed, s)
		}
	}
	if len(failed) != 1 {
		t.Fatalf("%d failed starts, want 1: what fails for certain is not started again", len(failed))
	}
	if d := failed[0].Diagnosis; d == nil || d.Cause.Code == "" {
		t.Errorf("diagnosis %+v", d)
	}
	for _, tr := range run.Trials {
		if tr.Outcome == rundir.OutcomeFailed && !slices.Equal(tr.Causes, []string{rundir.FailedStart}) {
			t.Errorf("trial %s: causes %q, want %s", tr.ID, tr.Causes, rundir.FailedStart)
		}
		if tr.Outcome == rundir.OutcomeFailed && len(tr.Reasons) == 0 {
			t.Errorf("trial %s failed without a reason", tr.ID)
		}
	}
}

// A server that serves another model does so in every round: each configuration
// is launched once, and all of its trials carry the reason.
func TestAServerOfAnotherModelIsLaunchedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, small, "--served-model-name", "other")
	res, err := b.run(t.Context())
	if err != nil || res.Failed != 8 {
		t.Fatalf("result %+v, %v; want all 8 trials failed", res, err)
	}
	run := b.read()
	if len(run.Starts) != 2 {
		t.Errorf("%d starts, want one per configuration\n%s", len(run.Starts), strings.Join(b.watch.messages, "\n"))
	}
	for _, s := range run.Starts {
		if s.Outcome != rundir.StartFailed || s.Diagnosis == nil ||
			s.Diagnosis.Class != string(launcher.ClassIdentity) || !s.Released {
			t.Errorf("start %+v", s)
		}
	}
	for _, tr := range run.Trials {
		if reasons := notice.Join(tr.Reasons); !strings.Contains(reasons, `"other"`) {
			t.Errorf("trial %s: %q does not name the model that is served", tr.ID, reasons)
		}
	}
}

func TestInterruptAndResumeMeasuresEachTrialOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, small, "--sim-speedup", "1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := 0
	b.watch.hook = func(s Status) {
		if s.Done >= 3 && s.Stage == StageMeasuring && s.Load.Completed > 0 && ctx.Err() == nil {
			done = s.Done
			cancel()
		}
	}
	_, err := b.run(ctx)
	if !errors.Is(err, ErrInterrupted) {
		t.Fatalf("err = %v, want ErrInterrupted", err)
	}
	half := b.read()
	if len(half.Trials) != done || half.Finished() {
		t.Fatalf("%d trials after the interrupt, want %d", len(half.Trials), done)
	}
	if e := half.Events[len(half.Events)-1].Event; e != rundir.EventRunInterrupted {
		t.Errorf("last event %s", e)
	}
	for _, s := range half.Starts {
		if !s.Released {
			t.Errorf("start %s was not released: %+v", s.ID, s)
		}
	}
	b.watch.hook = nil
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := b.read()
	if len(whole.Trials) != 8 || !whole.Finished() {
		t.Fatalf("%d trials after resume, want 8", len(whole.Trials))
	}
	for _, old := range half.Trials {
		i := slices.IndexFunc(whole.Trials, func(tr rundir.Trial) bool { return tr.ID == old.ID })
		if i < 0 || !whole.Trials[i].Began.Equal(old.Began) {
			t.Errorf("trial %s was measured again", old.ID)
		}
	}
	orders := map[int]bool{}
	for _, tr := range whole.Trials {
		orders[tr.Order] = true
	}
	if len(orders) != 8 {
		t.Errorf("orders are not unique: %v", orders)
	}
}

func TestAServerThatCrashesUnderLoad(t *testing.T) {
	t.Parallel()
	b := newBench(t, small, "--sim-fault", "crash-after=12")
	res, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := b.read()
	if res.Failed != 8 {
		t.Fatalf("result %+v, want every trial failed: no load gets through 12 requests\n%s", res, strings.Join(b.watch.messages, "\n"))
	}
	died := 0
	for _, s := range run.Starts {
		if s.Outcome == rundir.StartReady && s.Diagnosis != nil {
			died++
		}
	}
	// Two trials a start: the second is tried on another launch.
	if died != 8 || len(run.Starts) != 8 {
		t.Errorf("%d starts, %d with the diagnosis of a death; want 8 and 8", len(run.Starts), died)
	}
}

// vLLM's API process answers 500 for up to five seconds after its engine died.
func TestADeadEngineBehindALivingServer(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(small, "[2, 4]", "2", 1)
	yaml = strings.Replace(yaml, "repeat: 2", "repeat: 1", 1)
	yaml = strings.Replace(yaml, "max-num-seqs: [64, 8]", "max-num-seqs: [64]", 1)
	b := newBench(t, yaml, "--sim-fault", "die-after=12")
	if res, err := b.run(t.Context()); err != nil || res.Failed != 1 {
		t.Fatalf("result %+v, %v; want the one trial failed", res, err)
	}
	run := b.read()
	last := run.Starts[len(run.Starts)-1]
	d := last.Diagnosis
	if d == nil || d.Class != string(launcher.ClassEngineDead) {
		t.Fatalf("diagnosis %+v, want %s", d, launcher.ClassEngineDead)
	}
	// One death, one story: the trial says what the start says.
	tr := run.Trials[0]
	if want := notice.New("server-died", diagnosed(recordedDiagnosis(d))); tr.Start != last.ID ||
		!slices.ContainsFunc(tr.Reasons, want.Equal) {
		t.Errorf("trial on %s: reasons %q, want %q as on %s", tr.Start, tr.Reasons, want, last.ID)
	}
	if !slices.Equal(tr.Causes, []string{rundir.FailedDied}) {
		t.Errorf("causes %q, want %s", tr.Causes, rundir.FailedDied)
	}
}

func TestSweepLoadIsResolvedOnce(t *testing.T) {
	yaml := strings.Replace(small, "{concurrency: [2, 4]}, requests: 30", "{sweep: 3, max_concurrency: 8}, duration: 400ms", 1)
	b := newBench(t, yaml)
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err, b.watch.messages)
	}
	run := b.read()
	resolved := 0
	for _, e := range run.Events {
		if e.Event == rundir.EventLoadsResolved {
			resolved++
			if r := e.Rates["chat"]; r.Synchronous <= 0 || r.Saturated < r.Synchronous {
				t.Errorf("rates %+v", r)
			}
		}
	}
	if resolved != 1 {
		t.Errorf("rates were resolved %d times, want once", resolved)
	}
	var rates []float64
	for _, tr := range run.Trials {
		if tr.Rate > 0 {
			rates = append(rates, tr.Rate)
		}
	}
	if len(rates) != 4 || rates[0] != rates[3] {
		t.Errorf("rates of the point between: %v, want the same four times", rates)
	}
}

func TestAServerThatDiesBetweenTwoTrialsFailsNone(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(small, "max-num-seqs: [64, 8]", "max-num-seqs: [64]", 1)
	b := newBench(t, strings.Replace(yaml, "repeat: 2", "repeat: 1", 1))
	killed := false
	b.trialDone = func(rundir.Trial) {
		if !killed {
			killed = true
			pid, err := strconv.Atoi(b.last.Facts()["pid"])
			if err != nil {
				t.Error(err)
				return
			}
			syscall.Kill(pid, syscall.SIGKILL)
			<-b.last.Exited()
		}
	}
	res, err := b.run(t.Context())
	if err != nil || !killed || res.Failed != 0 || res.OK+res.Invalid != 2 {
		t.Fatalf("killed %v, result %+v, %v; want two trials measured", killed, res, err)
	}
	starts := b.read().Starts
	if len(starts) != 2 || starts[0].Diagnosis == nil || starts[1].Diagnosis != nil {
		t.Errorf("starts %+v; want the first with the diagnosis of its death, then another", starts)
	}
}

func TestServersOfTwoVersionsAreNotMixed(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	d, err := rundir.Open(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	p := b.read().Provenance
	p.Backend = map[string]string{factVersion: "0.0.1-before"}
	if err := errors.Join(d.WriteProvenance(p), d.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = b.run(t.Context())
	if !errors.Is(err, ErrEnvironment) || !strings.Contains(err.Error(), "this run measured 0.0.1-before") {
		t.Fatalf("err = %v", err)
	}
	run := b.read()
	if len(run.Trials) != 0 || len(run.Starts) != 1 || !run.Starts[0].Released {
		t.Errorf("trials %v, starts %+v; want nothing measured and the server gone", run.Trials, run.Starts)
	}
	if e := run.Events[len(run.Events)-1]; e.Event != rundir.EventRunInterrupted || !strings.Contains(e.Detail, "0.0.1-before") {
		t.Errorf("last event %+v does not say why the run ended", e)
	}
}

func TestRetryFailedMeasuresAgainWhatFailedAndNothingElse(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(small, "max-num-seqs: [64, 8]", "tensor-parallel-size: [1, 2]", 1)
	yaml = strings.Replace(yaml, "flags: {", "flags: {tensor-parallel-size: 1, ", 1)
	b := newBench(t, strings.Replace(yaml, "[2, 4]", "2", 1), "--sim-gpus", "1")
	if res, err := b.run(t.Context()); err != nil || res.Failed != 2 || res.Planned != 4 {
		t.Fatalf("result %+v, %v; want two GPUs to be refused in both blocks", res, err)
	}
	before := b.read()
	if res, err := b.run(t.Context()); err != nil || res.Failed != 2 {
		t.Fatalf("a plain resume: %+v, %v; want nothing measured", res, err)
	}
	b.command[len(b.command)-1] = "2" // a second GPU was put in
	b.retry = true
	if res, err := b.run(t.Context()); err != nil || res.Failed != 0 || res.OK+res.Invalid != 4 {
		t.Fatalf("retry: %+v, %v\n%s", res, err, strings.Join(b.watch.messages, "\n"))
	}
	after := b.read()
	for _, old := range before.Trials {
		i := slices.IndexFunc(after.Trials, func(tr rundir.Trial) bool { return tr.ID == old.ID })
		if again := !after.Trials[i].Began.Equal(old.Began); again != (old.Outcome == rundir.OutcomeFailed) {
			t.Errorf("trial %s (%s): measured again %v", old.ID, old.Outcome, again)
		}
	}
}

func TestAnUncalibratedSweepLoadDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	// The baseline wants two GPUs and there is one; the other configuration starts.
	yaml := strings.Replace(small, "max-num-seqs: [64, 8]", "tensor-parallel-size: [1, 2]", 1)
	yaml = strings.Replace(yaml, "flags: {", "flags: {tensor-parallel-size: 2, ", 1)
	yaml = strings.Replace(yaml, "  chat: {prompt", "  swept: {prompt_tokens: 64, output_tokens: 16, arrivals: {sweep: 3, max_concurrency: 8}, duration: 1s}\n  chat: {prompt", 1)
	b := newBench(t, yaml)
	res, err := b.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := b.read()
	// Per block: one configuration at 2 chat points is measured; 3 sweep
	// points of both and 2 chat points of the baseline fail.
	if res.OK+res.Invalid != 4 || res.Failed != 16 || !run.Finished() {
		t.Fatalf("result %+v, finished %v; want 4 measured, 16 failed\n%s", res, run.Finished(), strings.Join(b.watch.messages, "\n"))
	}
}

// A start whose output sweep itself fails on is a failed start, with the place
// in its record; the other configurations are measured.
func TestAStartThatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.launching = func(s launcher.Spec) {
		if slices.Contains(s.Args, "8") || slices.Contains(s.Args, "--max-num-seqs=8") {
			panic("an answer that nobody has seen before")
		}
	}
	res, err := b.run(t.Context())
	if err != nil || res.Failed != 4 || res.OK+res.Invalid != 4 {
		t.Fatalf("%v, result %+v, want 4 failed and 4 measured\n%s", err, res, strings.Join(b.watch.messages, "\n"))
	}
	for _, s := range b.read().Starts {
		if s.Outcome != rundir.StartFailed {
			continue
		}
		d := s.Diagnosis
		if !strings.Contains(d.Cause.Text(), "what the server said while it started: sweep itself failed on it (an answer") ||
			!strings.Contains(strings.Join(d.Evidence, "\n"), "launching") && !strings.Contains(strings.Join(d.Evidence, "\n"), "TestAStartThatCannotBeRead") {
			t.Errorf("%+v", d)
		}
	}
}
