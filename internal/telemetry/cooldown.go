package telemetry

import (
	"context"
	"fmt"
	"time"

	"github.com/vllm-sweep/sweep/internal/wait"
)

// CooldownRule says when a host is ready for the next start.
type CooldownRule struct {
	AtLeast time.Duration
	AtMost  time.Duration // limit while a condition is not met; AtLeast when smaller
	// Temperature (degrees Celsius) and Memory (bytes used) are upper bounds
	// for every GPU; 0: not waited for.
	Temperature float64
	Memory      uint64
}

// CooldownResult says how a wait ended.
type CooldownResult struct {
	Waited  time.Duration
	Reached bool   // all conditions met (also when there were none)
	Detail  string // what was not reached
}

// cooldownPoll is the time between two looks at the GPUs.
const cooldownPoll = time.Second

// Cooldown waits by rule. gpus may be nil; then conditions on GPUs cannot be
// met and only AtLeast is waited for, with Reached false when there were any.
func Cooldown(ctx context.Context, rule CooldownRule, gpus GPUs) (CooldownResult, error) {
	began := time.Now()
	if err := wait.For(ctx, rule.AtLeast); err != nil {
		return CooldownResult{Waited: time.Since(began)}, err
	}
	if rule.Temperature == 0 && rule.Memory == 0 {
		return CooldownResult{Waited: time.Since(began), Reached: true}, nil
	}
	if gpus == nil {
		return CooldownResult{Waited: time.Since(began), Detail: "the GPUs cannot be read"}, nil
	}
	for {
		samples, err := gpus.Sample(ctx)
		detail := ""
		if err != nil {
			detail = err.Error()
		} else {
			detail = exceeds(rule, samples)
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

// exceeds names the first condition that a GPU does not meet, or "".
func exceeds(rule CooldownRule, samples []Sample) string {
	for _, s := range samples {
		if t := s.Values[Temperature]; rule.Temperature > 0 && t > rule.Temperature {
			return fmt.Sprintf("GPU %d at %.0f °C, %.0f wanted", s.Index, t, rule.Temperature)
		}
		if used := s.Values[MemoryUsed]; rule.Memory > 0 && used > float64(rule.Memory) {
			return fmt.Sprintf("GPU %d holds %.2f GiB, %.2f wanted", s.Index, gib(used), gib(float64(rule.Memory)))
		}
	}
	return ""
}

func gib(b float64) float64 { return b / (1 << 30) }
