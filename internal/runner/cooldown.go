package runner

import (
	"context"
	"errors"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/internal/wait"
)

// cooldown waits before a start of the block, after what was stopped last, and
// returns how the wait ended; nil before the first start.
func (l *lane) cooldown(ctx context.Context, block int) (*telemetry.CooldownResult, error) {
	rec := l.cooling
	if rec == nil {
		return nil, nil
	}
	l.cooling = nil
	l.stage(StageCooldown)
	var rule telemetry.CooldownRule
	l.locked(func() { rule = l.conditions.rule(l.Experiment.Cooldown, block) })
	var look func(context.Context) ([]telemetry.Sample, error)
	if l.gpus != nil {
		look = l.look
	}
	res, err := telemetry.Cooldown(ctx, rule, look, func(missing notice.Notice) {
		l.update(func(s *Status) { s.Waiting = missing.Text() })
	})
	l.update(func(s *Status) { s.Waiting = "" })
	if err != nil {
		return nil, err
	}
	l.locked(func() { l.clock.cooling.take(res.Waited) })
	rec.Cooldown = res.Waited
	if !res.Reached {
		rec.Warnings = append(rec.Warnings, l.tell(notice.Launch, rec.ID, notice.New("cooldown-not-reached", notice.Args{
			"waited": notice.Span(res.Waited), "missing": notice.Said(res.Missing),
		}))...)
	}
	return &res, l.stepStart(rundir.EventCooldown, rec, "", res.Missing)
}

// staleSample is the age at which a sample says nothing of the present.
const staleSample = 5 * time.Second

// firstLook is how often the first reading is asked for.
const firstLook = 10 * time.Millisecond

// look returns what the monitor saw last.
func (l *lane) look(context.Context) ([]telemetry.Sample, error) {
	samples, at, err := l.monitor.LatestGPUs()
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
func (l *lane) noteConditions(ctx context.Context, rec *rundir.Start, res *telemetry.CooldownResult) {
	c := &rundir.Conditions{}
	if res != nil {
		c.Reached, c.Missing = &res.Reached, res.Missing
		l.locked(func() { c.Factor = l.conditions.easing })
	}
	l.awaitGPUs(ctx)
	if samples, err := l.look(ctx); err == nil && l.gpus != nil {
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
	l.locked(func() { l.conditions.refer(*rec) })
}

// awaitGPUs waits for the monitor's first reading of the GPUs, which a busy
// machine may delay beyond the first start: without it the block has no
// reference.
func (l *lane) awaitGPUs(ctx context.Context) {
	if l.gpus == nil {
		return
	}
	for end := time.Now().Add(staleSample); time.Now().Before(end); {
		if _, at, err := l.monitor.LatestGPUs(); err != nil || !at.IsZero() || wait.For(ctx, firstLook) != nil {
			return
		}
	}
}

// states maps quantities to the fields of a state.
func states(g *rundir.GPUState) map[string]**float64 {
	return map[string]**float64{
		telemetry.Temperature: &g.Temperature, telemetry.SMClock: &g.SMClock,
		telemetry.MemoryUsed: &g.MemoryUsed, telemetry.SMUtilisation: &g.Utilisation,
	}
}
