package telemetry

import (
	"context"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
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
	Reached bool          // all conditions met (also when there were none)
	Missing notice.Notice // what was not reached; the zero value: nothing
}

// cooldownPoll is the time between two looks at the GPUs.
const cooldownPoll = time.Second

// Cooldown waits by rule. look reads the GPUs; nil: they cannot be read. Then
// conditions on them cannot be met and only AtLeast is waited for, with
// Reached false when there were any. progress, which may be nil, is told after
// each look what is missing still.
func Cooldown(ctx context.Context, rule CooldownRule, look func(context.Context) ([]Sample, error), progress func(missing notice.Notice)) (CooldownResult, error) {
	began := time.Now()
	if err := wait.For(ctx, rule.AtLeast); err != nil {
		return CooldownResult{Waited: time.Since(began)}, err
	}
	if rule.Temperature == 0 && rule.Memory == 0 && (len(rule.Reference) == 0 || rule.Band == Band{}) {
		return CooldownResult{Waited: time.Since(began), Reached: true}, nil
	}
	if look == nil {
		return CooldownResult{Waited: time.Since(began), Missing: notice.New("gpus-unreadable", nil)}, nil
	}
	for {
		samples, err := look(ctx)
		missing := notice.Notice{}
		if err != nil {
			missing = notice.New("gpus-unreadable", notice.Args{"error": notice.Text(err.Error())})
		} else {
			missing = rule.exceeded(samples)
		}
		if progress != nil {
			progress(missing)
		}
		waited, reached := time.Since(began), missing.Code == ""
		if reached || waited >= rule.AtMost {
			return CooldownResult{Waited: waited, Reached: reached, Missing: missing}, nil
		}
		if err := wait.For(ctx, min(cooldownPoll, rule.AtMost-waited)); err != nil {
			return CooldownResult{Waited: time.Since(began), Missing: missing}, err
		}
	}
}

// exceeded is the first condition that a GPU does not meet, or the zero value.
func (rule CooldownRule) exceeded(samples []Sample) notice.Notice {
	for _, s := range samples {
		if t := s.Values[Temperature]; rule.Temperature > 0 && t > rule.Temperature {
			return notice.New("gpu-warm", unmet(s, notice.Number, t, rule.Temperature))
		}
		if used := s.Values[MemoryUsed]; rule.Memory > 0 && used > float64(rule.Memory) {
			return notice.New("gpu-memory-held", unmet(s, notice.Bytes[float64], used, float64(rule.Memory)))
		}
		if missing := rule.outside(s); missing.Code != "" {
			return missing
		}
	}
	return notice.Notice{}
}

// unmet are the arguments of a condition that a GPU does not meet.
func unmet(s Sample, value func(float64) notice.Arg, now, limit float64) notice.Args {
	return notice.Args{"gpu": notice.Count(s.Index), "now": value(now), "wanted": value(limit)}
}

// outside is what of a GPU is above the band, or the zero value.
func (rule CooldownRule) outside(s Sample) notice.Notice {
	ref, b := rule.Reference[s.Index], rule.Band
	above := func(metric string, on bool, limit func(reference float64) float64) (now, most float64, yes bool) {
		reference, known := ref[metric]
		now, offered := s.Values[metric]
		most = limit(reference)
		return now, most, on && known && offered && now > most
	}
	if now, most, yes := above(Temperature, b.Temperature > 0, func(v float64) float64 { return v + b.Temperature }); yes {
		return notice.New("gpu-warm-for-round", unmet(s, notice.Number, now, most))
	}
	if now, most, yes := above(SMClock, b.Clock > 0, func(v float64) float64 { return v * (1 + b.Clock) }); yes {
		return notice.New("gpu-clocked-for-round", unmet(s, notice.Number, now, most))
	}
	if now, most, yes := above(MemoryUsed, b.Memory > 0, func(v float64) float64 { return v + float64(b.Memory) }); yes {
		return notice.New("gpu-memory-for-round", unmet(s, notice.Bytes[float64], now, most))
	}
	if now, most, yes := above(SMUtilisation, b.Utilisation > 0, func(v float64) float64 { return v + b.Utilisation }); yes {
		return notice.New("gpu-busy-for-round", unmet(s, notice.Fraction, now, most))
	}
	return notice.Notice{}
}
