package cli

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/vllm-sweep/sweep/internal/hostlock"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/runner"
)

// Exit codes. They are API: docs/exit-codes.md and the help of `sweep run` show them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitSomeFailed  = 3   // finished, some trials failed
	exitInvalid     = 4   // invalid experiment
	exitSLO         = 5   // SLO not met; compare found worse
	exitEnvironment = 6   // environment unfit
	exitAborted     = 7   // abort_when ended the run; resumable
	exitLocked      = 11  // run directory or GPUs in use
	exitInterrupted = 130 // interrupted, resumable
)

const exitTable = `Exit codes:
  0    done
  1    failed
  2    wrong usage
  3    finished, but some trials failed or were discarded
  4    the experiment file is invalid, or was edited before a resume
  5    no configuration meets the limits of a use case
  6    the environment is not ready (container service, endpoint, executable or
       variable missing; address in use; disk full)
  7    abort_when ended the run; you can resume it
  11   another run uses the run directory or the GPUs
  130  interrupted; you can resume the run`

// codedError carries an exit code and, optionally, what to do next.
type codedError struct {
	code  int
	err   error // nil: everything was said already
	hints []string
}

func (e *codedError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *codedError) Unwrap() error { return e.err }

// quiet ends a command with a code after it said everything itself.
func quiet(code int) error { return &codedError{code: code} }

// withCode gives an error an exit code.
func withCode(code int, err error, hints ...string) error {
	return &codedError{code: code, err: err, hints: hints}
}

// exitCode maps an error to its exit code.
func exitCode(err error) int {
	var coded *codedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, rundir.ErrLocked), errors.Is(err, hostlock.ErrHeld):
		return exitLocked
	case errors.Is(err, runner.ErrInterrupted):
		return exitInterrupted
	case errors.Is(err, runner.ErrAborted):
		return exitAborted
	case errors.Is(err, runner.ErrChanged):
		return exitInvalid
	case errors.Is(err, runner.ErrEnvironment), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EROFS):
		return exitEnvironment
	default:
		return exitFailed
	}
}
