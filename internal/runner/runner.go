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
	"context"
	"errors"
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

// ErrEnvironment is the launcher's: the run can be resumed.
var ErrEnvironment = launcher.ErrEnvironment

// Options are what a run needs.
type Options struct {
	Experiment *experiment.Experiment
	Plan       *matrix.Plan
	Dir        *rundir.Dir
	Server     launcher.Setup
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
	// TrialDone is told of each trial when it is recorded, also by several lanes at
	// once; may be nil. It is called between the loads of a start: it must be quick.
	TrialDone func(rundir.Trial)
	// Warned is told once in a run when most of its first trials did not count; may
	// be nil. It must be quick.
	Warned func(notice.Notice)
	// RoundDone is called between rounds, when nothing is measured, so that results
	// can be exported; may be nil. Its error is shown and does not end the run.
	RoundDone func(context.Context) error
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
	r, err := newSession(o)
	if err != nil {
		return Result{}, err
	}
	err = r.closing(ctx, r.all(ctx))
	return r.result(), err
}
