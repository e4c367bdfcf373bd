package bencher

import (
	"context"
	"errors"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen"
)

// Warm loads the server with our own generator before a tool does: GuideLLM
// has no warm-up traffic, and vllm bench repeats one prompt. Failures are left
// to the tool to meet; failed describes a warm-up that failed completely.
func Warm(ctx context.Context, cfg loadgen.Config) (failed string, err error) {
	if cfg.Warmup == 0 {
		return "", nil
	}
	cfg.Duration, cfg.Requests, cfg.Warmup = cfg.Warmup, 0, 0
	cfg.Drain = min(cfg.Timeout, time.Minute)
	if cfg.Arrivals.Kind == loadgen.Throughput {
		cfg.Arrivals.Kind = loadgen.Concurrency
	}
	cfg.Salt += "-warm"
	res, err := loadgen.Run(ctx, cfg)
	switch {
	case ctx.Err() != nil:
		return "", errors.Join(ctx.Err(), err)
	case err != nil:
		return err.Error(), nil
	}
	return res.AllFailed(loadgen.PhaseWindow), nil
}
