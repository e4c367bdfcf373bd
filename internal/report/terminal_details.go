package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
)

// linesShown bounds the lists of the details; the JSON form has all.
const linesShown = 8

// details is the text of Terminal.Details while it is written.
type details struct {
	strings.Builder
	Input
	cells map[string]analysis.Cell
	width int
}

// Details writes everything that the findings say: recommendations with their
// evidence, frontiers, interactions, what the run could have found, checks,
// failures and warnings. Lines are at most 100 columns wide; what a shell reads is
// not broken.
func (t Terminal) Details(w io.Writer, in Input) error {
	d := &details{Input: in, cells: map[string]analysis.Cell{}, width: textWidth}
	if t.Width > 0 {
		d.width = min(t.columns(), textWidth)
	}
	f := in.Findings
	for _, c := range f.Cells {
		d.cells[c.ID] = c
	}
	for _, r := range f.Recommendations {
		d.recommendation(r)
	}
	d.combinations()
	headline := map[string]bool{}
	for _, fr := range f.Frontiers {
		if !headline[fr.Load] || fr.Asked {
			headline[fr.Load] = true
			d.frontier(fr)
		}
	}
	d.interactions()
	d.precision()
	d.checks()
	d.failures()
	if len(f.Warnings) > 0 {
		d.WriteString("Warnings\n")
		for _, n := range f.Warnings {
			d.wrap("  - ", n.String())
		}
	}
	_, err := io.WriteString(w, strings.TrimRight(d.String(), "\n")+"\n")
	return err
}

// wrap writes head and text, continued under the text.
func (d *details) wrap(head, text string) {
	for _, line := range say.Wrap(text, d.width-columns(head)) {
		d.WriteString(strings.TrimRight(head+line, " ") + "\n")
		head = strings.Repeat(" ", columns(head))
	}
}

// row writes a line of the name and its text.
func (d *details) row(name, text string) { d.wrap(fmt.Sprintf("  %-18s ", name), text) }

// rows writes a line for each text, the name before the first.
func rows[T any](d *details, name string, items []T, text func(T) string) {
	for _, item := range items {
		d.row(name, text(item))
		name = ""
	}
}

func (d *details) recommendation(r analysis.Recommendation) {
	verb := "minimize"
	if r.Maximize {
		verb = "maximize"
	}
	fmt.Fprintf(d, "%s: %s %s on load %s\n", r.UseCase, verb, metric.Short(r.Objective), r.Load)
	if r.Cell == "" {
		d.wrap("  no recommendation: ", notice.Join(r.Refused))
		for _, n := range r.Doubts {
			d.wrap("    - ", n.String())
		}
		d.WriteString("\n")
		return
	}
	if r.Configuration == d.Findings.Baseline && d.Findings.Baseline != "" {
		d.row("configuration", "keep the baseline, at "+r.PointLabel)
	} else {
		d.row("configuration", r.Label+" at "+r.PointLabel)
	}
	if r.Preferred != nil {
		d.row("", r.Preferred.Text())
	}
	if r.Estimate != nil {
		d.row(metric.Short(r.Objective), estimateText(r.Objective, *r.Estimate))
	}
	if r.Ratio != nil {
		d.row("against baseline", ratioText(*r.Ratio, d.otherPoint(r)))
	}
	if r.SameLoad != nil {
		d.row("at the same load", ratioText(*r.SameLoad, ""))
	}
	rows(d, "trade-off", r.TradeOffs, tradeOffDetail)
	d.row("confirmation", confirmationText(r))
	for _, n := range r.Notices {
		d.row("caution", n.Text()+" "+n.Remedy())
	}
	rows(d, "constraints", r.Constraints, checkText)
	if l := r.Leader; l != nil {
		d.row("ahead, undecided", l.Label+" at "+l.PointLabel+": "+estimateText(r.Objective, l.Estimate))
		d.row("", ratioText(l.Ratio, ""))
	}
	rows(d, "statistically tied", r.Ties, func(t analysis.Tie) string {
		return t.Label + " at " + t.PointLabel + ": " + estimateText(r.Objective, t.Estimate)
	})
	rows(d, "sensitivity", r.Sensitivity, sensitivityText)
	rows(d, "runner-up", r.Overturn, rivalText)
	if r.Command != "" {
		d.WriteString("  command\n")
		d.command(r)
	}
	if r.Container != "" {
		d.WriteString("  container\n    " + r.Container + "\n")
	}
	if len(r.Doubts) > 0 {
		d.WriteString("  caveats\n")
		for _, n := range r.Doubts {
			d.wrap("    - ", n.String())
		}
	}
	d.WriteString("\n")
}

// command prints the command over several lines that a shell joins again,
// broken between flags only.
func (d *details) command(r analysis.Recommendation) {
	var flags []string
	for _, f := range r.Flags {
		if args := f.Args(d.Plan.FlagStyle); len(args) > 0 {
			flags = append(flags, say.Shell(args))
		}
	}
	line := "    " + strings.TrimSuffix(r.Command, " "+strings.Join(flags, " "))
	for _, f := range flags {
		if columns(line)+1+columns(f)+len(" \\") > d.width {
			d.WriteString(line + " \\\n")
			line = "     "
		}
		line += " " + f
	}
	d.WriteString(line + "\n")
}

func estimateText(name string, e analysis.Estimate) string {
	s := say.Metric(name, e.Center)
	if e.HasInterval() {
		s += "  " + say.Interval(say.Metric(name, e.Lo), say.Metric(name, e.Hi))
	}
	return s + fmt.Sprintf("  n=%d, %s", e.N, e.Method)
}

// otherPoint names the load point of the baseline that a recommendation is
// compared with, where it is not the recommendation's own.
func (d *details) otherPoint(r analysis.Recommendation) string {
	if c, ok := d.cells[r.BaselineCell]; ok && c.PointLabel != r.PointLabel {
		return c.PointLabel
	}
	return ""
}

func ratioText(q analysis.Ratio, point string) string {
	s := say.Change(q.Center)
	if point != "" {
		s += " (the baseline at " + point + ")"
	}
	if q.HasInterval() {
		s += "  " + say.Interval(say.Change(q.Lo), say.Change(q.Hi))
	}
	s += ", " + q.Verdict
	if q.P > 0 {
		s += ", " + say.PValue(q.PAdjusted)
	}
	if q.Verdict == analysis.Undecided && len(q.Reasons) > 0 {
		s += ": " + q.Reason()
	}
	if q.MoreTrials > 0 {
		s += fmt.Sprintf(" (about %s would decide it)", say.Count(q.MoreTrials, "more round"))
	}
	return s
}

// tradeOffDetail is one trade-off with its interval.
func tradeOffDetail(t analysis.TradeOff) string {
	s := tradeOffText(t)
	if t.Ratio.HasInterval() {
		s += "  " + say.Interval(say.Change(t.Ratio.Lo), say.Change(t.Ratio.Hi))
	}
	if t.Screening {
		s += ", in the screening runs"
	}
	return s
}

// confirmationText says on what a recommendation rests, and how much was left of
// what the screening runs had promised.
func confirmationText(r analysis.Recommendation) string {
	s := Standing(r)
	switch {
	case !r.Confirmed:
		return s
	case r.Screening == nil:
		return s + fmt.Sprintf(" (%s with new seeds). It has no screening runs.", say.Count(r.Estimate.N, "restart"))
	}
	return s + fmt.Sprintf(" (%s with new seeds). Screening runs: %s (%s)", say.Count(r.Estimate.N, "restart"),
		say.Metric(r.Objective, r.Screening.Center), say.Change(1+*r.Shrinkage))
}

func checkText(k analysis.ConstraintCheck) string {
	s := fmt.Sprintf("%s %s %s", metric.Short(k.Metric), k.Op, say.Metric(k.Metric, k.Limit))
	if k.Value == nil {
		return s + ": no value"
	}
	s += ": " + say.Metric(k.Metric, *k.Value)
	if !k.Holds {
		s += ", not met"
	}
	if k.Probability != nil {
		s += ", met with a probability of " + say.Probability(*k.Probability)
	}
	return s
}

// combinations prints what was predicted of combinations next to what was
// measured.
func (d *details) combinations() {
	c := d.Findings.Confirm
	if c == nil || len(c.Combinations)+len(c.Notes) == 0 {
		return
	}
	d.WriteString("Combinations of single changes\n")
	for _, q := range c.Combinations {
		d.wrap("  - ", q.UseCase+": "+combinationText(q))
	}
	for _, n := range c.Notes {
		d.wrap("  - ", n.String())
	}
	d.WriteString("\n")
}

// interactions lists the interactions that matter and names what was not
// tested.
func (d *details) interactions() {
	var shown []string
	for _, x := range d.Findings.Interactions {
		if x.Ratio.Verdict == analysis.Better || x.Ratio.Verdict == analysis.Worse {
			shown = append(shown, interactionText(x, d.Plan))
		}
	}
	untested := d.Findings.NotTested
	if len(shown)+len(untested) == 0 {
		return
	}
	d.WriteString("Interactions\n")
	d.few(shown)
	if len(untested) > 0 {
		var pairs []string
		for _, p := range untested {
			pairs = append(pairs, p[0]+" with "+p[1])
		}
		d.wrap("  - ", "not tested: "+strings.Join(pairs, ", "))
	}
	d.WriteString("\n")
}

// few lists the first texts and counts the rest.
func (d *details) few(texts []string) {
	for _, s := range texts[:min(len(texts), linesShown)] {
		d.wrap("  - ", s)
	}
	if n := len(texts) - linesShown; n > 0 {
		fmt.Fprintf(d, "  - and %d more\n", n)
	}
}

// precision says what the run could have found, for the metrics that its
// recommendations rest on, and where further trials are spent best.
func (d *details) precision() {
	wanted := map[string]bool{}
	for _, r := range d.Findings.Recommendations {
		wanted[r.Objective] = true
		for _, c := range r.Constraints {
			wanted[c.Metric] = true
		}
	}
	share := func(v float64) string { return say.Percent(math.Abs(v)) }
	var found []string
	for _, p := range d.Findings.Precision {
		if wanted[p.Metric] {
			point, _ := d.Plan.LoadPoint(p.LoadPoint)
			found = append(found, fmt.Sprintf("%s at %s: %s (%s uncorrected) at a trial-to-trial spread of %s",
				metric.Short(p.Metric), point.Label, share(p.Corrected), share(p.Alone), share(p.SD)))
		}
	}
	splits := d.Findings.VarianceSplits
	if len(found)+len(splits) == 0 {
		return
	}
	if len(found) > 0 {
		d.WriteString("Smallest detectable differences from the baseline (80% power)\n")
	}
	d.few(found)
	if len(splits) > 0 {
		d.WriteString("Where the spread is\n")
	}
	for _, s := range splits {
		d.wrap("  - ", splitText(s))
	}
	d.WriteString("\n")
}

// checks prints the checks by kind, the gravest first, with one example each.
func (d *details) checks() {
	var all []notice.Notice
	for _, c := range d.Findings.Checks {
		all = append(all, c.Notice)
	}
	if len(all) == 0 {
		return
	}
	d.WriteString("Consistency\n")
	notice.Gravest(all)
	for _, g := range notice.Merge(all) {
		where := ""
		if g.Subject.Kind == notice.Trial {
			where = " in " + say.Count(len(g.Subjects), "trial")
		}
		text := fmt.Sprintf("%s%s: %s [%s]", g.Severity, where, g.String(), g.Code)
		if g.Subject.Kind == notice.Trial {
			text += " (trial " + g.Subject.ID + ")"
		}
		d.wrap("  - ", text)
	}
	d.WriteString("\n")
}

func (d *details) failures() {
	if len(d.Findings.Failures) == 0 {
		return
	}
	d.WriteString("Failures\n")
	for _, f := range d.Findings.Failures {
		when, times := failedWhen(f), say.Count(len(f.Starts), "launch")
		if f.Skipped {
			when = "was skipped"
		}
		if len(f.Trials) > 0 {
			times = say.Count(len(f.Trials), "trial")
		}
		d.wrap("  - ", fmt.Sprintf("%s %s (%s): %s", f.Label, when, times, f.Cause()))
		if f.Remedy.Code != "" {
			d.wrap("    remedy: ", f.Remedy.Text())
		}
	}
	d.WriteString("\n")
}
