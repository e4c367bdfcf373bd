package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
)

// tradeOffText is a trade-off in one line: "TPOT p50 7.59 ms -> 10.6 ms (+39.9%)".
func tradeOffText(t analysis.TradeOff) string {
	return fmt.Sprintf("%s %s -> %s (%s)", metric.Short(t.Metric), say.Metric(t.Metric, t.Baseline), say.Metric(t.Metric, t.Value), say.Change(t.Ratio.Center))
}

// tradeOffBrief is the same without the values: "TPOT p50 +39.9%".
func tradeOffBrief(t analysis.TradeOff) string {
	return metric.Short(t.Metric) + " " + say.Change(t.Ratio.Center)
}

// tradeOffs are the trade-offs of a recommendation as people are told them: one
// metric of each kind, where the findings have every percentile of a latency. Of
// a kind it is the metric that the experiment asks about, else the median.
func (in Input) tradeOffs(r analysis.Recommendation) []analysis.TradeOff {
	asked := in.asked()
	rank := func(name string) int {
		m, err := metric.Parse(name)
		switch {
		case slices.Contains(asked, name):
			return 0
		case err != nil || name == "output_throughput" || name == "output_throughput_per_gpu" || m.Stat == "p50" && !strings.HasSuffix(m.Base, "_sent"):
			return 1
		}
		if strings.HasSuffix(m.Base, "_sent") {
			return 50 + slices.Index(metric.Stats(), m.Stat)
		}
		return 2 + slices.Index(metric.Stats(), m.Stat) + map[bool]int{true: 50}[m.Stat == ""]
	}
	best := map[string]analysis.TradeOff{}
	for _, t := range r.TradeOffs {
		k := kind(t.Metric)
		if other, ok := best[k]; !ok || rank(t.Metric) < rank(other.Metric) {
			best[k] = t
		}
	}
	if _, both := best["throughput"]; both {
		delete(best, "per_gpu")
	}
	var out []analysis.TradeOff
	for _, k := range []string{"throughput", "ttft", "tpot", "itl", "e2e", "goodput", "error_rate", "per_gpu"} {
		if t, ok := best[k]; ok {
			out = append(out, t)
		}
	}
	return out
}

// kind joins the metrics that tell the same: all percentiles of a latency, all
// throughputs.
func kind(name string) string {
	m, err := metric.Parse(name)
	switch {
	case err != nil:
		return name
	case m.Stat != "":
		return strings.TrimSuffix(m.Base, "_sent")
	case strings.HasSuffix(m.Base, "_per_gpu"):
		return "per_gpu"
	case strings.HasSuffix(m.Base, "_throughput"):
		return "throughput"
	}
	return m.Base
}

// asked are the metrics that the experiment asks about: objectives, limits and
// the SLO, in this order.
func (in Input) asked() []string {
	var out []string
	for _, r := range in.Findings.Recommendations {
		out = append(out, r.Objective)
		for _, c := range r.Constraints {
			out = append(out, c.Metric)
		}
	}
	for _, c := range in.Plan.SLO {
		out = append(out, c.Metric)
	}
	return out
}

// leans reports whether a comparison is undecided although its interval
// excludes no change: its reason must be told.
func leans(r analysis.Ratio) bool {
	return r.Verdict == analysis.Undecided && r.HasInterval() && (r.Lo > 1 || r.Hi < 1)
}
