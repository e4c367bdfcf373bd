package loadgen

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/quantile"
)

// Limits on the generator itself that are the same on every machine; the others
// are in Limits. Beyond them the client shaped the result and the trial is
// invalid.
const (
	// OfferedShare bounds the requests that were due but not sent inside the
	// window, relative to the realised schedule (so that the chance of a Poisson
	// count does not enter), with OfferedSlack requests free: the last ones may
	// be due at the very end.
	OfferedShare = 0.01
	OfferedSlack = 2
	// ReadLagFloor and ReadLagShare bound the read lag p99 where it is part of
	// the latencies, that is without kernel time stamps: a share of the median
	// time per output token, but at least the floor. StampedShare is the share of
	// reads that must be stamped for the kernel's stamps to count as in use.
	ReadLagFloor = time.Millisecond
	ReadLagShare = 0.05
	StampedShare = 0.99
	// idleMost times HandoverShare of a request's time is the longest hand-over that
	// the floor excuses: answers may be shorter than any hand-over.
	idleMost = 5
	// LateAfter is how long after its time a request counts as a late arrival.
	LateAfter = 5 * time.Millisecond
)

// Limits beyond which a doubt is worth a warning.
const (
	littleLimit    = 0.05 // Little's law, relative
	halfLimit      = 0.05 // first against second half of the window, relative
	halfAlpha      = 0.01 // and significant at this level
	batches        = 20   // of the window, for the comparison of halves
	coalescedLimit = 0.2
	promptLimit    = 0.02 // prompt tokens counted by the server against asked
	turnovers      = 4    // requests per slot under which a closed loop's window is rough
	bundleLimit    = 1.05 // tokens a chunk above which gaps between chunks are not gaps between tokens
)

// evidence computes what the generator can say of itself.
func (r *run) evidence(res *Result) Client {
	c := Client{}
	window := res.WindowEnd - res.WindowStart
	c.Limits = r.cfg.limits()
	if r.cfg.Arrivals.open() {
		c.AskedRate = r.cfg.askedRate(res)
	}
	if r.cfg.scheduled() {
		c.DispatchLagP50, c.DispatchLagP99 = res.dispatchLag()
		c.Late = res.late()
	}
	if window > 0 {
		sent := 0
		for i := range res.Requests {
			if q := &res.Requests[i]; q.Sent >= 0 && res.inside(q.Sent) {
				sent++
			}
		}
		c.OfferedRate = float64(sent) / window.Seconds()
		if r.window.spent.known {
			c.CPUs = processors()
			c.CPUShare = r.window.spent.cpu.Seconds() / (window.Seconds() * c.CPUs)
		}
	}
	c.WriteLagP99, c.WriteLagStat = r.client.writeLags.quantile(0.99), "p99"
	if c.WriteLag = c.WriteLagP99; !r.cfg.scheduled() { // of few requests the p99 is the worst, which no metric shows
		c.WriteLagStat = res.highest()
		p, _ := metric.Quantile(c.WriteLagStat)
		c.WriteLag = r.client.writeLags.quantile(p)
	}
	c.Unconnected, c.SlowConnections = int(r.client.unable.Load()), int(r.client.slow.Load())
	c.StampSource = StampUser
	if c.Stamped = r.client.readLags.share(); c.Stamped > 0 {
		c.ReadLagP50, c.ReadLagP99 = r.client.readLags.quantile(0.5), r.client.readLags.quantile(0.99)
	}
	if c.Stamped >= StampedShare {
		c.StampSource = StampKernel
	}
	c.GCPauseMax = upper(r.window.spent.pauses, 1)
	c.SchedLagP99 = upper(r.window.spent.sched, 0.99)
	c.MeanInFlight, c.PeakInFlight = res.inFlight(res.WindowStart, res.WindowEnd)
	c.Coalesced, c.Merged = res.coalesced(), r.client.gaps.merged()
	c.HandoverLag = r.client.handovers.mean()
	return c
}

// dispatchLag is the p50 and p99 of the delay between the intended send and
// the moment the generator took the request up, over requests due inside the
// window. Waiting for a slot of a cap is no lag.
func (res *Result) dispatchLag() (p50, p99 time.Duration) {
	var lags []float64
	for i := range res.Requests {
		if q := &res.Requests[i]; q.Phase == PhaseWindow {
			lags = append(lags, float64(q.Ready-q.Scheduled))
		}
	}
	if len(lags) == 0 {
		return 0, 0
	}
	slices.Sort(lags)
	return time.Duration(quantile.Type7(lags, 0.5)), time.Duration(quantile.Type7(lags, 0.99))
}

// late counts the late arrivals; see Client.Late.
func (res *Result) late() int {
	n := 0
	for i := range res.Requests {
		if q := &res.Requests[i]; q.Phase == PhaseWindow && q.Sent-q.Scheduled > LateAfter {
			n++
		}
	}
	return n
}

func (res *Result) coalesced() float64 {
	var zero, all int
	for i := range res.Requests {
		for _, g := range res.Requests[i].Gaps {
			all++
			if g == 0 {
				zero++
			}
		}
	}
	if all == 0 {
		return 0
	}
	return float64(zero) / float64(all)
}

// judge fills in the reasons that make the run invalid and the warnings.
func (r *run) judge(res *Result) {
	invalid := func(format string, args ...any) { res.Invalid = append(res.Invalid, fmt.Sprintf(format, args...)) }
	c, limits := res.Client, r.cfg.limits()
	limit := limits.LagFloor
	if median, ok := res.median((*Request).ttft); ok {
		limit = max(limit, time.Duration(limits.LagShare*float64(median)))
	}
	if c.WriteLag > limit {
		invalid("the client sent late: write lag %s %s, limit %s", c.WriteLagStat, round(c.WriteLag), round(limit))
	}
	if took, ok := res.meanTime(); ok {
		share := limits.HandoverShare * float64(took)
		if limit := time.Duration(max(share, min(float64(limits.HandoverFloor), idleMost*share))); c.HandoverLag > limit {
			invalid("the client left slots idle: %s from the end of an answer to the next request (mean), limit %s", round(c.HandoverLag), round(limit))
		}
	}
	if c.Unconnected > 0 {
		invalid("the client had no connection for %d requests: %s", c.Unconnected, res.firstError(ClassConnect))
	}
	if c.Merged > limits.Merged {
		invalid("the client read late: %.1f %% of the gaps between chunks were lost in reads over %s late, limit %.0f %%", 100*c.Merged, lateRead, 100*limits.Merged)
	}
	if r.cfg.scheduled() {
		if c.DispatchLagP99 > limit {
			invalid("the client sent late: dispatch lag p99 %s, limit %s", round(c.DispatchLagP99), round(limit))
		}
		if due, sent := res.dueAndSent(); r.cfg.Arrivals.MaxConcurrency == 0 &&
			float64(due-sent) > max(OfferedSlack, OfferedShare*float64(due)) {
			invalid("the client did not keep up: %d requests were due inside the window, %d were sent", due, sent)
		}
	}
	if _, served := res.median((*Request).ttft); served && c.StampSource == StampUser {
		limit := ReadLagFloor
		if median, ok := res.median((*Request).TPOT); ok {
			limit = max(limit, time.Duration(ReadLagShare*float64(median)))
		}
		if lag := max(c.ReadLagP99, c.SchedLagP99); lag > limit {
			invalid("the client read late: lag p99 %s, limit %s without kernel time stamps", round(lag), round(limit))
		}
	}
	if c.CPUShare > limits.CPU {
		invalid("the client used %.0f %% of its CPUs, limit %.0f %%", 100*c.CPUShare, 100*limits.CPU)
	}
	r.warn(res)
}

// scheduled says whether requests have intended sends of their own.
func (c *Config) scheduled() bool { return c.Arrivals.open() || c.Sessions != nil }

func (r *Request) ttft() (time.Duration, bool) { return r.TTFT(), true }

// median of a latency over the window's successful requests that have it.
func (res *Result) median(of func(*Request) (time.Duration, bool)) (time.Duration, bool) {
	var x []float64
	for i := range res.Requests {
		q := &res.Requests[i]
		if q.Phase != PhaseWindow || q.Class != ClassOK {
			continue
		}
		if d, ok := of(q); ok {
			x = append(x, float64(d))
		}
	}
	if len(x) == 0 {
		return 0, false
	}
	slices.Sort(x)
	return time.Duration(quantile.Type7(x, 0.5)), true
}

// highest is the highest percentile, up to p99, that the window has enough
// requests for.
func (res *Result) highest() string {
	n, best := res.windowRequests(), "p50"
	for _, st := range metric.Stats() {
		if p, ok := metric.Quantile(st); ok && p <= 0.99 && n >= quantile.Floor(p) {
			best = st
		}
	}
	return best
}

// firstError is the error of the first request of a class.
func (res *Result) firstError(c Class) string {
	for i := range res.Requests {
		if q := &res.Requests[i]; q.Class == c {
			return q.Error
		}
	}
	return ""
}

// meanTime is the mean time from the send to the end of the window's
// successful requests.
func (res *Result) meanTime() (time.Duration, bool) {
	var sum time.Duration
	n := 0
	for i := range res.Requests {
		if q := &res.Requests[i]; q.Phase == PhaseWindow && q.Class == ClassOK {
			sum += q.End - q.Sent
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return sum / time.Duration(n), true
}

// dueAndSent counts the requests due inside the window and those of them that
// were sent inside it.
func (res *Result) dueAndSent() (due, sent int) {
	for i := range res.Requests {
		q := &res.Requests[i]
		if q.Phase != PhaseWindow {
			continue
		}
		due++
		if q.Sent >= 0 && q.Sent <= res.WindowEnd {
			sent++
		}
	}
	return due, sent
}

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
		warn("only %.1f %% of the reads have a kernel time stamp; the rest contain the client's own read lag", 100*res.Client.Stamped)
	}
	if n := res.Client.SlowConnections; n > 0 {
		warn("%d connections took over %s to make: the server's queue of new connections was full, or packets were lost; latencies from the schedule contain that", n, round(slowConnect))
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
				a.MaxConcurrency, waited, round(longest), dropped)
		}
	case LabelClosed:
		if n := res.windowRequests(); n < turnovers*r.cfg.slots() {
			warn("%d requests over %d slots: throughput of a closed loop needs at least %d a slot", n, r.cfg.slots(), turnovers)
		}
	}
	if c := r.cfg; a.Kind == Trace && c.Requests+int(c.Duration) > 0 {
		rows, window := len(c.Trace)-c.traceWarm(), res.WindowEnd-res.WindowStart
		if n := res.windowRequests(); n == rows && (c.Requests == 0 || n < c.Requests) && (c.Duration == 0 || window < c.Duration) {
			warn("the trace ended before the load: %d requests in %s are what it has after the warm-up", n, round(window))
		}
	}
	if r.cfg.Warmup == 0 && res.Label != LabelBurst {
		warn("no warm-up: the window begins on an idle server, which understates throughput")
	}
	if took := res.WindowStart; r.cfg.Warmup > 0 && took > r.cfg.Warmup*3/2 {
		warn("the warm-up took %s instead of %s: every slot's first request had to end", round(took), r.cfg.Warmup)
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
		warn("%.0f %% of the chunks came with the same read as the one before: inter-token latency shows bundles", 100*res.Client.Coalesced)
	}
}

// Classes lists every class in display order.
func Classes() []Class {
	return []Class{
		ClassOK, ClassHTTP, ClassConnect, ClassTimeout, ClassStream, ClassTruncated,
		ClassEmpty, ClassTokens, ClassProtocol, ClassUnfinished, ClassDropped,
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

// round cuts a duration to three significant digits or so, for messages.
func round(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	default:
		return d.Round(time.Microsecond)
	}
}
