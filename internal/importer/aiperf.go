package importer

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
)

// aiRecord is one line of AIPerf's profile_export.jsonl.
type aiRecord struct {
	Metadata struct {
		Issued    int64  `json:"credit_issued_ns"` // when the request was due; 0.13 and later
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

// tokens is a count by the server where it told one: the tool's own is that of
// the answer's text, cut into tokens once more, without those that have no text.
func (a *aiRecord) tokens(server, client string) int {
	if v := a.value(server); v > 0 {
		return whole(v)
	}
	return whole(a.value(client))
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
	var due []int64
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
		if at := a.Metadata.Issued; at > 0 && at <= a.Metadata.Start {
			due = append(due, at)
		}
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
	if len(due) == len(run.Requests) {
		for _, at := range due {
			r.due = append(r.due, time.Duration(at-origin))
		}
	}
	r.recompute()
	r.lengthsOf(run)
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
		PromptTokens: a.tokens("usage_prompt_tokens", "input_sequence_length"),
		OutputTokens: a.tokens("usage_completion_tokens", "output_sequence_length"),
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

// mean is the first of the metrics that has a mean above 0, else 0.
func (a aiSummary) mean(names ...string) float64 {
	for _, name := range names {
		if v := a.avg(name); v > 0 {
			return v
		}
	}
	return 0
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
		samples = whole(n)
		r.counts(samples, whole(failed), 0)
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
	r.rate("total_throughput", a.avg("total_token_throughput"))
	r.outputMean = a.mean("usage_completion_tokens", "output_sequence_length")
	r.inputMean = a.mean("usage_prompt_tokens", "input_sequence_length")
	if r.Load.open() {
		r.warn(sentWarning)
	}
	if a["was_cancelled"] == true {
		r.Invalid = append(r.Invalid, "the run was cancelled before its end")
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

// facts reads the load and the model off the tool's own configuration: of
// AIPerf 0.13, of earlier releases, or of genai-perf.
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
	if stimulus := member(member(config, "perf_analyzer"), "stimulus"); stimulus != nil { // genai-perf
		concurrency, _ = stimulus["concurrency"].(float64)
		rate, _ = stimulus["request_rate"].(float64)
	}
	if phase := profiling(config); phase != nil { // 0.13
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
	if varied := a.varied(); varied != "" {
		r.Load.Note = strings.TrimPrefix(r.Load.Note+", "+varied, ", ")
	}
	for at, key := range map[*time.Time]string{&r.Began: "start_time", &r.Ended: "end_time"} {
		text, _ := a[key].(string)
		if t, err := time.Parse("2006-01-02T15:04:05.999999", text); err == nil {
			*at = t
		}
	}
}

// aiAxes are the parameters of AIPerf's sweeps that the load itself tells, and
// those that change only how long it is measured.
var aiAxes = regexp.MustCompile(`(^|\.)(concurrency|rate|request_rate|requests|request_count|duration|grace_period|smoothness|isl\.mean|osl\.mean|isl|osl|random_seed|entries)$`)

// varied is what a sweep of AIPerf varied besides, such as "prefill_concurrency 4".
func (a aiSummary) varied() string {
	var out []string
	values := member(member(a, "run_info"), "variation_values")
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if v := plain(values[key]); !aiAxes.MatchString(key) && len(v) < 40 {
			out = append(out, key[strings.LastIndexByte(key, '.')+1:]+" "+v)
		}
	}
	return strings.Join(out, ", ")
}

// member is an object inside an object; nil: none.
func member(o map[string]any, key string) map[string]any {
	out, _ := o[key].(map[string]any)
	return out
}

// profiling is the one measured phase of AIPerf 0.13; nil: none, or several.
func profiling(config map[string]any) map[string]any {
	var found map[string]any
	phases, _ := config["phases"].([]any)
	for _, p := range phases {
		phase, _ := p.(map[string]any)
		if phase == nil || phase["kind"] == "warmup" || phase["exclude_from_results"] == true {
			continue
		}
		if found != nil {
			return nil
		}
		found = phase
	}
	return found
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
		mean, _ := l["mean"].(float64)
		if stdev, _ := l["stddev"].(float64); stdev > 0 {
			return 0
		}
		return whole(mean)
	}
	return fixed("isl"), fixed("osl")
}

// aiCompanion takes load and model of records from the summary beside them, and in
// open loop counts latencies from the moments at which requests were due.
func aiCompanion(path string, r *Result) {
	beside := filepath.Join(filepath.Dir(path), "profile_export_aiperf.json")
	if prefix, ok := strings.CutSuffix(filepath.Base(path), ".jsonl"); ok && prefix != "profile_export" {
		beside = filepath.Join(filepath.Dir(path), prefix+".json") // of --profile-export-prefix
	}
	src := fileSource(beside)
	f, err := src.open()
	if err != nil {
		return
	}
	defer f.Close()
	all, err := readAIPerfSummary(newStream(src, f))
	if err != nil || all[0].Tool != AIPerf {
		return
	}
	sum := all[0]
	r.Invalid = append(r.Invalid, sum.Invalid...)
	r.Load, r.Model, r.Target, r.ToolVersion, r.sentFor = sum.Load, sum.Model, sum.Target, sum.ToolVersion, sum.sentFor
	if have, want := r.Requests[string(loadgen.ClassOK)], sum.Requests[string(loadgen.ClassOK)]; have < want {
		r.warn(fmt.Sprintf("%d of the %d requests that succeeded are in the file: the numbers describe only those", have, want))
	}
	switch {
	case !r.Load.open():
	case r.due == nil, r.Load.Cap > 0:
		// With a cap a credit is issued when there is a slot, and without one the
		// arrival is skipped: nothing says when a request was due.
		r.warn(sentWarning)
	default:
		r.Clock = ClockIntended
		for i := range r.Run.Requests {
			r.Run.Requests[i].Scheduled = r.due[i]
		}
		r.recompute()
	}
	r.Run.Label = label(r.Load)
}
