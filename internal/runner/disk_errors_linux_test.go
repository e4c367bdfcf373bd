package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher/process"
)

// A disk that fills up in the middle of a run ends it in order, with what to
// do; nothing that was measured is lost, and the run goes on when there is room.
func TestTheDiskIsFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=20m"); err != nil {
		t.Skip("NOT TESTED: a small disk cannot be mounted: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	b := newBenchIn(t, disk, small)
	ballast := filepath.Join(disk, "ballast")
	b.watch.hook = func(s Status) {
		if s.Done == 3 && s.Stage == StageMeasuring {
			fillUp(t, ballast)
		}
	}
	_, err := b.run(t.Context())
	if !errors.Is(err, ErrEnvironment) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "is full: free some space, then continue the run") {
		t.Fatalf("err = %v", err)
	}
	if text := strings.Join(b.watch.messages, "\n"); strings.Contains(text, "not proved") || strings.Contains(text, "had left") {
		t.Errorf("a server that was stopped is taken for one that was not:\n%s", text)
	}
	half := b.read()
	if len(half.Trials) != 3 || len(half.Warnings) > 0 || half.Finished() {
		t.Fatalf("%d trials, warnings %q; want the 3 that were finished", len(half.Trials), half.Warnings)
	}
	// Still full: nothing is measured, and nothing is spoiled.
	b.watch.hook = nil
	if _, err := b.run(t.Context()); !errors.Is(err, ErrEnvironment) {
		t.Fatalf("err = %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if res, err := b.run(t.Context()); err != nil || res.Finished() != 8 {
		t.Fatalf("result %+v, %v", res, err)
	}
	whole := b.read()
	for i, tr := range half.Trials {
		if again := whole.Trials[i]; again.ID != tr.ID || !again.Began.Equal(tr.Began) {
			t.Errorf("trial %s was measured again", tr.ID)
		}
	}
	if left, err := filepath.Glob(filepath.Join(b.dir, "*", "*", ".*.tmp")); err != nil || len(left) > 0 || len(whole.Warnings) > 0 {
		t.Errorf("left %v, warnings %q, %v", left, whole.Warnings, err)
	}
}

// fillUp writes until nothing fits any more.
func fillUp(t *testing.T, path string) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for size := 1 << 16; size > 0; { // down to the last byte
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Error(err)
			return
		}
	}
}

func TestErrorsOfTheDisk(t *testing.T) {
	full := fmt.Errorf("write a: %w", syscall.ENOSPC)
	other := errors.New("other")
	for _, c := range []struct {
		err  error
		want string
	}{
		{other, "other"},
		{full, "the environment is not fit: the disk of DIR is full: free some space, then continue the run: write a: no space left on device"},
		{errors.Join(other, errors.Join(full, full)), "the environment is not fit: the disk of DIR is full: free some space, then continue the run: write a: no space left on device"},
		{fmt.Errorf("b: %w", syscall.EROFS), "the environment is not fit: the disk of DIR cannot be written to: make it writable, then continue the run: b: read-only file system"},
		{fmt.Errorf("%w: x: %w", ErrEnvironment, full), "the environment is not fit: x: write a: no space left on device"},
	} {
		if got := storage("DIR", c.err).Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// Attempts are numbered on from the largest number: the record of one may be
// damaged, and none is ever overwritten.
func TestNumbersOfAttempts(t *testing.T) {
	b := newBench(t, small)
	d, err := rundir.Open(b.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	first := b.plan.Starts[0]
	if err := d.WriteStart(rundir.Start{ID: first.ID + ".3", Configuration: first.Configuration}); err != nil {
		t.Fatal(err)
	}
	trial := first.Trials[0]
	if err := d.WriteTrial(rundir.Trial{ID: trial.ID + ".2", Cell: trial.Cell, Outcome: rundir.OutcomeInvalid}); err != nil {
		t.Fatal(err)
	}
	r, err := newSession(Options{Experiment: b.e, Plan: b.plan, Dir: d, LookupEnv: os.LookupEnv,
		Server: b.server(process.New(process.Options{}))})
	if err != nil {
		t.Fatal(err)
	}
	if id := r.nextLaunch(first.ID); id != first.ID+".4" {
		t.Errorf("start %s, want the fourth attempt", id)
	}
	if next, repeats := r.repeats.next(trial.ID); next != trial.ID+".3" || repeats != trial.ID {
		t.Errorf("trial %s repeats %s, want the third record", next, repeats)
	}
}
