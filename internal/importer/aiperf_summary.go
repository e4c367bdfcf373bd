package importer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// aiSummary is profile_export_aiperf.json.
type aiSummary map[string]any

type aiMetric struct {
	unit   string
	values map[string]float64
}

func (a aiSummary) metric(name string) (aiMetric, bool) {
	o, ok := a[name].(map[string]any)
	if !ok {
		return aiMetric{}, false
	}
	m := aiMetric{values: map[string]float64{}}
	m.unit, _ = o["unit"].(string)
	for k, v := range o {
		if f, ok := v.(float64); ok {
			m.values[k] = f
		}
	}
	return m, true
}

func (a aiSummary) avg(name string) float64 {
	m, ok := a.metric(name)
	v, has := m.values["avg"]
	if !ok || !has {
		return math.NaN()
	}
	return v
}

// mean is the first of the metrics that has a mean above 0, else 0.
func (a aiSummary) mean(names ...string) float64 {
	for _, name := range names {
		if v := a.avg(name); v > 0 {
			return v
		}
	}
	return 0
}

func (a aiSummary) stats(name string) stated {
	m, ok := a.metric(name)
	unit, known := timeUnits[m.unit]
	out := stated{}
	if !ok || !known {
		return out
	}
	for st, key := range map[string]string{"mean": "avg", "p50": "p50", "p75": "p75", "p90": "p90", "p95": "p95", "p99": "p99"} {
		if v, ok := m.values[key]; ok {
			out[st] = v * unit
		}
	}
	return out
}

// readAIPerfSummary reads the aggregates of a run with one measured phase, or of
// one phase.
func readAIPerfSummary(s *stream) ([]Result, error) {
	a, err := decodeAISummary(s)
	if err != nil {
		return nil, err
	}
	if !a.ofAIPerf() {
		return nil, s.fail(errors.New("a summary in the form of AIPerf's, and not from AIPerf: sweep does not read it"))
	}
	phase := phaseOf(s.src.name)
	switch measured := a.measured(); {
	case phase != "" && a.warmup(phase):
		return nil, &FaultError{File: s.src.name, Err: errors.New(notice.New("aiperf-warmup", nil).Text())}
	case phase == "" && len(measured) > 1:
		return nil, &FaultError{File: s.src.name, Err: fmt.Errorf("it sums up %d phases with loads of their own (%s): "+
			"import the whole folder of the run, with profile_export.jsonl or phases/ in it",
			len(measured), strings.Join(phaseNames(measured), ", "))}
	}
	return []Result{a.result(phase)}, nil
}

func decodeAISummary(s *stream) (aiSummary, error) {
	var a aiSummary
	if err := s.decode(&a); err != nil {
		return nil, err
	}
	return a, s.end()
}

// ofAIPerf reports whether AIPerf wrote the summary: genai-perf, from which it
// comes, wrote some of the same fields.
func (a aiSummary) ofAIPerf() bool {
	for _, key := range []string{"benchmark_duration", "error_summary", "aiperf_version", "was_cancelled"} {
		if _, ok := a[key]; ok {
			return true
		}
	}
	return false
}

// result is what a summary tells of a measured phase; "": the only one.
func (a aiSummary) result(phase string) Result {
	r := Result{Tool: AIPerf, Format: "summary", Clock: ClockSent, phase: phase}
	r.ToolVersion, _ = a["aiperf_version"].(string)
	a.facts(&r)
	n, failed := a.avg("request_count"), a.avg("error_request_count")
	if math.IsNaN(failed) {
		failed = a.errors()
	}
	samples := -1
	if !math.IsNaN(n) {
		samples = whole(n)
		r.counts(samples, whole(failed), 0)
		if _, told := a["error_summary"]; !told && math.IsNaN(a.avg("error_request_count")) {
			r.lack("error_rate", "the number of failures is not in the file")
		}
	} else {
		r.warn(notice.New("request-count-unknown", nil))
	}
	r.state("ttft_sent", a.stats("time_to_first_token"), samples)
	r.state("e2e_sent", a.stats("request_latency"), samples)
	r.state("tpot", a.stats("inter_token_latency"), samples)
	r.state("itl", a.stats("inter_chunk_latency"), -1)
	r.fromSent("ttft")
	r.fromSent("e2e")
	if d := a.avg("benchmark_duration"); d > 0 {
		r.Window = d
	}
	r.rate("request_throughput", a.avg("request_throughput"))
	output := a.avg("output_token_throughput")
	r.rate("output_throughput", output)
	r.rate("total_throughput", a.avg("total_token_throughput"))
	r.outputMean = a.mean("usage_completion_tokens", "output_sequence_length")
	r.inputMean = a.mean("usage_prompt_tokens", "input_sequence_length")
	if r.Load.open() {
		r.warn(fromSend())
	}
	r.Invalid = append(r.Invalid, a.ended()...)
	return r
}

// ended says why a run that did not come to its end must not count.
func (a aiSummary) ended() []notice.Notice {
	if a["was_cancelled"] == true {
		return []notice.Notice{notice.New("run-canceled", nil)}
	}
	if a["is_complete"] == false {
		args := notice.Args{"tool": notice.Text("AIPerf")}
		if why, _ := a["incomplete_reason"].(string); why != "" {
			args["why"] = notice.Text(why)
		}
		return []notice.Notice{notice.New("run-incomplete", args)}
	}
	return nil
}

func (a aiSummary) errors() float64 {
	list, _ := a["error_summary"].([]any)
	n := 0.0
	for _, e := range list {
		o, _ := e.(map[string]any)
		c, _ := o["count"].(float64)
		n += c
	}
	return n
}

// facts reads the load of the result's phase and the model off the tool's own
// configuration: of AIPerf 0.13 or of earlier releases.
func (a aiSummary) facts(r *Result) {
	r.Load = Load{Name: unnamed, Kind: Unknown}
	config := member(a, "input_config")
	endpoint, gen := member(config, "endpoint"), member(config, "loadgen")
	for _, names := range []any{endpoint["model_names"], config["model_names"], member(config, "models")["items"]} {
		if list, ok := names.([]any); ok && len(list) == 1 {
			name, _ := list[0].(string)
			if o, ok := list[0].(map[string]any); ok {
				name, _ = o["name"].(string)
			}
			r.Model = name
		}
	}
	r.Target, _ = endpoint["url"].(string)
	if urls, ok := endpoint["urls"].([]any); ok && len(urls) == 1 {
		r.Target, _ = urls[0].(string)
	}
	mode, _ := gen["request_rate_mode"].(string)
	rate, _ := gen["request_rate"].(float64)
	concurrency, _ := gen["concurrency"].(float64)
	phase := a.phase(r.phase)
	if phase != nil { // 0.13
		mode, _ = phase["type"].(string)
		rate, _ = phase["rate"].(float64)
		concurrency, _ = phase["concurrency"].(float64)
		r.Load.Burstiness, _ = phase["smoothness"].(float64)
		if _, counted := phase["requests"].(float64); !counted {
			length, _ := phase["duration"].(float64)
			r.sentFor = max(0, seconds(length))
		}
	}
	r.Load.in, r.Load.out = lengthsAsked(config)
	switch {
	case rate > 0 && mode == "constant":
		r.Load.Kind, r.Load.Value, r.Load.Cap = experiment.Constant, rate, whole(concurrency)
	case rate > 0 && mode == "poisson":
		r.Load.Kind, r.Load.Value, r.Load.Cap = experiment.Poisson, rate, whole(concurrency)
	case rate > 0 && mode == "gamma" && r.Load.Burstiness > 0:
		r.Load.Kind, r.Load.Value, r.Load.Cap = experiment.Gamma, rate, whole(concurrency)
		r.Load.Note = "burstiness " + strconv.FormatFloat(r.Load.Burstiness, 'g', -1, 64)
	case rate > 0:
		r.Load.Value, r.Load.Note = rate, strings.TrimSpace("open loop "+mode)
	case concurrency > 0:
		r.Load.Kind, r.Load.Value = experiment.Concurrency, concurrency
	}
	notes := append([]string{r.Load.Note}, a.notes(r.phase)...)
	r.Load.Note = strings.Join(slices.DeleteFunc(notes, func(n string) bool { return n == "" }), ", ")
	for at, key := range map[*time.Time]string{&r.Began: "start_time", &r.Ended: "end_time"} {
		text, _ := a[key].(string)
		if t, err := time.Parse("2006-01-02T15:04:05.999999", text); err == nil {
			*at = t
		}
	}
}

// member is an object inside an object; nil: none.
func member(o map[string]any, key string) map[string]any {
	out, _ := o[key].(map[string]any)
	return out
}

// lengthsAsked are the lengths of synthetic prompts and answers, in tokens; 0: drawn
// from a distribution, or not told.
func lengthsAsked(config map[string]any) (in, out int) {
	datasets, _ := config["datasets"].([]any)
	if len(datasets) != 1 {
		return 0, 0
	}
	set, _ := datasets[0].(map[string]any)
	fixed := func(key string) int {
		l := member(member(set, "prompts"), key)
		if value, fixed := l["value"].(float64); fixed {
			return whole(value)
		}
		mean, _ := l["mean"].(float64)
		if stdev, _ := l["stddev"].(float64); stdev > 0 || l["median"] != nil { // lognormal
			return 0
		}
		return whole(mean)
	}
	return fixed("isl"), fixed("osl")
}
