package runner

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/sim/nvmlsim"
)

// oneTrial is an experiment with a single configuration, load point and block.
func oneTrial() string {
	yaml := strings.Replace(small, "[2, 4]", "2", 1)
	yaml = strings.Replace(yaml, "repeat: 2", "repeat: 1", 1)
	return strings.Replace(yaml, "max-num-seqs: [64, 8]", "max-num-seqs: [64]", 1)
}

// A wedged server stays healthy; it is told by its silence, long before the
// requests time out.
func TestAWedgedServer(t *testing.T) {
	t.Parallel()
	b := newBench(t, oneTrial(), "--sim-fault", "wedge=12")
	b.e.Server.StallTimeout = 700 * time.Millisecond
	res, err := b.run(t.Context())
	if err != nil || res.Failed != 1 {
		t.Fatalf("result %+v, %v; want the one trial failed", res, err)
	}
	run := b.read()
	if len(run.Starts) != 2 {
		t.Errorf("%d starts, want the configuration tried once more", len(run.Starts))
	}
	for _, s := range run.Starts {
		if d := s.Diagnosis; d == nil || d.Class != string(launcher.ClassWedge) || !strings.Contains(d.Cause.Text(),
			"no token from any stream for") || d.Remedy.Code == "" {
			t.Errorf("diagnosis %+v", d)
		}
		if !s.Released {
			t.Errorf("%s is not released", s.ID)
		}
	}
	if text := notice.Join(run.Trials[0].Reasons); !strings.Contains(text, "(wedge): no token") {
		t.Errorf("reasons %q", text)
	}
}

// A server that died once is no verdict: the trial is measured again on
// another launch, and says so.
func TestATrialUnderWhichAServerDiedOnceIsMeasuredAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, oneTrial())
	marker := filepath.Join(t.TempDir(), "died")
	// The first server gets a fault, the second none.
	b.command = []string{"sh", "-c", `if [ -e ` + marker + ` ]; then exec "$0" "$@"; else : > ` + marker + `; exec "$0" "$@" --sim-fault crash-after=12; fi`,
		sim.Path(t), "serve", "--sim-seed", "1"}
	res, err := b.run(t.Context())
	if err != nil || res.OK+res.Invalid != 1 {
		t.Fatalf("result %+v, %v\n%s", res, err, strings.Join(b.watch.messages, "\n"))
	}
	run := b.read()
	if len(run.Starts) != 2 || run.Starts[0].Diagnosis == nil || run.Starts[1].Diagnosis != nil {
		t.Errorf("starts %+v", run.Starts)
	}
	w := run.Trials[0].Warnings
	first := notice.New("server-died",
		diagnosed(recordedDiagnosis(run.Starts[0].Diagnosis))).As(notice.Caveat).On(notice.Launch, run.Starts[0].ID)
	if !notice.Has(w, "measured-again") || !slices.ContainsFunc(w, first.Equal) {
		t.Errorf("warnings %q, want %q", w, first)
	}
}

// What passes is tried again; each try is in the record and the journal and
// keeps its log.
func TestALaunchIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, oneTrial())
	marker := filepath.Join(t.TempDir(), "tried")
	b.command = []string{"sh", "-c", `if [ -e ` + marker + ` ]; then exec "$0" "$@"; else : > ` + marker +
		`; echo '(APIServer pid=1) OSError: [Errno 98] Address already in use'; exit 1; fi`, sim.Path(t), "serve", "--sim-seed", "1"}
	b.retryWaits = func(launcher.Class) []time.Duration { return []time.Duration{10 * time.Millisecond} }
	if res, err := b.run(t.Context()); err != nil || res.OK+res.Invalid != 1 {
		t.Fatalf("result %+v, %v", res, err)
	}
	run := b.read()
	if len(run.Starts) != 1 || len(run.Starts[0].Tries) != 1 {
		t.Fatalf("starts %+v", run.Starts)
	}
	try := run.Starts[0].Tries[0]
	log, err := os.ReadFile(filepath.Join(b.dir, "starts", run.Starts[0].ID, try.Log))
	if try.Class != string(launcher.ClassPort) || err != nil || !strings.Contains(string(log), "Errno 98") {
		t.Errorf("try %+v, log %q, %v", try, log, err)
	}
	if !happened(run, rundir.EventStartRetried) {
		t.Error("the journal does not tell of the try")
	}
}

// What may pass is not tried again when it is certain not to: a model that is
// not in the cache where fetching is forbidden.
func TestWhatIsCertainIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.Replace(oneTrial(), "repeat: 1", "repeat: 3", 1))
	b.command = []string{"sh", "-c", `echo 'huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the specified revision on the local disk and outgoing traffic has been disabled.'; exit 1`}
	b.retryWaits = func(launcher.Class) []time.Duration { return []time.Duration{10 * time.Millisecond} }
	res, err := b.run(t.Context())
	if err != nil || res.Failed != 3 {
		t.Fatalf("result %+v, %v", res, err)
	}
	run := b.read()
	if len(run.Starts) != 1 || len(run.Starts[0].Tries) != 0 ||
		run.Starts[0].Diagnosis.Class != string(launcher.ClassNetwork) {
		t.Errorf("%d starts, the first %+v; want one, tried once", len(run.Starts), run.Starts[0])
	}
}

func happened(run *rundir.Run, event string) bool {
	for _, e := range run.Events {
		if e.Event == event {
			return true
		}
	}
	return false
}

// setHolder makes the simulated GPU hold the memory for the process.
func setHolder(t *testing.T, path string, pid int, memory uint64, held ...nvmlsim.Held) {
	t.Helper()
	state, err := nvmlsim.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		state = nvmlsim.State{GPUs: []nvmlsim.GPU{{Name: "simulated H100", UUID: "GPU-0", MemoryTotal: 80 << 30}}}
	} else if err != nil {
		t.Fatal(err)
	}
	g := &state.GPUs[0]
	g.MemoryUsed, g.Processes, g.Held = memory, nil, held
	if pid != 0 {
		g.Processes = []nvmlsim.Process{{PID: pid, Memory: memory}}
	}
	if err := state.Write(path); err != nil {
		t.Fatal(err)
	}
}

// Memory that another process took meanwhile: the next start is not measured
// beside it, but put off and, when it stays, failed with the holder's name.
func TestGPUMemoryThatDoesNotComeBack(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(oneTrial(), "repeat: 1", "repeat: 2", 1)
	b := newBench(t, yaml)
	state := filepath.Join(t.TempDir(), "gpus")
	setHolder(t, state, 0, 1<<30)
	b.gpus = nvmlsim.Open(state, []telemetry.Device{{Name: "simulated H100"}})
	b.releaseWait = 300 * time.Millisecond
	b.watch.heard = func(text string) {
		if strings.Contains(text, "ready after") {
			setHolder(t, state, os.Getpid(), 13<<30)
		}
	}
	res, err := b.run(t.Context())
	if err != nil || res.OK+res.Invalid != 1 || res.Failed != 1 {
		t.Fatalf("result %+v, %v\n%s", res, err, strings.Join(b.watch.messages, "\n"))
	}
	run := b.read()
	if len(run.Starts) != 1 || !happened(run, rundir.EventStartPutOff) {
		t.Errorf("%d starts; want the second put off and never made", len(run.Starts))
	}
	g := run.Starts[0].GPURelease
	if g == nil || g.Back || g.LeftBytes != 12<<30 || !strings.Contains(g.Left, "process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("release %+v", g)
	}
	for _, tr := range run.Trials {
		text := notice.Join(tr.Reasons)
		if tr.Outcome == rundir.OutcomeFailed && (!notice.Has(tr.Reasons, "not-launched-suspect") || !strings.Contains(text, "12 GiB more than before the launch is still in use on GPU 0") ||
			!strings.Contains(text, strconv.Itoa(os.Getpid()))) {
			t.Errorf("reasons %q", text)
		}
	}
}

// Memory that is released late is waited for.
func TestGPUMemoryThatComesBackLate(t *testing.T) {
	t.Parallel()
	b := newBench(t, strings.Replace(oneTrial(), "repeat: 1", "repeat: 2", 1))
	state := filepath.Join(t.TempDir(), "gpus")
	setHolder(t, state, 0, 1<<30)
	b.gpus = nvmlsim.Open(state, []telemetry.Device{{Name: "simulated H100"}})
	b.watch.heard = func(text string) {
		if strings.Contains(text, "ready after") {
			setHolder(t, state, os.Getpid(), 13<<30)
		}
	}
	b.watch.hook = func(st Status) {
		if st.Stage == StageStopping {
			setHolder(t, state, 0, 1<<30, nvmlsim.Held{Memory: 12 << 30, Until: time.Now().Add(time.Second)})
		}
	}
	if res, err := b.run(t.Context()); err != nil || res.OK+res.Invalid != 2 {
		t.Fatalf("result %+v, %v\n%s", res, err, strings.Join(b.watch.messages, "\n"))
	}
	for _, s := range b.read().Starts {
		if g := s.GPURelease; g == nil || !g.Back || g.Waited < 100*time.Millisecond {
			t.Errorf("%s: release %+v", s.ID, g)
		}
	}
}
