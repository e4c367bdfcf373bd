package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// readVLLMBench reads results of `vllm bench serve`: one object, a list of
// them (summary.json of `vllm bench sweep`), or one after the other (JSONL of
// --append-result). With --save-detailed the numbers come from its requests.
func readVLLMBench(s *stream) ([]Result, error) {
	var out []Result
	one := func(place string) error {
		b := benchRun{values: map[string]any{}}
		if err := b.read(s); err != nil {
			return err
		}
		r, err := b.result(place)
		if err != nil {
			return s.fail(err)
		}
		out = append(out, *r)
		return nil
	}
	for n := 1; ; n++ {
		first, err := s.peekDelim()
		if errors.Is(err, io.EOF) && len(out) > 0 {
			return out, nil
		}
		if err != nil {
			return nil, s.fail(err)
		}
		if first == '[' {
			err = s.array(func(i int) error { return one(fmt.Sprintf("[%d]", i)) })
		} else {
			place := ""
			if n > 1 {
				place = "result " + strconv.Itoa(n)
			}
			err = one(place)
		}
		if err != nil {
			return nil, err
		}
		if !s.dec.More() && len(out) == 0 {
			return nil, s.fail(errors.New("an empty list of results"))
		}
	}
}

// benchRun is one result, its lists by request read column by column.
type benchRun struct {
	values     map[string]any // scalars, in the file's words
	order      []string       // their keys, in the file's order
	inputs     []float64
	outputs    []float64
	ttfts      []float64
	starts     []float64
	queued     []float64 // from the arrival to the send; vLLM 0.32 and later
	gaps       [][]uint32
	gapSums    []time.Duration
	errors     []string
	isDetailed bool
}

func (b *benchRun) read(s *stream) error {
	return s.object(func(key string) error {
		switch key {
		case "input_lens":
			return b.numbers(s, &b.inputs)
		case "output_lens":
			return b.numbers(s, &b.outputs)
		case "ttfts":
			b.isDetailed = true
			return b.numbers(s, &b.ttfts)
		case "start_times":
			return b.numbers(s, &b.starts)
		case "queue_times":
			return b.numbers(s, &b.queued)
		case "itls":
			return s.array(func(int) error {
				var g []float64
				if err := s.decode(&g); err != nil {
					return err
				}
				gaps, sum := gapsOf(g)
				b.gaps, b.gapSums = append(b.gaps, gaps), append(b.gapSums, sum)
				return nil
			})
		case "errors":
			return s.array(func(int) error {
				var e *string
				if err := s.decode(&e); err != nil {
					return err
				}
				text := ""
				if e != nil {
					text = *e
				}
				b.errors = append(b.errors, text)
				return nil
			})
		case "generated_texts":
			return s.skip()
		default:
			return b.scalar(s, key)
		}
	})
}

func (b *benchRun) numbers(s *stream, to *[]float64) error {
	return s.array(func(int) error {
		v := math.NaN()
		p := &v
		if err := s.decode(&p); err != nil {
			return err
		}
		if p == nil {
			v = math.NaN()
		}
		*to = append(*to, v)
		return nil
	})
}

// maxScalar bounds what is kept of a member that nobody knows, in bytes.
const maxScalar = 1 << 16

func (b *benchRun) scalar(s *stream, key string) error {
	var raw json.RawMessage
	if err := s.decode(&raw); err != nil {
		return err
	}
	if len(raw) > maxScalar {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return s.fail(err)
	}
	if _, twice := b.values[key]; !twice {
		b.order = append(b.order, key)
	}
	b.values[key] = v
	return nil
}

// number is a scalar as a number; NaN: none.
func (b *benchRun) number(key string) float64 {
	switch v := b.values[key].(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return math.NaN()
		}
		return f
	case string:
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return math.NaN()
		}
		return f
	default:
		return math.NaN()
	}
}

func (b *benchRun) text(key string) string {
	t, _ := b.values[key].(string)
	return t
}

// plain is a scalar as text for a flag or a label.
func plain(v any) string {
	switch t := v.(type) {
	case nil:
		return ""
	case string:
		return t
	case bool:
		return strconv.FormatBool(t)
	case json.Number:
		return t.String()
	default:
		out, _ := json.Marshal(t)
		return string(out)
	}
}

func (b *benchRun) whole(key string) int {
	if v := b.number(key); v >= 0 && v < 1e12 {
		return int(v)
	}
	return 0
}

// metadata are the members that the tool does not write by itself: what
// --metadata named, and overrides of a sweep, which sweepTree takes out.
func (b *benchRun) metadata() map[string]string {
	out := map[string]string{}
	for _, key := range b.order {
		if v := b.values[key]; v != nil && !benchWords.MatchString(key) && !strings.HasPrefix(key, "random_") {
			out[key] = plain(v)
		}
	}
	return out
}

// result makes the result of the run.
func (b *benchRun) result(place string) (*Result, error) {
	if _, ok := b.values["request_throughput"]; !ok {
		return nil, errors.New("an object without request_throughput: no result of vllm bench serve")
	}
	r := &Result{Tool: VLLMBench, Format: "summary", Place: place, Model: b.text("model_id"), Load: b.load(), Clock: ClockSent, Metadata: b.metadata()}
	if d, err := time.Parse("20060102-150405", b.text("date")); err == nil {
		r.Ended = d // without a zone: the time is that of the file's machine
		if span := b.number("duration"); span > 0 && span < 1e7 {
			r.Began = d.Add(-seconds(span))
		}
	}
	if b.isDetailed && b.lists() {
		r.Format = "save-detailed"
		b.requests(r)
	} else {
		b.summary(r)
		if b.isDetailed {
			r.warn(notice.New("request-lists-unequal", nil))
		}
	}
	b.doubts(r)
	return r, nil
}

// load is what was asked for. A rate without burstiness is of the years when
// there was nothing but Poisson.
func (b *benchRun) load() Load {
	l := Load{Name: "imported", Kind: Unknown}
	limit := b.whole("max_concurrency")
	l.in, l.out = b.whole("random_input_len"), b.whole("random_output_len")
	rate := b.number("request_rate")
	burst := b.number("burstiness")
	switch {
	case math.IsInf(rate, 1) && limit > 0:
		l.Kind, l.Value = experiment.Concurrency, float64(limit)
	case math.IsInf(rate, 1):
		l.Kind, l.Value = experiment.Throughput, float64(b.whole("num_prompts"))
	case !(rate > 0):
	case math.IsInf(burst, 1):
		l.Kind, l.Value, l.Cap = experiment.Constant, rate, limit
	case math.IsNaN(burst) || burst == 1:
		l.Kind, l.Value, l.Cap = experiment.Poisson, rate, limit
	default:
		l.Kind, l.Value, l.Cap, l.Burstiness = experiment.Gamma, rate, limit, burst
		l.Note = "burstiness " + strconv.FormatFloat(burst, 'g', -1, 64)
	}
	if ramp := b.text("ramp_up_strategy"); ramp != "" {
		l.Kind, l.Value = Unknown, 0
		l.Note = fmt.Sprintf("%s ramp from %s to %s req/s", ramp, plain(b.values["ramp_up_start_rps"]), plain(b.values["ramp_up_end_rps"]))
	}
	return l
}

// lists reports whether the lists by request belong together.
func (b *benchRun) lists() bool {
	n := len(b.ttfts)
	return n > 0 && len(b.outputs) == n && len(b.gaps) == n &&
		(len(b.inputs) == n || len(b.inputs) == 0) && (len(b.errors) == n || len(b.errors) == 0) &&
		(len(b.starts) == n || len(b.starts) == 0) && (len(b.queued) == n || len(b.queued) == 0)
}

// requests recomputes everything from the lists. Old files have no start
// times: the requests then have durations and no place in time.
func (b *benchRun) requests(r *Result) {
	r.Timed = len(b.starts) == len(b.ttfts)
	origin := 0.0
	if r.Timed {
		origin = slices.Min(b.starts)
		r.Timed = !math.IsNaN(origin)
	}
	planned := r.Timed && r.Load.open() && len(b.queued) > 0 && !slices.ContainsFunc(b.queued, func(q float64) bool { return !(q >= 0) })
	if planned {
		r.Clock = ClockIntended
	}
	run := &loadgen.Result{Start: r.Began, WindowEnd: max(0, seconds(b.number("duration"))), Label: label(r.Load)}
	for i := range b.ttfts {
		run.Requests = append(run.Requests, b.request(i, origin, r.Timed))
		if q := &run.Requests[i]; planned {
			q.Scheduled = q.Sent - seconds(b.queued[i])
		}
	}
	empty := 0
	for i := range run.Requests {
		q := &run.Requests[i]
		run.End = max(run.End, q.End)
		switch q.Class {
		case loadgen.ClassOK:
			run.WindowCompleted++
			run.WindowTokens += int64(q.OutputTokens)
			run.WindowInput += int64(q.PromptTokens)
		case loadgen.ClassEmpty:
			empty++
		}
	}
	if run.WindowEnd == 0 && r.Timed {
		run.WindowEnd = run.End
	}
	r.Run = run
	r.recompute()
	r.lengthsOf(run)
	if empty > 0 {
		r.warn(notice.New("requests-empty", notice.Args{"n": notice.Count(empty)}))
	}
	if !r.Timed {
		r.warn(notice.New("start-times-missing", nil))
	}
}

func (b *benchRun) request(i int, origin float64, timed bool) loadgen.Request {
	q := loadgen.Request{ID: i, Phase: loadgen.PhaseWindow, First: -1, Last: -1, OutputTokens: whole(b.outputs[i]), Class: loadgen.ClassOK}
	if timed && !math.IsNaN(b.starts[i]) {
		q.Sent = seconds(b.starts[i] - origin)
	}
	q.Scheduled, q.Ready, q.End = q.Sent, q.Sent, q.Sent
	if len(b.inputs) > 0 {
		q.PromptTokens = whole(b.inputs[i])
	}
	if len(b.errors) > 0 && b.errors[i] != "" {
		q.Error, q.Class = b.errors[i], errorClass(b.errors[i])
	}
	if ttft := b.ttfts[i]; ttft > 0 {
		q.First = q.Sent + seconds(ttft)
		q.Last = q.First + b.gapSums[i]
		q.End = q.Last
		q.Gaps, q.Chunks = b.gaps[i], len(b.gaps[i])+1
	}
	if q.Class == loadgen.ClassOK && (q.First < 0 || q.OutputTokens == 0) {
		q.Class, q.Error = loadgen.ClassEmpty, "counted as completed by the tool, and without a token"
	}
	return q
}

func whole(v float64) int {
	if !(v > 0 && v < 1e9) {
		return 0
	}
	return int(v)
}

// summary takes over what the file states.
func (b *benchRun) summary(r *Result) {
	n := b.whole("completed")
	failed := b.failed()
	r.counts(n, failed, 0)
	output := b.number("total_output_tokens")
	for from, base := range map[string]string{"ttft": "ttft_sent", "tpot": "tpot", "itl": "itl", "e2el": "e2e_sent"} {
		samples := n
		if base == "itl" {
			samples = whole(output) - n
			if math.IsNaN(output) {
				samples = -1
			}
		}
		r.state(base, b.stats(from), samples)
	}
	r.fromSent("ttft")
	r.fromSent("e2e")
	if n == 0 {
		// Its means of nothing are written as 0.
		for _, base := range []string{"ttft", "ttft_sent", "tpot", "itl", "e2e", "e2e_sent"} {
			r.state(base, nil, 0)
		}
	}
	input := b.number("total_input_tokens")
	if math.IsNaN(input) {
		input = 0
	}
	r.throughput(float64(n), input, output, b.number("duration"))
	if n > 0 && output > 0 {
		r.inputMean, r.outputMean = input/float64(n), output/float64(n)
	}
}

// failed is the number of failures; older files have it only as a difference.
func (b *benchRun) failed() int {
	if f := b.number("failed"); f >= 0 && f < 1e12 {
		return int(f)
	}
	return max(0, b.whole("num_prompts")-b.whole("completed"))
}

// benchStats are the tool's names of ours; times in milliseconds.
var benchStats = map[string]string{"mean": "mean", "p50": "median", "p75": "p75", "p90": "p90", "p95": "p95", "p97": "p97", "p99": "p99", "p99.9": "p99.9"}

func (b *benchRun) stats(name string) stated {
	out := stated{}
	for st, key := range benchStats {
		v := b.number(key + "_" + name + "_ms")
		if math.IsNaN(v) && st == "p50" {
			v = b.number("p50_" + name + "_ms")
		}
		if !math.IsNaN(v) {
			out[st] = v / 1e3
		}
	}
	return out
}

// doubts notes what the totals say against the run.
func (b *benchRun) doubts(r *Result) {
	if r.Load.open() && r.Clock == ClockSent || r.Load.Kind == experiment.Throughput {
		r.warn(fromSend())
	}
	if asked := b.whole("num_prompts"); !r.Recomputed() && asked > 0 && b.whole("completed")+b.failed() < asked {
		r.warn(notice.New("requests-unaccounted", notice.Args{"n": notice.Count(asked - b.whole("completed") - b.failed()), "all": notice.Count(asked)}))
	}
	stated, duration := b.number("request_throughput"), b.number("duration")
	if n := float64(b.whole("completed")); duration > 0 && stated > 0 && math.Abs(n/duration/stated-1) > 0.01 {
		r.warn(contradicts("request_throughput", stated, n/duration))
	}
	if rate := r.Load.Value; r.Load.open() && rate > 0 && stated > 0 && stated < 0.8*rate {
		r.warn(notice.New("rate-not-served", notice.Args{"served": notice.Metric("request_throughput", stated), "asked": notice.Metric("request_throughput", rate)}))
	}
}

// peekDelim tells whether a value comes and whether it is a list.
func (s *stream) peekDelim() (byte, error) {
	if !s.dec.More() {
		// More is false at the end, and before a stray closing bracket.
		_, err := s.dec.Token()
		if err == nil {
			err = errors.New("an unexpected end of a list or object")
		}
		return 0, err
	}
	buffered, _ := io.ReadAll(s.dec.Buffered())
	for _, c := range buffered {
		if !strings.ContainsRune(" \t\r\n,:", rune(c)) {
			return c, nil
		}
	}
	return '{', nil
}
