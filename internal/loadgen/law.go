package loadgen

import (
	"math"

	arrivallaw "github.com/vllm-sweep/sweep/internal/arrivals"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// unlawful are the reasons why the window's sends are not the arrivals that
// were asked for. The schedule itself is a part of what is judged.
func (c *Config) unlawful(res *Result) []notice.Notice {
	law := arrivallaw.Law{Rate: c.Arrivals.Rate}
	switch c.Arrivals.Kind {
	case Constant:
		law.Burstiness = math.Inf(1)
	case Poisson:
		law.Burstiness = 1
	case Gamma:
		law.Burstiness = c.Arrivals.Burstiness
	default:
		return nil
	}
	if c.Sessions != nil || res.WindowEnd <= res.WindowStart {
		return nil // conversations arrive by the law, their turns do not; or there was no window
	}
	sent := arrivallaw.Sent{From: res.WindowStart, Capped: c.Arrivals.MaxConcurrency > 0}
	if c.Duration > 0 && (c.Requests == 0 || res.windowRequests() < c.Requests) {
		sent.Until = res.WindowEnd
	}
	for i := range res.Requests {
		q := &res.Requests[i]
		if q.Phase != PhaseWindow {
			continue
		}
		sent.Planned = append(sent.Planned, q.Scheduled)
		if q.Sent >= 0 {
			sent.Times = append(sent.Times, q.Sent)
		}
	}
	return law.Judge(sent)
}
