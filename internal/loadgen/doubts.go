package loadgen

import (
	"fmt"
	"math"
	"time"

	"github.com/vllm-sweep/sweep/internal/say"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	arrivallaw "github.com/vllm-sweep/sweep/internal/arrivals"
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
	warn := func(format string, args ...any) { res.Warnings = append(res.Warnings, fmt.Sprintf(format, args...)) }
	window := res.WindowEnd - res.WindowStart
	if window <= 0 {
		warn("the window never opened, or closed at once: no throughput")
		return
	}
	r.warnLoad(res, warn)
	if res.Client.StampSource == StampUser && r.client.noStamps != "" {
		warn("no kernel time stamps: %s; latencies contain the client's own read lag", r.client.noStamps)
	} else if res.Client.StampSource == StampUser && r.client.readLags.all.Load() > 0 {
		warn("only %s of the reads have a kernel time stamp; the rest contain the client's own read lag", say.Percent(res.Client.Stamped))
	}
	if n := res.Client.SlowConnections; n > 0 {
		warn("%d connections took over %s to make: the server's queue of new connections was full, or packets were lost; latencies from the schedule contain that", n, say.Duration(slowConnect))
	}
	if n := res.Client.Resent; n > 0 {
		warn("%s sent again on a new connection: the server had closed the one that was kept for it; latencies contain both times", requestsWere(n))
	}
	res.warnCounts(warn, r.cfg)
	if res.Label == LabelBurst || !r.cfg.Arrivals.steady() {
		return // no steady state to check
	}
	if res.Label == LabelPartly { // the cap keeps the number in flight
		res.Saturated = res.outrun()
	}
	if growth, from, to := res.growth(); growth {
		res.Saturated = res.outrun()
		warn("requests in flight grew from %.3g to %.3g inside the window: the load is above the server's capacity, and latencies depend on the window's length", from, to)
	} else if ratio, sure := res.halves(); sure {
		warn("throughput of the second half of the window is %.2f times that of the first: not steady", ratio)
	}
	if l, lw, ok := res.little(); ok && math.Abs(l-lw) > littleLimit*l {
		warn("Little's law is off: %.3g requests in flight on average, arrival rate x time in system gives %.3g; the window is not steady", l, lw)
	}
}

func requestsWere(n int) string {
	if n == 1 {
		return "1 request was"
	}
	return fmt.Sprintf("%d requests were", n)
}

// warnLoad looks at the shape of the load.
func (r *run) warnLoad(res *Result, warn func(string, ...any)) {
	a := r.cfg.Arrivals
	switch res.Label {
	case LabelSessions, LabelClosedSessions:
		res.warnSessions(warn, r.cfg)
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
			warn("partly open: with at most %d in flight, %d requests waited for a slot (longest %s) and %d were never sent",
				a.MaxConcurrency, waited, say.Duration(longest), dropped)
		}
	case LabelClosed:
		if n := res.windowRequests(); n < arrivallaw.Turnovers*r.cfg.slots() {
			warn("%d requests over %d slots: throughput of a closed loop needs at least %d per slot", n, r.cfg.slots(), arrivallaw.Turnovers)
		}
	}
	if c := r.cfg; a.Kind == Trace && c.Requests+int(c.Duration) > 0 {
		rows, window := len(c.Trace)-c.traceWarm(), res.WindowEnd-res.WindowStart
		if n := res.windowRequests(); n == rows && (c.Requests == 0 || n < c.Requests) && (c.Duration == 0 || window < c.Duration) {
			warn("the trace ended before the load: %d requests in %s are what it has after the warm-up", n, say.Duration(window))
		}
	}
	if r.cfg.Warmup == 0 && res.Label != LabelBurst {
		warn("no warm-up: the window begins on an idle server, which understates throughput")
	}
	if took := res.WindowStart; r.cfg.Warmup > 0 && took > r.cfg.Warmup*3/2 {
		warn("the warm-up took %s instead of %s: every slot's first request had to end", say.Duration(took), r.cfg.Warmup)
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
func (res *Result) warnCounts(warn func(string, ...any), cfg *Config) {
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
			warn("%d requests failed (%s), e.g. %s", failed[c], c, example[c])
		}
	}
	if n := res.windowRequests(); len(cfg.Dataset) > 0 && n > len(cfg.Dataset) {
		warn("%d requests over a dataset of %d prompts: prompts repeat, and a prefix cache answers part of them", n, len(cfg.Dataset))
	}
	if noUsage > 0 {
		warn("%d of %d answers came without token counts (usage): their chunks are counted as tokens", noUsage, ok)
	}
	if asked > 0 && math.Abs(got-asked) > promptLimit*asked {
		warn("prompts have %.4g tokens by the server's count, %.4g asked for (mean)", got/float64(ok-noUsage), asked/float64(ok-noUsage))
	}
	if each := res.tokensPerChunk(); each > bundleLimit {
		warn("answers carry %.3g tokens a chunk: inter-token latency is the time between chunks, not between tokens", each)
	}
	if res.Client.Coalesced > coalescedLimit {
		warn("%s of the chunks came with the same read as the one before: inter-token latency shows bundles", say.Percent(res.Client.Coalesced))
	}
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
