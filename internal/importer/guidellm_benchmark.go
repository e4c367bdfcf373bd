package importer

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// guideBenchmark is one benchmark of a report.
type guideBenchmark struct {
	start, end *float64 // of the measured window, epoch seconds
	args       struct { // D1
		Strategy guideStrategy `json:"strategy"`
	}
	config struct { // D2 and later
		Strategy guideStrategy `json:"strategy"`
		Backend  struct {
			Target string `json:"target"`
			Model  string `json:"model"`
		} `json:"backend"`
	}
	worker struct { // D1
		Target string `json:"backend_target"`
		Model  string `json:"backend_model"`
	}
	loader struct { // D1
		Data any `json:"data"`
	}
	scheduler struct { // D2 and later
		MeasureStart *float64 `json:"measure_start_time"`
		MeasureEnd   *float64 `json:"measure_end_time"`
		StartDelay   *float64 `json:"request_targeted_start_delay_avg"`
	}
	state   guideState // D2 and later
	totals  *guideTotals
	metrics map[string]guideMetric
	// warnings are of 0.8 and later.
	warnings []guideWarning
	lists    map[string][]guideRequest // by status
}

// guideWarning is what the tool says against a benchmark of its own.
type guideWarning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// guideTotals count requests.
type guideTotals struct {
	Successful int `json:"successful"`
	Errored    int `json:"errored"`
	Incomplete int `json:"incomplete"`
}

// guideMetric is one distribution, of which only the successful requests
// count: in the other statuses missing values are written as 0.
type guideMetric struct {
	Successful *guideStats `json:"successful"`
}

type guideStats struct {
	Mean        *float64            `json:"mean"`
	Median      *float64            `json:"median"`
	TotalSum    *float64            `json:"total_sum"`
	Percentiles map[string]*float64 `json:"percentiles"`
}

func readGuideBenchmark(s *stream) (*guideBenchmark, error) {
	b := &guideBenchmark{metrics: map[string]guideMetric{}, lists: map[string][]guideRequest{}}
	err := s.object(func(key string) error {
		switch key {
		case "start_time":
			return s.decode(&b.start)
		case "end_time":
			return s.decode(&b.end)
		case "args":
			return s.decode(&b.args)
		case "config":
			return s.decode(&b.config)
		case "worker":
			return s.decode(&b.worker)
		case "request_loader":
			return s.decode(&b.loader)
		case "scheduler_metrics":
			return s.decode(&b.scheduler)
		case "scheduler_state":
			return s.decode(&b.state)
		case "request_totals":
			return s.decode(&b.totals)
		case "metrics":
			return b.readMetrics(s)
		case "warnings":
			return s.decode(&b.warnings)
		case "requests":
			return s.object(func(status string) error { return b.readList(s, status) })
		default:
			return s.skip()
		}
	})
	return b, err
}

// guideState is where the scheduler of a run ended.
type guideState struct {
	Created    int `json:"created_requests"`
	Successful int `json:"successful_requests"`
	Errored    int `json:"errored_requests"`
	Cancelled  int `json:"cancelled_requests"`
	// EndQueuing holds the constraints that ended the sending, by name.
	EndQueuing map[string]json.RawMessage `json:"end_queuing_constraints"`
}

// byTime says that the sending ended at a time limit: max_duration, or
// max_seconds until 0.6.
func (g *guideState) byTime() bool {
	_, duration := g.EndQueuing["max_duration"]
	_, seconds := g.EndQueuing["max_seconds"]
	return (duration || seconds) && len(g.EndQueuing) == 1
}

// guideUsed are the distributions that are taken over; the rest, such as
// time_per_output_token_ms, which includes the time to the first token, is not.
var guideUsed = []string{"request_latency", "time_to_first_token_ms", "inter_token_latency_ms", "prompt_token_count", "output_token_count"}

func (b *guideBenchmark) readMetrics(s *stream) error {
	return s.object(func(key string) error {
		switch {
		case key == "request_totals":
			return s.decode(&b.totals)
		case slices.Contains(guideUsed, key):
			var m guideMetric
			err := s.decode(&m)
			b.metrics[key] = m
			return err
		default:
			return s.skip()
		}
	})
}

func (b *guideBenchmark) readList(s *stream, status string) error {
	if !slices.Contains([]string{"successful", "errored", "incomplete"}, status) {
		return s.skip() // "total" repeats the others
	}
	return s.array(func(int) error {
		var q guideRequest
		if err := s.decode(&q); err != nil {
			return err
		}
		b.lists[status] = append(b.lists[status], q)
		return nil
	})
}

// fill makes the result of the benchmark, from its requests where they are all
// there, else from its summary.
func (b *guideBenchmark) fill(r *Result) error {
	r.Load = b.config.Strategy.load()
	if b.args.Strategy.Type != "" {
		r.Load = b.args.Strategy.load()
	}
	r.Load.Name = lengthsName(b.loader.Data)
	r.Target, r.Model = b.worker.Target+b.config.Backend.Target, b.worker.Model+b.config.Backend.Model
	if b.scheduler.MeasureStart == nil {
		b.scheduler.MeasureStart = b.start
	}
	if b.scheduler.MeasureEnd == nil {
		b.scheduler.MeasureEnd = b.end
	}
	if from := b.scheduler.MeasureStart; from != nil {
		r.Began = instant(*from)
		r.Ended = r.Began.Add(span(from, b.scheduler.MeasureEnd))
	}
	for _, w := range b.warnings {
		r.toolWarnings = append(r.toolWarnings, strings.Trim(w.Code+": "+w.Message, ": "))
	}
	if b.state.byTime() {
		r.sentFor = span(b.scheduler.MeasureStart, b.scheduler.MeasureEnd)
	}
	b.lost(r)
	if have, want := len(b.lists["successful"]), b.successes(); want > 0 && have < want {
		b.summary(r)
		if have > 0 {
			r.warn(notice.New("requests-stripped", notice.Args{"n": notice.Count(have), "all": notice.Count(want)}))
		}
		return nil
	}
	if b.requests(r) {
		return nil
	}
	b.summary(r)
	return nil
}

func (b *guideBenchmark) successes() int {
	if b.totals == nil {
		return 0
	}
	return b.totals.Successful
}

// lost notes requests that the scheduler began and never accounted for.
func (b *guideBenchmark) lost(r *Result) {
	s := b.state
	if n := s.Created - s.Successful - s.Errored - s.Cancelled; n > 0 {
		r.warn(notice.New("requests-lost", notice.Args{"n": notice.Count(n), "all": notice.Count(s.Created)}))
	}
}

// summary takes over what the tool computed, as far as our definitions allow:
// its inter-token latency, one average a request, is our tpot.
func (b *guideBenchmark) summary(r *Result) {
	totals := guideTotals{}
	if b.totals != nil {
		totals = *b.totals
	}
	n := totals.Successful
	r.counts(n, totals.Errored, totals.Incomplete)
	r.state("ttft_sent", b.stats("time_to_first_token_ms", 1e-3), n)
	r.state("e2e_sent", b.stats("request_latency", 1), n)
	r.state("tpot", b.stats("inter_token_latency_ms", 1e-3), n)
	for _, st := range []string{"mean", "p50", "p75", "p90", "p95", "p97", "p99", "p99.9"} {
		r.lack("itl_"+st, noGaps)
	}
	r.fromSent("ttft")
	r.fromSent("e2e")
	if r.Load.open() {
		r.warn(fromSend())
		if d := b.scheduler.StartDelay; d != nil && *d > 0.05 {
			r.warn(notice.New("sends-late", notice.Args{"late": notice.Seconds(*d)}))
		}
	}
	window := span(b.scheduler.MeasureStart, b.scheduler.MeasureEnd).Seconds()
	output := b.sum("output_token_count")
	r.throughput(float64(n), b.sum("prompt_token_count"), output, window)
	if n > 0 {
		r.inputMean, r.outputMean = b.sum("prompt_token_count")/float64(n), output/float64(n)
	}
}

// guidePercentiles are the report's names of ours; p97 it does not have.
var guidePercentiles = map[string]string{"p50": "p50", "p75": "p75", "p90": "p90", "p95": "p95", "p99": "p99", "p99.9": "p999"}

func (b *guideBenchmark) stats(name string, unit float64) stated {
	out := stated{}
	g := b.metrics[name].Successful
	if g == nil {
		return out
	}
	put := func(st string, v *float64) {
		if v != nil {
			out[st] = *v * unit
		}
	}
	put("mean", g.Mean)
	put("p50", g.Median) // the percentile itself is missing from early files
	for st, key := range guidePercentiles {
		put(st, g.Percentiles[key])
	}
	return out
}

func (b *guideBenchmark) sum(name string) float64 {
	if g := b.metrics[name].Successful; g != nil && g.TotalSum != nil && !math.IsNaN(*g.TotalSum) {
		return *g.TotalSum
	}
	return 0
}

// requests fills the run from the request lists; false: they hold no times.
func (b *guideBenchmark) requests(r *Result) bool {
	first, last := math.Inf(1), math.Inf(-1)
	for _, list := range b.lists {
		for _, q := range list {
			if q.start() != nil && q.end() != nil {
				first, last = math.Min(first, *q.start()), math.Max(last, *q.end())
			}
		}
	}
	if math.IsInf(first, 0) || !(last-first < 1e7) {
		return false
	}
	from, to := first, last
	if b.scheduler.MeasureStart != nil && b.scheduler.MeasureEnd != nil {
		from, to = *b.scheduler.MeasureStart, *b.scheduler.MeasureEnd
	}
	origin := math.Min(first, from)
	c := guideClock{origin: origin, open: r.Load.open()}
	run := &loadgen.Result{
		Start: instant(origin), WindowStart: c.at(&from), WindowEnd: c.at(&to), End: c.at(&last), Label: label(r.Load),
	}
	for _, status := range []string{"successful", "errored", "incomplete"} {
		for _, q := range b.lists[status] {
			run.Requests = append(run.Requests, c.request(q, status, run))
		}
	}
	slices.SortStableFunc(run.Requests, func(x, y loadgen.Request) int { return int(min(max(x.Sent-y.Sent, -1), 1)) })
	for i := range run.Requests {
		run.Requests[i].ID = i
	}
	account(run)
	r.Run, r.Timed = run, true
	r.recompute()
	r.lengthsOf(run)
	c.note(r)
	return true
}

// label is our name of the loop.
func label(l Load) string {
	switch {
	case l.open() && l.Cap > 0:
		return loadgen.LabelPartly
	case l.open():
		return loadgen.LabelOpen
	case l.Kind == Unknown:
		return ""
	default:
		return loadgen.LabelClosed
	}
}

// guideClock turns epoch seconds into offsets and counts what it met.
type guideClock struct {
	origin            float64
	open              bool
	planned, noTarget int // requests with and without a usable intended send
	impossible        int // of those without: one is told that cannot be right
	cut, all          int // requests cut off, and all
}

func (c *guideClock) at(epoch *float64) time.Duration {
	if epoch == nil {
		return -1
	}
	return seconds(*epoch - c.origin)
}

func (c *guideClock) note(r *Result) {
	if c.cut > 0 {
		r.warn(cutOff(c.cut, c.all))
	}
	if float64(c.impossible) > loadgen.OfferedShare*float64(c.all) {
		r.schedule = append(r.schedule, notice.New("sends-impossible", notice.Args{"n": notice.Count(c.impossible), "all": notice.Count(c.all)}))
	}
	r.Clock = ClockSent
	switch {
	case !c.open:
		r.Clock = ClockIntended // the same in closed loop
	case c.noTarget == 0:
		r.Clock = ClockIntended
	case c.planned == 0:
		r.warn(fromSend())
	default:
		r.warn(notice.New("clock-partly-from-send", notice.Args{"n": notice.Count(c.noTarget)}))
	}
}
