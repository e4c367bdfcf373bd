package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// page is the report as text: what the HTML and the Markdown render.
type page struct {
	Name        string
	Description string
	RunID       string
	Question    question
	Banners     []banner
	Answers     []answer
	Doubts      []doubt // about the run as a whole
	Notes       []doubt // about single cells, trials and starts
	Headline    *figureView
	Figures     []figureView // without the headline
	Parts       map[string][]figureView
	Explore     *exploration
	// Combinations say what changes do together, from the confirm stage.
	Combinations []string
	Cells        cellTable
	Failures     []failureView
	Excluded     []fact // label and reason of configurations left out of the matrix
	Effects      effectTable
	Night        night
	Method       method
	colours      palette
	Provenance   []fact
	Reproduce    reproduce
}

// question is what the run was asked.
type question struct {
	Model          string
	Program        string // "vllm serve"
	Backend        string
	Configurations string // "7 configurations: baseline and 6 with one flag changed"
	Loads          []string
	Trials         string
	SLO            []string
}

// banner is a statement about the whole report that nobody may miss.
type banner struct {
	Kind    string // "partial" or "simulated"
	Title   string
	Text    string
	Command string
}

// fact is a name with its value.
type fact struct{ Name, Value string }

// quantity is an estimate as text.
type quantity struct {
	Text  string
	Doubt string // its interval, or why there is none
	N     int    // trials behind it
	Sort  string // the number itself, for sorting
}

// comparison is a ratio to the baseline as text.
type comparison struct {
	Change   string
	Interval string
	Verdict  string
	Reason   string // why undecided, or a doubt about the verdict
	More     string // what would decide
	Sort     string // the ratio itself, for sorting
}

// build holds what the parts of a page are made from.
type build struct {
	Input
	cells       map[string]analysis.Cell
	starts      map[string]rundir.Start
	frontier    map[string][]string // cell ID → latency metrics of the frontiers it is on
	headline    map[string]string   // load → latency metric of its first frontier
	recommended map[string][]string // cell ID → use cases
	metrics     []string            // in display order
	asked       int                 // how many of them the experiment asks about
	wanted      []string            // metrics, with those that no cell has
}

func newPage(in Input) *page {
	b := &build{
		Input:       in,
		cells:       map[string]analysis.Cell{},
		starts:      map[string]rundir.Start{},
		frontier:    map[string][]string{},
		headline:    map[string]string{},
		recommended: map[string][]string{},
	}
	for _, c := range in.Findings.Cells {
		b.cells[c.ID] = c
	}
	for _, s := range in.Starts {
		b.starts[s.ID] = s
	}
	for _, f := range in.Findings.Frontiers {
		if b.headline[f.Load] == "" {
			b.headline[f.Load] = f.X
		}
		for _, id := range f.Cells {
			b.frontier[id] = append(b.frontier[id], f.X)
		}
	}
	for _, r := range in.Findings.Recommendations {
		if r.Cell != "" {
			b.recommended[r.Cell] = append(b.recommended[r.Cell], r.UseCase)
		}
	}
	b.metrics, b.asked = b.shownMetrics()
	p := &page{
		Name:       in.Plan.Name,
		Question:   b.question(),
		Banners:    b.banners(),
		Answers:    b.answers(),
		Cells:      b.cellTable(),
		Failures:   b.failures(),
		Effects:    b.effects(),
		Night:      b.night(),
		Method:     b.method(),
		Provenance: b.provenance(),
		Reproduce:  b.reproduce(),
	}
	if in.Experiment != nil {
		p.Description = in.Experiment.Description
	}
	if in.Provenance != nil {
		p.RunID = in.Provenance.RunID
	}
	for _, e := range in.Plan.Excluded {
		p.Excluded = append(p.Excluded, fact{e.Label, e.Reason})
	}
	figures := make([]figureView, len(in.Figures))
	for i, f := range in.Figures {
		figures[i] = newFigure(i, f, &p.colours)
	}
	if len(figures) > 0 {
		p.Headline, p.Figures = &figures[0], figures[1:]
	}
	p.Parts = map[string][]figureView{}
	for i, f := range p.Figures {
		part := partOf(in.Figures[i+1].Kind)
		p.Parts[part] = append(p.Parts[part], f)
	}
	p.Explore = b.exploration()
	if c := in.Findings.Confirm; c != nil {
		for _, q := range c.Combinations {
			p.Combinations = append(p.Combinations, combinationText(q))
		}
	}
	p.Doubts, p.Notes = b.doubts(figures), b.notes()
	return p
}

func (b *build) question() question {
	q := question{Model: b.Plan.Model, Program: b.program(), Backend: b.Plan.Backend}
	q.Configurations = say.Count(len(b.Plan.Configurations), "configuration")
	if len(b.Plan.Parameters) > 0 {
		q.Configurations += " of " + strings.Join(b.Plan.Parameters, ", ") + " (" + b.Plan.Strategy + ")"
	}
	q.Loads = b.loads()
	order := "in randomized rounds"
	if b.Plan.Order == experiment.Sequential {
		order = "one after another"
	}
	q.Trials = fmt.Sprintf("%s per configuration and load point %s, seed %d",
		say.Count(b.Plan.Blocks, "trial"), order, b.Plan.Seed)
	for _, c := range b.Plan.SLO {
		q.SLO = append(q.SLO, constraintText(c.Metric, c.Op, c.Value))
	}
	return q
}

// program is the server's command, of which the run varied the flags.
func (b *build) program() string {
	switch b.Plan.Engine {
	case experiment.EngineLlamaCPP:
		return "llama-server"
	case experiment.EngineSGLang:
		return "sglang.launch_server"
	case experiment.EngineOther:
		return "server"
	}
	return "vllm serve"
}

// loads describes each load with its points, and its lengths where the
// experiment is at hand.
func (b *build) loads() []string {
	var names []string
	points := map[string][]string{}
	for _, l := range b.Plan.LoadPoints {
		if !slices.Contains(names, l.Load) {
			names = append(names, l.Load)
		}
		label := l.Label
		if len(points[l.Load]) > 0 { // the points after the first need their value alone
			label = strings.TrimPrefix(label, l.Load+" ")
			label = strings.TrimPrefix(label, string(l.Kind)+" ")
		}
		points[l.Load] = append(points[l.Load], label)
	}
	var out []string
	for _, name := range names {
		text := strings.Join(points[name], ", ")
		if l, ok := b.load(name); ok {
			text += "; " + lengthsText(l.Prompt) + " tokens in, " + lengthsText(l.Output) + " out"
		}
		out = append(out, text)
	}
	return out
}

func (b *build) load(name string) (experiment.Load, bool) {
	if b.Experiment == nil {
		return experiment.Load{}, false
	}
	i := slices.IndexFunc(b.Experiment.Loads, func(l experiment.Load) bool { return l.Name == name })
	if i < 0 {
		return experiment.Load{}, false
	}
	return b.Experiment.Loads[i], true
}

func lengthsText(l experiment.Lengths) string {
	switch l.Kind {
	case experiment.Fixed:
		return fmt.Sprintf("%.0f", l.Mean)
	case experiment.Uniform:
		return fmt.Sprintf("%d–%d", l.Min, l.Max)
	case experiment.Empirical:
		return "lengths from " + l.Column
	default:
		return fmt.Sprintf("%s %.0f ± %.0f", l.Kind, l.Mean, l.Stdev)
	}
}

func (b *build) banners() []banner {
	var out []banner
	if simulated(b.Input) {
		out = append(out, banner{
			Kind:  "simulated",
			Title: "Simulated server: not a GPU measurement",
			Text:  notice.New("simulated", nil).Text(),
		})
	}
	planned, done := b.progress()
	if !b.Finished || done < planned {
		args := notice.Args{"done": notice.Count(done), "planned": notice.Count(planned)}
		n := notice.New("results-partial", args)
		if b.Finished {
			n = notice.New("results-short", args)
		}
		out = append(out, banner{Kind: "partial", Title: "Partial results", Text: n.Text(), Command: b.Resume})
	}
	return out
}

// progress counts the planned trials that measure, and those that are recorded.
func (b *build) progress() (planned, done int) {
	recorded := map[string]bool{}
	for _, t := range b.Trials {
		recorded[t.ID] = true
	}
	for _, s := range b.Plan.Starts {
		if s.Purpose == matrix.PurposeFindRates {
			continue
		}
		for _, t := range s.Trials {
			planned++
			if recorded[t.ID] {
				done++
			}
		}
	}
	return planned, done
}

// shownMetrics are the metrics of the tables: first those that the experiment
// asks about, then the usual ones; only those that some cell has. asked is the
// number of the former.
func (b *build) shownMetrics() (shown []string, asked int) {
	wanted := b.Input.asked()
	questions := len(wanted)
	wanted = append(wanted, "output_throughput")
	if slices.ContainsFunc(b.Findings.Cells, func(c analysis.Cell) bool { return c.GPUs > 1 }) {
		wanted = append(wanted, "output_throughput_per_gpu")
	}
	wanted = append(wanted, "request_throughput", "goodput",
		"ttft_p50", "ttft_p95", "tpot_p50", "itl_p99", "e2e_p50", "e2e_p95", "error_rate")
	b.wanted = wanted
	for i, name := range wanted {
		if i == questions {
			asked = len(shown)
		}
		if !slices.Contains(shown, name) && b.anyCellHas(name) {
			shown = append(shown, name)
		}
	}
	return shown, asked
}

func (b *build) anyCellHas(name string) bool {
	return slices.ContainsFunc(b.Findings.Cells, func(c analysis.Cell) bool {
		_, ok := c.Estimates[name]
		return ok
	})
}

func newQuantity(name string, e analysis.Estimate) quantity {
	return quantity{Text: say.Metric(name, e.Center), Doubt: estimateDoubt(name, e), N: e.N, Sort: number(five(e.Center))}
}

func newComparison(r analysis.Ratio) *comparison {
	c := &comparison{Change: change(r.Center), Interval: changeInterval(r), Verdict: r.Verdict, Reason: r.Reason(), Sort: number(five(r.Center))}
	if r.Verdict == analysis.Undecided && r.MoreTrials > 0 {
		c.More = "about " + say.Count(r.MoreTrials, "more round") + " would decide it"
	}
	return c
}
