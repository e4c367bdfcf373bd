package loadgen

import (
	"math"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	arrivallaw "github.com/vllm-sweep/sweep/internal/arrivals"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// Limits beyond which a doubt is worth a warning.
const (
	littleLimit    = 0.05 // Little's law, relative
	halfLimit      = 0.05 // first against second half of the window, relative
	halfAlpha      = 0.01 // and significant at this level
	batches        = 20   // of the window, for the comparison of halves
	coalescedLimit = 0.2
	promptLimit    = 0.02 // prompt tokens counted by the server against asked
	bundleLimit    = 1.05 // tokens a chunk above which gaps between chunks are not gaps between tokens
)

// warn collects the doubts that do not invalidate.
func (r *run) warn(res *Result) {
	window := res.WindowEnd - res.WindowStart
	if window <= 0 {
		res.warn(notice.New("no-window", nil))
		return
	}
	r.warnLoad(res)
	if res.Client.StampSource == StampUser && r.client.noStamps != "" {
		res.warn(notice.New("no-kernel-timestamps", notice.Args{"why": notice.Text(r.client.noStamps)}))
	} else if res.Client.StampSource == StampUser && r.client.readLags.all.Load() > 0 {
		res.warn(notice.New("few-kernel-timestamps", notice.Args{"share": notice.Fraction(res.Client.Stamped)}))
	}
	if n := res.Client.SlowConnections; n > 0 {
		res.warn(notice.New("slow-connections", notice.Args{"n": notice.Count(n), "limit": notice.Latency(slowConnect)}))
	}
	if n := res.Client.Resent; n > 0 {
		res.warn(notice.New("requests-resent", notice.Args{"n": notice.Count(n)}))
	}
	res.warnCounts(r.cfg)
	if res.Label == LabelBurst || !r.cfg.Arrivals.steady() {
		return // no steady state to check
	}
	if res.Label == LabelPartly { // the cap keeps the number in flight
		res.Saturated = res.outrun()
	}
	if growth, from, to := res.growth(); growth {
		res.Saturated = res.outrun()
		res.warn(notice.New("in-flight-grew", notice.Args{"from": notice.Number(from), "to": notice.Number(to)}))
	} else if ratio, sure := res.halves(); sure {
		res.warn(notice.New("throughput-unsteady", notice.Args{"change": notice.Ratio(ratio)}))
	}
	if l, lw, ok := res.little(); ok && math.Abs(l-lw) > littleLimit*l {
		res.warn(notice.New("littles-law", notice.Args{"mean": notice.Number(l), "product": notice.Number(lw)}))
	}
}

func (res *Result) warn(n notice.Notice) { res.Warnings = append(res.Warnings, n) }

// warnLoad looks at the shape of the load.
func (r *run) warnLoad(res *Result) {
	a := r.cfg.Arrivals
	switch res.Label {
	case LabelSessions, LabelClosedSessions:
		res.warnSessions(r.cfg)
	case LabelPartly:
		waited, dropped, longest := 0, 0, time.Duration(0)
		for i := range res.Requests {
			q := &res.Requests[i]
			switch {
			case q.Phase != PhaseWindow:
			case q.Class == ClassDropped:
				dropped++
			case q.Sent-q.Ready > LateAfter:
				waited++
				longest = max(longest, q.Sent-q.Ready)
			}
		}
		if waited+dropped > 0 {
			res.warn(notice.New("cap-reached", notice.Args{
				"cap": notice.Count(a.MaxConcurrency), "waited": notice.Count(waited), "longest": notice.Span(longest), "dropped": notice.Count(dropped),
			}))
		}
	case LabelClosed:
		if n := res.windowRequests(); n < arrivallaw.Turnovers*r.cfg.slots() {
			res.warn(notice.New("few-requests-per-slot", notice.Args{
				"n": notice.Count(n), "slots": notice.Count(r.cfg.slots()), "least": notice.Count(arrivallaw.Turnovers),
			}))
		}
	}
	if c := r.cfg; a.Kind == Trace && c.Requests+int(c.Duration) > 0 {
		rows, window := len(c.Trace)-c.traceWarm(), res.WindowEnd-res.WindowStart
		if n := res.windowRequests(); n == rows && (c.Requests == 0 || n < c.Requests) && (c.Duration == 0 || window < c.Duration) {
			res.warn(notice.New("trace-ended", notice.Args{"n": notice.Count(n), "window": notice.Span(window)}))
		}
	}
	if r.cfg.Warmup == 0 && res.Label != LabelBurst {
		res.warn(notice.New("no-warmup", nil))
	}
	if took := res.WindowStart; r.cfg.Warmup > 0 && took > r.cfg.Warmup*3/2 {
		res.warn(notice.New("warmup-long", notice.Args{"took": notice.Span(took), "asked": notice.Span(r.cfg.Warmup)}))
	}
}

func (res *Result) windowRequests() int {
	n := 0
	for i := range res.Requests {
		if res.Requests[i].Phase == PhaseWindow {
			n++
		}
	}
	return n
}

// warnCounts looks at failures and token counts of the window's requests.
func (res *Result) warnCounts(cfg *Config) {
	failed := map[Class]int{}
	example := map[Class]string{}
	var ok, noUsage int
	var asked, got float64
	for i := range res.Requests {
		q := &res.Requests[i]
		switch {
		case q.Phase != PhaseWindow:
		case q.Class != ClassOK:
			failed[q.Class]++
			example[q.Class] = q.Error
		case q.PromptTokens == 0:
			ok++
			noUsage++
		default:
			ok++
			asked += float64(q.PromptAsked)
			got += float64(q.PromptTokens)
		}
	}
	for _, c := range Classes() {
		if failed[c] > 0 {
			res.warn(notice.New("requests-failed", withError(example[c], notice.Args{
				"n": notice.Count(failed[c]), "class": notice.Text(string(c)),
			})))
		}
	}
	if n := res.windowRequests(); len(cfg.Dataset) > 0 && n > len(cfg.Dataset) {
		res.warn(notice.New("prompts-repeat", notice.Args{"n": notice.Count(n), "prompts": notice.Count(len(cfg.Dataset))}))
	}
	if noUsage > 0 {
		res.warn(notice.New("tokens-not-counted", notice.Args{"n": notice.Count(noUsage), "all": notice.Count(ok)}))
	}
	if asked > 0 && math.Abs(got-asked) > promptLimit*asked {
		n := float64(ok - noUsage)
		res.warn(notice.New("prompt-lengths-off", notice.Args{"got": notice.Number(got / n), "asked": notice.Number(asked / n)}))
	}
	if each := res.tokensPerChunk(); each > bundleLimit {
		res.warn(notice.New("chunks-bundle-tokens", notice.Args{"tokens": notice.Number(each)}))
	}
	if res.Client.Coalesced > coalescedLimit {
		res.warn(notice.New("chunks-coalesced", notice.Args{"share": notice.Fraction(res.Client.Coalesced)}))
	}
}

// withError adds the words of an error where there are any.
func withError(words string, args notice.Args) notice.Args {
	if words != "" {
		args["error"] = notice.Text(words)
	}
	return args
}

// growth says whether requests in flight kept growing: the last quarter of the
// window holds more than 1.5 times the first, and at least 8 more.
func (res *Result) growth() (grows bool, from, to float64) {
	q := (res.WindowEnd - res.WindowStart) / 4
	from, _ = res.inFlight(res.WindowStart, res.WindowStart+q)
	to, _ = res.inFlight(res.WindowEnd-q, res.WindowEnd)
	return to > 1.5*from && to-from >= 8, from, to
}

// halves compares the output throughput of the two halves of the window by
// batch means. sure says that the ratio is off by more than halfLimit and the
// difference significant.
func (res *Result) halves() (ratio float64, sure bool) {
	each := res.tokensPerChunk()
	step := (res.WindowEnd - res.WindowStart) / batches
	x := make([]float64, batches)
	for b := range x {
		from := res.WindowStart + time.Duration(b)*step
		for i := range res.Requests {
			if q := &res.Requests[i]; q.served() {
				x[b] += q.tokensIn(from, from+step-1, each)
			}
		}
	}
	first, v1 := stat.MeanVariance(x[:batches/2], nil)
	second, v2 := stat.MeanVariance(x[batches/2:], nil)
	se := math.Sqrt((v1 + v2) / (batches / 2))
	if first == 0 || se == 0 {
		return 0, false
	}
	limit := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: batches - 2}.Quantile(1 - halfAlpha/2)
	ratio = second / first
	return ratio, math.Abs(ratio-1) > halfLimit && math.Abs(second-first)/se > limit
}

// littleMin is the number of requests under which Little's law says nothing:
// the requests cut by the window's ends weigh too much.
const littleMin = 100

// little returns the mean number in flight and what Little's law makes of it:
// the rate of ends inside the window times their mean time in the system. ok
// is false for too small a window.
func (res *Result) little() (l, rateTimesTime float64, ok bool) {
	var n int
	var sum time.Duration
	for i := range res.Requests {
		if q := &res.Requests[i]; q.Sent >= 0 && q.End >= 0 && res.inside(q.End) {
			n++
			sum += q.End - q.Sent
		}
	}
	l = res.Client.MeanInFlight
	if n < littleMin || float64(n) < 10*l || l == 0 {
		return 0, 0, false
	}
	return l, sum.Seconds() / (res.WindowEnd - res.WindowStart).Seconds(), true
}
