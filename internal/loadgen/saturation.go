package loadgen

import (
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// outrunShare is the share of the requests offered that a server which keeps up
// completes in the same time; what it holds at both ends of the window cancels.
// outrunSlack requests more are the chance of a small window.
const (
	outrunShare = 0.9
	outrunSlack = 10
)

// outrun says whether requests came clearly faster than they were completed.
// It is asked only of a window in which requests in flight kept growing.
func (res *Result) outrun() bool {
	if res.Label != LabelOpen && res.Label != LabelPartly {
		return false // what answers wait for does not come faster than they do
	}
	if res.Client.CPUShare > res.Client.Limits.CPU {
		return false // the client was the bottleneck
	}
	offered, sent := res.dueAndSent()
	if res.Label == LabelOpen {
		offered = sent // what the client sent late is not the server's doing
	}
	return float64(res.WindowCompleted) < outrunShare*float64(offered) && offered-int(res.WindowCompleted) >= outrunSlack
}

// warnSessions looks at the shape of a load of conversations.
func (res *Result) warnSessions(cfg *Config) {
	type span struct{ from, to time.Duration }
	lives := map[int]*span{}
	cut := map[int]bool{}
	for i := range res.Requests {
		q := &res.Requests[i]
		if q.Session == 0 {
			continue
		}
		if lives[q.Session] == nil {
			lives[q.Session] = &span{from: q.Scheduled}
		}
		lives[q.Session].to = max(lives[q.Session].to, q.End)
		if q.Class != ClassOK && q.Phase == PhaseWindow {
			cut[q.Session] = true
		}
	}
	if len(cut) > 0 {
		res.warn(notice.New("sessions-cut", notice.Args{"n": notice.Count(len(cut)), "all": notice.Count(len(lives))}))
	}
	var total time.Duration
	n := 0
	for _, l := range lives {
		if l.to > res.WindowStart && l.from < res.WindowEnd {
			total += l.to - l.from
			n++
		}
	}
	if n == 0 {
		return
	}
	if mean := total / time.Duration(n); mean > cfg.Warmup {
		res.warn(notice.New("sessions-long", notice.Args{"mean": notice.Span(mean), "warmup": notice.Span(cfg.Warmup)}))
	}
}
