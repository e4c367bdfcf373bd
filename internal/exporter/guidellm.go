package exporter

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/quantile"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// writeGuideLLM writes a report of the dialect of 0.5 and 0.6 (metadata.version
// 1): it has times by request and a place for everything that we know.
func writeGuideLLM(w io.Writer, run *rundir.Run, version string) error {
	head, err := json.Marshal(map[string]any{"version": 1, "guidellm_version": "sweep " + version})
	if err != nil {
		return err
	}
	args, err := json.Marshal(map[string]any{"model": run.Plan.Model, "target": run.Provenance.Backend["url"]})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "{\"metadata\":%s,\"args\":%s,\"benchmarks\":[", head, args); err != nil {
		return err
	}
	sep := "\n"
	err = each(run, func(t *trial) error {
		b, err := json.Marshal(t.guideBenchmark(run.Plan.Model))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s%s", sep, b)
		sep = ",\n"
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n]}\n")
	return err
}

func (t *trial) guideBenchmark(model string) map[string]any {
	strategy := map[string]any{"type_": string(t.point.Kind)}
	switch t.point.Kind {
	case experiment.Concurrency:
		strategy["type_"], strategy["streams"] = "concurrent", int(t.point.Value)
	case experiment.Throughput:
		strategy["max_concurrency"] = int(t.point.Value)
	default:
		strategy["rate"] = t.point.Value
		if t.Rate > 0 { // of a sweep load, found at run time
			strategy["rate"] = t.Rate
		}
	}
	b := map[string]any{
		"type_":      "generative_benchmark",
		"config":     map[string]any{"id_": t.ID, "strategy": strategy, "backend": map[string]any{"model": model}},
		"extras":     map[string]any{"configuration": t.conf.Label, "flags": t.conf.Flags, "load_point": t.point.Label, "outcome": t.Outcome, "reasons": notice.Texts(t.Reasons), "reason_codes": notice.CodesOf(t.Reasons)},
		"start_time": epoch(t.Began), "end_time": epoch(t.Ended), "duration": t.Window,
	}
	if t.res == nil {
		b["metrics"] = t.guideSummary()
		b["requests"] = map[string]any{"successful": []any{}, "errored": []any{}, "incomplete": []any{}}
		return b
	}
	from, to := t.res.Start.Add(t.res.WindowStart), t.res.Start.Add(t.res.WindowEnd)
	b["scheduler_metrics"] = map[string]any{"measure_start_time": epoch(from), "measure_end_time": epoch(to)}
	b["metrics"], b["requests"] = t.guideMetrics(), t.guideRequests()
	return b
}

// epoch is a point in time in seconds; null for none.
func epoch(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return float64(at.UnixNano()) / 1e9
}

// guideStatus sorts our classes into GuideLLM's.
func guideStatus(q *loadgen.Request) string {
	switch q.Class {
	case loadgen.ClassOK:
		return "successful"
	case loadgen.ClassUnfinished, loadgen.ClassDropped:
		return "incomplete"
	default:
		return "errored"
	}
}

func (t *trial) guideMetrics() map[string]any {
	samples := map[string][]float64{}
	totals := map[string]int{"successful": 0, "errored": 0, "incomplete": 0}
	add := func(name string, v float64) { samples[name] = append(samples[name], v) }
	for _, q := range t.window() {
		totals[guideStatus(q)]++
		totals["total"]++
		if q.Class != loadgen.ClassOK {
			continue
		}
		add("request_latency", q.E2ESent().Seconds())
		add("time_to_first_token_ms", q.TTFTSent().Seconds()*1e3)
		if d, ok := q.TPOT(); ok {
			add("inter_token_latency_ms", d.Seconds()*1e3)
		}
		if q.OutputTokens > 0 { // theirs includes the time to the first token
			add("time_per_output_token_ms", q.E2ESent().Seconds()*1e3/float64(q.OutputTokens))
		}
		add("prompt_token_count", float64(q.PromptTokens))
		add("output_token_count", float64(q.OutputTokens))
	}
	out := map[string]any{"request_totals": totals}
	for _, name := range []string{"request_latency", "time_to_first_token_ms", "inter_token_latency_ms", "time_per_output_token_ms", "prompt_token_count", "output_token_count"} {
		out[name] = map[string]any{"successful": distribution(samples[name])}
	}
	for name, ours := range map[string]string{"requests_per_second": "request_throughput", "output_tokens_per_second": "output_throughput", "tokens_per_second": "total_throughput"} {
		if v, ok := t.Metrics[ours]; ok { // a mean alone: their other statistics of rates mean nothing
			out[name] = map[string]any{"successful": map[string]any{"mean": v}}
		}
	}
	return out
}

// guideSummary is what a trial without stored requests has.
func (t *trial) guideSummary() map[string]any {
	out := map[string]any{"request_totals": map[string]int{"successful": t.Requests["ok"]}}
	for name, of := range map[string]struct {
		base string
		unit float64
	}{"request_latency": {"e2e_sent", 1}, "time_to_first_token_ms": {"ttft_sent", 1e3}, "inter_token_latency_ms": {"tpot", 1e3}} {
		d := map[string]any{}
		p := map[string]any{}
		for st, key := range map[string]string{"p50": "p50", "p75": "p75", "p90": "p90", "p95": "p95", "p99": "p99", "p99.9": "p999"} {
			if v, ok := t.sent(of.base, st); ok {
				p[key] = v * of.unit
			}
		}
		if v, ok := t.sent(of.base, "mean"); ok {
			d["mean"] = v * of.unit
		}
		if v, ok := p["p50"]; ok {
			d["median"] = v
		}
		d["percentiles"] = p
		out[name] = map[string]any{"successful": d}
	}
	for name, v := range map[string]int64{"prompt_token_count": t.InputTokens, "output_token_count": t.OutputTokens} {
		out[name] = map[string]any{"successful": map[string]any{"total_sum": v}}
	}
	return out
}

// distribution is a sample in GuideLLM's statistics.
func distribution(x []float64) map[string]any {
	if len(x) == 0 {
		return nil
	}
	slices.Sort(x)
	sum, squares := 0.0, 0.0
	for _, v := range x {
		sum += v
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	p := map[string]float64{}
	for key, q := range map[string]float64{"p001": 0.001, "p01": 0.01, "p05": 0.05, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999} {
		p[key] = quantile.Type7(x, q)
	}
	variance := squares / float64(len(x))
	return map[string]any{
		"mean": mean, "median": p["p50"], "mode": x[0], "variance": variance, "std_dev": math.Sqrt(variance),
		"min": x[0], "max": x[len(x)-1], "count": len(x), "total_sum": sum, "percentiles": p,
	}
}

// guideRequests are all requests, warm-up included, as theirs are.
func (t *trial) guideRequests() map[string][]any {
	out := map[string][]any{"successful": {}, "errored": {}, "incomplete": {}}
	at := func(d time.Duration) any {
		if d < 0 {
			return nil
		}
		return epoch(t.res.Start.Add(d))
	}
	for i := range t.res.Requests {
		q := &t.res.Requests[i]
		v := map[string]any{
			"request_id": fmt.Sprint(q.ID), "prompt_tokens": q.PromptTokens, "output_tokens": q.OutputTokens,
			"request_start_time": at(q.Sent), "request_end_time": at(q.End),
			"info": map[string]any{"status": guideStatus(q), "error": text(q.Error), "timings": map[string]any{
				"targeted_start": at(q.Scheduled), "dequeued": at(q.Ready), "request_start": at(q.Sent),
				"first_token_iteration": at(q.First), "last_token_iteration": at(q.Last), "token_iterations": q.Chunks, "request_end": at(q.End),
			}},
		}
		if q.Class == loadgen.ClassOK {
			v["request_latency"] = q.E2ESent().Seconds()
			v["time_to_first_token_ms"] = q.TTFTSent().Seconds() * 1e3
			if d, ok := q.TPOT(); ok {
				v["inter_token_latency_ms"] = d.Seconds() * 1e3
			}
		}
		status := guideStatus(q)
		out[status] = append(out[status], v)
	}
	return out
}

// text is nil for none, as Python's None.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}
