package loadgen

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Sizes of ProbeLoad.
const (
	// probeDraws is how many requests of the load are looked at to find one of
	// middling size.
	probeDraws = 33
	// probePoll is how often the answer is looked at for its first token.
	probePoll = 2 * time.Millisecond
)

// ProbeLoad sends one request as the load will send them, with its prompt form,
// length and options, and says why the server does not take it: the errors are
// those of Probe. Its size is the middle of the load's, because a load may hold
// a few requests that are refused. The answer is not waited for: at its first
// token the connection is closed, which ends the request in the server. limit
// bounds the wait for that token; 0: DefaultProbeTimeout, but never longer than
// Config.Timeout. Its prompt is no prompt of the load, so that no cache knows
// any of those afterwards.
func ProbeLoad(ctx context.Context, cfg Config, limit time.Duration) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("load configuration: %w", err)
	}
	if limit <= 0 {
		limit = DefaultProbeTimeout
	}
	cfg.Timeout = min(limit, cfg.timeout())
	cfg.Salt += " probe"
	cfg.DatasetSalt = true
	c, err := newClient(&cfg)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.reach(ctx); err != nil {
		return err
	}
	var words wordPlan
	if cfg.API == Chat && len(cfg.Dataset) == 0 {
		words, _ = findOneTokenWords(ctx, c, &cfg)
	}
	if cfg.Output.Kind == "" && len(cfg.Dataset) > 0 {
		// The server would be asked to count the answers of the whole dataset.
		cfg.Output = Lengths{Kind: Fixed, Mean: probeTokens}
	}
	b, err := newBodies(&cfg, words)
	if err != nil {
		return err
	}
	j := b.middling()
	c.start = time.Now()
	rec := &Request{Sent: -1, First: -1, Last: -1, End: -1, PromptAsked: j.prompt, OutputAsked: j.output}
	if c.untilToken(ctx, j, rec) {
		return nil
	}
	return c.verdict(ctx, &cfg, rec)
}

// middling is the request of middling size among some of the load.
func (b *bodies) middling() *job {
	jobs := make([]*job, probeDraws)
	for i := range jobs {
		jobs[i] = b.build(PhaseTail, i)
	}
	// Of a token ID there are some six bytes in a body, of a word as many.
	size := func(j *job) int { return len(j.body) + 6*j.output }
	slices.SortStableFunc(jobs, func(x, y *job) int { return size(x) - size(y) })
	return jobs[len(jobs)/2]
}

// untilToken sends a request and gives it up at its first token. It reports
// whether one came; otherwise the record says how the request ended.
func (c *client) untilToken(ctx context.Context, j *job, rec *Request) (came bool) {
	reqCtx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.do(reqCtx, j, rec)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	tick := time.NewTicker(probePoll)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return false
		case <-tick.C:
			if c.lastToken.Load() > 0 {
				return true
			}
		}
	}
}
