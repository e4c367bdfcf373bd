package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/wait"
	"github.com/vllm-sweep/sweep/launcher"
)

// defaultRound is the length of a warm-up round where the trial has no warm-up
// to take it from.
const defaultRound = 5 * time.Second

// warmAndLoad brings the server to where its latencies have settled, where
// that is asked for, empties its prefix cache where it can, and runs the load.
func (l *lane) warmAndLoad(ctx context.Context, cfg loadgen.Config, s *launcher.Server, rec *rundir.Trial, generate generator) (*loadgen.Result, *death, error) {
	if dead, err := l.settle(ctx, cfg, s, rec); err != nil || dead != nil {
		return nil, dead, err
	}
	l.emptyPrefixCache(ctx, s, rec)
	if rec.Warmup != nil {
		l.scrape(ctx) // what the rounds above did to the server's counters is not the load's
	}
	return l.runLoad(ctx, cfg, s, generate)
}

// settle sends rounds of fresh prompts at the target load until the medians of
// two rounds agree or the limit is reached.
func (l *lane) settle(ctx context.Context, cfg loadgen.Config, s *launcher.Server, rec *rundir.Trial) (*death, error) {
	rule := l.Experiment.Gates.Settle
	if rule.Within == 0 {
		return nil, nil
	}
	l.stage(StageSettling)
	began := time.Now()
	round := cfg
	round.Duration, round.Requests, round.Warmup = cfg.Warmup, 0, 0
	if round.Duration == 0 {
		round.Duration = defaultRound
	}
	w := &rundir.Warmup{}
	rec.Warmup = w
	var before medians
	var failed []notice.Notice // of the last round
	for time.Since(began) < rule.AtMost {
		round.Salt = fmt.Sprintf("%s settle %s %d", cfg.Salt, rec.ID, w.Rounds)
		res, dead, err := l.runLoad(ctx, round, s, loadgen.Run)
		if err != nil || dead != nil {
			return dead, err
		}
		w.Rounds++
		failed = res.WarmupFailed(loadgen.PhaseWindow)
		now := mediansOf(res)
		if change, ok := now.change(before); ok {
			w.Change = &change
			if w.Settled = change <= rule.Within; w.Settled {
				break
			}
		}
		before = now
	}
	w.Took = time.Since(began).Seconds()
	rec.Warnings = append(rec.Warnings, l.tell(notice.Trial, rec.ID, failed...)...)
	if !w.Settled {
		rec.Warnings = append(rec.Warnings, notice.New("warmup-unsettled", notice.Args{
			"within": notice.Fraction(rule.Within), "rounds": notice.Count(w.Rounds),
		}))
	}
	l.stage(StageMeasuring)
	return nil, nil
}

// medians are the median TTFT and time per output token of a round, seconds; NaN:
// no request told it.
type medians struct{ ttft, tpot float64 }

func mediansOf(res *loadgen.Result) medians {
	var ttft, tpot []float64
	for i := range res.Requests {
		q := &res.Requests[i]
		if q.Phase != loadgen.PhaseWindow || q.Class != loadgen.ClassOK {
			continue
		}
		ttft = append(ttft, q.TTFT().Seconds())
		if d, ok := q.TPOT(); ok {
			tpot = append(tpot, d.Seconds())
		}
	}
	return medians{stats.Median(ttft), stats.Median(tpot)}
}

// change is the larger relative change from an earlier round; false when
// nothing can be compared.
func (m medians) change(before medians) (worst float64, ok bool) {
	for _, p := range [][2]float64{{m.ttft, before.ttft}, {m.tpot, before.tpot}} {
		if p[0] > 0 && p[1] > 0 {
			worst, ok = max(worst, math.Abs(p[0]/p[1]-1)), true
		}
	}
	return worst, ok
}

// What became of the server's prefix cache before a trial.
const (
	cacheReset      = "reset"
	cacheRefused    = "refused"       // success was false until resetWait was over: blocks were in use
	cacheNotOffered = "not offered"   // vLLM offers it with VLLM_SERVER_DEV_MODE=1 only
	cacheNotOurs    = "not ours"      // an endpoint's cache serves others too
	cacheUnchecked  = "reset, no say" // the server answered without saying whether it did
)

// Limits of a reset: blocks of requests that have just ended are given back
// within a few engine steps.
const (
	resetWait = 3 * time.Second
	resetPoll = 100 * time.Millisecond
)

// emptyPrefixCache resets the server's prefix cache and checks its word. Where
// that is not offered the prompts' salt must do, and the hit rate that the
// telemetry measures shows whether it did.
func (l *lane) emptyPrefixCache(ctx context.Context, s *launcher.Server, rec *rundir.Trial) {
	if rec.Warmup == nil {
		rec.Warmup = &rundir.Warmup{}
	}
	if l.Server.Running {
		rec.Warmup.PrefixCache = cacheNotOurs
		return
	}
	ctx, cancel := context.WithTimeout(ctx, resetWait)
	defer cancel()
	for {
		state := l.resetOnce(ctx, s.BaseURL())
		if state != cacheRefused || wait.For(ctx, resetPoll) != nil {
			rec.Warmup.PrefixCache = state
			break
		}
	}
	if rec.Warmup.PrefixCache == cacheRefused {
		rec.Warnings = append(rec.Warnings, notice.New("prefix-cache-kept", nil))
	}
}

func (l *lane) resetOnce(ctx context.Context, base string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/reset_prefix_cache", nil)
	if err != nil {
		return cacheNotOffered
	}
	if l.Server.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+l.Server.APIKey)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return cacheNotOffered
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return cacheNotOffered
	}
	var said struct {
		Success *bool `json:"success"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	switch {
	case err != nil || json.Unmarshal(body, &said) != nil || said.Success == nil:
		return cacheUnchecked
	case *said.Success:
		return cacheReset
	default:
		return cacheRefused
	}
}

// freshHits is the share of prompt tokens beyond which a prefix cache answers
// more of fresh prompts than the head that a chat template puts before each.
const freshHits = 0.2

// warnHits looks at the measured hit rate of a trial whose prompts were fresh.
func warnHits(rec *rundir.Trial, cfg loadgen.Config) {
	if len(cfg.Dataset) > 0 || cfg.Prefix != (loadgen.Prefix{}) || cfg.Arrivals.Kind == loadgen.Trace {
		return
	}
	t := rec.Telemetry
	if t != nil && t.Server != nil && t.Server.HitRate != nil && *t.Server.HitRate > freshHits {
		rec.Warnings = append(rec.Warnings, notice.New("prefix-cache-hits", notice.Args{"share": notice.Fraction(*t.Server.HitRate)}))
	}
}
