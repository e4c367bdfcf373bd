package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/say"
)

// linesShown bounds the lists of the text; the JSON form has all.
const linesShown = 8

// membershipText is the probability of a cell's membership for a table.
func membershipText(fr Frontier, cell string) string {
	for _, m := range fr.Membership {
		if m.Cell == cell && m.Probability != nil {
			return probabilityText(*m.Probability)
		}
	}
	return ""
}

// writeStanding adds what a frontier says beyond its table.
func (f *Findings) writeStanding(b *strings.Builder, fr Frontier) {
	cells := map[string]Cell{}
	for _, c := range f.Cells {
		cells[c.ID] = c
	}
	name := func(id string) string { return cells[id].Label + " at " + cells[id].PointLabel }
	var contenders []string
	for _, m := range fr.Membership {
		if !slices.Contains(fr.Cells, m.Cell) && m.Probability != nil {
			contenders = append(contenders, fmt.Sprintf("%s (%s)", name(m.Cell), membershipText(fr, m.Cell)))
		}
	}
	if len(contenders) > linesShown {
		contenders = append(contenders[:linesShown], fmt.Sprintf("and %d more", len(contenders)-linesShown))
	}
	if len(contenders) > 0 {
		wrap(b, "  may be on it too: ", strings.Join(contenders, "; "))
	}
	if fr.Knee != "" {
		wrap(b, "  knee: ", name(fr.Knee)+": beyond it throughput costs the most latency")
	}
	if h := fr.Hypervolume; h != nil {
		text := fmt.Sprintf("%s above the baseline's %s", areaText(h.Above), areaText(h.Baseline))
		if h.Hi > h.Lo && areaText(h.Hi) != "0" {
			text += fmt.Sprintf(" [%s, %s]", areaText(h.Lo), areaText(h.Hi))
		}
		wrap(b, "  hypervolume: ", text+" (logarithms of both axes)")
	}
}

// writeInteractions lists the interactions that matter and names what was not
// tested.
func (f *Findings) writeInteractions(b *strings.Builder) {
	var shown []string
	for _, x := range f.Interactions {
		if x.Ratio.Verdict == Better || x.Ratio.Verdict == Worse {
			shown = append(shown, x.Text)
		}
	}
	if len(shown)+len(f.NotTested) == 0 {
		return
	}
	b.WriteString("Interactions\n")
	for _, s := range shown[:min(len(shown), linesShown)] {
		wrap(b, "  - ", s)
	}
	if n := len(shown) - linesShown; n > 0 {
		fmt.Fprintf(b, "  - and %d more\n", n)
	}
	if len(f.NotTested) > 0 {
		var pairs []string
		for _, p := range f.NotTested {
			pairs = append(pairs, p[0]+" with "+p[1])
		}
		wrap(b, "  - ", "not tested: "+strings.Join(pairs, ", "))
	}
	b.WriteString("\n")
}

// writeChecks prints the checks by kind, the gravest first, with one example each.
func (f *Findings) writeChecks(b *strings.Builder) {
	if len(f.Checks) == 0 {
		return
	}
	b.WriteString("Consistency\n")
	for _, severity := range []string{Impossible, Suspect, Note} {
		var names []string
		count, example := map[string]int{}, map[string]Check{}
		for _, c := range f.Checks {
			if c.Severity != severity {
				continue
			}
			if count[c.Check] == 0 {
				names = append(names, c.Check)
				example[c.Check] = c
			}
			count[c.Check]++
		}
		for _, n := range names {
			c := example[n]
			where := c.Trial
			if where != "" {
				where = " (" + where + ")"
			}
			text := fmt.Sprintf("%s, %s: %s%s", n, severity, c.Text, where)
			if count[n] > 1 {
				text += fmt.Sprintf("; %d more", count[n]-1)
			}
			wrap(b, "  - ", text)
		}
	}
	b.WriteString("\n")
}

// writePrecision says what the run could have found, for the metrics that its
// recommendations rest on, and where further trials are spent best.
func (f *Findings) writePrecision(b *strings.Builder) {
	wanted := map[string]bool{}
	for _, r := range f.Recommendations {
		wanted[r.Objective] = true
		for _, c := range r.Constraints {
			wanted[c.Metric] = true
		}
	}
	var lines []string
	for _, p := range f.Precision {
		if wanted[p.Metric] {
			lines = append(lines, fmt.Sprintf("%s at %s: %s corrected, %s alone; trials vary by %s",
				p.Metric, f.pointLabel(p.LoadPoint), say.Percent(math.Abs(p.Corrected)), say.Percent(math.Abs(p.Alone)), say.Percent(math.Abs(p.SD))))
		}
	}
	if len(lines)+len(f.VarianceSplits) == 0 {
		return
	}
	if len(lines) > 0 {
		b.WriteString("Differences from the baseline that would have been found (80% power)\n")
	}
	for _, s := range lines[:min(len(lines), linesShown)] {
		wrap(b, "  - ", s)
	}
	if n := len(lines) - linesShown; n > 0 {
		fmt.Fprintf(b, "  - and %d more\n", n)
	}
	if len(f.VarianceSplits) > 0 {
		b.WriteString("Where the spread is\n")
	}
	for _, s := range f.VarianceSplits {
		wrap(b, "  - ", s.Text)
	}
	b.WriteString("\n")
}

func (f *Findings) pointLabel(id string) string {
	for _, c := range f.Cells {
		if c.LoadPoint == id {
			return c.PointLabel
		}
	}
	return id
}

// areaText prints a hypervolume; below a ten-thousandth, a hundredth of a per
// cent on both axes, it is none.
func areaText(v float64) string {
	if math.Abs(v) < 1e-4 {
		return "0"
	}
	return fmt.Sprintf("%.3g", v)
}
