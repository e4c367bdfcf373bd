package plots

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// change prints a ratio as a change, with a minus sign.
func change(ratio float64) string { return say.Typographic(say.Change(ratio)) }

func configurationOf(in Input, id string) matrix.Configuration {
	if c, ok := in.Plan.Configuration(id); ok {
		return c
	}
	return matrix.Configuration{ID: id, Label: id}
}

// frontierTitle is the finding of a load as far as it concerns the figure's
// axes: what a recommendation that aims at or limits the latency says, or, on
// the first frontier of the load, one that aims at the throughput; else a count
// without a claim.
//
// Where a load has several frontiers, each names its latency.
func frontierTitle(in Input, fr analysis.Frontier) string {
	title, x := frontierFinding(in, fr), metric.Short(fr.X)
	if len(frontiersOf(in, fr.Load)) > 1 && !strings.Contains(title, x) {
		title += " (against " + x + ")"
	}
	return title
}

func frontierFinding(in Input, fr analysis.Frontier) string {
	headline := frontiersOf(in, fr.Load)[0].X == fr.X
	rank := func(r analysis.Recommendation) int {
		limits := slices.ContainsFunc(r.Constraints, func(c analysis.ConstraintCheck) bool { return c.Metric == fr.X })
		switch {
		case r.Objective == fr.Y && limits:
			return 0
		case r.Objective == fr.Y && headline:
			return 1
		case r.Objective == fr.X:
			return 2
		case limits && r.Objective != "goodput": // which neither axis shows
			return 3
		}
		return 4
	}
	recs := recommendationsOf(in, fr.Load)
	slices.SortStableFunc(recs, func(a, b analysis.Recommendation) int { return rank(a) - rank(b) })
	if len(recs) > 0 && (rank(recs[0]) < 4 || headline && recs[0].Objective != "goodput") {
		return recommendationTitle(in, recs[0])
	}
	if len(fr.Cells) == 0 {
		return fmt.Sprintf("%s against %s, load %s", capital(metric.Short(fr.Y)), metric.Short(fr.X), fr.Load)
	}
	n := 0
	for _, c := range in.Findings.Cells {
		if c.Load == fr.Load && len(c.Estimates) > 0 {
			n++
		}
	}
	return fmt.Sprintf("%d of %s are on the frontier of %s and %s", len(fr.Cells), say.Count(n, "result"), metric.Short(fr.Y), metric.Short(fr.X))
}

// recommendationTitle states a recommendation as strongly as its verdict
// allows and not more.
func recommendationTitle(in Input, r analysis.Recommendation) string {
	if r.Cell == "" {
		return fmt.Sprintf("No measured configuration meets the limits of use case %s", r.UseCase)
	}
	config := configurationOf(in, r.Configuration)
	name, objective := titleLabel(config), metric.Short(r.Objective)
	within := withinText(r)
	if l := r.Leader; l != nil && config.Baseline {
		leader := titleLabel(configurationOf(in, l.Configuration))
		return fmt.Sprintf("Keep the baseline: %s leads in %s%s, but is not shown to be better", leader, objective, within)
	}
	if config.Baseline {
		return fmt.Sprintf("No configuration is shown to beat the baseline in %s%s", objective, within)
	}
	verdict := analysis.Undecided
	if r.Ratio != nil {
		verdict = r.Ratio.Verdict
	}
	switch verdict {
	case analysis.Better:
		gain := fmt.Sprintf("%s %s than the baseline", amountOf(r), objective)
		if say.IsFactor(r.Ratio.Center) {
			gain = fmt.Sprintf("%s the %s of the baseline", change(r.Ratio.Center), objective)
		}
		return fmt.Sprintf("%s: %s%s%s", name, gain, within, tied(r))
	case analysis.Equivalent:
		return fmt.Sprintf("%s leads in %s, but is equivalent to the baseline (within ±%s)", name, objective, say.Percent(in.Findings.Margin))
	case analysis.Worse:
		return fmt.Sprintf("%s is the best in %s that meets the limits, but is worse than the baseline", name, objective)
	}
	if verdict == analysis.NotComparable {
		return fmt.Sprintf("%s leads in %s, but is not comparable with the baseline: %s", name, objective, r.Ratio.Reason())
	}
	return fmt.Sprintf("Undecided: %s leads in %s, but not clearly enough against the baseline", name, objective)
}

// withinText names one limit; several are only counted.
func withinText(r analysis.Recommendation) string {
	switch len(r.Constraints) {
	case 0:
		return ""
	case 1:
		c := r.Constraints[0]
		return fmt.Sprintf(" with %s %s %s", metric.Short(c.Metric), sign(c.Op), say.Metric(c.Metric, c.Limit))
	}
	return fmt.Sprintf(" within its %d limits", len(r.Constraints))
}

// sign is the comparison as printed.
func sign(op experiment.Op) string {
	if op == experiment.AtLeast {
		return "≥"
	}
	return "≤"
}

// amountOf is "24% more" or "18% lower", as fits the objective.
func amountOf(r analysis.Recommendation) string {
	ratio, more, less := r.Ratio.Center, "more", "less"
	if m, err := metric.Parse(r.Objective); err == nil && m.Unit == metric.Seconds {
		more, less = "higher", "lower"
	}
	if ratio > 1 {
		return say.Size(ratio) + " " + more
	}
	return say.Size(ratio) + " " + less
}

// tied tells of configurations that the data cannot separate from the winner.
func tied(r analysis.Recommendation) string {
	switch n := len(r.Ties); n {
	case 0:
		return ""
	case 1:
		return "; statistically tied with one other"
	default:
		return fmt.Sprintf("; statistically tied with %d others", n)
	}
}

// caption is the circumstances of a figure and what it leaves out.
func caption(in Input, load string, points []point, notes []string) string {
	model := in.Facts.Model
	if model == "" {
		model = in.Plan.Model
	}
	parts := []string{model, loadText(in.Plan, load), in.Facts.Device, trialsText(points)}
	if countIntervals(points) > 0 {
		parts = append(parts, say.Percent(in.Findings.Confidence)+" intervals")
	}
	parts = append(parts, notes...)
	if n := len(in.Findings.Failures); n > 0 {
		parts = append(parts, failuresText(in.Findings.Failures))
	}
	if in.Facts.Run != "" {
		parts = append(parts, "run "+in.Facts.Run)
	}
	parts = append(parts, in.Facts.Date)
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, " · ")
}

// runCaption is the circumstances of a figure about the whole run.
func runCaption(in Input) string {
	model := in.Facts.Model
	if model == "" {
		model = in.Plan.Model
	}
	parts := []string{model, in.Facts.Device, fmt.Sprintf("%s at %s", say.Count(len(in.Plan.Configurations), "configuration"), say.Count(len(in.Plan.LoadPoints), "load point")), say.Count(in.Plan.Blocks, "round")}
	parts = append(parts, abbreviations(in.Plan.Configurations))
	if in.Facts.Run != "" {
		parts = append(parts, "run "+in.Facts.Run)
	}
	parts = append(parts, in.Facts.Date)
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

// gpuNote warns when configurations with different numbers of GPUs are compared
// by a throughput that is not per GPU.
func gpuNote(points []point, throughput string) string {
	lo, hi := points[0].cell.GPUs, points[0].cell.GPUs
	for _, q := range points {
		lo, hi = min(lo, q.cell.GPUs), max(hi, q.cell.GPUs)
	}
	if lo == hi || unitOf(throughput) == metric.TokensGPU {
		return ""
	}
	return fmt.Sprintf("configurations use %d to %d GPUs; throughput is not per GPU", lo, hi)
}

// loadText is a load with its arrival process and range.
func loadText(plan *matrix.Plan, load string) string {
	lps := pointsOf(plan, load)
	if len(lps) == 0 {
		return load
	}
	first, last := pointName(lps[0]), pointName(lps[len(lps)-1])
	if first == last {
		return fmt.Sprintf("load %s (%s %s)", load, lps[0].Kind, first)
	}
	return fmt.Sprintf("load %s (%s %s to %s)", load, lps[0].Kind, first, last)
}

// trialsText is the number of trials behind each result.
func trialsText(points []point) string {
	lo, hi := points[0].cell.Trials, points[0].cell.Trials
	for _, q := range points {
		lo, hi = min(lo, q.cell.Trials), max(hi, q.cell.Trials)
	}
	switch {
	case lo == hi:
		return say.Count(lo, "trial") + " per configuration and load point"
	default:
		return fmt.Sprintf("%d to %d trials per configuration and load point", lo, hi)
	}
}

// failuresText names up to two failed configurations.
func failuresText(failures []analysis.Failure) string {
	var names []string
	for _, f := range failures {
		names = append(names, fmt.Sprintf("%s (%s)", say.Clip(f.Label, maxLabel), f.Class))
	}
	if len(names) > 2 {
		names = append(names[:2], fmt.Sprintf("%d more", len(failures)-2))
	}
	return "failed: " + strings.Join(names, ", ")
}
