package telemetry

import (
	"context"
	"fmt"
	"time"

	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/wait"
)

// CooldownRule says when GPUs are ready for the next start.
type CooldownRule struct {
	AtLeast time.Duration
	AtMost  time.Duration // limit while a condition is not met; AtLeast when smaller
	// Temperature (degrees Celsius) and Memory (bytes used) are upper bounds
	// for every GPU; 0: not waited for.
	Temperature float64
	Memory      uint64
	// Reference is the state that Band is above of, device by device; empty:
	// the band is not waited for.
	Reference Conditions
	Band      Band
}

// Band is how far above a reference a GPU may be; a zero field is not waited
// for.
type Band struct {
	Temperature float64 // degrees Celsius
	Clock       float64 // share of the reference's SM clock
	Memory      uint64  // bytes
	Utilisation float64 // 0..1
}

// Conditions are the state of each GPU at one moment, by device.
type Conditions map[int]map[string]float64

// ConditionsOf keeps what the band is about.
func ConditionsOf(samples []Sample) Conditions {
	c := Conditions{}
	for _, s := range samples {
		c[s.Index] = map[string]float64{}
		for _, q := range []string{Temperature, SMClock, MemoryUsed, SMUtilisation} {
			if v, ok := s.Values[q]; ok {
				c[s.Index][q] = v
			}
		}
	}
	return c
}

// CooldownResult says how a wait ended.
type CooldownResult struct {
	Waited  time.Duration
	Reached bool   // all conditions met (also when there were none)
	Detail  string // what was not reached
}

// cooldownPoll is the time between two looks at the GPUs.
const cooldownPoll = time.Second

// Cooldown waits by rule. look reads the GPUs; nil: they cannot be read. Then
// conditions on them cannot be met and only AtLeast is waited for, with
// Reached false when there were any. progress, which may be nil, is told after
// each look what is missing still.
func Cooldown(ctx context.Context, rule CooldownRule, look func(context.Context) ([]Sample, error), progress func(missing string)) (CooldownResult, error) {
	began := time.Now()
	if err := wait.For(ctx, rule.AtLeast); err != nil {
		return CooldownResult{Waited: time.Since(began)}, err
	}
	if rule.Temperature == 0 && rule.Memory == 0 && (len(rule.Reference) == 0 || rule.Band == Band{}) {
		return CooldownResult{Waited: time.Since(began), Reached: true}, nil
	}
	if look == nil {
		return CooldownResult{Waited: time.Since(began), Detail: "the GPUs cannot be read"}, nil
	}
	for {
		samples, err := look(ctx)
		detail := ""
		if err != nil {
			detail = err.Error()
		} else {
			detail = rule.exceeded(samples)
		}
		if progress != nil {
			progress(detail)
		}
		waited := time.Since(began)
		if detail == "" || waited >= rule.AtMost {
			return CooldownResult{Waited: waited, Reached: detail == "", Detail: detail}, nil
		}
		if err := wait.For(ctx, min(cooldownPoll, rule.AtMost-waited)); err != nil {
			return CooldownResult{Waited: time.Since(began), Detail: detail}, err
		}
	}
}

// exceeded names the first condition that a GPU does not meet, or "".
func (rule CooldownRule) exceeded(samples []Sample) string {
	for _, s := range samples {
		if t := s.Values[Temperature]; rule.Temperature > 0 && t > rule.Temperature {
			return fmt.Sprintf("GPU %d at %.0f °C, %.0f wanted", s.Index, t, rule.Temperature)
		}
		if used := s.Values[MemoryUsed]; rule.Memory > 0 && used > float64(rule.Memory) {
			return fmt.Sprintf("GPU %d holds %s, %s wanted", s.Index, say.Bytes(used), say.Bytes(rule.Memory))
		}
		if detail := rule.outside(s); detail != "" {
			return detail
		}
	}
	return ""
}

// outside names what of a GPU is above the band, or "".
func (rule CooldownRule) outside(s Sample) string {
	ref, b := rule.Reference[s.Index], rule.Band
	for _, q := range []struct {
		metric string
		on     bool
		limit  func(reference float64) float64
		text   func(now, limit float64) string
	}{
		{Temperature, b.Temperature > 0, func(v float64) float64 { return v + b.Temperature }, func(now, limit float64) string {
			return fmt.Sprintf("GPU %d at %.0f °C, %.0f wanted as at the round's first launch", s.Index, now, limit)
		}},
		{SMClock, b.Clock > 0, func(v float64) float64 { return v * (1 + b.Clock) }, func(now, limit float64) string {
			return fmt.Sprintf("GPU %d clocked at %.0f MHz, %.0f wanted as at the round's first launch", s.Index, now, limit)
		}},
		{MemoryUsed, b.Memory > 0, func(v float64) float64 { return v + float64(b.Memory) }, func(now, limit float64) string {
			return fmt.Sprintf("GPU %d holds %s, %s wanted as at the round's first launch", s.Index, say.Bytes(now), say.Bytes(limit))
		}},
		{SMUtilisation, b.Utilisation > 0, func(v float64) float64 { return v + b.Utilisation }, func(now, limit float64) string {
			return fmt.Sprintf("GPU %d is busy %s of the time, %s wanted as at the round's first launch", s.Index, say.Percent(now), say.Percent(limit))
		}},
	} {
		reference, known := ref[q.metric]
		now, offered := s.Values[q.metric]
		if limit := q.limit(reference); q.on && known && offered && now > limit {
			return q.text(now, limit)
		}
	}
	return ""
}
