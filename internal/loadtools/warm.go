package loadtools

import (
	"context"
	"errors"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// Warm loads the server with our own generator before a tool does: GuideLLM
// has no warm-up traffic, and vllm bench repeats one prompt. Failures are left
// to the tool to meet; failed tells of a warm-up that failed completely.
func Warm(ctx context.Context, cfg loadgen.Config) (failed []notice.Notice, err error) {
	if cfg.Warmup == 0 {
		return nil, nil
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
		return nil, errors.Join(ctx.Err(), err)
	case err != nil:
		return []notice.Notice{notice.New("warmup-failed", notice.Args{"error": notice.Text(err.Error())})}, nil
	}
	return res.WarmupFailed(loadgen.PhaseWindow), nil
}
