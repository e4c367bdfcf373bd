package importer

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen"
)

// aiRecord is one line of AIPerf's profile_export.jsonl.
type aiRecord struct {
	Metadata struct {
		Issued    int64  `json:"credit_issued_ns"` // when the request was due; 0.13 and later
		Start     int64  `json:"request_start_ns"`
		End       *int64 `json:"request_end_ns"`
		Phase     string `json:"benchmark_phase"` // warmup, profiling
		Index     int    `json:"phase_index"`     // of the phases in their order; 0.12 and later, as is the name
		Name      string `json:"phase_name"`
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

// aiPhase is what the records hold of one phase.
type aiPhase struct {
	name   string // "": before 0.12
	index  int
	warmup bool

	requests []loadgen.Request
	due      []int64 // when they were due, in ns; shorter than requests: not all of them tell it
}

// readAIPerfRecords reads profile_export.jsonl: one result per measured phase,
// with the warm-up before it. AIPerf's inter-token latency, an average of each
// request, is our tpot; its inter-chunk latencies are our gaps.
func readAIPerfRecords(s *stream) ([]Result, error) {
	var phases []*aiPhase
	for n := 1; s.dec.More(); n++ {
		s.path = []string{fmt.Sprintf("record %d", n)}
		var a aiRecord
		if err := s.decode(&a); err != nil {
			return nil, err
		}
		m := &a.Metadata
		if m.Start <= 0 {
			return nil, s.fail(errors.New("a record without metadata.request_start_ns"))
		}
		i := slices.IndexFunc(phases, func(p *aiPhase) bool { return p.name == m.Name && p.warmup == (m.Phase == "warmup") })
		if i < 0 {
			i = len(phases)
			phases = append(phases, &aiPhase{name: m.Name, index: m.Index, warmup: m.Phase == "warmup"})
		}
		p := phases[i]
		if m.Issued > 0 && m.Issued <= m.Start {
			p.due = append(p.due, m.Issued)
		}
		p.requests = append(p.requests, a.request(n-1))
	}
	s.path = nil
	if err := s.end(); err != nil {
		return nil, err
	}
	if len(phases) == 0 {
		return nil, s.fail(errors.New("no record in the file"))
	}
	return aiResults(phases), nil
}

// aiResults makes a result of each measured phase. A warm-up goes with the phase
// after it.
func aiResults(phases []*aiPhase) []Result {
	slices.SortStableFunc(phases, func(a, b *aiPhase) int {
		first := map[bool]int{false: 1} // a warm-up, where no index tells
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(first[a.warmup], first[b.warmup]))
	})
	var groups []*aiPhase
	for _, p := range phases {
		if n := len(groups); n > 0 && groups[n-1].warmup {
			w := groups[n-1]
			w.name, w.warmup = p.name, p.warmup
			w.requests, w.due = append(w.requests, p.requests...), append(w.due, p.due...)
		} else {
			groups = append(groups, p)
		}
	}
	if n := len(groups); n > 1 && groups[n-1].warmup { // for nothing
		groups = groups[:n-1]
	}
	var out []Result
	for _, p := range groups {
		r := p.result()
		if len(groups) > 1 {
			r.Place = "phase " + p.name
			r.Load.Note = r.Place
		}
		out = append(out, r)
	}
	return out
}

// result is what the requests of a phase and of the warm-up before it tell.
func (p *aiPhase) result() Result {
	run := &loadgen.Result{Requests: p.requests}
	origin := run.Requests[0].Sent
	for i := range run.Requests {
		origin = min(origin, run.Requests[i].Sent)
	}
	rebase(run, origin)
	run.Start = time.Unix(0, int64(origin)).UTC()
	window(run)
	account(run)
	r := Result{
		Tool: AIPerf, Format: "records", Load: Load{Name: unnamed, Kind: Unknown}, Run: run, Timed: true,
		Clock: ClockSent, Began: run.Start, Ended: run.Start.Add(run.End), phase: p.name,
	}
	if len(p.due) == len(run.Requests) {
		for _, at := range p.due {
			r.due = append(r.due, time.Duration(at)-origin)
		}
	}
	r.recompute()
	r.lengthsOf(run)
	return r
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
