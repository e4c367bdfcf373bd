package analysis

import (
	"fmt"
	"math"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// Severities of a check.
const (
	Impossible = "impossible" // cannot be true: the trial does not count
	Suspect    = "suspect"    // two accounts of the same thing differ: believe with care
	Note       = "note"       // consistent, and worth knowing before it is compared
)

// Names of the checks.
const (
	CheckE2E         = "e2e-identity"     // E2E = TTFT + TPOT × (n - 1)
	CheckInFlight    = "littles-law"      // throughput × latency against the requests in flight
	CheckQueue       = "server-queue"     // more in flight than the server runs at once
	CheckServerTime  = "client-server"    // latencies of client and server
	CheckServerCount = "token-count"      // tokens that client and server counted
	CheckChunks      = "tokens-per-chunk" // gaps between chunks are no gaps between tokens
	CheckConcurrency = "concurrency"      // declared against effective
	CheckRate        = "offered-rate"     // asked against sent
	CheckSaturated   = "saturated"        // sent against completed
	CheckPrefix      = "prefix-cache"     // hits where prompts were meant to be new
	CheckRoofline    = "roofline"         // beyond what the GPU can do
	CheckRefused     = "failed-requests"  // many requests failed
	CheckIdentical   = "identical"        // other flags, the same result
	CheckConfounded  = "confounded"       // several flags changed at once
	CheckLengths     = "lengths"          // answers or prompts of another length than the others'
)

// Check is one inconsistency with its evidence.
type Check struct {
	Check         string             `json:"check"`
	Severity      string             `json:"severity"`
	Trial         string             `json:"trial,omitempty"`
	Cell          string             `json:"cell,omitempty"`
	Configuration string             `json:"configuration,omitempty"`
	Text          string             `json:"text"`               // one sentence with the figures
	Evidence      map[string]float64 `json:"evidence,omitempty"` // the figures, in base units
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

func (c *trialCheck) add(check, severity string, evidence map[string]float64, format string, args ...any) {
	for name, v := range evidence {
		if !finite(v) { // two figures of a broken record multiplied
			delete(evidence, name)
		}
	}
	c.out = append(c.out, Check{
		Check: check, Severity: severity, Trial: c.t.ID, Cell: c.t.Cell, Configuration: c.t.Configuration,
		Text: fmt.Sprintf(format, args...), Evidence: evidence,
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

func seconds(v float64) string { return say.Seconds(v) }

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
		c.add(CheckRefused, Suspect, map[string]float64{"failed": float64(bad), "requests": float64(all)},
			"%d of %d requests failed: latencies and rates are those of the others", bad, all)
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
	c.add(CheckE2E, Suspect, map[string]float64{"e2e_mean": e2e, "ttft_mean": ttft, "tpot_mean": tpot, "output_length": n, "implied_tpot": implied},
		"e2e %s is not ttft %s + tpot %s × %.4g tokens = %s; the tpot that fits is %s (%.2g times as much)",
		seconds(e2e), seconds(ttft), seconds(tpot), n-1, seconds(sum), seconds(implied), implied/tpot)
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
		c.add(CheckInFlight, Suspect, map[string]float64{"in_flight": f.MeanInFlight, "throughput_times_latency": l},
			"%.3g requests were in flight on average, throughput × latency says %.3g: the window is not steady", f.MeanInFlight, l)
	case c.closed() && c.point.Kind == experiment.Concurrency && l < (1-littleTolerance)*c.point.Value:
		c.add(CheckConcurrency, Suspect, map[string]float64{"declared": c.point.Value, "throughput_times_latency": l},
			"concurrency %g was declared, throughput × latency says that %.4g were in flight", c.point.Value, l)
	}
	if f := c.t.Client; f != nil && f.MeanInFlight > 0 && c.point.Kind == experiment.Concurrency && f.MeanInFlight < 0.9*c.point.Value {
		c.add(CheckConcurrency, Suspect, map[string]float64{"declared": c.point.Value, "in_flight": f.MeanInFlight},
			"concurrency %g was declared, %.4g requests were in flight on average", c.point.Value, f.MeanInFlight)
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
	if f, ok := c.conf.Flags.Get("max-num-seqs"); ok {
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
		c.add(CheckQueue, Note, evidence, "%.4g requests in flight on %g places (max-num-seqs): about %.4g wait, and the time to first token is mostly that wait", l, limit, l-limit)
	case watched && waiting >= 1:
		c.add(CheckQueue, Note, evidence, "requests waiting at the server: %.3g on average; the time to first token is partly that wait", waiting)
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
				c.add(CheckServerTime, Suspect, map[string]float64{p.ours: v[0], "server_" + name + "_mean": s.Mean},
					"client: %s %s, server: %s (%.2g times as much)", metric.Title(p.ours), seconds(v[0]), seconds(s.Mean), s.Mean/v[0])
			}
			break
		}
	}
}

// counts compares what server and client counted.
func (c *trialCheck) counts() {
	tel := c.t.Telemetry
	if tel != nil && tel.ServerAbsent != "" {
		c.add(CheckServerCount, Suspect, map[string]float64{"requests": float64(c.t.Requests["ok"])}, "the engine's own figures are left out: %s", tel.ServerAbsent)
		return
	}
	v, ok := c.get(throughput)
	if !ok || tel == nil || tel.Server == nil || tel.Server.GenerationRate == nil || tel.Server.Span < 5 {
		return
	}
	theirs := *tel.Server.GenerationRate
	if theirs > 0 && math.Abs(theirs-v[0]) > countTolerance*theirs {
		c.add(CheckServerCount, Suspect, map[string]float64{throughput: v[0], "server_generation_rate": theirs},
			"the client counted %s, the server %s", say.Metric(throughput, v[0]), say.Metric(throughput, theirs))
	}
}

// chunks: with several tokens in a chunk the gaps between chunks are no
// inter-token latencies.
func (c *trialCheck) chunks() {
	itl, ok := c.get("itl_mean", "tpot_mean")
	if ok && itl[0] > tokensPerChunk*itl[1] {
		c.add(CheckChunks, Note, map[string]float64{"itl_mean": itl[0], "tpot_mean": itl[1]},
			"chunks carry about %.2g tokens each: itl is the gap between chunks and not comparable with other stream intervals; tpot is", itl[0]/itl[1])
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
		c.add(CheckRate, Suspect, map[string]float64{"asked": asked, "offered": f.OfferedRate},
			"%s were asked for, %s were sent", say.Unit(metric.Requests, asked), say.Unit(metric.Requests, f.OfferedRate))
	}
	// In a short window one request more or less at each end is a large share.
	slack := math.Max(0.05, chance)
	if n > 0 {
		slack = math.Max(slack, 2/float64(n))
	}
	if v, ok := c.get("request_throughput"); ok && v[0] < (1-slack)*asked {
		c.add(CheckSaturated, Note, map[string]float64{"asked": asked, "completed": v[0]},
			"%s were asked for and %s completed: the server is saturated, latencies grow with the length of the run",
			say.Unit(metric.Requests, asked), say.Unit(metric.Requests, v[0]))
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
		c.add(CheckPrefix, Note, map[string]float64{"hit_rate": hit},
			"%s of the prompt tokens came from the prefix cache: right if the load shares prefixes, else prompts were sent before", say.Percent(hit))
	}
}
