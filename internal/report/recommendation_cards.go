package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
)

// answer is one use case with its recommendation, or the reason why there is none.
type answer struct {
	UseCase   string
	Goal      string // "Maximize output throughput on chat"
	Refused   string // then nothing but Checks and Doubts follows
	Label     string // of the configuration
	Baseline  bool   // the winner is the baseline itself
	Preferred string // why, when another has the better point estimate
	Point     string // load point
	Objective string // metric name
	Value     *quantity
	Gain      *comparison
	Against   string // what Gain compares with
	Checks    []check
	Command   string
	Leader    string // is ahead and not shown to be better than the baseline
	Ties      []tie
	// TradeOffs are the metrics in which the winner is worse than the baseline at
	// the same load; Compared says that there was something to compare with.
	TradeOffs []string
	Compared  bool
	SameLoad  *comparison // Gain at the winner's load point, where Gain compares with another
	Noise     string      // why the run cannot answer, and what to do
	Confirmed bool        // the numbers are those of fresh starts
	standing  string
	better    bool // confirmed
	// Screening is what the blocks had said of a confirmed answer.
	Screening string
	Doubts    []string
	// Turns say what would change the answer: limits, and rivals.
	Turns []string
}

// check is one constraint with what was reached.
type check struct {
	Limit string
	Value string
	State string // "met", "not met" or "unknown"
}

type tie struct{ Label, Text string } // configuration at its load point, and its value

func (b *build) answers() []answer {
	var out []answer
	for _, r := range b.Findings.Recommendations {
		out = append(out, b.answer(r))
	}
	return out
}

func (b *build) answer(r analysis.Recommendation) answer {
	a := answer{
		UseCase: r.UseCase, Goal: goal(r), Refused: notice.Join(r.Refused),
		Label: r.Label, Point: r.PointLabel, Objective: r.Objective,
		Command: r.Command, Confirmed: r.Confirmed, standing: Standing(r), better: r.ConfirmedBetter(),
	}
	for _, d := range r.Doubts {
		// What is said of the whole run need not be said again for each answer.
		if d.Code == analysis.CodeLeaderUndecided {
			a.Leader = say.Typographic(d.Text())
		} else if !slices.ContainsFunc(b.Findings.Warnings, d.Equal) {
			a.Doubts = append(a.Doubts, say.Typographic(d.Text()))
		}
	}
	if r.Preferred != nil {
		a.Preferred = r.Preferred.Text()
	}
	if c, ok := b.Plan.Configuration(r.Configuration); ok {
		a.Baseline = c.Baseline
	}
	if r.Estimate != nil {
		q := newQuantity(r.Objective, *r.Estimate)
		a.Value = &q
	}
	if r.Ratio != nil && !a.Baseline {
		a.Gain = newComparison(*r.Ratio)
		a.Against = b.against(r)
	}
	if r.SameLoad != nil {
		a.SameLoad = newComparison(*r.SameLoad)
	}
	a.Compared = !a.Baseline && r.Ratio != nil
	for _, t := range b.tradeOffs(r) {
		a.TradeOffs = append(a.TradeOffs, say.Typographic(strings.Replace(tradeOffText(t), "->", "→", 1)))
	}
	if n, ok := r.TooNoisy(); ok {
		a.Noise = n.Text() + " " + n.Remedy()
	}
	for _, s := range r.Sensitivity {
		a.Turns = append(a.Turns, sensitivityText(s))
	}
	for _, o := range r.Overturn[:min(len(r.Overturn), shownRivals)] {
		a.Turns = append(a.Turns, say.Typographic(rivalText(o)))
	}
	if r.Confirmed && r.Screening != nil {
		a.Screening = say.Metric(r.Objective, r.Screening.Center) + " (" + estimateDoubt(r.Objective, *r.Screening) + ")"
	}
	for _, c := range r.Constraints {
		a.Checks = append(a.Checks, newCheck(c))
	}
	for _, t := range r.Ties {
		text := say.Metric(r.Objective, t.Estimate.Center) + " (" + estimateDoubt(r.Objective, t.Estimate) + ")"
		a.Ties = append(a.Ties, tie{t.Label + " at " + cmp.Or(t.PointLabel, b.cells[t.Cell].PointLabel), text})
	}
	return a
}

// shownRivals is how many rivals an answer names.
const shownRivals = 3

// against names the baseline's cell that a winner is compared with.
func (b *build) against(r analysis.Recommendation) string {
	c, ok := b.cells[r.BaselineCell]
	if !ok {
		return "the baseline"
	}
	text := "the baseline"
	if c.PointLabel != r.PointLabel {
		text += " at " + c.PointLabel
	}
	if !r.BaselineQualifies {
		text += ", which does not meet the constraints"
	}
	return text
}

func goal(r analysis.Recommendation) string {
	verb := "Minimize "
	if r.Maximize {
		verb = "Maximize "
	}
	return verb + metric.Short(r.Objective) + " on " + r.Load
}

func newCheck(c analysis.ConstraintCheck) check {
	out := check{Limit: constraintText(c.Metric, c.Op, c.Limit), Value: "not measured", State: "unknown"}
	if c.Value == nil {
		return out
	}
	out.Value, out.State = say.Metric(c.Metric, *c.Value), "not met"
	if c.Holds {
		out.State = "met"
	}
	return out
}

// Status is the standing of an answer in a few words.
func (a answer) Status() string {
	if a.Refused != "" {
		return "no recommendation"
	}
	return a.standing
}

// Kind is the standing as a CSS class.
func (a answer) Kind() string {
	switch {
	case a.Refused != "":
		return "no-answer"
	case a.better:
		return "confirmed"
	case a.Baseline:
		return "kept"
	}
	return "not-confirmed"
}
