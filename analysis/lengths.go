package analysis

import (
	"math"
	"slices"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// Where answers or prompts differ in length, rates and end-to-end latencies
// compare two different loads: answers of 56 instead of 200 tokens are not an
// improvement. Lengths differ when their means are further apart than
// lengthTolerance and than lengthErrors standard errors of the difference.
const (
	lengthTolerance = 0.02
	lengthErrors    = 4
	// looseLengths is the assumed spread of lengths, as a share of their mean, in
	// records that have neither it nor a second trial.
	looseLengths = 0.5
)

// span is a mean number of tokens per request; 0: not known.
type span struct {
	mean, se float64
	slack    float64 // share by which the record itself may be off
}

func (x span) differs(y span) bool {
	if x.mean <= 0 || y.mean <= 0 {
		return false
	}
	gap := math.Abs(x.mean - y.mean)
	return gap > (lengthTolerance+max(x.slack, y.slack))*max(x.mean, y.mean) && gap > lengthErrors*math.Hypot(x.se, y.se)
}

// lengths are those of the requests behind a series.
type lengths struct{ prompt, answer span }

func lengthsOf(trials []rundir.Trial) lengths {
	return lengths{
		prompt: spanOf(trials, func(t rundir.Trial) (*rundir.Lengths, int64) { return t.PromptLength, t.InputTokens }),
		answer: spanOf(trials, func(t rundir.Trial) (*rundir.Lengths, int64) { return t.AnswerLength, t.OutputTokens }),
	}
}

// spanOf pools the requests of trials. Records of earlier versions, and of some
// tools, have totals alone: tokens that came inside the window over the requests
// that ended in it, off by as many requests as are in flight at its ends.
func spanOf(trials []rundir.Trial, of func(rundir.Trial) (*rundir.Lengths, int64)) span {
	var out span
	var sum, squares, requests, loose float64
	var means, numbers []float64
	for _, t := range trials {
		n := float64(t.Requests["ok"])
		exact, total := of(t)
		switch {
		case n <= 0:
		case exact != nil && exact.Mean > 0:
			sum, requests, squares = sum+n*exact.Mean, requests+n, squares+n*exact.SD*exact.SD
		case total > 0:
			ended := n
			if v := t.Metrics["request_throughput"] * t.Window; v >= 1 && finite(v) {
				ended = v
			}
			mean := float64(total) / ended
			sum, requests = sum+n*mean, requests+n
			means, numbers = append(means, mean), append(numbers, n)
			out.slack = max(out.slack, inFlight(t)/ended)
		}
	}
	if requests == 0 {
		return span{}
	}
	out.mean = sum / requests
	for i, m := range means {
		if k := float64(len(means)); k > 1 {
			center := 0.0
			for _, x := range means {
				center += x / k
			}
			loose += numbers[i] * numbers[i] * (m - center) * (m - center) * k / (k - 1)
		} else {
			loose += numbers[i] * looseLengths * m * looseLengths * m
		}
	}
	out.se = math.Sqrt(squares+loose) / requests
	return out
}

// inFlight is the mean number of requests in flight of a trial whose totals may
// hold parts of requests: 0 where another tool counted whole ones.
func inFlight(t rundir.Trial) float64 {
	v := 0.0
	switch {
	case t.Source != nil && !t.Source.Recomputed:
	case t.Client != nil:
		v = t.Client.MeanInFlight
	default:
		v = t.Metrics["request_throughput"] * t.Metrics["e2e_mean"]
	}
	if !finite(v) || v < 0 {
		return 0
	}
	return v
}

// lengthBound says whether a metric depends on the lengths of answers and of
// prompts.
func lengthBound(name string) (answer, prompt bool) {
	m, err := metric.Parse(name)
	if err != nil {
		return false, false
	}
	switch m.Base {
	case "tpot", "itl", "error_rate":
		return false, false
	case "ttft", "ttft_sent":
		return false, true
	}
	return true, true
}

// LengthGap is where lengths differ; nil: they do not.
type LengthGap struct {
	Answers *LengthPair `json:"answers,omitempty"`
	Prompts *LengthPair `json:"prompts,omitempty"`
}

// LengthPair is a mean length and the one that it is held against, in tokens.
type LengthPair struct {
	Mean  float64 `json:"mean"`
	Usual float64 `json:"usual"`
}

// Reasons are why results are not comparable; nil: the lengths do not differ.
func (d LengthGap) Reasons() []notice.Notice {
	var out []notice.Notice
	if x := d.Answers; x != nil {
		out = append(out, notice.New("answer-lengths-differ", notice.Args{"mean": notice.Number(x.Mean), "usual": notice.Number(x.Usual)}))
	}
	if x := d.Prompts; x != nil {
		out = append(out, notice.New("prompt-lengths-differ", notice.Args{"mean": notice.Number(x.Mean), "usual": notice.Number(x.Usual)}))
	}
	return out
}

// unlike finds in which lengths that count for a metric x differs from y.
func (x lengths) unlike(y lengths, answer, prompt bool) LengthGap {
	var d LengthGap
	if answer && x.answer.differs(y.answer) {
		d.Answers = &LengthPair{x.answer.mean, y.answer.mean}
	}
	if prompt && x.prompt.differs(y.prompt) {
		d.Prompts = &LengthPair{x.prompt.mean, y.prompt.mean}
	}
	return d
}

func (d LengthGap) String() string { return joined(d.Reasons()) }

// unlikeSeries says why the values of a are not to be compared with those of b.
func unlikeSeries(a, b *series) []notice.Notice {
	if a.family == nil {
		return nil
	}
	answer, prompt := lengthBound(a.family.metric)
	return a.size.unlike(b.size, answer, prompt).Reasons()
}

// markUnlike fills LengthGap: in each load the lengths that most
// configurations have are the ones to compare by, and among as many the longer
// answers. Prompts are held against those at the same load point, because
// conversations grow with the load; answers of imported results too, because
// what one file calls a load may be several.
func (a *analyser) markUnlike() {
	a.sizes = make([]lengths, len(a.findings.Cells))
	for i := range a.sizes {
		a.sizes[i] = lengthsOf(a.trials[i])
	}
	groups := map[string][]int{} // cells that are held against each other, by load and by load point
	for i, c := range a.findings.Cells {
		if c.Trials > 0 {
			groups[a.lengthGroup(c)] = append(groups[a.lengthGroup(c)], i)
			groups["prompts at "+c.LoadPoint] = append(groups["prompts at "+c.LoadPoint], i)
		}
	}
	answers, prompts := map[string]span{}, map[string]span{}
	for name, cells := range groups {
		answers[name] = a.usual(cells, func(l lengths) span { return l.answer })
		prompts[name] = a.usual(cells, func(l lengths) span { return l.prompt })
	}
	for i := range a.findings.Cells {
		if c := &a.findings.Cells[i]; c.Trials > 0 {
			c.LengthGap = a.sizes[i].unlike(lengths{answer: answers[a.lengthGroup(*c)], prompt: prompts["prompts at "+c.LoadPoint]}, true, true)
		}
	}
}

// lengthGroup names the cells that a cell's answers are held against.
func (a *analyser) lengthGroup(c Cell) string {
	if a.in.Plan.Backend == matrix.BackendImported {
		return "answers at " + c.LoadPoint
	}
	return "answers of " + c.Load
}

// usual is the length that the most configurations of some cells agree with.
func (a *analyser) usual(cells []int, of func(lengths) span) span {
	var best span
	most := 0
	for _, i := range cells {
		x := of(a.sizes[i])
		if x.mean <= 0 {
			continue
		}
		agree := map[string]bool{}
		for _, j := range cells {
			if y := of(a.sizes[j]); y.mean > 0 && !y.differs(x) {
				agree[a.findings.Cells[j].Configuration] = true
			}
		}
		if n := len(agree); n > most || n == most && x.mean > best.mean {
			best, most = x, n
		}
	}
	return best
}

// unranked lists, for the doubts of a use case, the cells of its load that are
// left out because of their lengths.
func (a *analyser) unranked(load string, names []string) []notice.Notice {
	var out []notice.Notice
	for _, c := range a.findings.Cells {
		if c.Load == load && c.Trials > 0 && c.unranked(names...) {
			out = append(out, notice.New("not-ranked", c.lengthArgs()).On(notice.Result, c.ID))
		}
	}
	return out
}

// lengthArgs name a cell, its lengths and those that it is held against.
func (c Cell) lengthArgs() notice.Args {
	args := notice.Args{"configuration": notice.Text(c.Label), "point": notice.Text(c.PointLabel)}
	if x := c.LengthGap.Answers; x != nil {
		args["answers"], args["usual_answers"] = notice.Number(x.Mean), notice.Number(x.Usual)
	}
	if x := c.LengthGap.Prompts; x != nil {
		args["prompts"], args["usual_prompts"] = notice.Number(x.Mean), notice.Number(x.Usual)
	}
	return args
}

// unranked reports whether a cell's lengths forbid it to be ranked by any of the
// metrics.
func (c Cell) unranked(names ...string) bool {
	return c.LengthGap != LengthGap{} && slices.ContainsFunc(names, func(name string) bool {
		answer, prompt := lengthBound(name)
		return answer || prompt && c.LengthGap.Prompts != nil
	})
}

// checkLengths names the cells whose answers or prompts have another length.
func (a *analyser) checkLengths() []Check {
	var out []Check
	for i, c := range a.findings.Cells {
		if c.LengthGap == (LengthGap{}) {
			continue
		}
		out = append(out, Check{
			Cell: c.ID, Configuration: c.Configuration, Notice: notice.New("lengths", c.lengthArgs()).On(notice.Result, c.ID),
			Evidence: map[string]float64{"answer_tokens": a.sizes[i].answer.mean, "prompt_tokens": a.sizes[i].prompt.mean},
		})
	}
	return out
}
