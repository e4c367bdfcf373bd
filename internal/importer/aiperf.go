package importer

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
)

// aiRecord is one line of AIPerf's profile_export.jsonl.
type aiRecord struct {
	Metadata struct {
		Start     int64  `json:"request_start_ns"`
		End       *int64 `json:"request_end_ns"`
		Phase     string `json:"benchmark_phase"`
		Cancelled bool   `json:"was_cancelled"`
	} `json:"metadata"`
	Metrics map[string]struct {
		Value any    `json:"value"`
		Unit  string `json:"unit"`
	} `json:"metrics"`
	Error *struct {
		Code    any    `json:"code"`
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
}

// timeUnits are the units of time that the tools write, in seconds.
var timeUnits = map[string]float64{"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "seconds": 1}

// value is a metric in seconds or as it is; NaN: none.
func (a *aiRecord) value(name string) float64 {
	m, ok := a.Metrics[name]
	v, isNumber := m.Value.(float64)
	if !ok || !isNumber {
		return math.NaN()
	}
	if u, ok := timeUnits[m.Unit]; ok {
		return v * u
	}
	return v
}

func (a *aiRecord) list(name string) []float64 {
	m := a.Metrics[name]
	items, _ := m.Value.([]any)
	unit, ok := timeUnits[m.Unit]
	if !ok {
		return nil
	}
	out := make([]float64, 0, len(items))
	for _, v := range items {
		f, _ := v.(float64)
		out = append(out, f*unit)
	}
	return out
}

// readAIPerfRecords reads profile_export.jsonl. AIPerf's inter-token latency,
// an average of each request, is our tpot; its inter-chunk latencies are our
// gaps.
func readAIPerfRecords(s *stream) ([]Result, error) {
	run := &loadgen.Result{}
	origin := int64(math.MaxInt64)
	for n := 1; s.dec.More(); n++ {
		s.path = []string{fmt.Sprintf("record %d", n)}
		var a aiRecord
		if err := s.decode(&a); err != nil {
			return nil, err
		}
		if a.Metadata.Start <= 0 {
			return nil, s.fail(errors.New("a record without metadata.request_start_ns"))
		}
		origin = min(origin, a.Metadata.Start)
		run.Requests = append(run.Requests, a.request(n-1))
	}
	s.path = nil
	if err := s.end(); err != nil {
		return nil, err
	}
	if len(run.Requests) == 0 {
		return nil, s.fail(errors.New("no record in the file"))
	}
	rebase(run, time.Duration(origin))
	run.Start = time.Unix(0, origin).UTC()
	window(run)
	account(run)
	r := Result{
		Tool: AIPerf, Format: "records", Load: Load{Name: "imported", Kind: Unknown}, Run: run, Timed: true,
		Clock: ClockSent, Began: run.Start, Ended: run.Start.Add(run.End),
	}
	r.recompute()
	return []Result{r}, nil
}

// window begins with the first request that is no warm-up.
func window(run *loadgen.Result) {
	from := run.End
	for i := range run.Requests {
		if q := &run.Requests[i]; q.Phase == loadgen.PhaseWindow {
			from = min(from, q.Sent)
		}
	}
	run.WindowStart = from
}

func (a *aiRecord) request(id int) loadgen.Request {
	q := loadgen.Request{
		ID: id, Phase: loadgen.PhaseWindow, Sent: time.Duration(a.Metadata.Start), First: -1, Last: -1, Class: loadgen.ClassOK,
		PromptTokens: whole(a.value("input_sequence_length")), OutputTokens: whole(a.value("output_sequence_length")),
	}
	if a.Metadata.Phase == "warmup" {
		q.Phase = loadgen.PhaseWarmup
	}
	q.Scheduled, q.Ready, q.End = q.Sent, q.Sent, q.Sent
	if a.Metadata.End != nil && *a.Metadata.End >= a.Metadata.Start {
		q.End = time.Duration(*a.Metadata.End)
	}
	if ttft := a.value("time_to_first_token"); ttft > 0 {
		q.First = q.Sent + seconds(ttft)
		q.Last, q.Chunks = q.First, 1
		gaps, total := gapsOf(a.list("inter_chunk_latency"))
		if len(gaps) > 0 {
			q.Gaps, q.Chunks, q.Last = gaps, len(gaps)+1, q.First+total
		} else if latency := a.value("request_latency"); latency > ttft {
			q.Last = q.Sent + seconds(latency)
		}
		q.End = max(q.End, q.Last)
	}
	switch {
	case a.Metadata.Cancelled:
		q.Class, q.Phase = loadgen.ClassUnfinished, loadgen.PhaseTail
	case a.Error != nil:
		q.Error = strings.TrimSpace(a.Error.Type + " " + a.Error.Message)
		q.Class = errorClass(q.Error)
	case q.First < 0 || q.OutputTokens == 0:
		q.Class, q.Error = loadgen.ClassEmpty, "no token"
	}
	return q
}

// aiSummary is profile_export_aiperf.json or profile_export_genai_perf.json.
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

func (a aiSummary) stats(name string) stats {
	m, ok := a.metric(name)
	unit, known := timeUnits[m.unit]
	out := stats{}
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

// readAIPerfSummary reads the aggregates of AIPerf or genai-perf.
func readAIPerfSummary(s *stream) ([]Result, error) {
	var a aiSummary
	if err := s.decode(&a); err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	r := Result{Tool: GenAIPerf, Format: "summary", Clock: ClockSent}
	for _, key := range []string{"benchmark_duration", "error_summary", "aiperf_version", "was_cancelled"} {
		if _, ok := a[key]; ok {
			r.Tool = AIPerf
		}
	}
	r.ToolVersion, _ = a["aiperf_version"].(string)
	a.facts(&r)
	n, failed := a.avg("request_count"), a.avg("error_request_count")
	if math.IsNaN(failed) {
		failed = a.errors()
	}
	samples := -1
	if !math.IsNaN(n) {
		samples = int(n)
		r.counts(samples, int(failed), 0)
		if _, told := a["error_summary"]; !told && math.IsNaN(a.avg("error_request_count")) {
			r.lack("error_rate", "the number of failures is not in the file")
		}
	} else {
		r.warn("the number of requests is not in the file: its percentiles may rest on few")
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
	total := a.avg("total_token_throughput")
	if math.IsNaN(total) {
		total = math.NaN()
	}
	r.rate("total_throughput", total)
	r.outputMean = a.avg("output_sequence_length")
	if r.Load.open() {
		r.warn(sentWarning)
	}
	return []Result{r}, nil
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

// facts reads the load and the model off the tool's own configuration.
func (a aiSummary) facts(r *Result) {
	r.Load = Load{Name: "imported", Kind: Unknown}
	config, _ := a["input_config"].(map[string]any)
	within := func(key string) map[string]any {
		o, _ := config[key].(map[string]any)
		return o
	}
	endpoint, gen := within("endpoint"), within("loadgen")
	if names, ok := endpoint["model_names"].([]any); ok && len(names) == 1 {
		r.Model, _ = names[0].(string)
	}
	if names, ok := config["model_names"].([]any); ok && len(names) == 1 {
		r.Model, _ = names[0].(string)
	}
	r.Target, _ = endpoint["url"].(string)
	mode, _ := gen["request_rate_mode"].(string)
	rate, _ := gen["request_rate"].(float64)
	concurrency, _ := gen["concurrency"].(float64)
	if stimulus, ok := within("perf_analyzer")["stimulus"].(map[string]any); ok { // genai-perf
		concurrency, _ = stimulus["concurrency"].(float64)
		rate, _ = stimulus["request_rate"].(float64)
	}
	switch {
	case rate > 0 && mode == "constant":
		r.Load.Kind, r.Load.Value, r.Load.Cap = experiment.Constant, rate, whole(concurrency)
	case rate > 0 && mode == "poisson":
		r.Load.Kind, r.Load.Value, r.Load.Cap = experiment.Poisson, rate, whole(concurrency)
	case rate > 0:
		r.Load.Value, r.Load.Note = rate, strings.TrimSpace("open loop "+mode)
	case concurrency > 0:
		r.Load.Kind, r.Load.Value = experiment.Concurrency, concurrency
	}
	for at, key := range map[*time.Time]string{&r.Began: "start_time", &r.Ended: "end_time"} {
		text, _ := a[key].(string)
		if t, err := time.Parse("2006-01-02T15:04:05.999999", text); err == nil {
			*at = t
		}
	}
}

// aiCompanion takes load and model of records from the summary beside them.
func aiCompanion(path string, r *Result) {
	beside := filepath.Join(filepath.Dir(path), "profile_export_aiperf.json")
	f, err := os.Open(beside)
	if err != nil {
		return
	}
	defer f.Close()
	var a aiSummary
	if newStream(fileSource(beside), f).decode(&a) != nil {
		return
	}
	var facts Result
	a.facts(&facts)
	r.Load, r.Model, r.Target = facts.Load, facts.Model, facts.Target
	r.ToolVersion, _ = a["aiperf_version"].(string)
	if r.Load.open() {
		r.warn(sentWarning)
	}
	r.Run.Label = label(r.Load)
}
