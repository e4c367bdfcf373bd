package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/sim/testprogram"
)

// family is a server with processes as vLLM's, which waits for the clients of
// open streams when it is asked to end.
var family = testprogram.Program{Package: "sim/testserver"}

// familyBench runs it under load.
func familyBench(t *testing.T) (b *bench, segment string) {
	t.Helper()
	b, segment = newBench(t, oneTrial()), filepath.Join(t.TempDir(), "psm_test")
	b.command = []string{family.Path(t), "--mode", "vllm", "--segment", segment}
	b.e.Server.StopTimeout = 30 * time.Second
	return b, segment
}

// underLoad calls f once for each server, when requests are in flight.
func (b *bench) underLoad(f func(h launcher.Handle)) {
	var seen launcher.Handle
	b.watch.hook = func(s Status) {
		b.watch.mu.Lock()
		h := b.last
		b.watch.mu.Unlock()
		if h != seen && s.Stage == StageMeasuring && s.Load.InFlight > 0 {
			seen = h
			f(h)
		}
	}
}

// An interrupt closes the streams of the load before the server is asked to
// end: it would wait for them for ever.
func TestOurStreamsAreClosedBeforeTheStop(t *testing.T) {
	t.Parallel()
	b, segment := familyBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.underLoad(func(launcher.Handle) { cancel() })
	if _, err := b.run(ctx); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	s := b.read().Starts[0]
	if !s.Released || s.StopTook > 15*time.Second {
		t.Errorf("released %v, stopped in %s", s.Released, s.StopTook)
	}
	if e := b.last.Exit(); e.Code != 0 {
		t.Errorf("exit %+v: it was killed", e)
	}
	if _, err := os.Stat(segment); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the shared memory is left: %v", err)
	}
}

// When the API server of vLLM is killed under load, its engine and worker do not
// outlive it, and the next launch does not meet them.
func TestAKilledAPIServerTakesItsEngineAlong(t *testing.T) {
	t.Parallel()
	b, segment := familyBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := true
	b.underLoad(func(h launcher.Handle) {
		if !first {
			cancel()
			return
		}
		first = false
		pid, _ := strconv.Atoi(h.Facts()["pid"])
		_ = syscall.Kill(pid, syscall.SIGKILL)
	})
	if _, err := b.run(ctx); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	starts := b.read().Starts
	if len(starts) != 2 {
		t.Fatalf("%d starts", len(starts))
	}
	d := starts[0].Diagnosis
	if d == nil || d.Class != string(launcher.ClassEngineDead) || d.Exit == nil || d.Exit.Code != 137 {
		t.Errorf("diagnosis %+v", d)
	}
	if !starts[0].Released || starts[0].StopTook > 15*time.Second {
		t.Errorf("released %v, stopped in %s", starts[0].Released, starts[0].StopTook)
	}
	if _, err := os.Stat(segment); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the shared memory is left: %v", err)
	}
}
