package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/backends"
	"github.com/vllm-sweep/sweep/internal/loadtools"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/notify"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/process"
	"github.com/vllm-sweep/sweep/matrix"
)

type runOptions struct {
	resume        string
	retry         bool // with resume
	out           string
	progress      string // kind of progress
	metricsListen string // address of the run's metrics; empty: none
	metrics       net.Listener
	past          notice.Notice // what a resumed run has done already
	strict        bool          // refuse what is doubtful
	parts         shownParts
}

func newRun(sys *System) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Measure every configuration of an experiment",
		Long: `Measure every configuration of an experiment in randomized rounds. For each one,
sweep launches the server, verifies that it measures the server it launched, loads
it, stops it, verifies that it is gone, and lets the machine cool down. It updates
the report in DIR/report after every round.

Press Ctrl-C once to stop the server and end the run cleanly; you can resume it.
Press it again to force quit. The run survives if you close the terminal.

` + exitTable,
		Example: `  sweep run experiment.yaml
  sweep run --out /data/runs experiment.yaml
  sweep run --resume runs/acme-support-bot/20261123-221004
  sweep run --resume runs/acme-support-bot/20261123-221004 --retry-failed`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.resume != "" && cmd.Flags().Changed("out") {
				return withCode(exitUsage, errors.New("--out cannot be used with --resume: a resumed run keeps its directory"))
			}
			if o.retry && o.resume == "" {
				return withCode(exitUsage, errors.New("--retry-failed needs --resume"))
			}
			if o.resume != "" && len(args) == 0 {
				return nil
			}
			if o.resume != "" {
				return withCode(exitUsage, errors.New("--resume takes no FILE: a resumed run keeps its experiment file"))
			}
			return exactly("FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{progressAuto, progressPlain, progressJSON}, o.progress) {
				return withCode(exitUsage, fmt.Errorf("--progress %q: want auto, plain or json", o.progress))
			}
			sys.onScreen(o.progress)
			if o.metricsListen != "" { // before anything is made
				listener, err := listenFor("--metrics-listen", o.metricsListen)
				if err != nil {
					return err
				}
				defer listener.Close()
				o.metrics = listener
			}
			if o.resume != "" {
				return sys.resume(cmd.Context(), o)
			}
			return sys.fresh(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().StringVar(&o.resume, "resume", "", "continue the unfinished run in this `directory`")
	cmd.Flags().BoolVar(&o.retry, "retry-failed", false, "with --resume: measure failed trials again")
	cmd.Flags().StringVar(&o.out, "out", "runs", "`directory` in which sweep creates the run directory")
	strictFlag(cmd, &o.strict)
	cmd.Flags().BoolVar(&o.parts.details, "details", false, "at the end, print what 'sweep analyze --details' prints")
	cmd.Flags().StringVar(&o.progress, "progress", progressAuto, "`kind` of progress output on stderr: auto (live on a terminal, else plain), plain or json")
	cmd.Flags().StringVar(&o.metricsListen, "metrics-listen", "", "serve metrics of the run for Prometheus at this `address`, such as 127.0.0.1:9188")
	return cmd
}

// fresh begins a new run.
func (sys *System) fresh(ctx context.Context, path string, o runOptions) error {
	l, err := sys.load(ctx, path, "text", o.strict)
	if err != nil {
		return err
	}
	e, p := l.Experiment, l.plan
	sys.notes(l.notes)
	server, gpus, err := sys.surroundings(ctx, e)
	if err != nil {
		return err
	}
	if gpus != nil {
		defer gpus.Close()
	}
	locks, err := sys.lockGPUs(e, gpus, e.Name)
	if err != nil {
		return err
	}
	defer locks.Release()
	doubts, err := sys.unfit(ctx, e, o)
	if err != nil {
		return err
	}
	dir, err := rundir.Create(o.out, e.Name, time.Now())
	if err != nil {
		return withCode(exitEnvironment, err)
	}
	defer dir.Close()
	prov, err := provenance(e, uniqueRunID(dir), gpus)
	if err != nil {
		return err
	}
	prov.Warnings = append(prov.Warnings, doubts...)
	if err := dir.Init(e.Raw, p, prov); err != nil {
		return errors.Join(err, dir.Discard())
	}
	if err := sys.adoptFloor(dir, filepath.Join(o.out, e.Name), prov.Host); err != nil {
		return err
	}
	return sys.carryOut(ctx, o, e, p, dir, server, gpus)
}

// uniqueRunID marks what this run creates. The suffix keeps runs apart that
// began in the same second under different directories: cleaning up after one
// must not touch the other's servers.
func uniqueRunID(dir *rundir.Dir) string {
	return fmt.Sprintf("%s-%04x", dir.RunID(), rand.N(1<<16))
}

// resume continues a run with the plan and the experiment that it began with.
func (sys *System) resume(ctx context.Context, o runOptions) error {
	dir, err := rundir.Open(o.resume)
	if errors.Is(err, rundir.ErrNotRun) {
		return withCode(exitUsage, err, runHint)
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	past, err := rundir.Read(o.resume)
	if err != nil {
		return err
	}
	if past.Provenance.Imported != nil {
		return withCode(exitUsage, fmt.Errorf("%s has imported results: sweep did not measure them and cannot continue them", o.resume))
	}
	if dir.Torn {
		sys.say("note: %s", notice.New("journal-torn", nil))
	}
	e, ds := experiment.Parse(past.Provenance.ExperimentFile, past.Experiment)
	if ds.HasErrors() {
		return errors.Join(ds.Write(sys.Stderr, "text", sys.Colour), quiet(exitInvalid))
	}
	backends.Resolve(&e.Server, sys.LookupEnv)
	server, gpus, err := sys.surroundings(ctx, e)
	if err != nil {
		return err
	}
	if gpus != nil {
		defer gpus.Close()
	}
	locks, err := sys.lockGPUs(e, gpus, dir.Path)
	if err != nil {
		return err
	}
	defer locks.Release()
	now, err := provenance(e, past.Provenance.RunID, gpus)
	if err != nil {
		return err
	}
	warnings, err := runner.Continuable(past, e, now)
	if err != nil {
		return err
	}
	if err := sys.note(dir, past.Provenance, warnings); err != nil {
		return err
	}
	o.past = progressSoFar(past, o.retry)
	return sys.carryOut(ctx, o, e, past.Plan, dir, server, gpus)
}

// progressSoFar says what a run to resume has done already.
func progressSoFar(run *rundir.Run, retry bool) notice.Notice {
	planned, finished, failed := len(run.Plan.MeasuredTrials()), 0, 0
	for _, outcome := range outcomes(run.Trials) {
		finished++
		if outcome == rundir.OutcomeFailed {
			failed++
		}
	}
	args := notice.Args{"done": notice.Count(finished), "planned": notice.Count(planned)}
	if failed > 0 {
		args["failed"] = notice.Count(failed)
	}
	if failed > 0 && !retry {
		args["retry"] = notice.Command("--retry-failed")
	}
	return notice.New("run-resumed", args)
}

// note prints warnings about a run and stores those with it that are new.
func (sys *System) note(dir *rundir.Dir, p rundir.Provenance, warnings []notice.Notice) error {
	changed := false
	for _, w := range warnings {
		sys.say("warning: %s", w)
		if !slices.ContainsFunc(p.Warnings, w.Equal) {
			p.Warnings, changed = append(p.Warnings, w), true
		}
	}
	if !changed {
		return nil
	}
	return dir.WriteProvenance(p)
}

// surroundings resolves what the servers are launched with, checks it, and opens
// the GPUs where they are to use real ones.
func (sys *System) surroundings(ctx context.Context, e *experiment.Experiment) (launcher.Setup, telemetry.GPUs,
	error) {
	simulator, err := sys.simulator(e.Server)
	if err != nil {
		return launcher.Setup{}, nil, err
	}
	server, err := backends.Setup(e.Server, simulator, sys.LookupEnv, func(line string) { sys.say("%s", line) })
	if err != nil {
		return server, nil, err
	}
	if err := loadtools.Check(ctx, e.Loads); err != nil {
		return server, nil, withCode(exitEnvironment, err)
	}
	if err := runner.CheckHeaders(e.Loads, sys.LookupEnv); err != nil {
		return server, nil, err
	}
	if err := server.Backend.Check(ctx); err != nil {
		return server, nil, withCode(exitEnvironment, err)
	}
	if err := (notify.Sender{LookupEnv: sys.LookupEnv}).Check(e.Notify); err != nil {
		return server, nil, withCode(exitEnvironment, err)
	}
	gpus, err := sys.openGPUs(ctx, e)
	return server, gpus, err
}

// simulatedDriver is the version that NVML gives where it is simulated.
const simulatedDriver = "simulated"

func provenance(e *experiment.Experiment, runID string, gpus telemetry.GPUs) (rundir.Provenance, error) {
	file, err := filepath.Abs(e.File)
	if err != nil {
		return rundir.Provenance{}, err
	}
	host, clocking := telemetry.ReadHost(), telemetry.ReadFrequency()
	sum := sha256.Sum256(e.Raw)
	p := rundir.Provenance{
		RunID: runID, Began: time.Now(), SweepVersion: programVersion(),
		Experiment: hex.EncodeToString(sum[:]), ExperimentFile: file,
		Host: host.Name, OS: host.OS, Kernel: host.Kernel, CPU: host.CPU, Cores: host.Cores, MemoryBytes: host.MemoryBytes,
		CPUGovernors: clocking.Governors, CPUBoost: clocking.Boost,
		Backend: map[string]string{"backend": e.Server.Backend()},
	}
	switch s := e.Server; {
	case s.Simulated != nil:
		p.Simulated = true
		p.Backend["simulated_gpu"] = s.Simulated.GPU
		p.Backend["simulated_gpus"] = strconv.Itoa(s.Simulated.GPUs)
		p.Backend["simulated_speedup"] = strconv.FormatFloat(s.Simulated.Speedup, 'g', -1, 64)
	case s.Container() != nil:
		p.Backend["image"] = s.Container().Image
	case s.Endpoint != nil:
		p.Backend["url"] = s.Endpoint.URL
	case s.Process != nil:
		p.Environment = process.Inherited(os.Environ())
		for _, v := range s.Process.Env { // the experiment's own value counts
			delete(p.Environment, v.Name)
		}
	}
	if gpus != nil {
		p.Driver = gpus.Driver()
		p.Simulated = p.Simulated || p.Driver == simulatedDriver
		for _, d := range gpus.Devices() {
			p.GPUs = append(p.GPUs, rundir.GPU{Index: d.Index, Name: d.Name, UUID: d.UUID, MemoryBytes: d.MemoryBytes})
		}
	}
	return p, nil
}

// carryOut runs what is left of the plan, exports as it goes, and prints the
// answer.
func (sys *System) carryOut(ctx context.Context, o runOptions, e *experiment.Experiment, p *matrix.Plan,
	dir *rundir.Dir, server launcher.Setup, gpus telemetry.GPUs,
) error {
	shown := shortest(dir.Path)
	before, _ := sys.preflight(ctx, e, p)
	screen := sys.screen
	// Before the first message: its reader may go away at once.
	ctx, release := sys.interruptible(ctx, func() {
		screen.Message("Stopping... sweep is shutting down the server. Press Ctrl-C again to force quit.")
	}, func() {
		screen.Message("Force quit: sweep is removing the server. Press Ctrl-C again to leave it for 'sweep clean'. To continue: " + resumeCommand(shown))
		removeNow(server.Backend, dir.Path)
	})
	defer release()
	began := time.Now()
	var observer runner.Observer = screen
	if o.metrics != nil {
		x, at, err := serveMetrics(o.metrics, e.Name, screen)
		if err != nil {
			return err
		}
		defer x.Close()
		observer = x
		screen.Message("metrics: " + at)
	}
	least, most := p.Estimate.Range()
	takes := "about " + say.Duration(least)
	if least != most {
		takes = "between " + say.Duration(least) + " and " + say.Duration(most)
	}
	screen.Message(fmt.Sprintf("%s: %s, %s", p.Name, extent(p), takes))
	if o.past.Code != "" {
		screen.Message(o.past.String(), o.past)
	}
	if c := p.ConfirmStage; c != nil && p.Confirmation == nil {
		screen.Message(fmt.Sprintf("then sweep confirms finalists on %d restarts each: at most %d more launches",
			c.Starts, p.Estimate.ConfirmStarts))
	}
	if p.Backend == "simulated" {
		screen.Message("the server is simulated: these are not GPU measurements")
	}
	for _, w := range p.Warnings {
		screen.Message("warning: "+w.String(), w)
	}
	for _, n := range before.Skipped(p) {
		screen.Message(n.String(), n)
	}
	screen.Message("run directory: " + shown)
	past, err := rundir.Read(dir.Path)
	if err != nil {
		return err
	}
	warnings := warner{sys: sys, message: notify.Message{
		RunID: dir.RunID(), Name: e.Name, End: experiment.NotifyWarning,
		RunDirectory: dir.Path, Planned: p.Estimate.Trials,
	}}
	defer warnings.sending.Wait()
	result, err := runner.Run(ctx, runner.Options{
		Experiment: e, Plan: p, Dir: dir, Server: server, GPUs: gpus, Observer: observer, LookupEnv: sys.LookupEnv,
		RetryFailed: o.retry, Impossible: before.Impossible(),
		Finalists: func(context.Context) ([]matrix.Finalist, error) { return finalists(dir.Path, screen) },
		TrialDone: newBestSoFar(e, p, past.Trials, screen).Take,
		Warned:    func(n notice.Notice) { warnings.warn(ctx, e, n) },
		RoundDone: func(ctx context.Context) error { return writeReport(ctx, dir.Path, false) },
	})
	screen.End()
	defer sys.tellEnd(ctx, e, dir.RunID(), dir.Path, began, result, err)
	return sys.conclude(ctx, shown, dir.Path, o.parts, result, err)
}

// finalists are what the confirm stage of a run measures. It shows what the
// screening runs recommend, because confirmation may take as long again.
func finalists(path string, s *screen) ([]matrix.Finalist, error) {
	r, err := readResults(path)
	if err != nil {
		return nil, err
	}
	for _, rec := range r.findings.Recommendations {
		s.Message("screening result for " + rec.UseCase + ": " + briefly(rec))
	}
	return r.findings.Finalists, nil
}

// removeTime bounds the removal of the running server at a second interrupt.
const removeTime = 10 * time.Second

// removeNow removes what the run has running. What stays, sweep clean or the
// resumed run removes.
func removeNow(b launcher.Backend, dir string) {
	past, err := rundir.Read(dir)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	_, _ = b.Clean(ctx, past.Provenance.RunID)
}

// shortest is the path relative to the working directory where that is shorter.
func shortest(path string) string {
	wd, err := filepath.Abs(".")
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
