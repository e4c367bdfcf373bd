package cli

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/runner"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitDone},
		{errors.New("other"), exitFailed},
		{withCode(exitUsage, syscall.ENOSPC), exitUsage},
		{fmt.Errorf("x: %w", rundir.ErrLocked), exitLocked},
		{fmt.Errorf("%w: x", runner.ErrInterrupted), exitInterrupted},
		{fmt.Errorf("%w: x", runner.ErrAborted), exitAborted},
		{fmt.Errorf("%w: x", runner.ErrChanged), exitInvalid},
		{fmt.Errorf("%w: x", runner.ErrEnvironment), exitEnvironment},
		{fmt.Errorf("write a: %w", syscall.ENOSPC), exitEnvironment},
		{fmt.Errorf("lock a: %w", syscall.EROFS), exitEnvironment},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}
