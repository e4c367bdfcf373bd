// Package runner carries a plan out: for each planned start it launches the
// server, proves it ready and its own, runs the trials on it, stops it, proves
// it released, and cools down. Every step is appended to the run directory's
// journal first or recorded atomically after, so that a run can be killed at
// any moment and continued.
//
// Failure is data: a configuration that cannot start or dies is recorded with
// its diagnosis and the run goes on. Only what no later step could survive (a
// disk that is full, a container service that stays away) ends it early, and
// then it can be resumed.
package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// ErrInterrupted is wrapped when the context ended the run; it can be resumed.
var ErrInterrupted = errors.New("interrupted")

// ErrEnvironment is wrapped when the run cannot go on because of its
// surroundings (container service away); it can be resumed once they are mended.
var ErrEnvironment = errors.New("the environment is not fit")

// Options are what a run needs.
type Options struct {
	Experiment *experiment.Experiment
	Plan       *matrix.Plan
	Dir        *rundir.Dir
	Backend    launcher.Backend
	GPUs       telemetry.GPUs // nil when none can be read
	Observer   Observer       // nil: nobody watches
	LookupEnv  func(string) (string, bool)
	// Impossible are configurations, by ID, of which the pre-flight check knows
	// that they cannot start: they are recorded as skipped.
	Impossible map[string]launcher.Diagnosis
	// RetryFailed measures the trials again that failed in an earlier session.
	RetryFailed bool
	// Finalists chooses what the confirm stage measures, once every block is
	// done; nil: there is no confirm stage.
	Finalists func(context.Context) ([]matrix.Finalist, error)
	// AfterTrial is called after each finished trial and each finished start,
	// between loads, so that results can be exported; may be nil. Its error is
	// shown and does not end the run.
	AfterTrial func(context.Context) error
	// RetryWaits and ReleaseWait replace the usual pauses between launches that
	// fail for what passes, by class, and the usual limit of the wait for GPU
	// memory; nil and 0: the usual ones.
	RetryWaits  func(launcher.Class) []time.Duration
	ReleaseWait time.Duration
}

// Result counts what a run did, trials of earlier sessions included.
type Result struct {
	OK, Invalid, Failed int
	Skipped             int // not measured, for a known reason
	Planned             int
}

// Finished is the number of trials that have a record.
func (r Result) Finished() int { return r.OK + r.Invalid + r.Failed + r.Skipped }

// Run carries the plan out, or what is left of it.
func Run(ctx context.Context, o Options) (Result, error) {
	r, err := newRun(o)
	if err != nil {
		return Result{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.monitor = telemetry.NewMonitor(o.GPUs, telemetry.Intervals{GPU: o.Experiment.Telemetry.Interval})
	err = errors.Join(r.all(ctx), r.storeNight())
	if !r.monitor.Close() {
		r.message("warning: the GPU driver does not answer; its reader was left behind")
	}
	switch {
	case err == nil:
		err = r.dir.Journal.Append(rundir.Event{Event: rundir.EventRunFinished})
	case ctx.Err() != nil:
		err = errors.Join(
			fmt.Errorf("%w: %w", ErrInterrupted, err),
			r.dir.Journal.Append(rundir.Event{Event: rundir.EventRunInterrupted}))
	default:
		err = storage(r.dir.Path, err)
		err = errors.Join(err, r.dir.Journal.Append(rundir.Event{Event: rundir.EventRunInterrupted, Detail: err.Error()}))
	}
	return r.result(), err
}

// run is a run in progress; one goroutine uses it.
type run struct {
	Options
	mu         *sync.Mutex // see blocking
	dir        *rundir.Dir
	runID      string            // of labels and of the prompts' salt
	env        map[string]string // of the server, resolved
	secrets    []string
	apiKey     string
	done       map[string]rundir.Trial // by trial ID
	attempts   map[string]int          // by planned start ID: launches so far
	fatal      map[string]fatality     // by trial ID: what happened to the server that died under it
	hopeless   map[string]verdict      // by configuration ID: fails for certain
	started    map[string]bool         // by configuration ID: was ready once
	starved    map[string]int          // by configuration ID: starts that failed for want of memory
	rates      map[string]rundir.Rates // of sweep loads, by load name
	order      *int                    // of the last trial
	provenance rundir.Provenance
	samples    map[string][]int // empirical lengths by file and column
	material   material         // files and secrets of the loads
	clock      *clock
	status     Status
	live       watch
	monitor    *telemetry.Monitor
	own        []int                        // GPUs of this lane; empty: it has all, alone
	coolers    map[int]*rundir.Start        // by GPU: what was stopped last on it, where lanes run side by side
	gpuSet     []int                        // GPUs that the servers may use; empty: any
	level      levels                       // GPU memory before the start under way
	suspect    []notice.Notice              // why the GPUs are not as they were; none: they are
	night      *stretch                     // of the start under way
	cooling    *rundir.Start                // stopped last; nil: nothing ran yet
	references map[int]telemetry.Conditions // by block: the GPUs at its first start
	easing     float64                      // what the waits of the cool-down are multiplied by
	again      map[string]bool              // by planned trial ID: to be measured again
	kept       map[string]int               // by planned trial ID: records that do not count
	probed     refusals
	vocabulary int      // token IDs of the server that runs, where they were asked for; 0: not known
	told       *notices // what is said once, whichever lane meets it first
}

// notices are messages that a run shows once, however many starts run side by side.
type notices struct {
	shared  sync.Once // client and server share the machine
	refused sync.Once // the server failed when it was asked for its configuration
}

// verdict remembers why a configuration is not started (again).
type verdict struct {
	start     string // ID of the record that tells it; "" while a skipped one has none
	diagnosis launcher.Diagnosis
	skipped   bool // never launched: impossible, or certain to fail as another did
}

func newRun(o Options) (*run, error) {
	r := &run{
		Options: o, dir: o.Dir, mu: new(sync.Mutex), order: new(int),
		done: map[string]rundir.Trial{}, attempts: map[string]int{}, fatal: map[string]fatality{}, hopeless: map[string]verdict{}, started: map[string]bool{}, starved: map[string]int{},
		rates: map[string]rundir.Rates{}, samples: map[string][]int{},
		references: map[int]telemetry.Conditions{}, coolers: map[int]*rundir.Start{}, easing: 1, again: map[string]bool{}, kept: map[string]int{}, probed: newRefusals(), told: new(notices),
	}
	if r.Observer == nil {
		r.Observer = silent{}
	}
	r.Observer = oneAtATime{new(sync.Mutex), r.Observer}
	var err error
	if r.env, r.secrets, r.apiKey, err = serverEnv(o.Experiment.Server, o.LookupEnv); err != nil {
		return nil, err
	}
	r.gpuSet = GPUSet(o.Experiment.Server, o.LookupEnv)
	if err := r.loadSamples(); err != nil {
		return nil, err
	}
	if r.material, err = gather(o.Experiment.Loads, o.LookupEnv); err != nil {
		return nil, err
	}
	if r.material.tls, err = trust(o.Experiment.Server); err != nil {
		return nil, err
	}
	r.secrets = append(r.secrets, r.material.secrets...)
	if err := r.recover(); err != nil {
		return nil, err
	}
	r.clock = newClock(o.Plan, o.Experiment, r.done)
	return r, nil
}

// recover takes up what an earlier session of this run left.
func (r *run) recover() error {
	past, err := rundir.Read(r.dir.Path)
	if err != nil {
		return err
	}
	r.provenance = past.Provenance
	// The directory may have been moved since; what the run left behind still
	// carries the name that it began with.
	r.runID = cmp.Or(past.Provenance.RunID, r.dir.RunID())
	if r.provenance.Backend == nil {
		r.provenance.Backend = map[string]string{}
	}
	for _, t := range past.Trials { // by order: the last repetition stays
		if !r.RetryFailed || t.Outcome != rundir.OutcomeFailed {
			r.took(t)
			r.recall(t)
		}
		*r.order = max(*r.order, t.Order)
	}
	for _, s := range past.Starts {
		r.attempts[planned(s.ID)] = max(r.attempts[planned(s.ID)], attempt(s.ID))
		r.refer(s)
		if !r.RetryFailed && s.Outcome == rundir.StartFailed && s.Diagnosis != nil && r.certain(s.Configuration, *s.Diagnosis) {
			r.giveUp(s.Configuration, verdict{start: s.ID, diagnosis: *s.Diagnosis})
		}
		r.remember(s)
	}
	for _, e := range past.Events {
		for load, rates := range e.Rates {
			r.rates[load] = rates
		}
	}
	r.skipImpossible()
	for _, n := range past.Warnings {
		r.Observer.Message("warning: "+n.String(), n)
	}
	return nil
}

// all visits every planned start that has work left, the confirm stage last.
func (r *run) all(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.starts(ctx); err != nil {
		return err
	}
	return r.confirm(ctx)
}

// starts visits the planned starts that have work left, block by block, and at
// the end once more those that were put off.
func (r *run) starts(ctx context.Context) error {
	if r.parallel() {
		return r.sideBySide(ctx)
	}
	var later []matrix.Start
	for i := 0; i < len(r.Plan.Starts); {
		block := r.Plan.Starts[i:]
		for n, s := range block {
			if s.Block != block[0].Block {
				block = block[:n]
				break
			}
		}
		i += len(block)
		off, err := r.block(ctx, block)
		if err != nil {
			return err
		}
		later = append(later, off...)
		r.ease(block[0].Block)
	}
	for _, s := range later {
		if _, err := r.visit(ctx, s, true); err != nil {
			return err
		}
	}
	return nil
}

// block visits the starts of one block, and at its end once more those with
// trials that do not count. It returns the starts that were put off.
func (r *run) block(ctx context.Context, starts []matrix.Start) (later []matrix.Start, err error) {
	for {
		var here []matrix.Start
		for _, s := range starts {
			off, err := r.visit(ctx, s, false)
			if err != nil {
				return nil, err
			}
			if off {
				later = append(later, s)
			} else {
				here = append(here, s)
			}
		}
		if starts = here; !r.requeue(starts) {
			return later, nil
		}
	}
}

// visit carries a start out if it has work left. off tells that it was put
// off, because the GPUs are not as they were.
func (r *run) visit(ctx context.Context, s matrix.Start, again bool) (off bool, err error) {
	if len(r.pending(s)) == 0 {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !r.trustworthy(ctx) {
		return !again, r.putOff(ctx, s, again)
	}
	return false, r.start(ctx, s)
}

func (r *run) begin(ctx context.Context) error {
	event := rundir.Event{Event: rundir.EventRunStarted}
	if len(r.dir.Events) > 0 {
		event.Event = rundir.EventRunResumed
		removed, err := r.Backend.Clean(ctx, r.runID)
		if err != nil {
			return fmt.Errorf("%w: remove what the earlier session left: %w", ErrEnvironment, err)
		}
		if len(removed) > 0 {
			r.message("removed what the earlier session left: %v", removed)
			if err := r.dir.Journal.Append(rundir.Event{Event: rundir.EventOrphans, Facts: numbered(removed)}); err != nil {
				return err
			}
		}
	}
	r.updateStatus(func(s *Status) { s.Done, s.Total = r.counts() })
	return r.dir.Journal.Append(event)
}

// pending lists the trials of a start that are not finished. A calibration is
// pending while a trial waits for the rates of its load.
func (r *run) pending(s matrix.Start) []matrix.Trial {
	if s.Purpose == matrix.PurposeCalibrate {
		if len(r.unresolved()) > 0 {
			return []matrix.Trial{{}}
		}
		return nil
	}
	var out []matrix.Trial
	for _, t := range s.Trials {
		if _, ok := r.done[t.ID]; !ok || r.again[t.ID] {
			out = append(out, t)
		}
	}
	return out
}

func (r *run) counts() (done, total int) {
	trials := r.Plan.MeasuredTrials()
	for _, t := range trials {
		if _, ok := r.done[t.ID]; ok {
			done++
		}
	}
	return done, len(trials)
}

func (r *run) result() Result {
	var res Result
	for _, s := range r.Plan.Starts {
		for _, t := range s.Trials {
			res.Planned++
			switch r.done[t.ID].Outcome {
			case "":
			case rundir.OutcomeOK:
				res.OK++
			case rundir.OutcomeInvalid:
				res.Invalid++
			case rundir.OutcomeSkipped:
				res.Skipped++
			default:
				res.Failed++
			}
		}
	}
	return res
}

func (r *run) message(format string, args ...any) {
	r.Observer.Message(fmt.Sprintf(format, args...))
}

// tell shows notices about a launch or a trial, and returns them for its record.
func (r *run) tell(kind notice.Kind, id string, list ...notice.Notice) []notice.Notice {
	for _, n := range list {
		r.Observer.Message(fmt.Sprintf("warning: %s: %s", id, n), n.On(kind, id))
	}
	return list
}

func (r *run) updateStatus(change func(*Status)) {
	change(&r.status)
	r.status.Done, r.status.Total = r.counts()
	r.status.Left = r.clock.left(r.done, r.hopeless, r.status.StageBegan)
	r.status.At = time.Now()
	r.Observer.Status(r.status)
}

// stage enters a stage of the work.
func (r *run) stage(name string) {
	r.updateStatus(func(s *Status) {
		s.Stage, s.StageBegan, s.Load = name, time.Now(), LoadStatus{}
	})
}

// afterTrial exports results; a failure to do so is shown and the run goes on,
// because the records are safe.
func (r *run) afterTrial(ctx context.Context) {
	if r.AfterTrial == nil || ctx.Err() != nil {
		return
	}
	if err := r.AfterTrial(ctx); err != nil {
		r.message("warning: results could not be exported: %v", err)
	}
}
