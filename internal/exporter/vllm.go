package exporter

import (
	"encoding/json"
	"io"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// writeVLLM writes one line a trial in the shape of `vllm bench serve
// --save-detailed --append-result`.
func writeVLLM(w io.Writer, run *rundir.Run, version string) error {
	enc := json.NewEncoder(w)
	return each(run, func(t *trial) error { return enc.Encode(t.vllmResult(run.Plan.Model, version)) })
}

// vllmBases are their names of our latencies, which count from the actual send.
var vllmBases = map[string]string{"ttft": "ttft_sent", "tpot": "tpot", "itl": "itl", "e2el": "e2e_sent"}

func (t *trial) vllmResult(model, version string) map[string]any {
	out := map[string]any{
		"endpoint_type": "openai", "backend": "openai", "label": t.conf.Label, "model_id": model, "burstiness": 1.0, "request_rate": "inf", "max_concurrency": nil,
		"tool": "sweep " + version, "trial": t.ID, "load_point": t.point.Label, "outcome": t.Outcome, "duration": t.Window,
		"total_input_tokens": t.InputTokens, "total_output_tokens": t.OutputTokens, "completed": t.Requests["ok"],
	}
	if !t.Ended.IsZero() {
		out["date"] = t.Ended.Format("20060102-150405")
	}
	n := 0
	for _, k := range t.Requests {
		n += k
	}
	out["num_prompts"], out["failed"] = n, n-t.Requests["ok"]
	switch t.point.Kind {
	case experiment.Concurrency, experiment.Throughput:
		out["max_concurrency"] = int(t.point.Value)
	default:
		out["request_rate"] = t.Rate
		if t.point.Kind == experiment.Constant {
			out["burstiness"] = "inf"
		}
		if t.point.MaxConcurrency > 0 {
			out["max_concurrency"] = t.point.MaxConcurrency
		}
	}
	for theirs, ours := range map[string]string{"request_throughput": "request_throughput", "output_throughput": "output_throughput", "total_token_throughput": "total_throughput", "request_goodput": "goodput"} {
		if v, ok := t.Metrics[ours]; ok {
			out[theirs] = v
		}
	}
	for theirs, ours := range vllmBases {
		for _, st := range metric.Stats() {
			if v, ok := t.sent(ours, st); ok {
				out[vllmStat(st)+"_"+theirs+"_ms"] = v * 1e3
			}
		}
	}
	if t.res != nil {
		t.vllmLists(out)
	}
	return out
}

func vllmStat(st string) string {
	if st == "p50" {
		return "median"
	}
	return st
}

// vllmLists adds what --save-detailed adds: the requests of the window, column
// by column, times in seconds from the first send.
func (t *trial) vllmLists(out map[string]any) {
	inputs, outputs, ttfts, starts, itls, errs := []int{}, []int{}, []float64{}, []float64{}, [][]float64{}, []string{}
	completed, input, output := 0, 0, 0
	first, last := time.Duration(-1), time.Duration(0)
	for _, q := range t.window() {
		if q.Sent < 0 {
			continue
		}
		if first < 0 || q.Sent < first {
			first = q.Sent
		}
		last = max(last, q.End)
		ttft, text := 0.0, q.Error
		if q.Class == loadgen.ClassOK {
			ttft = q.TTFTSent().Seconds()
			completed, input, output = completed+1, input+q.PromptTokens, output+q.OutputTokens
		} else if text == "" {
			text = string(q.Class)
		}
		gaps := make([]float64, len(q.Gaps))
		for i, g := range q.Gaps {
			gaps[i] = float64(g) / 1e6
		}
		inputs, outputs, ttfts = append(inputs, q.PromptTokens), append(outputs, q.OutputTokens), append(ttfts, ttft)
		starts, itls, errs = append(starts, q.Sent.Seconds()), append(itls, gaps), append(errs, text)
	}
	out["input_lens"], out["output_lens"], out["ttfts"] = inputs, outputs, ttfts
	out["start_times"], out["itls"], out["errors"] = starts, itls, errs
	// Their duration is from the first send to the last answer, and rates are over it.
	if seconds := (last - first).Seconds(); first >= 0 && seconds > 0 {
		out["duration"], out["completed"], out["failed"], out["num_prompts"] = seconds, completed, len(errs)-completed, len(errs)
		out["total_input_tokens"], out["total_output_tokens"] = input, output
		out["request_throughput"], out["output_throughput"] = float64(completed)/seconds, float64(output)/seconds
		out["total_token_throughput"] = float64(input+output) / seconds
	}
}
