package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
)

// Lateness is the noise of this machine's own scheduling.
type Lateness struct {
	P50, P99, Max time.Duration // beyond the end of a timer
	Stolen        time.Duration // longest time that a busy thread did not run
}

// The measurement takes a second: timers of the length that the client sleeps
// before a send, and a thread that only reads the clock.
const (
	timers    = 700
	timerEach = time.Millisecond
	spinFor   = 200 * time.Millisecond
)

// MeasureLateness measures for about a second. It ends early with ctx.
func MeasureLateness(ctx context.Context) Lateness {
	var late []float64
	for range timers {
		if ctx.Err() != nil {
			break
		}
		due := time.Now().Add(timerEach)
		for left := timerEach; left > 0; left = time.Until(due) {
			timed.Sleep(left)
		}
		late = append(late, float64(time.Since(due)))
	}
	var l Lateness
	if len(late) > 0 {
		slices.Sort(late)
		l.P50, l.P99 = time.Duration(stats.Quantile(late, 0.5)), time.Duration(stats.Quantile(late, 0.99))
		l.Max = time.Duration(late[len(late)-1])
	}
	for begin, last := time.Now(), time.Now(); last.Sub(begin) < spinFor && ctx.Err() == nil; {
		now := time.Now()
		l.Stolen = max(l.Stolen, now.Sub(last))
		last = now
	}
	return l
}

// lateness says how exact a client on this machine can be now.
func lateness(l Lateness) Check {
	strict, shared := loadgen.Strict(), loadgen.Shared()
	args := notice.Args{
		"p50": notice.Latency(l.P50), "p99": notice.Latency(l.P99), "max": notice.Latency(l.Max),
		"stolen": notice.Latency(l.Stolen), "shared": notice.Latency(shared.LagFloor),
	}
	switch {
	case l.P99 > shared.LagFloor || l.P50 > shared.Mean:
		args["ttft"] = notice.Seconds(l.P99.Seconds() / shared.LagShare)
		return found("timers", Warning, notice.New("timers-late", args))
	case l.P99 > strict.LagFloor:
		args["strict"] = notice.Latency(strict.LagFloor)
		return found("timers", Warning, notice.New("timers-shared", args))
	}
	return fine("timers", "%s (p50), %s (p99) and at most %s late; a busy thread waited up to %s for the CPU. Clients here can keep a limit of %s",
		say.Seconds(l.P50.Seconds()), say.Seconds(l.P99.Seconds()), say.Seconds(l.Max.Seconds()), say.Seconds(l.Stolen.Seconds()),
		say.Seconds(strict.LagFloor.Seconds()))
}
