package runner

import (
	"math"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// conditions are what the cool-down aims at: the GPUs as they were before the
// first start of a round, and how far the waits are shortened.
type conditions struct {
	references map[int]telemetry.Conditions // by round
	easing     float64                      // what the waits are multiplied by
}

func newConditions() conditions { return conditions{map[int]telemetry.Conditions{}, 1} }

// rule is the experiment's, eased, with the band of the round's first start;
// before that start, of the round before.
func (p *conditions) rule(c experiment.Cooldown, round int) telemetry.CooldownRule {
	ref, ok := p.references[round]
	for b := round - 1; !ok && b >= 0; b-- {
		ref, ok = p.references[b]
	}
	eased := func(d time.Duration) time.Duration { return time.Duration(p.easing * float64(d)) }
	return telemetry.CooldownRule{
		AtLeast: eased(c.AtLeast), AtMost: eased(c.AtMost), Temperature: c.GPUTemperature, Memory: uint64(c.GPUMemory),
		Reference: ref,
		Band: telemetry.Band{
			Temperature: c.Band.Temperature, Clock: c.Band.Clock, Memory: uint64(c.Band.Memory), Utilisation: c.Band.Utilisation,
		},
	}
}

// refer takes the conditions of a round's first start as its reference. A
// reference that was handed out is not changed: starts beside it read it.
func (p *conditions) refer(s rundir.Start) {
	known, some := p.references[s.Block]
	if some && len(s.GPUs) == 0 || s.Before == nil || len(s.Before.GPUs) == 0 {
		return
	}
	ref := telemetry.Conditions{}
	for device, values := range known {
		ref[device] = values
	}
	for _, g := range s.Before.GPUs {
		if ref[g.Device] != nil { // of another start of the round, beside this one
			continue
		}
		ref[g.Device] = map[string]float64{}
		for q, from := range states(&g) {
			if *from != nil {
				ref[g.Device][q] = **from
			}
		}
	}
	p.references[s.Block] = ref
}

// driftLimit is the change of the baseline between two blocks beyond which the
// machine counts as drifting: the margin within which results count as equal.
const driftLimit = 0.03

// leastEasing bounds how far the adaptive mode shortens the waits.
const leastEasing = 1.0 / 8

// sentinels are the metrics of the baseline that are watched for drift: those
// that repeat best.
var sentinels = []string{"output_throughput", "tpot_p50"}

// ease sets what the waits of the next round are multiplied by: half as long
// after a round whose baseline was as in the first, whole again after one where
// it was not. It follows from the records alone, so that a resumed run goes on
// with the same. It returns the last round that could be compared, and its change.
func (p *conditions) ease(round int, baselines map[string]bool, done map[string]rundir.Trial) (last int, change float64) {
	p.easing = 1
	for b := 2; b <= round; b++ {
		worst, known := drift(b, baselines, done)
		switch {
		case !known:
			continue
		case worst <= driftLimit:
			p.easing = max(leastEasing, p.easing/2)
		default:
			p.easing = 1
		}
		last, change = b, worst
	}
	return last, change
}

// drift is the largest change of a sentinel between round 1 and another, over
// the load points; false when it is not known.
func drift(round int, baselines map[string]bool, done map[string]rundir.Trial) (worst float64, known bool) {
	type key struct{ point, metric string }
	first := map[key]float64{}
	each := func(b int, do func(k key, v float64)) {
		for _, t := range done {
			if t.Block != b || t.Outcome != rundir.OutcomeOK || !baselines[t.Configuration] {
				continue
			}
			for _, m := range sentinels {
				if v := t.Metrics[m]; v > 0 {
					do(key{t.LoadPoint, m}, v)
				}
			}
		}
	}
	each(1, func(k key, v float64) { first[k] = v })
	each(round, func(k key, v float64) {
		if was, ok := first[k]; ok {
			worst, known = max(worst, math.Abs(v/was-1)), true
		}
	})
	return worst, known
}
