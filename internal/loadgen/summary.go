package loadgen

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// SummaryOptions say what a summary needs to know beyond the result.
type SummaryOptions struct {
	// GPUs that the server used; 0: not known, and no metric per GPU.
	GPUs int
	// OnProcessors: the server used no GPU, whatever GPUs says.
	OnProcessors bool
	// Goodput holds the limits in seconds that a good request meets, by base:
	// ttft, tpot, e2e. Empty: no goodput.
	Goodput map[string]float64
}

// Summary is a result in numbers, as stored with a trial.
type Summary struct {
	// Metrics by name of package metric, in seconds and per second. Latencies
	// are of the requests due inside the window that succeeded.
	Metrics map[string]float64
	// Upper bounds the percentiles of the requests' latencies from above with 99%
	// confidence, by metric; see stats.QuantileUpper. The gaps of itl are too dependent
	// on each other for it.
	Upper map[string]float64
	// Absent names the metrics that could not be estimated, with the reason.
	Absent   map[string]string
	Requests map[Class]int // due inside the window, by class
	// Samples behind the latencies, by base: requests, or gaps for itl.
	Samples map[string]int
	// InputTokens and OutputTokens were received inside the window.
	InputTokens  int64
	OutputTokens int64
	// PromptLength and AnswerLength are mean and standard deviation of the tokens
	// of the successful requests due inside the window; 0: there are none.
	PromptLength, AnswerLength [2]float64
	// TokensPerChunk is the mean over the successful requests, warm-up included; 0: none
	// succeeded. Above 1 the samples of itl are gaps between bundles of tokens.
	TokensPerChunk float64
	// TooFew names the percentiles that there were too few successful requests
	// for, with the number needed.
	TooFew    map[string]int
	Saturated bool // see Result
	Window    time.Duration
	Label     string
	Client    Client
	Invalid   []notice.Notice
	Warnings  []notice.Notice
}

// latencyBases are the latencies of a summary in display order.
var latencyBases = []string{"ttft", "tpot", "itl", "e2e", "ttft_sent", "e2e_sent"}

// Summarize computes the metrics of a run.
//
// Percentiles are Hyndman-Fan type 7, and absent below the sample floor of
// their quantile (stats.QuantileFloor): 11 samples for p50, 130 for p95, 662 for
// p99. The samples of itl are the gaps of all requests, so that long answers
// weigh more; those of the others are requests.
//
// Rates are of what was received inside the window, over its length. Goodput
// counts the requests completed inside the window that meet every limit.
func Summarize(r *Result, o SummaryOptions) Summary {
	s := Summary{
		Metrics: map[string]float64{}, Absent: map[string]string{}, Upper: map[string]float64{},
		Requests: map[Class]int{}, Samples: map[string]int{},
		InputTokens: r.WindowInput, OutputTokens: r.WindowTokens,
		Window: r.WindowEnd - r.WindowStart, Label: r.Label,
		Saturated: r.Saturated,
		Client:    r.Client, Invalid: slices.Clone(r.Invalid), Warnings: slices.Clone(r.Warnings),
	}
	for i := range r.Requests {
		if q := &r.Requests[i]; q.Phase == PhaseWindow {
			s.Requests[q.Class]++
		}
	}
	for base, values := range r.latencies() {
		s.latency(base, values)
	}
	s.PromptLength, s.AnswerLength = r.lengthsOf((*Request).promptTokens), r.lengthsOf(func(q *Request) int { return q.OutputTokens })
	s.errorRate()
	s.rates(r, o)
	s.goodput(r, o)
	s.floors()
	if s.Samples["ttft"] > 0 {
		s.TokensPerChunk = r.tokensPerChunk()
	}
	return s
}

// lengthsOf is the mean and the standard deviation of what of returns for the
// window's successful requests.
func (res *Result) lengthsOf(of func(*Request) int) [2]float64 {
	var n, sum, squares float64
	for i := range res.Requests {
		if q := &res.Requests[i]; q.Phase == PhaseWindow && q.Class == ClassOK {
			v := float64(of(q))
			n, sum, squares = n+1, sum+v, squares+v*v
		}
	}
	if n == 0 {
		return [2]float64{}
	}
	mean := sum / n
	return [2]float64{mean, math.Sqrt(math.Max(0, squares/n-mean*mean))}
}

// Total is the number of requests due inside the window.
func (s *Summary) Total() int {
	n := 0
	for _, c := range s.Requests {
		n += c
	}
	return n
}

// latencies collects the samples in seconds, by base. Every base is present.
func (res *Result) latencies() map[string][]float64 {
	out := map[string][]float64{}
	for _, b := range latencyBases {
		out[b] = nil
	}
	add := func(base string, d time.Duration) { out[base] = append(out[base], d.Seconds()) }
	for i := range res.Requests {
		q := &res.Requests[i]
		if q.Phase != PhaseWindow || q.Class != ClassOK {
			continue
		}
		add("ttft", q.TTFT())
		add("e2e", q.E2E())
		add("ttft_sent", q.TTFTSent())
		add("e2e_sent", q.E2ESent())
		if d, ok := q.TPOT(); ok {
			add("tpot", d)
		}
		for _, g := range q.Gaps {
			add("itl", time.Duration(g)*time.Microsecond)
		}
	}
	return out
}

// latency fills in the statistics of one base.
func (s *Summary) latency(base string, values []float64) {
	s.Samples[base] = len(values)
	slices.Sort(values)
	for _, st := range metric.Stats() {
		name := base + "_" + st
		p, isQuantile := metric.Quantile(st)
		switch need := stats.QuantileFloor(p); {
		case len(values) == 0:
			s.Absent[name] = s.noSample(base)
		case !isQuantile:
			s.Metrics[name] = stats.Mean(values)
		case len(values) < need:
			s.Absent[name] = fmt.Sprintf("%d %s, %d needed", len(values), sampleNoun(base), need)
		default:
			s.Metrics[name] = stats.Quantile(values, p)
			if u, ok := stats.QuantileUpper(values, p); ok && base != "itl" {
				s.Upper[name] = u
			}
		}
	}
}

func sampleNoun(base string) string {
	if base == "itl" {
		return "gaps"
	}
	return "requests"
}

// noSample says why a base has no sample at all.
func (s *Summary) noSample(base string) string {
	switch {
	case s.Total() == 0:
		return "no request was due inside the window"
	case s.Requests[ClassOK] == 0:
		return fmt.Sprintf("none of %d requests succeeded", s.Total())
	case base == "itl":
		return "every answer came in one chunk"
	default:
		return "no answer had two tokens that came one after the other"
	}
}

func (s *Summary) errorRate() {
	n := s.Total()
	if n == 0 {
		s.Absent["error_rate"] = "no request was due inside the window"
		return
	}
	s.Metrics["error_rate"] = float64(n-s.Requests[ClassOK]) / float64(n)
}

// rates fills in the throughput metrics.
func (s *Summary) rates(r *Result, o SummaryOptions) {
	seconds := s.Window.Seconds()
	put := func(name string, amount float64) {
		if seconds <= 0 {
			s.Absent[name] = "the window has no length"
			return
		}
		s.Metrics[name] = amount / seconds
	}
	out, total := float64(r.WindowTokens), float64(r.WindowTokens+r.WindowInput)
	put("request_throughput", float64(r.WindowCompleted))
	put("output_throughput", out)
	put("total_throughput", total)
	if o.GPUs > 0 && !o.OnProcessors {
		put("output_throughput_per_gpu", out/float64(o.GPUs))
		put("total_throughput_per_gpu", total/float64(o.GPUs))
		return
	}
	why := "the number of GPUs is not known"
	if o.OnProcessors {
		why = "the server computes on processors"
	}
	for _, name := range []string{"output_throughput_per_gpu", "total_throughput_per_gpu"} {
		s.Absent[name] = why
	}
}

func (s *Summary) goodput(r *Result, o SummaryOptions) {
	switch {
	case len(o.Goodput) == 0:
		s.Absent["goodput"] = "no latency limits are given"
		return
	case s.Window <= 0:
		s.Absent["goodput"] = "the window has no length"
		return
	}
	good := 0
	for i := range r.Requests {
		q := &r.Requests[i]
		if q.Class == ClassOK && r.inside(q.Last) && q.meets(o.Goodput) {
			good++
		}
	}
	s.Metrics["goodput"] = float64(good) / s.Window.Seconds()
}

// meets says whether the request is within all limits. Like vLLM, a request of
// one token counts as 0 where the limit is on the time per output token; one
// whose tokens came all at once does not show that it is within it. An unknown base is met by
// no request.
func (r *Request) meets(limits map[string]float64) bool {
	for base, limit := range limits {
		var d time.Duration
		switch base {
		case "ttft":
			d = r.TTFT()
		case "e2e":
			d = r.E2E()
		case "ttft_sent":
			d = r.TTFTSent()
		case "e2e_sent":
			d = r.E2ESent()
		case "tpot":
			var known bool
			if d, known = r.TPOT(); !known && r.OutputTokens > 1 {
				return false
			}
		default:
			return false
		}
		if d.Seconds() > limit {
			return false
		}
	}
	return true
}

// floors notes the percentiles of requests that are absent for want of samples.
func (s *Summary) floors() {
	n := s.Samples["ttft"]
	for _, st := range metric.Stats() {
		if p, ok := metric.Quantile(st); ok && n > 0 && n < stats.QuantileFloor(p) {
			if s.TooFew == nil {
				s.TooFew = map[string]int{}
			}
			s.TooFew[st] = stats.QuantileFloor(p)
		}
	}
}

// tooFew says it, in order of the percentiles; nothing when none is missing.
func (s *Summary) tooFew() []notice.Notice {
	var missing []string
	for _, st := range metric.Stats() {
		if need, ok := s.TooFew[st]; ok {
			missing = append(missing, fmt.Sprintf("%s (%d)", st, need))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []notice.Notice{notice.New("too-few-requests", notice.Args{
		"n": notice.Count(s.Samples["ttft"]), "percentiles": notice.List(missing...),
	})}
}
