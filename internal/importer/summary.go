package importer

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// noGaps is why a tool that keeps one average a request has no inter-token
// latency in our sense, which is the distribution of single gaps.
const noGaps = "the tool keeps no single gaps between tokens"

// recompute fills the result from its requests, with the code that summarises
// our own runs.
func (r *Result) recompute() {
	run := r.Run
	r.recomputed = true
	sum := loadgen.Summarize(run, loadgen.SummaryOptions{GPUs: r.GPUs})
	r.Metrics, r.Absent = sum.Metrics, sum.Absent
	delete(r.Absent, "goodput") // limits are the run's matter, not the file's
	r.InputTokens, r.OutputTokens = sum.InputTokens, sum.OutputTokens
	r.promptLength, r.answerLength = sum.PromptLength, sum.AnswerLength
	r.Window = sum.Window.Seconds()
	r.Requests = map[string]int{}
	for class, n := range sum.Requests {
		r.Requests[string(class)] = n
	}
	r.Warnings = append(r.Warnings, sum.Warnings...)
	r.TooFew, r.TokensPerChunk = sum.TooFew, sum.TokensPerChunk
	if r.Gapless() && sum.Requests[loadgen.ClassOK] > 0 {
		for _, name := range GapMetrics() {
			r.lack(name, noGaps)
		}
		r.TokensPerChunk = 0
	}
}

// Gapless reports whether the requests of the run hold no single gaps between
// tokens, because their tool keeps none.
func (r *Result) Gapless() bool { return r.Run != nil && !hasGaps(r.Run) }

// GapMetrics are the metrics that need single gaps.
func GapMetrics() []string {
	var out []string
	for _, st := range metric.Stats() {
		out = append(out, "itl_"+st)
	}
	return out
}

// NoGaps is why GapMetrics are absent of a gapless run.
const NoGaps = noGaps

func hasGaps(run *loadgen.Result) bool {
	for i := range run.Requests {
		if len(run.Requests[i].Gaps) > 0 {
			return true
		}
	}
	return false
}

// account sums what was received inside the window. Tokens of a request whose
// gaps are not known count as evenly spread between its first and its last.
func account(run *loadgen.Result) {
	var tokens, input float64
	completed := int64(0)
	inside := func(at time.Duration) bool { return at >= run.WindowStart && at <= run.WindowEnd }
	for i := range run.Requests {
		q := &run.Requests[i]
		if q.First < 0 || q.Class != loadgen.ClassOK && q.Class != loadgen.ClassUnfinished {
			continue
		}
		if inside(q.First) {
			input += float64(q.PromptTokens)
		}
		tokens += float64(q.OutputTokens) * overlap(q.First, q.Last, run.WindowStart, run.WindowEnd)
		if q.Class == loadgen.ClassOK && inside(q.Last) {
			completed++
		}
	}
	run.WindowTokens, run.WindowInput, run.WindowCompleted = int64(math.Round(tokens)), int64(math.Round(input)), completed
}

// overlap is the share of first..last that lies in from..to.
func overlap(first, last, from, to time.Duration) float64 {
	if last <= first {
		if first >= from && first <= to {
			return 1
		}
		return 0
	}
	a, b := max(first, from), min(last, to)
	if b <= a {
		return 0
	}
	return float64(b-a) / float64(last-first)
}

// stated are the statistics of one latency as a file has them, in seconds; NaN
// or missing: not stated.
type stated map[string]float64

// state takes over stated statistics of one base under the rule of sample
// floors: a percentile of too few requests is absent, whatever the tool printed.
// samples is the number behind them; negative: not known, and nothing is held back.
func (r *Result) state(base string, s stated, samples int) {
	for _, st := range metric.Stats() {
		name := base + "_" + st
		v, ok := s[st]
		p, isQuantile := metric.Quantile(st)
		need := stats.QuantileFloor(p)
		switch {
		case !ok:
			r.lack(name, "not in the file")
		case implausible(v) != "":
			r.lack(name, implausible(v))
		case v < 0:
			r.lack(name, fmt.Sprintf("the file says %g: no measurement", v))
		case isQuantile && samples >= 0 && samples < need:
			r.lack(name, fmt.Sprintf("%d %s, %d needed", samples, noun(base), need))
			if base == "ttft_sent" || base == "ttft" {
				r.tooFew(st, need)
			}
		default:
			r.set(name, v)
		}
	}
}

func (r *Result) tooFew(stat string, need int) {
	if r.TooFew == nil {
		r.TooFew = map[string]int{}
	}
	r.TooFew[stat] = need
}

func noun(base string) string {
	if base == "itl" {
		return "gaps"
	}
	return "requests"
}

// fromSent takes statistics that count from the actual send as the ones from
// the intended send too. In closed loop the two are the same; in open loop the
// file has no better, and the result says so.
func (r *Result) fromSent(base string) {
	for _, st := range metric.Stats() {
		if v, ok := r.Metrics[base+"_sent_"+st]; ok {
			r.set(base+"_"+st, v)
		} else if why, ok := r.Absent[base+"_sent_"+st]; ok {
			r.lack(base+"_"+st, why)
		}
	}
	r.Clock = ClockSent
}

// fromSend is said of an open loop whose intended sends are not known.
func fromSend() notice.Notice { return notice.New("clock-from-send", nil) }

// throughput states the rates from counts and the length of the window.
func (r *Result) throughput(completed, input, output, seconds float64) {
	r.Window = seconds
	r.InputTokens, r.OutputTokens = wholeTokens(input), wholeTokens(output)
	if !(seconds > 0) || implausible(seconds) != "" {
		for _, name := range []string{"request_throughput", "output_throughput", "total_throughput"} {
			r.lack(name, "the length of the run is not in the file")
		}
		return
	}
	r.rate("request_throughput", completed/seconds)
	r.rate("output_throughput", output/seconds)
	r.rate("total_throughput", (input+output)/seconds)
}

// rate states a throughput, and that per GPU where their number is known.
func (r *Result) rate(name string, v float64) {
	if math.IsNaN(v) || v < 0 {
		r.lack(name, "not in the file")
		return
	}
	r.set(name, v)
	if _, ok := r.Metrics[name]; !ok {
		return
	}
	if name == "request_throughput" {
		return
	}
	if r.GPUs > 0 {
		r.set(name+"_per_gpu", v/float64(r.GPUs))
		return
	}
	r.lack(name+"_per_gpu", "the number of GPUs is not known")
}

// wholeTokens is a number of tokens, 0 where it is none.
func wholeTokens(v float64) int64 {
	if !(v >= 0 && v <= largest) {
		return 0
	}
	return int64(math.Round(v))
}

// counts states the requests of the window.
func (r *Result) counts(ok, failed, unfinished int) {
	r.Requests = map[string]int{string(loadgen.ClassOK): ok}
	if failed > 0 {
		r.Requests[string(loadgen.ClassProtocol)] = failed
	}
	if unfinished > 0 {
		r.warn(cutOff(unfinished, ok+failed+unfinished))
	}
	if ok+failed > 0 {
		r.set("error_rate", float64(failed)/float64(ok+failed))
	}
}

func cutOff(n, all int) notice.Notice {
	return notice.New("requests-cut-off", notice.Args{"n": notice.Count(n), "all": notice.Count(all)})
}

// seconds is a point in time or a length in seconds as an offset.
func seconds(s float64) time.Duration {
	if math.IsNaN(s) || math.Abs(s) > 9e9 {
		return -1
	}
	return time.Duration(math.Round(s * 1e9))
}

// instant is seconds since the epoch; zero for none.
func instant(epoch float64) time.Time {
	if !(epoch > 1e8 && epoch < 1e11) {
		return time.Time{}
	}
	return time.Unix(0, int64(epoch*1e9)).UTC()
}

// errorClass sorts a client's error text into our classes.
func errorClass(text string) loadgen.Class {
	t := strings.ToLower(text)
	switch {
	case strings.Contains(t, "timeout"), strings.Contains(t, "timed out"):
		return loadgen.ClassTimeout
	case strings.Contains(t, "connecterror"), strings.Contains(t, "connection"), strings.Contains(t, "disconnected"), strings.Contains(t, "refused"):
		return loadgen.ClassConnect
	case strings.Contains(t, "never received a valid chunk"):
		return loadgen.ClassEmpty
	case strings.Contains(t, "traceback"):
		return loadgen.ClassProtocol
	default:
		return loadgen.ClassHTTP
	}
}

// gapsOf turns gaps in seconds into whole microseconds whose sums are those of
// the time stamps.
func gapsOf(secs []float64) (gaps []uint32, total time.Duration) {
	gaps = make([]uint32, 0, len(secs))
	at, last := 0.0, int64(0)
	for _, s := range secs {
		if !(s > 0) {
			s = 0
		}
		at += s
		us := int64(math.Min(at*1e6, 1<<50))
		gaps = append(gaps, uint32(min(us-last, 1<<31-1)))
		last = us
	}
	return gaps, seconds(math.Min(at, 1e8))
}
