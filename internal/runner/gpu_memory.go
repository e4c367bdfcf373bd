package runner

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/internal/telemetry/facts"
	"github.com/vllm-sweep/sweep/internal/wait"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

const (
	// releaseSlack is how far above its level before the start a GPU's memory
	// may stay: the driver's own bookkeeping moves by some ten MiB.
	releaseSlack = 256 << 20
	// releaseWait bounds the wait for the memory of a server that has ended.
	// The driver frees it within seconds; minutes were reported after crashes
	// (vLLM issue 42017).
	releaseWait = time.Minute
	releasePoll = 200 * time.Millisecond
)

// levels is the memory in use by GPU, in bytes.
type levels map[int]float64

// memory reads the levels of the run's GPUs, from a sample not older than
// since; false when there is none.
func (l *lane) memory(since time.Time) (levels, []telemetry.Sample, bool) {
	samples, at, err := l.monitor.LatestGPUs()
	if err != nil || at.Before(since) {
		return nil, nil, false
	}
	out := levels{}
	for _, s := range samples {
		if v, ok := s.Values[telemetry.MemoryUsed]; ok && (len(l.gpuSet) == 0 || slices.Contains(l.gpuSet, s.Index)) {
			out[s.Index] = v
		}
	}
	return out, samples, true
}

// above tells of GPUs that hold more than before, and who holds it.
func above(now, before levels, samples []telemetry.Sample) (left float64, why []notice.Notice) {
	var gpus, processes []string
	for _, s := range samples {
		level, known := before[s.Index]
		if used, ok := now[s.Index]; !ok || !known || used <= level+releaseSlack {
			continue
		}
		left += now[s.Index] - level
		gpus = append(gpus, fmt.Sprintf("GPU %d", s.Index))
		processes = append(processes, holders(s.Processes)...)
	}
	if left == 0 {
		return 0, nil
	}
	args := notice.Args{"memory": notice.Bytes(left), "gpus": notice.List(gpus...)}
	if len(processes) > 0 {
		args["holders"] = notice.List(processes...)
	}
	return left, []notice.Notice{notice.New("gpu-memory-kept", args)}
}

// holders names the processes that hold memory of a GPU.
func holders(processes []telemetry.Process) []string {
	var parts []string
	for _, p := range processes {
		part := fmt.Sprintf("process %d (%s)", p.PID, processName(p.PID))
		if p.Memory > 0 {
			part += " with " + say.Bytes(p.Memory)
		}
		parts = append(parts, part)
	}
	return parts
}

func processName(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "of another machine or container, or gone"
	}
	return strings.TrimSpace(string(name))
}

// released waits until the GPUs' memory is back at its level before the start,
// and records how that ended. What stays makes the next start suspect.
func (l *lane) released(ctx context.Context, rec *rundir.Start) error {
	if l.gpus == nil || l.level == nil {
		return nil
	}
	began := time.Now()
	back, left, why := l.awaitLevel(ctx, l.level, l.releaseWait())
	rec.GPURelease = &rundir.GPURelease{Back: back, Waited: time.Since(began), LeftBytes: int64(left), Left: strings.Join(notice.Texts(why), " ")}
	l.suspect = nil
	if !back && ctx.Err() == nil {
		rec.Warnings = append(rec.Warnings, l.tell(notice.Launch, rec.ID, why...)...)
		for _, n := range why {
			l.suspect = append(l.suspect, n.On(notice.Launch, rec.ID))
		}
	}
	return l.dir.WriteStart(*rec)
}

// awaitLevel waits until the memory is at the level, at most so long.
func (l *lane) awaitLevel(ctx context.Context, level levels, atMost time.Duration) (back bool, left float64, why []notice.Notice) {
	began := time.Now()
	for {
		if now, samples, ok := l.memory(began); !ok {
			why = []notice.Notice{notice.New("gpu-memory-unread", nil)}
		} else if left, why = above(now, level, samples); why == nil {
			return true, 0, nil
		}
		if wait.For(ctx, releasePoll) != nil || time.Since(began) > atMost {
			return false, left, why
		}
	}
}

// trustworthy says whether the GPUs are as they were before the last start; a
// start on others would measure a neighbour too. It waits for them once more.
func (l *lane) trustworthy(ctx context.Context) bool {
	if l.suspect == nil {
		return true
	}
	back, _, why := l.awaitLevel(ctx, l.level, l.releaseWait())
	if back {
		l.announce(notice.New("gpu-memory-back", nil))
		l.suspect = nil
		return true
	}
	l.suspect = why
	return false
}

// putOff handles a start on GPUs that are not to be trusted: the first time it
// goes to the end of the stage, the second time its trials are recorded as
// failed for that reason.
func (l *lane) putOff(p matrix.Start, again bool) error {
	if !again {
		l.tell(notice.Launch, p.ID, notice.New("launch-put-off", nil))
		return l.step(rundir.Event{Event: rundir.EventStartPutOff, Start: p.ID, Notices: l.suspect})
	}
	return l.failStart(p, "", rundir.FailedStart, append([]notice.Notice{notice.New("not-launched-suspect", nil)}, l.suspect...)...)
}

func (r *session) releaseWait() time.Duration {
	if r.ReleaseWait > 0 {
		return r.ReleaseWait
	}
	return releaseWait
}

// nameHolders adds to a failure for want of GPU memory who holds it.
func (l *lane) nameHolders(f *launcher.Failure) {
	if f.Diagnosis.Class != launcher.ClassGPUNotFree || l.gpus == nil {
		return
	}
	samples, _, err := l.monitor.LatestGPUs()
	if err != nil {
		return
	}
	ours := owner(f.Facts)
	for _, s := range samples {
		var others []telemetry.Process
		for _, p := range s.Processes {
			if ours == nil || ours(p.PID) != facts.Ours {
				others = append(others, p)
			}
		}
		if len(others) > 0 {
			f.Diagnosis.Evidence = append(f.Diagnosis.Evidence, fmt.Sprintf("GPU %d is held by others: %s", s.Index, strings.Join(holders(others), ", ")))
		}
	}
}
