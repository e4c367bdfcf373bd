// Package metric is the vocabulary of measurements: the names that the
// experiment file, the trial records, the findings and the figures share, with
// the unit and the better direction of each. Definitions are vLLM's
// (vllm/benchmarks/serve.py); inside the program latencies are seconds and
// rates are per second.
//
// A latency name is a base and a statistic joined by an underscore:
// "ttft_p95", "e2e_mean". Rates stand alone: "output_throughput".
package metric

import (
	"fmt"
	"slices"
	"strings"
)

// Unit is the base unit in which a metric is stored.
type Unit string

// The units in use.
const (
	Seconds   Unit = "s"
	Requests  Unit = "req/s"
	Tokens    Unit = "tok/s"
	TokensGPU Unit = "tok/s/GPU"
	Fraction  Unit = "fraction" // 0..1
)

// Direction says which way a metric improves.
type Direction int

// Lower for latencies and error rates, Higher for throughput.
const (
	Lower Direction = iota
	Higher
)

// Metric describes one measurable quantity of a trial.
type Metric struct {
	Name   string // as written: "ttft_p95", "output_throughput"
	Base   string // "ttft", "output_throughput"
	Stat   string // "mean", "p50" ... "p99.9"; empty for rates
	Unit   Unit
	Better Direction
}

// Bases of the latency metrics.
//
//   - ttft: time to first token, from the intended send in open loop (from the
//     actual send in closed loop, where the two are the same).
//   - tpot: (last token - first token) / (output tokens - 1), per request.
//   - itl: gap between consecutive chunks, pooled over the requests of a trial.
//   - e2e: end-to-end latency of a request, counted like ttft.
//   - ttft_sent, e2e_sent: the same from the actual send.
var latencies = map[string]string{
	"ttft":      "time to first token",
	"tpot":      "time per output token",
	"itl":       "inter-token latency",
	"e2e":       "end-to-end latency",
	"ttft_sent": "time to first token from the send",
	"e2e_sent":  "end-to-end latency from the send",
}

// Stats lists the statistics of a latency metric in display order.
func Stats() []string {
	return []string{"mean", "p50", "p75", "p90", "p95", "p97", "p99", "p99.9"}
}

type rate struct {
	unit   Unit
	better Direction
	title  string
}

var rates = map[string]rate{
	"request_throughput":        {Requests, Higher, "request throughput"},
	"output_throughput":         {Tokens, Higher, "output throughput"},
	"total_throughput":          {Tokens, Higher, "total throughput"},
	"goodput":                   {Requests, Higher, "goodput"},
	"output_throughput_per_gpu": {TokensGPU, Higher, "output throughput per GPU"},
	"total_throughput_per_gpu":  {TokensGPU, Higher, "total throughput per GPU"},
	"error_rate":                {Fraction, Lower, "error rate"},
}

// Quantile returns the quantile in 0..1 that a percentile statistic such as
// "p95" or "p99.9" stands for, and false for "mean" and unknown text.
func Quantile(stat string) (float64, bool) {
	if !slices.Contains(Stats(), stat) || stat == "mean" {
		return 0, false
	}
	var p float64
	if _, err := fmt.Sscanf(stat, "p%g", &p); err != nil {
		return 0, false
	}
	return p / 100, true
}

// Parse resolves a metric name. Suggestions for a misspelt one are left to the
// reader of the file, which has Names.
func Parse(name string) (Metric, error) {
	if r, ok := rates[name]; ok {
		return Metric{Name: name, Base: name, Unit: r.unit, Better: r.better}, nil
	}
	if i := strings.LastIndexByte(name, '_'); i > 0 {
		base, stat := name[:i], name[i+1:]
		if _, ok := latencies[base]; ok && slices.Contains(Stats(), stat) {
			return Metric{Name: name, Base: base, Stat: stat, Unit: Seconds, Better: Lower}, nil
		}
	}
	return Metric{}, fmt.Errorf("unknown metric %q", name)
}

// Names lists every valid metric name, sorted, for suggestions and schemas.
func Names() []string {
	var out []string
	for b := range latencies {
		for _, s := range Stats() {
			out = append(out, b+"_"+s)
		}
	}
	for r := range rates {
		out = append(out, r)
	}
	slices.Sort(out)
	return out
}

// Short is the metric in the words of tables: "TTFT p95", "output throughput".
// Unknown names are returned as they are.
func Short(name string) string {
	m, err := Parse(name)
	if err != nil || m.Stat == "" {
		return Title(name)
	}
	base, sent := strings.CutSuffix(m.Base, "_sent")
	base = strings.ToUpper(base)
	if sent {
		base += " from send"
	}
	return base + " " + m.Stat
}

// Title is the metric in words for axes and headings: "time to first token,
// p95", "output throughput". Unknown names are returned as they are.
func Title(name string) string {
	m, err := Parse(name)
	if err != nil {
		return name
	}
	if m.Stat == "" {
		return rates[m.Base].title
	}
	return latencies[m.Base] + ", " + m.Stat
}
