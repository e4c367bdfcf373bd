package runner

import (
	"slices"
	"strconv"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// verdict remembers why a configuration is not started (again).
type verdict struct {
	start     string // ID of the record that tells it; "" while a skipped one has none
	diagnosis launcher.Diagnosis
	skipped   bool // never launched: impossible, or certain to fail as another did
}

// pruner knows which configurations are not started (again), and why.
type pruner struct {
	implied  bool               // a failure also stands for those that ask for more
	hopeless map[string]verdict // by configuration ID: fails for certain
	ready    map[string]bool    // was ready once
	starved  map[string]bool    // failed once for what may pass, such as too little memory
}

func newPruner(implied bool) pruner {
	return pruner{implied, map[string]verdict{}, map[string]bool{}, map[string]bool{}}
}

// failed takes a start that failed. Too little memory is certain to fail again
// the second time: the first, another process may have held it.
func (p *pruner) failed(all []matrix.Configuration, configuration, start string, d launcher.Diagnosis) {
	if d.Repeats(p.starved[configuration]) {
		p.giveUp(all, configuration, verdict{start: start, diagnosis: d})
	} else if d.Repeats(true) {
		p.starved[configuration] = true
	}
}

// giveUp notes that a configuration is not started again, and with it those
// that are certain to fail for the same cause.
func (p *pruner) giveUp(all []matrix.Configuration, configuration string, v verdict) {
	p.hopeless[configuration] = v
	i := slices.IndexFunc(all, func(c matrix.Configuration) bool { return c.ID == configuration })
	if i < 0 || !p.implied {
		return
	}
	failed := all[i]
	for _, c := range all {
		if _, given := p.hopeless[c.ID]; given || p.ready[c.ID] {
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
		p.hopeless[c.ID] = verdict{diagnosis: d, skipped: true}
	}
}

// skip gives up what the pre-flight check found impossible.
func (p *pruner) skip(impossible map[string]launcher.Diagnosis) {
	for id, d := range impossible {
		if _, given := p.hopeless[id]; !given && !p.ready[id] {
			p.hopeless[id] = verdict{diagnosis: d, skipped: true}
		}
	}
}

// remember takes up what an earlier session learned from a start; retry: what
// failed or was skipped then is tried again.
func (p *pruner) remember(s rundir.Start, retry bool) {
	if s.Outcome == rundir.StartReady {
		p.ready[s.Configuration] = true
		if v, given := p.hopeless[s.Configuration]; given && v.skipped {
			delete(p.hopeless, s.Configuration)
		}
	}
	if s.Outcome == rundir.StartSkipped && s.Diagnosis != nil && !retry {
		p.hopeless[s.Configuration] = verdict{start: s.ID, diagnosis: recordedDiagnosis(s.Diagnosis), skipped: true}
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

// numeric is the value of a flag that is a number above zero.
func numeric(f experiment.Flag) (float64, bool) {
	if n, ok := f.Int(); ok {
		return float64(n), n > 0
	}
	x, err := strconv.ParseFloat(f.Value, 64)
	return x, err == nil && f.Kind == experiment.FlagText && x > 0
}
