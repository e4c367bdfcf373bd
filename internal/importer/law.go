package importer

import (
	"math"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/arrivals"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// law is the law of the arrivals that the tool was asked for; false: a closed
// loop, or a process that the file does not tell.
func (l Load) law() (arrivals.Law, bool) {
	switch l.Kind {
	case experiment.Constant:
		return arrivals.Law{Rate: l.Value, Burstiness: math.Inf(1)}, l.Value > 0
	case experiment.Poisson:
		return arrivals.Law{Rate: l.Value, Burstiness: 1}, l.Value > 0
	case experiment.Gamma:
		return arrivals.Law{Rate: l.Value, Burstiness: l.Burstiness}, l.Value > 0 && l.Burstiness > 0
	default:
		return arrivals.Law{}, false
	}
}

// checkLaw has a run not count whose arrivals are not those that were asked
// for, with what the tool says of it itself.
func (r *Result) checkLaw() {
	var why []notice.Notice
	if law, ok := r.Load.law(); ok {
		if r.Run != nil && r.Timed {
			why = law.Judge(r.sent())
		} else if n := r.sends(); n > 0 && r.Window > 0 {
			why = law.TooMany(n, time.Duration(r.Window*1e9))
		}
		why = append(why, r.schedule...)
	}
	condemned := len(why) > 0
	for _, text := range r.toolWarnings {
		n := notice.New("tool-warns", notice.Args{"tool": notice.Text(r.Tool), "text": notice.Text(text)})
		r.Warnings = append(r.Warnings, n)
		if condemned {
			why = append(why, n)
		}
	}
	r.Unlawful = why
	r.Invalid = append(r.Invalid, why...)
}

// sends is the number of requests that a summary tells.
func (r *Result) sends() int {
	n := 0
	for _, k := range r.Requests {
		n += k
	}
	return n
}

// sent are the sends inside the window, those included that were cut off.
func (r *Result) sent() arrivals.Sent {
	run := r.Run
	s := arrivals.Sent{From: run.WindowStart, Capped: r.Load.Cap > 0}
	if r.sentFor > 0 {
		s.Until = s.From + r.sentFor
	}
	planned := r.Clock == ClockIntended
	for i := range run.Requests {
		q := &run.Requests[i]
		if q.Phase == loadgen.PhaseWarmup || q.Sent < run.WindowStart || q.Sent > run.WindowEnd {
			continue
		}
		s.Times = append(s.Times, q.Sent)
		if planned {
			s.Planned = append(s.Planned, q.Scheduled)
		}
	}
	return s
}
