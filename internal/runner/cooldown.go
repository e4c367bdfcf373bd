package runner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// cooldown waits before a start of the block, after what was stopped last, and
// returns how the wait ended; nil before the first start.
func (r *run) cooldown(ctx context.Context, block int) (*telemetry.CooldownResult, error) {
	rec := r.cooling
	if rec == nil {
		return nil, nil
	}
	r.cooling = nil
	r.stage(StageCooldown)
	rule := r.cooldownRule(block)
	var look func(context.Context) ([]telemetry.Sample, error)
	if r.GPUs != nil {
		look = r.look
	}
	var res telemetry.CooldownResult
	var err error
	r.blocking(func() {
		res, err = telemetry.Cooldown(ctx, rule, look, func(missing string) {
			r.locked(func() { r.updateStatus(func(s *Status) { s.Waiting = missing }) })
		})
	})
	r.updateStatus(func(s *Status) { s.Waiting = "" })
	if err != nil {
		return nil, err
	}
	r.clock.cooled(res.Waited)
	rec.Cooldown = res.Waited
	if !res.Reached {
		rec.Warnings = append(rec.Warnings, r.tell(notice.Launch, rec.ID, notice.New("cooldown-not-reached", notice.Args{
			"waited": notice.Span(res.Waited), "missing": notice.Text(res.Detail),
		}))...)
	}
	return &res, errors.Join(
		r.dir.WriteStart(*rec),
		r.dir.Journal.Append(rundir.Event{Event: rundir.EventCooldown, Start: rec.ID, Detail: res.Detail}))
}

// cooldownRule is the experiment's, eased, with the band of the block's first
// start; before that start, of the block before.
func (r *run) cooldownRule(block int) telemetry.CooldownRule {
	c := r.Experiment.Cooldown
	ref, ok := r.references[block]
	for b := block - 1; !ok && b >= 0; b-- {
		ref, ok = r.references[b]
	}
	eased := func(d time.Duration) time.Duration { return time.Duration(r.easing * float64(d)) }
	return telemetry.CooldownRule{
		AtLeast: eased(c.AtLeast), AtMost: eased(c.AtMost), Temperature: c.GPUTemperature, Memory: uint64(c.GPUMemory),
		Reference: ref,
		Band: telemetry.Band{
			Temperature: c.Band.Temperature, Clock: c.Band.Clock, Memory: uint64(c.Band.Memory), Utilisation: c.Band.Utilisation,
		},
	}
}

// staleSample is the age at which a sample says nothing of the present.
const staleSample = 5 * time.Second

// firstLook is how often the first reading is asked for.
const firstLook = 10 * time.Millisecond

// look returns what the monitor saw last.
func (r *run) look(context.Context) ([]telemetry.Sample, error) {
	samples, at, err := r.monitor.LatestGPUs()
	switch {
	case err != nil:
		return nil, err
	case time.Since(at) > staleSample:
		return nil, errors.New("the GPUs have not been read for " + say.Duration(time.Since(at)))
	default:
		return samples, nil
	}
}

// noteConditions records the state of the GPUs before a start, and takes it as
// the block's reference if it is the block's first.
func (r *run) noteConditions(rec *rundir.Start, res *telemetry.CooldownResult) {
	c := &rundir.Conditions{}
	if res != nil {
		c.Reached, c.Missing, c.Factor = &res.Reached, res.Detail, r.easing
	}
	r.awaitGPUs()
	if samples, err := r.look(context.Background()); err == nil && r.GPUs != nil {
		for _, s := range samples {
			g := rundir.GPUState{Device: s.Index}
			for q, into := range states(&g) {
				if v, ok := s.Values[q]; ok {
					*into = &v
				}
			}
			c.GPUs = append(c.GPUs, g)
		}
	}
	if res != nil || len(c.GPUs) > 0 {
		rec.Before = c
	}
	r.refer(*rec)
}

// awaitGPUs waits for the monitor's first reading of the GPUs, which a busy
// machine may delay beyond the first start: without it the block has no
// reference.
func (r *run) awaitGPUs() {
	if r.GPUs == nil {
		return
	}
	r.blocking(func() {
		for end := time.Now().Add(staleSample); time.Now().Before(end); time.Sleep(firstLook) {
			if _, at, err := r.monitor.LatestGPUs(); err != nil || !at.IsZero() {
				return
			}
		}
	})
}

// states maps quantities to the fields of a state.
func states(g *rundir.GPUState) map[string]**float64 {
	return map[string]**float64{
		telemetry.Temperature: &g.Temperature, telemetry.SMClock: &g.SMClock,
		telemetry.MemoryUsed: &g.MemoryUsed, telemetry.SMUtilisation: &g.Utilisation,
	}
}

// refer takes the conditions of a block's first start as its reference.
func (r *run) refer(s rundir.Start) {
	ref, known := r.references[s.Block]
	if known && len(s.GPUs) == 0 || s.Before == nil || len(s.Before.GPUs) == 0 {
		return
	}
	if !known {
		ref = telemetry.Conditions{}
	}
	for _, g := range s.Before.GPUs {
		if ref[g.Device] != nil { // of another start of the block, beside this one
			continue
		}
		ref[g.Device] = map[string]float64{}
		for q, from := range states(&g) {
			if *from != nil {
				ref[g.Device][q] = **from
			}
		}
	}
	r.references[s.Block] = ref
}

// driftLimit is the change of the baseline between two blocks beyond which the
// machine counts as drifting: the margin within which results count as equal.
const driftLimit = 0.03

// leastEasing bounds how far the adaptive mode shortens the waits.
const leastEasing = 1.0 / 8

// sentinels are the metrics of the baseline that are watched for drift: those
// that repeat best.
var sentinels = []string{"output_throughput", "tpot_p50"}

// ease sets what the waits of the next block are multiplied by, in the adaptive
// mode: half as long after a block whose baseline was as in the first, whole
// again after one where it was not. It follows from the records alone, so that
// a resumed run goes on with the same.
func (r *run) ease(block int) {
	if !r.Experiment.Cooldown.Adaptive {
		return
	}
	was, last := r.easing, ""
	r.easing = 1
	for b := 2; b <= block; b++ {
		worst, known := r.drift(b)
		switch {
		case !known:
			continue
		case worst <= driftLimit:
			r.easing = max(leastEasing, r.easing/2)
		default:
			r.easing = 1
		}
		last = fmt.Sprintf("the baseline of block %d is within %.1f%% of that of block 1", b, 100*worst)
	}
	if r.easing != was {
		r.message("cool-down: %s: waits x %g from now on", last, r.easing)
	}
}

// drift is the largest change of a sentinel between block 1 and another, over
// the load points; false when it is not known.
func (r *run) drift(block int) (worst float64, known bool) {
	baseline := map[string]bool{}
	for _, c := range r.Plan.Configurations {
		if c.Baseline {
			baseline[c.ID] = true
		}
	}
	first := map[string]float64{}
	key := func(t rundir.Trial, m string) string { return fmt.Sprint(t.LoadPoint, " ", m) }
	each := func(b int, do func(t rundir.Trial, m string, v float64)) {
		for _, t := range r.done {
			if t.Block != b || t.Outcome != rundir.OutcomeOK || !baseline[t.Configuration] {
				continue
			}
			for _, m := range sentinels {
				if v := t.Metrics[m]; v > 0 {
					do(t, m, v)
				}
			}
		}
	}
	each(1, func(t rundir.Trial, m string, v float64) { first[key(t, m)] = v })
	each(block, func(t rundir.Trial, m string, v float64) {
		if was, ok := first[key(t, m)]; ok {
			worst, known = max(worst, math.Abs(v/was-1)), true
		}
	})
	return worst, known
}
