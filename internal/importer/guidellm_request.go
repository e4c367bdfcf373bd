package importer

import (
	"github.com/vllm-sweep/sweep/internal/loadgen"
)

// guideRequest is one request of either shape: D1 has its times at the top
// level and in scheduler_info, D2 and later in info.timings.
type guideRequest struct {
	PromptTokens *float64 `json:"prompt_tokens"`
	OutputTokens *float64 `json:"output_tokens"`
	TTFT         *float64 `json:"time_to_first_token_ms"`
	Error        *string  `json:"error"`

	// D1
	StartTime  *float64 `json:"start_time"`
	EndTime    *float64 `json:"end_time"`
	FirstToken *float64 `json:"first_token_time"`
	LastToken  *float64 `json:"last_token_time"`
	Scheduler  struct {
		Targeted *float64 `json:"targeted_start_time"`
		Dequeued *float64 `json:"dequeued_time"`
	} `json:"scheduler_info"`

	// D2 and later
	RequestStart *float64 `json:"request_start_time"`
	RequestEnd   *float64 `json:"request_end_time"`
	Info         struct {
		Error   *string `json:"error"`
		Timings struct {
			Targeted *float64 `json:"targeted_start"`
			Dequeued *float64 `json:"dequeued"`
			Start    *float64 `json:"request_start"`
			First    *float64 `json:"first_token_iteration"`
			// FirstIteration is the name of 0.4 to 0.6.
			FirstIteration *float64 `json:"first_iteration"`
			Last           *float64 `json:"last_token_iteration"`
			LastIteration  *float64 `json:"last_iteration"`
			End            *float64 `json:"request_end"`
		} `json:"timings"`
	} `json:"info"`
}

func either(values ...*float64) *float64 {
	for _, v := range values {
		if v != nil && *v > 0 { // -1 and 0 stand for none
			return v
		}
	}
	return nil
}

func (q *guideRequest) start() *float64 {
	return either(q.Info.Timings.Start, q.RequestStart, q.StartTime)
}

func (q *guideRequest) end() *float64 {
	return either(q.Info.Timings.End, q.RequestEnd, q.EndTime)
}

func (q *guideRequest) errorText() string {
	for _, t := range []*string{q.Error, q.Info.Error} {
		if t != nil {
			return *t
		}
	}
	return ""
}

// request makes our record. An intended send that lies before 2001 or more
// than a second after the actual one is a known fault of the tool and not taken.
func (c *guideClock) request(q guideRequest, status string, run *loadgen.Result) loadgen.Request {
	t := q.Info.Timings
	out := loadgen.Request{
		Sent:  c.at(q.start()),
		First: c.at(either(t.First, t.FirstIteration, q.FirstToken)),
		Last:  c.at(either(t.Last, t.LastIteration, q.LastToken)),
		End:   c.at(q.end()), Chunks: 1,
		PromptTokens: count(q.PromptTokens), OutputTokens: count(q.OutputTokens),
	}
	out.Scheduled, out.Ready = out.Sent, out.Sent
	if target := either(t.Targeted, q.Scheduler.Targeted); c.open {
		if target != nil && *target >= 1e9 && q.start() != nil && *target <= *q.start()+1 {
			out.Scheduled = c.at(target)
			c.planned++
		} else {
			c.noTarget++
			if target != nil && q.start() != nil {
				c.impossible++
			}
		}
	}
	c.all++
	out.Phase = loadgen.PhaseWindow
	switch {
	case out.Sent < run.WindowStart:
		out.Phase = loadgen.PhaseWarmup
	case out.Sent > run.WindowEnd:
		out.Phase = loadgen.PhaseTail
	}
	c.classify(&out, q, status)
	return out
}

func (c *guideClock) classify(out *loadgen.Request, q guideRequest, status string) {
	switch {
	case status == "errored":
		out.Error = q.errorText()
		out.Class = errorClass(out.Error)
	case status == "incomplete":
		out.Class, out.Phase, out.Error = loadgen.ClassUnfinished, loadgen.PhaseTail, q.errorText()
		c.cut++
		if out.First < 0 {
			out.OutputTokens = 0
		}
	case out.First < 0 || out.Last < 0 || out.OutputTokens == 0:
		out.Class, out.Error = loadgen.ClassEmpty, "counted as a success by the tool, and without a token"
	default:
		out.Class = loadgen.ClassOK
	}
	if out.Class != loadgen.ClassOK && out.First < 0 {
		out.Chunks = 0
	}
}

// count is a number of tokens.
func count(v *float64) int {
	if v == nil || !(*v > 0 && *v < 1e9) {
		return 0
	}
	return int(*v)
}
