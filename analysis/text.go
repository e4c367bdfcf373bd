package analysis

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/say"
)

// textWidth is the widest line of WriteText in columns; names and command-line
// words longer than that are not broken.
const textWidth = 100

// WriteText prints the findings for a terminal: recommendations, the headline
// frontier of each load, failures and warnings.
func (f *Findings) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, r := range f.Recommendations {
		f.writeRecommendation(&b, r)
	}
	f.writeCombinations(&b)
	headline := map[string]bool{}
	for _, fr := range f.Frontiers {
		if !headline[fr.Load] || fr.Asked {
			headline[fr.Load] = true
			f.writeFrontier(&b, fr)
		}
	}
	f.writeInteractions(&b)
	f.writePrecision(&b)
	f.writeChecks(&b)
	writeFailures(&b, f.Failures)
	if len(f.Warnings) > 0 {
		b.WriteString("Warnings\n")
		for _, s := range f.Warnings {
			wrap(&b, "  - ", s)
		}
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

func (f *Findings) writeRecommendation(b *strings.Builder, r Recommendation) {
	verb := "minimize"
	if r.Maximize {
		verb = "maximize"
	}
	fmt.Fprintf(b, "%s: %s %s on load %s\n", r.UseCase, verb, r.Objective, r.Load)
	if r.Refused != "" {
		wrap(b, "  no recommendation: ", r.Refused)
		for _, d := range r.Doubts {
			wrap(b, "    - ", d)
		}
		b.WriteString("\n")
		return
	}
	if r.Configuration == f.Baseline && f.Baseline != "" {
		row(b, "configuration", "keep the baseline, at "+r.PointLabel)
	} else {
		row(b, "configuration", r.Label+" at "+r.PointLabel)
	}
	if r.Preferred != "" {
		row(b, "", r.Preferred)
	}
	if r.Estimate != nil {
		row(b, r.Objective, estimateText(r.Objective, *r.Estimate))
	}
	if r.Ratio != nil {
		row(b, "against baseline", f.ratioText(r))
	}
	if r.Confirmed {
		row(b, "measured again", confirmedText(r))
	} else {
		row(b, "confirmation", r.Standing())
	}
	for i, k := range r.Constraints {
		row(b, first(i, "constraints"), checkText(k))
	}
	for i, t := range r.Ties {
		row(b, first(i, "ties with"), t.Label+": "+estimateText(r.Objective, t.Estimate))
	}
	for i, x := range r.Sensitivity {
		row(b, first(i, "sensitivity"), x.Text)
	}
	for i, x := range r.Overturn {
		row(b, first(i, "could overturn it"), x.Text)
	}
	if r.Command != "" {
		b.WriteString("  command\n")
		writeCommand(b, r)
	}
	if r.Container != "" {
		b.WriteString("  container\n    " + r.Container + "\n")
	}
	if len(r.Doubts) > 0 {
		b.WriteString("  doubts\n")
		for _, d := range r.Doubts {
			wrap(b, "    - ", d)
		}
	}
	b.WriteString("\n")
}

// writeCommand prints the command over several lines that a shell joins
// again, broken between flags only.
func writeCommand(b *strings.Builder, r Recommendation) {
	var flags []string
	for _, f := range r.Flags {
		if args := f.Args(); len(args) > 0 {
			flags = append(flags, say.Shell(args))
		}
	}
	line := "    " + strings.TrimSuffix(r.Command, " "+strings.Join(flags, " "))
	for _, f := range flags {
		if columns(line)+1+columns(f)+len(" \\") > textWidth {
			b.WriteString(line + " \\\n")
			line = "     "
		}
		line += " " + f
	}
	b.WriteString(line + "\n")
}

func estimateText(name string, e Estimate) string {
	s := say.Metric(name, e.Center)
	if e.HasInterval() {
		s += fmt.Sprintf("  [%s, %s]", say.Metric(name, e.Lo), say.Metric(name, e.Hi))
	}
	return s + fmt.Sprintf("  n=%d, %s", e.N, e.Method)
}

// row writes a line of the name and its text.
func row(b *strings.Builder, name, text string) {
	wrap(b, fmt.Sprintf("  %-18s ", name), text)
}

// first is the name for the first row of a group and empty for the others.
func first(i int, name string) string {
	if i > 0 {
		return ""
	}
	return name
}

func (f *Findings) ratioText(r Recommendation) string {
	q := *r.Ratio
	s := say.Change(q.Center)
	for _, c := range f.Cells {
		if c.ID == r.BaselineCell && c.PointLabel != r.PointLabel {
			s += " (the baseline at " + c.PointLabel + ")"
		}
	}
	if q.HasInterval() {
		s += fmt.Sprintf("  [%s, %s]", say.Change(q.Lo), say.Change(q.Hi))
	}
	s += ", " + q.Verdict
	if q.P > 0 {
		s += ", " + formatP(q.PAdjusted)
	}
	if q.MoreTrials > 0 {
		s += fmt.Sprintf(", about %s more to decide", say.Count(q.MoreTrials, "block"))
	}
	return s
}

func checkText(k ConstraintCheck) string {
	s := fmt.Sprintf("%s %s %s", k.Metric, k.Op, say.Metric(k.Metric, k.Limit))
	if k.Value == nil {
		return s + ": no value"
	}
	s += ": " + say.Metric(k.Metric, *k.Value)
	if !k.Holds {
		s += ", fails"
	}
	if k.Probability != nil {
		s += fmt.Sprintf(", holds with probability %s", probabilityText(*k.Probability))
	}
	return s
}

func (f *Findings) writeFrontier(b *strings.Builder, fr Frontier) {
	fmt.Fprintf(b, "Frontier of load %s: %s against %s, %d of %s\n", fr.Load, fr.Y, fr.X,
		len(fr.Cells), say.Count(f.measured(fr.Load), "measured cell"))
	cells := map[string]Cell{}
	for _, c := range f.Cells {
		cells[c.ID] = c
	}
	gpus := slices.ContainsFunc(f.Cells, func(c Cell) bool { return c.GPUs > 0 })
	row := func(x, y, n, on, slo, configuration, point string) []string {
		if !gpus {
			return []string{x, y, on, slo, configuration, point}
		}
		return []string{x, y, n, on, slo, configuration, point}
	}
	rows := [][]string{row(fr.X, fr.Y, "GPUs", "on it", "slo", "configuration", "load point")}
	for _, id := range fr.Cells {
		c := cells[id]
		slo := ""
		if c.MeetsSLO != nil {
			slo = map[bool]string{true: "met", false: "missed"}[*c.MeetsSLO]
		}
		rows = append(rows, row(
			say.Metric(fr.X, c.Estimates[fr.X].Center), say.Metric(fr.Y, c.Estimates[fr.Y].Center),
			fmt.Sprint(c.GPUs), membershipText(fr, id), slo, c.Label, c.PointLabel,
		))
	}
	writeTable(b, rows, len(rows[0])-3)
	f.writeStanding(b, fr)
	b.WriteString("\n")
}

func (f *Findings) measured(load string) int {
	n := 0
	for _, c := range f.Cells {
		if c.Load == load && c.Trials > 0 {
			n++
		}
	}
	return n
}

// writeTable aligns columns, the first `right` of them to the right. The
// second last column is cut so that lines fit.
func writeTable(b *strings.Builder, rows [][]string, right int) {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, s := range r {
			width[i] = max(width[i], columns(s))
		}
	}
	total := 2 * len(width)
	for _, n := range width {
		total += n
	}
	long := len(width) - 2
	if over := total - textWidth; over > 0 {
		width[long] = max(12, width[long]-over)
	}
	for _, r := range rows {
		var line strings.Builder
		for i, s := range r {
			s = say.Clip(s, width[i])
			gap := strings.Repeat(" ", width[i]-columns(s))
			if i < right {
				line.WriteString("  " + gap + s)
			} else {
				line.WriteString("  " + s + gap)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func writeFailures(b *strings.Builder, fs []Failure) {
	if len(fs) == 0 {
		return
	}
	b.WriteString("Failures\n")
	for _, f := range fs {
		when, times := f.When(), say.Count(len(f.Starts), "start")
		if f.Skipped {
			when = "was skipped"
		}
		if len(f.Trials) > 0 {
			times = say.Count(len(f.Trials), "trial")
		}
		wrap(b, "  - ", fmt.Sprintf("%s %s (%s): %s", f.Label, when, times, f.Cause))
		if f.Remedy != "" {
			wrap(b, "    remedy: ", f.Remedy)
		}
	}
	b.WriteString("\n")
}

// wrap writes head and text in lines of at most textWidth columns, continued
// under the text. Double spaces inside a line are kept.
func wrap(b *strings.Builder, head, text string) {
	indent := strings.Repeat(" ", columns(head))
	line, empty := head, true
	for _, word := range strings.Split(text, " ") {
		if !empty && columns(line)+1+columns(word) > textWidth {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// columns counts runes, which are one column each in what is printed here.
func columns(s string) int { return len([]rune(s)) }
