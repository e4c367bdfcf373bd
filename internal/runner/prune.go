package runner

import (
	"context"
	"strconv"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// certain reports whether a failure repeats whenever the same configuration is
// started on the same host. Too little memory is such a failure the second
// time: the first, another process may have held it.
func (r *run) certain(configuration string, d launcher.Diagnosis) bool {
	if d.Repeats(r.starved[configuration] > 0) {
		return true
	}
	if d.Repeats(true) {
		r.starved[configuration]++
	}
	return false
}

// giveUp notes that a configuration is not started again, and with it those
// that are certain to fail for the same cause.
func (r *run) giveUp(configuration string, v verdict) {
	r.hopeless[configuration] = v
	failed, ok := r.Plan.Configuration(configuration)
	if !ok || v.skipped || !r.Experiment.Matrix.Prune {
		return
	}
	for _, c := range r.Plan.Configurations {
		if _, given := r.hopeless[c.ID]; given || r.started[c.ID] {
			continue
		}
		d := v.diagnosis
		args := notice.Args{"configuration": notice.Text(failed.Label), "launch": notice.Text(v.start), "why": notice.Said(d.Cause)}
		switch steps := demandsMore(failed.Flags, c.Flags, d.Class); {
		case len(steps) > 0:
			args["flags"] = notice.List(steps...)
			d.Cause = notice.New("pruned-memory", args)
		case beyond(failed.Flags, c.Flags, d.Limit):
			args["flag"], args["limit"] = notice.Text(d.Limit.Flag), notice.Number(d.Limit.Value)
			if d.Limit.Least {
				d.Cause = notice.New("pruned-below", args)
			} else {
				d.Cause = notice.New("pruned-above", args)
			}
		default:
			continue
		}
		d.Evidence, d.Exit = nil, nil
		r.hopeless[c.ID] = verdict{diagnosis: d, skipped: true}
	}
}

// direction is a flag whose values are ordered by the GPU memory that they
// ask for, or leave to the KV cache.
type direction struct {
	flag string
	up   bool // larger values fail too; otherwise smaller ones
	// cacheOnly: holds for the KV cache alone. A lower gpu-memory-utilization
	// leaves less to the cache but more to everything else.
	cacheOnly bool
}

// directions in which a start that failed for want of GPU memory fails as
// well: vLLM plans the cache as utilization x memory − weights − activations
// (vllm/v1/worker/gpu_worker.py); weights and cache are split over the ranks,
// activations grow with batch and sequences, and the cache must hold one
// request of the full length.
var directions = []direction{
	{flag: "max-model-len", up: true},
	{flag: "max-num-seqs", up: true},
	{flag: "max-num-batched-tokens", up: true},
	{flag: "tensor-parallel-size"},
	{flag: "pipeline-parallel-size"},
	{flag: "cpu-offload-gb"},
	{flag: "gpu-memory-utilization", cacheOnly: true},
}

// fixed decide the size of the cache by themselves: no direction holds then.
var fixed = []string{"num-gpu-blocks-override", "kv-cache-memory-bytes"}

// demandsMore are the flags in which a configuration asks for more than one that
// failed; none if it differs in anything else than declared directions.
func demandsMore(failed, flags experiment.Flags, class launcher.Class) (steps []string) {
	if class != launcher.ClassKVCache && class != launcher.ClassGPUMemory {
		return nil
	}
	for _, name := range fixed {
		if _, given := flags.Get(name); given {
			return nil
		}
	}
	for _, f := range union(failed, flags) {
		before, ok1 := failed.Get(f)
		now, ok2 := flags.Get(f)
		if ok1 && ok2 && before.Equal(now) || unset(before, ok1) && unset(now, ok2) {
			continue
		}
		if !ok1 || !ok2 || !ordered(f, before, now, class) {
			return nil
		}
		steps = append(steps, now.String())
	}
	return steps
}

// beyond reports whether flags differ from those of a configuration that
// failed in one flag alone, whose value is beyond what can work.
func beyond(failed, flags experiment.Flags, limit *launcher.Limit) bool {
	if limit == nil {
		return false
	}
	for _, f := range union(failed, flags) {
		before, ok1 := failed.Get(f)
		now, ok2 := flags.Get(f)
		if f != limit.Flag && !(ok1 && ok2 && before.Equal(now) || unset(before, ok1) && unset(now, ok2)) {
			return false
		}
	}
	now, ok := flags.Get(limit.Flag)
	x, number := numeric(now)
	return ok && number && limit.Excludes(x)
}

func unset(f experiment.Flag, given bool) bool { return !given || f.Kind == experiment.FlagUnset }

// union lists the names of the flags of both.
func union(a, b experiment.Flags) []string {
	var out []string
	for _, f := range a {
		out = append(out, f.Name)
	}
	for _, f := range b {
		if _, ok := a.Get(f.Name); !ok {
			out = append(out, f.Name)
		}
	}
	return out
}

// ordered reports whether going from before to now is a declared direction.
func ordered(name string, before, now experiment.Flag, class launcher.Class) bool {
	for _, d := range directions {
		if d.flag != name || d.cacheOnly && class != launcher.ClassKVCache {
			continue
		}
		x, ok1 := numeric(before)
		y, ok2 := numeric(now)
		return ok1 && ok2 && (d.up && y > x || !d.up && y < x)
	}
	return false
}

// skipImpossible gives up what the pre-flight check found impossible.
func (r *run) skipImpossible() {
	for id, d := range r.Impossible {
		if _, given := r.hopeless[id]; !given && !r.started[id] {
			r.hopeless[id] = verdict{diagnosis: d, skipped: true}
		}
	}
}

// remember takes up what an earlier session learned from a start.
func (r *run) remember(s rundir.Start) {
	if s.Outcome == rundir.StartReady {
		r.started[s.Configuration] = true
		if v, given := r.hopeless[s.Configuration]; given && v.skipped {
			delete(r.hopeless, s.Configuration)
		}
	}
	if s.Outcome == rundir.StartSkipped && s.Diagnosis != nil && !r.RetryFailed {
		r.hopeless[s.Configuration] = verdict{start: s.ID, diagnosis: *s.Diagnosis, skipped: true}
	}
}

// skip records the trials of a configuration that is not started (again).
func (r *run) skip(ctx context.Context, p matrix.Start, conf matrix.Configuration, v verdict) error {
	if !v.skipped {
		return r.failStart(ctx, p, v.start, rundir.FailedStart, notice.New("not-launched-again", diagnosed(v.diagnosis)))
	}
	if v.start == "" { // the first of its starts tells why
		rec := r.newRecord(p, conf)
		rec.Outcome, rec.Diagnosis, rec.Released = rundir.StartSkipped, &v.diagnosis, true
		stopped := time.Now()
		rec.Stopped = &stopped
		if err := r.dir.WriteStart(*rec); err != nil {
			return err
		}
		if err := r.dir.Journal.Append(rundir.Event{Event: rundir.EventStartSkipped, Start: rec.ID, Detail: v.diagnosis.Cause.Text()}); err != nil {
			return err
		}
		r.message("%s %s: skipped: %s", rec.ID, rec.Label, v.diagnosis.Cause.Text())
		v.start = rec.ID
		r.hopeless[conf.ID] = v
	}
	return r.without(ctx, p, v.start, rundir.OutcomeSkipped, "", []notice.Notice{notice.New("launch-skipped", diagnosed(v.diagnosis))})
}

// numeric is the value of a flag that is a number above zero.
func numeric(f experiment.Flag) (float64, bool) {
	if n, ok := f.Int(); ok {
		return float64(n), n > 0
	}
	x, err := strconv.ParseFloat(f.Value, 64)
	return x, err == nil && f.Kind == experiment.FlagText && x > 0
}
