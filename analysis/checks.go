package analysis

import (
	"encoding/json"
	"math"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/matrix"
)

// Check is one inconsistency with its evidence. The code of its notice is the
// name of the check. Of the severity discarded, the figures cannot be true, and
// the trial does not count. It is a caveat where two accounts of the same thing
// differ, and a note where a fact is worth knowing before a comparison.
type Check struct {
	Notice        notice.Notice      `json:"notice"`         // about the trial, the result or the configuration
	Cell          string             `json:"cell,omitempty"` // empty: of a configuration at all loads
	Configuration string             `json:"configuration,omitempty"`
	Evidence      map[string]float64 `json:"evidence,omitempty"` // the figures, in base units
}

// Trial is the ID of the trial that the check is about, or "".
func (c Check) Trial() string {
	if s := c.Notice.Subject; s.Kind == notice.Trial {
		return s.ID
	}
	return ""
}

// MarshalJSON adds what the notice says under the names of earlier versions.
func (c Check) MarshalJSON() ([]byte, error) {
	type plain Check
	return json.Marshal(struct {
		plain
		Check    notice.Code     `json:"check"`
		Severity notice.Severity `json:"severity"`
		Trial    string          `json:"trial,omitempty"`
		Text     string          `json:"text"`
	}{plain(c), c.Notice.Code, c.Notice.Severity, c.Trial(), c.Notice.Text()})
}

// Tolerances of the checks, as shares.
const (
	identityTolerance = 0.10 // the mean of TPOT × (n-1) is not the product of the means where lengths vary
	littleTolerance   = 0.15 // requests in flight at the window's edges count on one side only
	serverTolerance   = 0.20 // the server's histograms span a little more than the window
	countTolerance    = 0.10
	rateTolerance     = 0.02
	prefixTolerance   = 0.05 // of the prompt tokens: block-sized beginnings that prompts share by chance
	tokensPerChunk    = 1.1
	mostFailed        = 0.05 // worth a word; whether the trial counts was decided by the gates when it was recorded
)

// trialCheck is one trial with what the plan says of it.
type trialCheck struct {
	t     rundir.Trial
	conf  matrix.Configuration
	point matrix.LoadPoint
	model string
	gpu   string
	out   []Check
}

// checkTrial holds a trial's figures against each other. A figure that is not
// there is never taken for zero: the check is left out.
func checkTrial(t rundir.Trial, conf matrix.Configuration, point matrix.LoadPoint, model, gpu string) []Check {
	c := &trialCheck{t: t, conf: conf, point: point, model: model, gpu: gpu}
	c.failed()
	c.identity()
	c.inFlight()
	c.queue()
	c.server()
	c.counts()
	c.chunks()
	c.rates()
	c.prefix()
	c.roofline()
	return c.out
}

func (c *trialCheck) add(n notice.Notice, evidence map[string]float64) {
	for name, v := range evidence {
		if !finite(v) { // two figures of a broken record multiplied
			delete(evidence, name)
		}
	}
	c.out = append(c.out, Check{
		Notice: n.On(notice.Trial, c.t.ID), Cell: c.t.Cell, Configuration: c.t.Configuration, Evidence: evidence,
	})
}

// get returns metrics that are all there and above zero.
func (c *trialCheck) get(names ...string) ([]float64, bool) {
	out := make([]float64, len(names))
	for i, n := range names {
		v, ok := c.t.Metrics[n]
		if !ok || v == 0 || !possible(n, v) {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

// rate is a number of requests per second.
func rate(v float64) notice.Arg { return notice.Metric("request_throughput", v) }

// failed: latencies of a trial with many failed requests are those of the
// requests that survived. That it counts all the same was declared
// (gates.failures) and is judged once, where it is recorded.
func (c *trialCheck) failed() {
	bad, all := 0, 0
	for class, n := range c.t.Requests {
		all += n
		if class != "ok" {
			bad += n
		}
	}
	if all > 0 && float64(bad) > mostFailed*float64(all) {
		c.add(notice.New("failed-requests", notice.Args{"n": notice.Count(bad), "requests": notice.Count(all)}),
			map[string]float64{"failed": float64(bad), "requests": float64(all)})
	}
}

// outputLength is the mean number of output tokens of a successful request.
func (c *trialCheck) outputLength() (float64, bool) {
	if l := c.t.AnswerLength; l != nil {
		return l.Mean, l.Mean > 0
	}
	ok := c.t.Requests["ok"]
	if ok <= 0 || c.t.OutputTokens <= 0 {
		return 0, false
	}
	return float64(c.t.OutputTokens) / float64(ok), true
}

func (c *trialCheck) identity() {
	v, ok := c.get("e2e_mean", "ttft_mean", "tpot_mean")
	n, known := c.outputLength()
	if !ok || !known || n <= 1 {
		return
	}
	e2e, ttft, tpot := v[0], v[1], v[2]
	sum := ttft + tpot*(n-1)
	if math.Abs(sum-e2e) <= identityTolerance*e2e {
		return
	}
	implied := (e2e - ttft) / (n - 1)
	c.add(notice.New("e2e-identity", notice.Args{
		"e2e": notice.Seconds(e2e), "tokens": notice.Number(n - 1), "sum": notice.Seconds(sum),
		"implied": notice.Seconds(implied), "tpot": notice.Seconds(tpot),
	}), map[string]float64{"e2e_mean": e2e, "ttft_mean": ttft, "tpot_mean": tpot, "output_length": n, "implied_tpot": implied})
}

// inFlight: by Little's law the requests in flight are throughput × latency.
func (c *trialCheck) inFlight() {
	v, ok := c.get("request_throughput", "e2e_mean")
	if !ok {
		return
	}
	l := v[0] * v[1]
	if sent, ok := c.get("e2e_sent_mean"); ok {
		l = v[0] * sent[0] // latency from the send: a queue at the client is not in flight
	}
	switch f := c.t.Client; {
	case f != nil && f.MeanInFlight > 1 && c.closed() && math.Abs(l-f.MeanInFlight) > littleTolerance*f.MeanInFlight:
		// An open loop under overload completes less than it sends, and then the
		// law does not hold inside the window: see saturated.
		c.add(notice.New("littles-law", notice.Args{"mean": notice.Number(f.MeanInFlight), "product": notice.Number(l)}),
			map[string]float64{"in_flight": f.MeanInFlight, "throughput_times_latency": l})
	case c.closed() && c.point.Kind == experiment.Concurrency && l < (1-littleTolerance)*c.point.Value:
		c.add(notice.New("concurrency", notice.Args{"product": notice.Number(l), "declared": notice.Number(c.point.Value)}),
			map[string]float64{"declared": c.point.Value, "throughput_times_latency": l})
	}
	if f := c.t.Client; f != nil && f.MeanInFlight > 0 && c.point.Kind == experiment.Concurrency && f.MeanInFlight < 0.9*c.point.Value {
		c.add(notice.New("concurrency", notice.Args{"in_flight": notice.Number(f.MeanInFlight), "declared": notice.Number(c.point.Value)}),
			map[string]float64{"declared": c.point.Value, "in_flight": f.MeanInFlight})
	}
}

func (c *trialCheck) closed() bool {
	return c.point.Kind == experiment.Concurrency || c.point.Kind == experiment.Throughput
}

// queue: what is in flight beyond max-num-seqs waits at the server, and the
// time to first token is that of the queue.
func (c *trialCheck) queue() {
	evidence := map[string]float64{}
	limit, limited := 0.0, false
	if f, ok := c.conf.Flags.Get(vllmflags.MaxNumSeqs); ok {
		if n, ok := f.Int(); ok && n > 0 {
			limit, limited = float64(n), true
			evidence["max_num_seqs"] = limit
		}
	}
	waiting, watched := 0.0, false
	if tel := c.t.Telemetry; tel != nil && tel.Server != nil && tel.Server.WaitingMean != nil {
		waiting, watched = *tel.Server.WaitingMean, true
		evidence["waiting_mean"] = waiting
	}
	l := 0.0
	if v, ok := c.get("request_throughput", "e2e_mean"); ok {
		l = v[0] * v[1]
		evidence["in_flight"] = l
	}
	switch {
	case limited && l > 1.05*limit:
		c.add(notice.New("server-queue", notice.Args{
			"in_flight": notice.Number(l), "places": notice.Number(limit), "beyond": notice.Number(l - limit),
		}), evidence)
	case watched && waiting >= 1:
		c.add(notice.New("server-queue", notice.Args{"waiting": notice.Number(waiting)}), evidence)
	}
}

// server compares the client's latencies with the server's own.
func (c *trialCheck) server() {
	tel := c.t.Telemetry
	if tel == nil || tel.Server == nil {
		return
	}
	for _, p := range []struct {
		ours   string
		theirs []string
	}{{"tpot_mean", []string{"tpot", "itl"}}, {"ttft_mean", []string{"ttft"}}} {
		v, ok := c.get(p.ours)
		if !ok {
			continue
		}
		for _, name := range p.theirs {
			s, ok := tel.Server.Latency[name]
			if !ok || s.Mean <= 0 || s.Count < 10 {
				continue
			}
			// The two count different requests at the ends of the window: we those that
			// were due in it, the server those that it answered in it. Where most of the
			// time is waiting, these few are the slowest.
			if q := tel.Server.Latency["queue"]; name == "ttft" && q.Mean > s.Mean/2 {
				continue
			}
			more := v[0] > (1+serverTolerance)*s.Mean && (p.ours != "ttft_mean" || v[0] > s.Mean+0.05)
			if v[0] < (1-serverTolerance)*s.Mean || more {
				c.add(notice.New("client-server", notice.Args{
					"metric": notice.Text(metric.Short(p.ours)), "client": notice.Seconds(v[0]), "server": notice.Seconds(s.Mean),
				}), map[string]float64{p.ours: v[0], "server_" + name + "_mean": s.Mean})
			}
			break
		}
	}
}

// counts compares what server and client counted.
func (c *trialCheck) counts() {
	tel := c.t.Telemetry
	if tel != nil && tel.ServerAbsent != "" {
		c.add(notice.New("token-count", notice.Args{"why": notice.Text(tel.ServerAbsent)}), map[string]float64{"requests": float64(c.t.Requests["ok"])})
		return
	}
	v, ok := c.get(throughput)
	if !ok || tel == nil || tel.Server == nil || tel.Server.GenerationRate == nil || tel.Server.Span < 5 {
		return
	}
	theirs := *tel.Server.GenerationRate
	if theirs > 0 && math.Abs(theirs-v[0]) > countTolerance*theirs {
		c.add(notice.New("token-count", notice.Args{"client": notice.Metric(throughput, v[0]), "server": notice.Metric(throughput, theirs)}),
			map[string]float64{throughput: v[0], "server_generation_rate": theirs})
	}
}

// chunks: with several tokens in a chunk the gaps between chunks are no
// inter-token latencies.
func (c *trialCheck) chunks() {
	itl, ok := c.get("itl_mean", "tpot_mean")
	if ok && itl[0] > tokensPerChunk*itl[1] {
		c.add(notice.New("tokens-per-chunk", notice.Args{"tokens": notice.Number(itl[0] / itl[1])}),
			map[string]float64{"itl_mean": itl[0], "tpot_mean": itl[1]})
	}
}

// rates compares what was asked for, sent and completed in open loop.
func (c *trialCheck) rates() {
	asked := c.t.Rate
	if asked <= 0 && c.point.Kind.OpenLoop() {
		asked = c.point.Value
	}
	if asked <= 0 {
		return
	}
	n := 0
	for _, k := range c.t.Requests {
		n += k
	}
	chance := rateTolerance
	if c.point.Kind != experiment.Constant && n > 0 {
		chance = math.Max(chance, 3/math.Sqrt(float64(n))) // Poisson arrivals scatter
	}
	if f := c.t.Client; f != nil && f.OfferedRate > 0 && math.Abs(f.OfferedRate-asked) > chance*asked {
		c.add(notice.New("offered-rate", notice.Args{"asked": rate(asked), "sent": rate(f.OfferedRate)}),
			map[string]float64{"asked": asked, "offered": f.OfferedRate})
	}
	// In a short window one request more or less at each end is a large share.
	slack := math.Max(0.05, chance)
	if n > 0 {
		slack = math.Max(slack, 2/float64(n))
	}
	if v, ok := c.get("request_throughput"); ok && v[0] < (1-slack)*asked {
		c.add(notice.New("saturated", notice.Args{"asked": rate(asked), "completed": rate(v[0])}),
			map[string]float64{"asked": asked, "completed": v[0]})
	}
}

func (c *trialCheck) prefix() {
	hit := -1.0
	if e := c.t.Engine; e != nil && e.PrefixCacheHits != nil && e.PrefixCacheQueries != nil && *e.PrefixCacheQueries > 0 {
		hit = *e.PrefixCacheHits / *e.PrefixCacheQueries
	} else if tel := c.t.Telemetry; tel != nil && tel.Server != nil && tel.Server.HitRate != nil {
		hit = *tel.Server.HitRate
	}
	if hit > prefixTolerance {
		c.add(notice.New("prefix-cache", notice.Args{"share": notice.Fraction(hit)}), map[string]float64{"hit_rate": hit})
	}
}
