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
	engine   *launcher.Engine   // knows what asks for more
	hopeless map[string]verdict // by configuration ID: fails for certain
	ready    map[string]bool    // was ready once
	starved  map[string]bool    // failed once for what may pass, such as too little memory
}

func newPruner(implied bool, e *launcher.Engine) pruner {
	return pruner{implied, e, map[string]verdict{}, map[string]bool{}, map[string]bool{}}
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
		switch steps := demandsMore(p.engine, failed.Flags, c.Flags, d.Class); {
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

// demandsMore are the flags in which a configuration asks for more than one that
// failed; none if it differs in anything whose effect on the memory is not known.
func demandsMore(e *launcher.Engine, failed, flags experiment.Flags, class launcher.Class) (steps []string) {
	if class != launcher.ClassKVCache && class != launcher.ClassGPUMemory {
		return nil
	}
	if slices.ContainsFunc(flags, func(f experiment.Flag) bool { return e.Effect(f.Name).Fixed }) {
		return nil
	}
	for _, f := range union(failed, flags) {
		before, ok1 := failed.Get(f)
		now, ok2 := flags.Get(f)
		if ok1 && ok2 && before.Equal(now) || unset(before, ok1) && unset(now, ok2) {
			continue
		}
		if !ok1 || !ok2 || !harder(e.Effect(f), before, now, class) {
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

// harder reports whether a start that failed for want of GPU memory with the flag
// as before fails as it is now.
func harder(e launcher.Effect, before, now experiment.Flag, class launcher.Class) bool {
	x, ok1 := numeric(before)
	y, ok2 := numeric(now)
	return ok1 && ok2 && (e.More && y > x || e.Less && y < x || e.Cache && y < x && class == launcher.ClassKVCache)
}

// numeric is the value of a flag that is a number above zero.
func numeric(f experiment.Flag) (float64, bool) {
	if n, ok := f.Int(); ok {
		return float64(n), n > 0
	}
	x, err := strconv.ParseFloat(f.Value, 64)
	return x, err == nil && f.Kind == experiment.FlagText && x > 0
}
