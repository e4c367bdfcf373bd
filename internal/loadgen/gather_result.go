package loadgen

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// result gathers what the run measured. All goroutines have ended.
func (r *run) result() *Result {
	w := r.window
	res := &Result{
		Start:       r.client.start,
		WindowStart: w.start,
		WindowEnd:   w.end,
		End:         r.client.now(),
		Label:       r.cfg.label(),
		Requests:    make([]Request, 0, len(r.records)),
		Warnings:    r.notes,
	}
	for _, rec := range r.records {
		res.Requests = append(res.Requests, *rec)
	}
	if r.lengths.approximate.Code != "" && res.windowRequests() > r.lengths.exact {
		res.warn(r.lengths.approximate)
	}
	res.account()
	res.redact(append([]string{r.cfg.APIKey}, r.cfg.Secrets...))
	res.Client = r.evidence(res)
	r.judge(res)
	return res
}

// account sums what was received inside the window.
func (res *Result) account() {
	var tokens, input float64
	each := res.tokensPerChunk()
	res.WindowCompleted = 0
	for i := range res.Requests {
		r := &res.Requests[i]
		if !r.served() {
			continue
		}
		tokens += r.tokensIn(res.WindowStart, res.WindowEnd, each)
		if res.inside(r.First) {
			input += float64(r.promptTokens())
		}
		if r.Class == ClassOK && res.inside(r.Last) {
			res.WindowCompleted++
		}
	}
	res.WindowTokens = int64(math.Round(tokens))
	res.WindowInput = int64(math.Round(input))
}

// inside says whether an offset lies in the window; the end belongs to it.
func (res *Result) inside(at time.Duration) bool {
	return at >= res.WindowStart && at <= res.WindowEnd
}

// served says that what the request received was good as far as it went: it
// succeeded, or the end of the run cut it off.
func (r *Request) served() bool {
	return r.Chunks > 0 && (r.Class == ClassOK || r.Class == ClassUnfinished)
}

func (r *Request) promptTokens() int {
	if r.PromptTokens > 0 {
		return r.PromptTokens
	}
	return r.PromptAsked
}

// tokensPerChunk is the mean over the requests that succeeded, else 1. It is
// 1 unless the server bundles tokens (--stream-interval, speculative decoding).
func (res *Result) tokensPerChunk() float64 {
	var tokens, chunks int
	for i := range res.Requests {
		if r := &res.Requests[i]; r.Class == ClassOK {
			tokens += r.OutputTokens
			chunks += r.Chunks
		}
	}
	if chunks == 0 {
		return 1
	}
	return float64(tokens) / float64(chunks)
}

// tokensIn is the number of output tokens received in from..to (to included).
// A chunk may carry several tokens and does not say how many; they are spread
// evenly over the chunks of the request. A request that was cut off has no
// count of its own: its chunks count as the run's mean.
func (r *Request) tokensIn(from, to time.Duration, mean float64) float64 {
	if r.Chunks == 0 || r.First > to || r.Last < from {
		return 0
	}
	each := mean
	if r.Class == ClassOK {
		each = float64(r.OutputTokens) / float64(r.Chunks)
	}
	n := 0
	at := r.First
	if at >= from && at <= to {
		n++
	}
	for _, g := range r.Gaps {
		at = min(at+time.Duration(g)*time.Microsecond, r.Last) // gaps are cut to microseconds
		if at >= from && at <= to {
			n++
		}
	}
	return float64(n) * each
}

// inFlight is the time-weighted mean and the peak of requests in flight
// between two offsets.
func (res *Result) inFlight(from, to time.Duration) (mean float64, peak int) {
	type step struct {
		at    time.Duration
		delta int
	}
	var steps []step
	var total time.Duration
	for i := range res.Requests {
		r := &res.Requests[i]
		if r.Sent < 0 {
			continue
		}
		a, b := max(r.Sent, from), min(r.End, to)
		if a >= b {
			continue
		}
		total += b - a
		steps = append(steps, step{a, 1}, step{b, -1})
	}
	slices.SortFunc(steps, func(x, y step) int {
		if x.at != y.at {
			return cmp.Compare(x.at, y.at)
		}
		return x.delta - y.delta // an end before a start: a slot handed over is one request
	})
	n := 0
	for _, s := range steps {
		n += s.delta
		peak = max(peak, n)
	}
	if to > from {
		mean = float64(total) / float64(to-from)
	}
	return mean, peak
}
