package loadgen

import (
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
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

// evidence computes what the generator can say of itself.
func (r *run) evidence(res *Result) Client {
	c := Client{}
	window := res.WindowEnd - res.WindowStart
	c.Others = r.window.spent.others
	c.Limits = r.cfg.limits(c.Others)
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
			q := &res.Requests[i]
			if q.Sent >= 0 && res.inside(q.Sent) {
				sent++
			}
			if q.Phase == PhaseWindow && q.Resent {
				c.Resent++
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
	c.OwnLagStat = res.highest()
	p, _ := metric.Quantile(c.OwnLagStat)
	c.OwnLagMean, c.OwnLag = r.client.writeLags.mean(), r.client.writeLags.quantile(p)
	if r.cfg.scheduled() {
		mean, top := res.dispatchLagAt(p)
		c.OwnLagMean, c.OwnLag = c.OwnLagMean+mean, c.OwnLag+top
	}
	if median, ok := res.median((*Request).ttft); ok && median > 0 {
		c.OwnLagShare = float64(c.OwnLag) / float64(median)
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
	lags := res.dispatchLags()
	if len(lags) == 0 {
		return 0, 0
	}
	return time.Duration(stats.Quantile(lags, 0.5)), time.Duration(stats.Quantile(lags, 0.99))
}

// dispatchLagAt is its mean and its p-quantile.
func (res *Result) dispatchLagAt(p float64) (mean, top time.Duration) {
	lags := res.dispatchLags()
	if len(lags) == 0 {
		return 0, 0
	}
	return time.Duration(stat.Mean(lags, nil)), time.Duration(stats.Quantile(lags, p))
}

// dispatchLags are the lags in ascending order.
func (res *Result) dispatchLags() []float64 {
	var lags []float64
	for i := range res.Requests {
		if q := &res.Requests[i]; q.Phase == PhaseWindow {
			lags = append(lags, float64(q.Ready-q.Scheduled))
		}
	}
	slices.Sort(lags)
	return lags
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
	invalid := func(n notice.Notice) { res.Invalid = append(res.Invalid, n) }
	strained := func(n notice.Notice) {
		res.Client.Strained = true
		invalid(n)
	}
	late := func(kind, stat string, lag, limit time.Duration) {
		strained(notice.New("client-late", notice.Args{
			"lag": notice.Latency(lag), "kind": notice.Text(kind), "stat": notice.Text(stat), "limit": notice.Latency(limit),
		}))
	}
	c := res.Client
	limits := c.Limits
	limit, typical := limits.LagFloor, limits.Mean
	if median, ok := res.median((*Request).ttft); ok {
		share := time.Duration(limits.LagShare * float64(median))
		limit, typical = max(limit, share), max(typical, share)
	}
	if limits.Mean > 0 {
		if c.OwnLagMean > typical {
			late("own lag", "mean", c.OwnLagMean, typical)
		}
		if c.OwnLag > limit {
			late("own lag", c.OwnLagStat, c.OwnLag, limit)
		}
	} else if c.WriteLag > limit {
		late("write lag", c.WriteLagStat, c.WriteLag, limit)
	}
	if took, ok := res.meanTime(); ok {
		share := limits.HandoverShare * float64(took)
		if limit := time.Duration(max(share, min(float64(limits.HandoverFloor), idleMost*share))); c.HandoverLag > limit {
			strained(notice.New("client-slots-idle", notice.Args{"lag": notice.Latency(c.HandoverLag), "limit": notice.Latency(limit)}))
		}
	}
	if c.Unconnected > 0 {
		invalid(notice.New("client-no-connection", notice.Args{
			"n": notice.Count(c.Unconnected), "error": notice.Text(res.firstError(ClassConnect)),
		}))
	}
	if c.Merged > limits.Merged {
		strained(notice.New("client-gaps-lost", notice.Args{
			"late": notice.Latency(lateRead), "share": notice.Fraction(c.Merged), "limit": notice.Fraction(limits.Merged),
		}))
	}
	if r.cfg.scheduled() {
		if limits.Mean == 0 && c.DispatchLagP99 > limit {
			late("dispatch lag", "p99", c.DispatchLagP99, limit)
		}
		if due, sent := res.dueAndSent(); r.cfg.Arrivals.MaxConcurrency == 0 &&
			float64(due-sent) > max(OfferedSlack, OfferedShare*float64(due)) {
			strained(notice.New("client-behind", notice.Args{"due": notice.Count(due), "sent": notice.Count(sent)}))
		}
	}
	res.Invalid = append(res.Invalid, r.cfg.unlawful(res)...)
	if _, served := res.median((*Request).ttft); served && c.StampSource == StampUser {
		limit := ReadLagFloor
		if median, ok := res.median((*Request).TPOT); ok {
			limit = max(limit, time.Duration(ReadLagShare*float64(median)))
		}
		if lag := max(c.ReadLagP99, c.SchedLagP99); lag > limit {
			strained(notice.New("client-read-late", notice.Args{"lag": notice.Latency(lag), "limit": notice.Latency(limit)}))
		}
	}
	if c.CPUShare > limits.CPU {
		strained(notice.New("client-cpu", notice.Args{"share": notice.Fraction(c.CPUShare), "limit": notice.Fraction(limits.CPU)}))
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
	return time.Duration(stats.Median(x)), true
}

// highest is the highest percentile, up to p99, that the window has enough
// requests for.
func (res *Result) highest() string {
	n, best := res.windowRequests(), "p50"
	for _, st := range metric.Stats() {
		if p, ok := metric.Quantile(st); ok && p <= 0.99 && n >= stats.QuantileFloor(p) {
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

// Classes lists every class in display order.
func Classes() []Class {
	return []Class{
		ClassOK, ClassHTTP, ClassConnect, ClassTimeout, ClassStream, ClassTruncated,
		ClassEmpty, ClassTokens, ClassProtocol, ClassUnfinished, ClassDropped,
	}
}
