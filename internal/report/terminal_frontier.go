package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/say"
)

// frontier is the table of a frontier, and what it says beyond that.
func (d *details) frontier(fr analysis.Frontier) {
	measured := 0
	for _, c := range d.Findings.Cells {
		if c.Load == fr.Load && c.Trials > 0 {
			measured++
		}
	}
	fmt.Fprintf(d, "Frontier of load %s: %s against %s, %d of %s\n", fr.Load, metric.Short(fr.Y), metric.Short(fr.X),
		len(fr.Cells), say.Count(measured, "measured result"))
	gpus := slices.ContainsFunc(d.Findings.Cells, func(c analysis.Cell) bool { return c.GPUs > 0 })
	row := func(x, y, n, on, slo, configuration, point string) []string {
		if !gpus {
			return []string{x, y, on, slo, configuration, point}
		}
		return []string{x, y, n, on, slo, configuration, point}
	}
	rows := [][]string{row(metric.Short(fr.X), metric.Short(fr.Y), "GPUs", "P(frontier)", "slo", "configuration", "load point")}
	for _, id := range fr.Cells {
		c := d.cells[id]
		slo := ""
		if c.MeetsSLO != nil {
			slo = map[bool]string{true: "met", false: "missed"}[*c.MeetsSLO]
		}
		rows = append(rows, row(
			say.Metric(fr.X, c.Estimates[fr.X].Center), say.Metric(fr.Y, c.Estimates[fr.Y].Center),
			fmt.Sprint(c.GPUs), membershipText(fr, id), slo, c.Label, c.PointLabel,
		))
	}
	writeTable(&d.Builder, rows, len(rows[0])-3, d.width)
	d.standing(fr)
	d.WriteString("\n")
}

// membershipText is the probability of a cell's membership for a table.
func membershipText(fr analysis.Frontier, cell string) string {
	for _, m := range fr.Membership {
		if m.Cell == cell && m.Probability != nil {
			return say.Probability(*m.Probability)
		}
	}
	return ""
}

// standing adds what a frontier says beyond its table.
func (d *details) standing(fr analysis.Frontier) {
	name := func(id string) string { return d.cells[id].Label + " at " + d.cells[id].PointLabel }
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
		d.wrap("  other possible members: ", strings.Join(contenders, "; "))
	}
	if fr.Knee != "" {
		d.wrap("  knee: ", name(fr.Knee)+": beyond it throughput costs the most latency")
	}
	if h := fr.Hypervolume; h != nil {
		text := fmt.Sprintf("%s over the baseline's %s", areaText(h.Above), areaText(h.Baseline))
		if h.Hi > h.Lo && areaText(h.Hi) != "0" {
			text += " " + say.Interval(areaText(h.Lo), areaText(h.Hi))
		}
		d.wrap("  hypervolume gain: ", text+" (log axes)")
	}
}

// areaText prints a hypervolume; below a ten-thousandth, a hundredth of a
// percent on both axes, it is none.
func areaText(v float64) string {
	if math.Abs(v) < 1e-4 {
		return "0"
	}
	return fmt.Sprintf("%.3g", v)
}
